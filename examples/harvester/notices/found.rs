//! The hub that a source names.

use std::sync::Arc;

use resync_core::client::{Client, Wanted};
use resync_core::document::Capability;
use resync_core::notify::Channel;
use resync_core::sync::Authority;
use resync_core::transport::Transport;
use url::Url;

/// What there is to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) topic: String,
    pub(crate) hub: Url,
}

/// Why there is no hub to subscribe at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The source could not be asked; it may be, later.
    Unreachable(String),
    /// It names none, or one that it must not.
    None(String),
}

/// The hub that the documents of a source name.
///
/// # Errors
/// If there is none, or the source cannot be asked.
pub(crate) async fn find(
    transport: Arc<dyn Transport>,
    url: &Url,
    set: Option<String>,
    authority: &Authority,
) -> Result<Found, Missing> {
    let permitted = authority.clone();
    let client = Client::new(transport)
        .permit(move |url| permitted.check(url).map_err(|error| error.to_string()));
    let kinds = [Capability::ChangeList, Capability::ChangeDump];
    let wanted = Wanted::new("follow", kinds).set(set);
    let found = client.resolve(url.as_str(), &wanted).await.map_err(|error| {
        match error.net().is_some_and(resync_core::Error::is_transient) {
            true => Missing::Unreachable(error.to_string()),
            false => Missing::None(error.to_string()),
        }
    })?;
    let Some(Channel { hub, topic, .. }) = found.channel() else {
        return Err(Missing::None("the source's documents name none".to_owned()));
    };
    let hub = Url::parse(&hub)
        .map_err(|cause| Missing::None(format!("{hub:?} is no address: {cause}")))?;
    match authority.check(&hub) {
        Ok(()) => Ok(Found { topic, hub }),
        Err(forbidden) => Err(Missing::None(format!(
            "{forbidden}; if it is the source's, allow it with --allow-origin"
        ))),
    }
}
