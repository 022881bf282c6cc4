use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use url::{Host, Url};

use crate::{Error, ErrorKind, Result};

/// Which machines may be connected to, where addresses come from the documents of others.
///
/// Somebody on the Internet has no business to send us to this machine or the network it is in: to
/// `http://169.254.169.254/`, or to a name of his own that leads there. What a person typed may be
/// anywhere, and if that is on the local network, its documents may lead to all of it.
///
/// A name is judged by the addresses it has when a connection is made, so it cannot change its mind
/// after it was looked at. What was public once stays so.
///
/// ```
/// use resync_core::transport::Reach;
/// use url::Url;
///
/// let url = |text: &str| text.parse::<Url>().unwrap();
/// let reach = Reach::from_origin(&url("https://example.org/oai"));
/// assert!(reach.check(&url("http://127.0.0.1:9200/")).is_err());
/// assert!(reach.allow(&url("http://127.0.0.1/")).check(&url("http://127.0.0.1:9200/")).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct Reach {
    rule: Rule,
    allowed: Vec<Host>,
}

#[derive(Clone, Debug)]
enum Rule {
    Anywhere,
    Internet,
    /// As that of this host, of which it is known once it was looked up whether it is local.
    Like {
        origin: Host,
        is_local: Arc<OnceLock<bool>>,
    },
}

impl Reach {
    /// Every machine.
    #[must_use]
    pub fn anywhere() -> Self {
        Self { rule: Rule::Anywhere, allowed: Vec::new() }
    }

    /// Machines on the Internet, and no others: for addresses that a stranger typed.
    #[must_use]
    pub fn internet() -> Self {
        Self { rule: Rule::Internet, allowed: Vec::new() }
    }

    /// The host of this URL, which somebody typed who may; and those on the Internet, or if it is
    /// itself on the local network, all.
    #[must_use]
    pub fn from_origin(url: &Url) -> Self {
        let Some(origin) = url.host() else { return Self::internet() };
        let origin = named(origin);
        let is_local = OnceLock::new();
        if let Some(known) = says_local(&origin) {
            is_local.get_or_init(|| known);
        }
        Self { rule: Rule::Like { origin, is_local: Arc::new(is_local) }, allowed: Vec::new() }
    }

    /// Allows the host of this URL as well, wherever it is.
    #[must_use]
    pub fn allow(mut self, url: &Url) -> Self {
        self.allowed.extend(url.host().map(named));
        self
    }

    /// Whether a URL may be asked for, as far as its host tells by itself: one that is an address,
    /// or `localhost`. Names are judged by [`admit`](Self::admit).
    ///
    /// # Errors
    /// `OutOfReach`.
    pub fn check(&self, url: &Url) -> Result<()> {
        let Some(host) = url.host().map(named) else { return Ok(()) };
        if says_local(&host) != Some(true) || self.admits_local(&host) {
            return Ok(());
        }
        Err(refused(&host, None).with_url(url))
    }

    /// Those addresses of a name that may be connected to.
    ///
    /// # Errors
    /// `OutOfReach` when there are none left.
    pub fn admit(&self, name: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>> {
        let host = named(Host::Domain(name));
        if let Rule::Like { origin, is_local } = &self.rule
            && *origin == host
        {
            is_local.get_or_init(|| addresses.iter().all(|address| is_local_address(*address)));
        }
        if self.admits_local(&host) {
            return Ok(addresses);
        }
        let local = addresses.iter().copied().find(|address| is_local_address(*address));
        let public: Vec<_> =
            addresses.into_iter().filter(|address| !is_local_address(*address)).collect();
        match local {
            Some(local) if public.is_empty() => Err(refused(&host, Some(local))),
            _ => Ok(public),
        }
    }

    /// Whether nothing is refused.
    #[must_use]
    pub fn is_anywhere(&self) -> bool {
        matches!(self.rule, Rule::Anywhere)
    }

    /// Whether this host may be on the local network.
    fn admits_local(&self, host: &Host) -> bool {
        self.allowed.contains(host)
            || match &self.rule {
                Rule::Anywhere => true,
                Rule::Internet => false,
                Rule::Like { is_local, .. } => is_local.get() == Some(&true),
            }
    }
}

impl Default for Reach {
    fn default() -> Self {
        Self::anywhere()
    }
}

fn refused(host: &Host, address: Option<IpAddr>) -> Error {
    let leads = address.map_or_else(String::new, |address| format!(" ({address})"));
    let detail = format!(
        "{host} is on the local network{leads}, where what comes from elsewhere may not lead; allow \
         this host if it is right"
    );
    Error::new(ErrorKind::OutOfReach, detail)
}

/// A host as it is compared: the point at the end of a name does not count.
fn named<S: AsRef<str>>(host: Host<S>) -> Host {
    match host {
        Host::Domain(name) => {
            Host::Domain(name.as_ref().trim_end_matches('.').to_ascii_lowercase())
        }
        Host::Ipv4(address) => Host::Ipv4(address),
        Host::Ipv6(address) => Host::Ipv6(address),
    }
}

/// Whether a host is on the local network, if it can be told without looking it up.
fn says_local(host: &Host) -> Option<bool> {
    match host {
        Host::Domain(name) => (name == "localhost" || name.ends_with(".localhost")).then_some(true),
        Host::Ipv4(address) => Some(is_local_v4(*address)),
        Host::Ipv6(address) => Some(is_local_v6(*address)),
    }
}

/// Whether a URL says that it is on the local network.
#[cfg(feature = "sync")]
pub(crate) fn says_local_url(url: &Url) -> bool {
    url.host().is_none_or(|host| says_local(&named(host)) == Some(true))
}

/// Whether an address is not on the public Internet, by the registries of IANA.
fn is_local_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_local_v4(address),
        IpAddr::V6(address) => is_local_v6(address),
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || a >= 224 // multicast, reserved, broadcast
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 =
        |high: u16, low: u16| is_local_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    address.is_unicast_link_local()
        || address.is_unique_local()
        || address.is_multicast()
        || a & 0xffc0 == 0xfec0 // the site, formerly
        || (a, b) == (0x64, 0xff9b) && (c == 1 || v4(g, h)) // NAT64
        || a == 0x2002 && v4(b, c) // 6to4
        // Unspecified, loopback, and IPv4 in either of its forms.
        || [a, b, c, d, e] == [0; 5] && (f == 0 || f == 0xffff) && v4(g, h)
        || address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn addresses<const N: usize>(texts: [&str; N]) -> Vec<IpAddr> {
        texts.map(|text| text.parse().unwrap()).to_vec()
    }

