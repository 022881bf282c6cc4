//! Roles say that they are alive.

use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use crate::accounts::{Accounts, Presence, SAID_EVERY};

/// Says that a role is there until it is asked to stop.
pub(super) async fn beat(
    accounts: Accounts,
    role: &'static str,
    name: String,
    stop: CancellationToken,
) {
    let now = Utc::now();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut presence = Presence { role: role.to_owned(), name, version, since: now, heard: now };
    let every = SAID_EVERY.to_std().unwrap_or(Duration::from_secs(15));
    loop {
        if let Err(error) = accounts.say(&presence).await {
            tracing::warn!(%error, role, "cannot say that it is alive");
        }
        if stop.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
            break;
        }
        presence.heard = Utc::now();
    }
    if let Err(error) = accounts.go(&presence).await {
        tracing::warn!(%error, role, "cannot say that it goes");
    }
}
