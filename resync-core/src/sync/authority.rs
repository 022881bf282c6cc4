use std::fmt;

use url::Url;

use super::place::decoded;
use crate::transport::says_local_url;

/// Which URLs a source may name: to be contacted, and to be part of the copy.
///
/// By default, those at the source's own scheme, host and port, and the same host's https. Hosts
/// on the local network must be named one by one, even if any other is allowed: a source on the
/// Internet has no business to send us there.
///
/// ```
/// use resync_core::sync::Authority;
/// use url::Url;
///
/// let url = |text: &str| text.parse::<Url>().unwrap();
/// let authority = Authority::of(&url("http://example.com/source")).allow(url("http://cdn.example/"));
/// assert!(authority.check(&url("http://cdn.example/a")).is_ok());
/// assert!(authority.check(&url("http://other.example/a")).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct Authority {
    source: Url,
    allowed: Vec<Url>,
    prefixes: Vec<Url>,
    anywhere: bool,
}

impl Authority {
    /// Allows what is where the source is.
    #[must_use]
    pub fn of(source: &Url) -> Self {
        Self { source: source.clone(), allowed: Vec::new(), prefixes: Vec::new(), anywhere: false }
    }

    /// Allows another scheme, host and port as well; the path does not count.
    #[must_use]
    pub fn allow(mut self, origin: Url) -> Self {
        self.allowed.push(origin);
        self
    }

    /// Allows every host that is not on the local network.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.anywhere = true;
        self
    }

    /// Allows only what is below this URL, or others given so, or at origins that were named.
    ///
    /// This takes back [`anywhere`](Self::anywhere). Whole segments of the path are compared.
    #[must_use]
    pub fn under(mut self, prefix: Url) -> Self {
        self.prefixes.push(prefix);
        self
    }

    /// Whether a URL is allowed.
    ///
    /// # Errors
    /// When it is not. The error says what would allow it.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let refused = |reason| Err(Forbidden { url: without_secrets(url), reason });
        if !matches!(url.scheme(), "http" | "https") {
            return refused(Reason::Scheme);
        }
        if self.allowed.iter().any(|origin| is_same_site(origin, url)) {
            return Ok(());
        }
        if !self.prefixes.is_empty() {
            let is_below = self.prefixes.iter().any(|prefix| is_below(prefix, url));
            return if is_below { Ok(()) } else { refused(Reason::Prefix) };
        }
        if is_same_site(&self.source, url) {
            return Ok(());
        }
        if says_local_url(url) {
            return refused(Reason::Local);
        }
        if self.anywhere { Ok(()) } else { refused(Reason::Origin) }
    }
}

/// A URL that the source may not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    url: Url,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Scheme,
    Origin,
    Prefix,
    Local,
}