    const PUBLIC: &str = "9.9.9.9";

    #[test]
    fn a_public_source_leads_to_the_internet_only() {
        let reach = Reach::from_origin(&url("https://example.org/"));
        assert_eq!(reach.admit("example.org", addresses([PUBLIC])).unwrap(), addresses([PUBLIC]));
        for host in
            ["127.0.0.1", "169.254.169.254", "localhost", "a.localhost.", "[::1]", "10.1.1.1"]
        {
            let error = reach.check(&url(&format!("http://{host}:9200/x"))).unwrap_err();
            assert_eq!(
                (error.kind(), error.is_transient()),
                (ErrorKind::OutOfReach, false),
                "{host}"
            );
        }
        for host in ["example.org", "other.example", "9.9.9.9", "[2620:fe::fe]"] {
            assert!(reach.check(&url(&format!("http://{host}/"))).is_ok(), "{host}");
        }
        let error = reach.admit("evil.example", addresses(["169.254.169.254"])).unwrap_err();
        assert!(
            error.to_string().contains("evil.example is on the local network (169.254.169.254)")
        );
        // Of several addresses, the public ones remain.
        let mixed = addresses(["10.0.0.1", PUBLIC, "::1"]);
        assert_eq!(reach.admit("evil.example", mixed).unwrap(), addresses([PUBLIC]));
        assert_eq!(reach.admit("nobody.example", Vec::new()).unwrap(), Vec::<IpAddr>::new());
    }

    #[test]
    fn a_local_source_leads_everywhere() {
        for origin in
            ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]/", "http://10.0.0.9/"]
        {
            let reach = Reach::from_origin(&url(origin));
            assert!(reach.check(&url("http://192.168.0.1/")).is_ok(), "{origin}");
            let local = addresses(["10.0.0.1"]);
            assert_eq!(reach.admit("intra", local.clone()).unwrap(), local, "{origin}");
        }
        // One with a name is known to be local when it was looked up.
        let reach = Reach::from_origin(&url("http://Repo.intra./"));
        assert!(reach.check(&url("http://10.0.0.2/")).is_err());
        let clone = reach.clone();
        assert!(reach.admit("repo.intra", addresses(["10.0.0.1"])).is_ok());
        assert!(clone.check(&url("http://10.0.0.2/")).is_ok(), "clones know the same");
    }

    #[test]
    fn what_was_public_stays_public() {
        let reach = Reach::from_origin(&url("https://example.org/"));
        reach.admit("example.org", addresses([PUBLIC])).unwrap();
        assert!(reach.admit("example.org", addresses(["127.0.0.1"])).is_err());
        // Neither is it made local by an address among others.
        let reach = Reach::from_origin(&url("https://example.org/"));
        let mixed = addresses([PUBLIC, "127.0.0.1"]);
        assert_eq!(reach.admit("example.org", mixed).unwrap(), addresses([PUBLIC]));
    }

    #[test]
    fn what_is_allowed_may_be_anywhere() {
        let reach = Reach::internet().allow(&url("http://intra/")).allow(&url("http://10.0.0.1/"));
        let local = addresses(["10.0.0.2"]);
        assert_eq!(reach.admit("intra", local.clone()).unwrap(), local);
        assert!(reach.check(&url("http://10.0.0.1/x")).is_ok());
        assert!(reach.check(&url("http://10.0.0.2/x")).is_err());
        assert!(reach.admit("other", local.clone()).is_err());
        assert!(Reach::anywhere().admit("other", local).is_ok());
    }
}
