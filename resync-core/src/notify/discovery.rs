use http::HeaderMap;
use url::Url;

use super::{HeaderLink, links};

/// What there is to subscribe to, and where (WebSub §4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// The hub.
    pub hub: String,
    /// The topic, which may have another address than the resource that was asked for.
    pub topic: String,
}

/// The hub and the topic that a resource names in its `Link` headers (WebSub §4).
///
/// Of several hubs the first with https is taken (WebSub §8.2), or else the first. Both are as
/// written; [`Channel::resolve`] completes them. ResourceSync documents may name a hub in an
/// `rs:ln` instead.
#[must_use]
pub fn discover(headers: &HeaderMap) -> Option<Channel> {
    Channel::of(&links(headers))
}

impl Channel {
    /// The hub and the topic that these links of a resource name; see [`discover`].
    #[must_use]
    pub fn of(links: &[HeaderLink]) -> Option<Self> {
        let with = |rel| {
            let fits = move |link: &&HeaderLink| link.is_own() && link.has_rel(rel);
            links.iter().filter(fits).map(|link| link.target.as_str())
        };
        let is_secure =
            |hub: &&str| hub.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
        let hub = with("hub").find(is_secure).or_else(|| with("hub").next())?;
        Some(Self { hub: hub.to_owned(), topic: with("self").next()?.to_owned() })
    }

    /// Completes relative addresses; `base` is where the resource was found. Absolute ones stay as
    /// they are, byte for byte, since hubs compare them so.
    #[must_use]
    pub fn resolve(self, base: &Url) -> Option<Self> {
        let complete = |address: String| {
            if Url::parse(&address).is_ok() {
                return Some(address);
            }
            base.join(&address).ok().map(String::from)
        };
        Some(Self { hub: complete(self.hub)?, topic: complete(self.topic)? })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn hub_and_topic_are_discovered_in_link_headers() {
        let found = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("link", HeaderValue::from_str(value).unwrap());
            let base = "http://a.example/dir/x".parse().unwrap();
            discover(&headers)?.resolve(&base).map(|channel| (channel.hub, channel.topic))
        };
        for (value, hub, topic) in [
            (
                "<http://h.example>; rel=hub, <t>; rel=self",
                "http://h.example",
                "http://a.example/dir/t",
            ),
            (
                "<http://h/>; rel=hub, <https://i/>; rel=\"x hub\", <http://t>; rel=self",
                "https://i/",
                "http://t",
            ),
            (
                "<u>; rel=self; anchor=\"#x\", <//h/>; rel=hub, <>; rel=self",
                "http://h/",
                "http://a.example/dir/x",
            ),
        ] {
            assert_eq!(found(value), Some((hub.to_owned(), topic.to_owned())), "{value}");
        }
        assert_eq!(found("<http://h/>; rel=hub"), None);
        assert_eq!(found("<http://t/>; rel=self"), None);
    }
}