impl Forbidden {
    /// The URL, without user name and password.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The origin that would have to be allowed; `None` if that would not help.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        (self.reason != Reason::Scheme).then(|| self.url.origin().ascii_serialization())
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.url;
        match self.reason {
            Reason::Scheme => write!(f, "{url} is neither http nor https")?,
            Reason::Origin => write!(f, "{url} is not where the source is")?,
            Reason::Prefix => write!(f, "{url} is not below what the source may speak for")?,
            Reason::Local => {
                write!(f, "{url} is on the local network, but not where the source is")?
            }
        }
        match self.origin() {
            Some(origin) => write!(f, "; allow it by naming its origin, {origin}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Forbidden {}

fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails only for URLs that have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

// The same origin (RFC 6454), or the same host after the usual step from http to https.
fn is_same_site(site: &Url, url: &Url) -> bool {
    let upgrade = site.scheme() == "http"
        && url.scheme() == "https"
        && site.host() == url.host()
        && site.port().is_none()
        && url.port().is_none();
    upgrade || site.origin() == url.origin()
}

fn is_below(prefix: &Url, url: &Url) -> bool {
    let (prefix_path, path) = (normal_path(prefix), normal_path(url));
    let folder = prefix_path.strip_suffix('/').unwrap_or(&prefix_path);
    is_same_site(prefix, url)
        && path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        // `/a/` itself is not above `/a`.
        && (path != folder || path == prefix_path)
        && !climbs(url.path())
}

// Whether a server that decodes more than it should could leave a folder by this path.
fn climbs(path: &str) -> bool {
    let mut path = path.to_owned();
    loop {
        // Some servers cut off what follows a semicolon.
        let is_parent = |name: &str| name.split(';').next() == Some("..");
        if path.split(['/', '\\']).any(is_parent) {
            return true;
        }
        let next = String::from_utf8_lossy(&decoded(&path)).into_owned();
        if next == path {
            return false;
        }
        path = next;
    }
}

// RFC 3986 §6.2.2: what needs no escape is written without, and escapes are in capitals. Parsing
// has dealt with dots already.
fn normal_path(url: &Url) -> String {
    let mut parts = url.path().split('%');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                path.push(char::from(byte));
            }
            Some(byte) => path.push_str(&format!("%{byte:02X}")),
            None => {
                path.push('%');
                path.push_str(part);
                continue;
            }
        }
        path.push_str(&part[2..]);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn allows(authority: &Authority, text: &str) -> bool {
        authority.check(&url(text)).is_ok()
    }

    #[test]
    fn the_source_speaks_for_its_own_origin() {
        let cases = [
            ("http://h/source", "http://h/x", true),
            ("http://h/source", "HTTP://H:80/x", true),
            ("http://h/source", "https://h/x", true),
            ("https://h/source", "http://h/x", false),
            ("http://h/source", "http://h:81/x", false),
            ("http://h:8080/source", "https://h:8080/x", false),
            ("http://h/source", "http://www.h/x", false),
            ("http://h/source", "http://h@evil/x", false),
            ("http://h/source", "http://h:80@evil/x", false),
            ("http://h/source", "http://evil\\@h/x", false),
            ("http://h/source", "http://h./x", false),
            ("http://h/source", "http://h.evil/x", false),
            ("http://h/source", "ftp://h/x", false),
            ("file:///source", "file:///x", false),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/x", true),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8081/x", false),
        ];
        for (source, other, expected) in cases {
            assert_eq!(allows(&Authority::of(&url(source)), other), expected, "{source} {other}");
        }
    }

    #[test]
    fn other_origins_have_to_be_named() {
        let authority = Authority::of(&url("http://h/")).allow(url("http://cdn:8080/path"));
        assert!(allows(&authority, "http://cdn:8080/other"));
        assert!(!allows(&authority, "http://cdn/other"));

        let error = authority.check(&url("http://me:secret@evil/a")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "http://evil/a is not where the source is; allow it by naming its origin, http://evil"
        );
        assert_eq!(error.url().as_str(), "http://evil/a");
        let error = authority.check(&url("file:///etc/passwd")).unwrap_err();
        assert_eq!((error.origin(), error.to_string().contains("allow")), (None, false));
    }

    #[test]
    fn the_local_network_is_not_anywhere() {
        let authority = Authority::of(&url("http://h/")).anywhere();
        for text in ["http://other/", "https://9.9.9.9/", "http://[2620:fe::fe]/"] {
            assert!(allows(&authority, text), "{text}");
        }
        let local = [
            "localhost",
            "localhost.",
            "LOCALHOST",
            "a.localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fd00::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[ff02::1]",
        ];
        for host in local {
            let text = format!("http://{host}/latest");
            assert!(!allows(&authority, &text), "{text}");
            assert!(allows(&authority.clone().allow(url(&text)), &text), "{text}");
        }
        assert!(allows(&authority, "http://[::ffff:9.9.9.9]/"));
    }

    #[test]
    fn below_a_prefix_whole_segments_count() {
        let authority = Authority::of(&url("http://h/")).anywhere().under(url("http://h/a/~b"));
        for path in
            ["a/~b", "a/~b/", "a/~b/c?d", "a/%7Eb/c", "a/x/../~b/c", "%61/~b/c", "a/~b/.../c"]
        {
            assert!(allows(&authority, &format!("http://h/{path}")), "{path}");
        }
        for path in [
            "",
            "a/",
            "a/~bc",
            "a/~b/../c",
            "a/~b/%2e%2e/c",
            "a/~b/..%2fc",
            "a/~b/..%5cc",
            "a/~b/..%252fc",
            "a/~b/..;/c",
            "A/~b/c",
            "x/a/~b",
        ] {
            assert!(!allows(&authority, &format!("http://h/{path}")), "{path}");
        }
        assert!(!allows(&authority, "http://other/a/~b/c"));
        assert!(allows(&authority.clone().allow(url("http://other/")), "http://other/x"));
        assert!(allows(&authority.under(url("http://h/x/")), "http://h/x/y"));
    }
}
