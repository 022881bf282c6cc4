//! Who tells of changes.

use super::Resolved;
use crate::document::{Capability, Head, rel};
use crate::notify::Channel;

impl Resolved {
    /// Where to subscribe to the changes of the source, if its documents say so: the entry of a
    /// Change Notification channel in the Capability List, with its hub; or else the document that
    /// was found, with the hub and topic of its `Link` headers (WebSub §4) or of its own links.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        let offers = self.capabilities.iter().flat_map(|it| it.offers());
        let notification = offers.filter(|it| it.capability == Capability::ChangeNotification);
        let offered = notification.filter_map(|offer| {
            let hub = offer.links.iter().find(|link| link.is(rel::HUB))?;
            Some(Channel { hub: hub.href.to_string(), topic: offer.url.to_string() })
        });
        let said = |head: &Head| {
            let hub = head.link(rel::HUB)?.to_owned();
            let topic = head.link("self").unwrap_or(self.url.as_str()).to_owned();
            Some(Channel { hub, topic })
        };
        let channel = { offered }.next();
        let channel = channel.or_else(|| Channel::of(&self.links)).or_else(|| said(&self.head))?;
        channel.resolve(&self.url)
    }
}
