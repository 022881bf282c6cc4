//! What is done on the command line goes into the audit log, too.

use chrono::Utc;

use crate::accounts::{Accounts, Deed};

/// Where it was done from.
const FROM: &str = "command line";

/// Enters in the audit log what the system's user does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clerk<'a>(pub(super) &'a Accounts);

impl Clerk<'_> {
    /// Enters what was done. It stays done if that fails; then the log of the process has it.
    pub(super) async fn did(self, what: &str, about: impl ToString + Send) {
        let deed = Deed {
            who: system_user(),
            what: what.to_owned(),
            about: about.to_string(),
            address: FROM.to_owned(),
        };
        if let Err(error) = self.0.audit(&deed, Utc::now()).await {
            tracing::error!(%error, ?deed, "cannot be entered in the audit log");
        }
    }
}

/// The name of the system's user who runs this.
pub(super) fn system_user() -> Option<String> {
    let named = ["USER", "LOGNAME", "USERNAME"];
    let mut found = named.into_iter().filter_map(|name| std::env::var(name).ok());
    found.find(|name| !name.is_empty()).or_else(number)
}

/// Services often have no name in their environment.
#[cfg(unix)]
fn number() -> Option<String> {
    Some(format!("uid {}", rustix::process::getuid().as_raw()))
}

#[cfg(not(unix))]
fn number() -> Option<String> {
    None
}
