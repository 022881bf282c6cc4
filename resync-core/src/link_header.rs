//! `Link` headers (RFC 8288), as servers send them.

use http::{HeaderMap, header};

/// A link in a `Link` header (RFC 8288 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderLink {
    /// Where it leads: as written, possibly relative.
    pub target: String,
    /// Parameters in their order; names in lower case, values without quotes.
    pub params: Vec<(String, String)>,
}

impl HeaderLink {
    /// The first parameter of this name, which is the one that counts (RFC 8288 §3.3 and §3.4).
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether it has this relation. Several may stand in one parameter, separated by blanks.
    #[must_use]
    pub fn has_rel(&self, rel: &str) -> bool {
        self.param("rel")
            .is_some_and(|own| own.split_ascii_whitespace().any(|it| it.eq_ignore_ascii_case(rel)))
    }

    /// Whether it is a link from the resource itself, and not from an `anchor` (RFC 8288 §3.2).
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.param("anchor").is_none()
    }
}

/// The links of all `Link` headers, in their order.
///
/// What is malformed is left out, and does not stand in the way of what is not.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use resync_core::link_header::links;
///
/// let mut headers = HeaderMap::new();
/// let value = "<https://a.example/x,y>; rel=\"self up\", <https://hub.example/>; rel=hub";
/// headers.insert(header::LINK, HeaderValue::from_static(value));
/// let links = links(&headers);
/// assert_eq!(links[0].target, "https://a.example/x,y");
/// assert!(links[0].has_rel("self") && links[1].has_rel("hub"));
/// ```
#[must_use]
pub fn links(headers: &HeaderMap) -> Vec<HeaderLink> {
    let mut links = Vec::new();
    for value in headers.get_all(header::LINK) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut scan = Scan(&text);
        while scan.skip_to_target() {
            links.extend(scan.link());
        }
    }
    links
}

/// What has not been read yet.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    /// Goes behind the next `<`; whether there is one. Quoted strings are passed over.
    fn skip_to_target(&mut self) -> bool {
        while let Some(at) = self.0.find(['<', '"']) {
            let is_target = self.0.as_bytes()[at] == b'<';
            self.0 = &self.0[at + 1..];
            if is_target {
                return true;
            }
            self.quoted();
        }
        self.0 = "";
        false
    }

    fn link(&mut self) -> Option<HeaderLink> {
        let Some((target, rest)) = self.0.split_once('>') else {
            self.0 = "";
            return None;
        };
        self.0 = rest;
        let mut params = Vec::new();
        loop {
            self.skip_blanks();
            if self.take(',') || self.0.is_empty() {
                return Some(HeaderLink { target: target.trim().to_owned(), params });
            }
            // Servers forget the semicolon, and put one too many.
            self.take(';');
            let before = self.0.len();
            let (name, value) = self.param();
            if !name.is_empty() {
                params.push((name, value));
            } else if self.0.len() == before && self.take('"') {
                self.quoted();
            } else if self.0.len() == before && !self.0.starts_with([',', ';']) {
                // Neither a name nor a mark: a stray equals sign.
                self.0 = self.0.get(1..).unwrap_or_default();
            }
        }
    }

    fn param(&mut self) -> (String, String) {
        self.skip_blanks();
        let name = self.until(|c| c.is_ascii_whitespace() || matches!(c, '=' | ';' | ',' | '"'));
        let name = name.to_ascii_lowercase();
        self.skip_blanks();
        if name.is_empty() || !self.take('=') {
            return (name, String::new());
        }
        self.skip_blanks();
        if self.take('"') {
            return (name, self.quoted());
        }
        (name, self.until(|c| c.is_ascii_whitespace() || matches!(c, ';' | ',')).to_owned())
    }

    /// The rest of a quoted string (RFC 9110 §5.6.4), whose first quote has been read.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut chars = self.0.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => text.extend(chars.next()),
                _ => text.push(c),
            }
        }
        self.0 = chars.as_str();
        text
    }

    fn until(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let (text, rest) = self.0.split_at(self.0.find(is_end).unwrap_or(self.0.len()));
        self.0 = rest;
        text
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(values: &[&str]) -> Vec<HeaderLink> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::LINK, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        links(&headers)
    }

    #[test]
    fn links_are_read_in_the_forms_that_servers_send() {
        #[allow(clippy::type_complexity)]
        let cases: [(&[&str], &[(&str, &str)]); 13] = [
            (&["<u>; rel=hub"], &[("u", "hub")]),
            (&["<u>;rel=\"hub\"", "<v>;rel=self"], &[("u", "hub"), ("v", "self")]),
            (&["<u>;rel=hub,<v>;rel=self"], &[("u", "hub"), ("v", "self")]),
            (&["<u,v;w>; rel=hub , , <v> ; REL = \"self\" ;"], &[("u,v;w", "hub"), ("v", "self")]),
            (&["<u>; title=\"a, <b>; rel=x \\\" c\"; rel=hub"], &[("u", "hub")]),
            (&["<u>; rel=\"self hub\"; rel=up"], &[("u", "self hub")]),
            (&["<u> rel=hub"], &[("u", "hub")]),
            (&["<u>; crossorigin; rel=hub"], &[("u", "hub")]),
            (&["<u>; =x; \"; rel=self\", <v>; rel=hub"], &[("u", ""), ("v", "hub")]),
            (&["junk, \"<x>\", <u>; rel=hub"], &[("u", "hub")]),
            (&["<>; rel=self"], &[("", "self")]),
            (&["<u; rel=hub", "<v>"], &[("v", "")]),
            (&["<u>; rel=\"hub", ""], &[("u", "hub")]),
        ];
        for (values, expected) in cases {
            let links = parse(values);
            let found: Vec<_> = links
                .iter()
                .map(|link| (link.target.as_str(), link.param("rel").unwrap_or_default()))
                .collect();
            assert_eq!(found, expected, "{values:?}");
        }
    }

    #[test]
    fn relations_are_words_without_regard_to_case() {
        let links = parse(&["<u>; rel=\"Self  http://a.example/r\"; anchor=\"#x\""]);
        assert!(links[0].has_rel("self") && links[0].has_rel("http://a.example/r"));
        assert!(!links[0].has_rel("sel") && !links[0].has_rel(""));
        assert!(!links[0].is_own());
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in "[ -~]{0,40}|[<>;,=\" \\\\relü]{0,40}") {
            let _ = parse(&[&value]);
        }
    }
}
