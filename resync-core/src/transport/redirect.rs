use http::{HeaderMap, HeaderName, StatusCode, header};
use url::Url;

use super::{Method, Request};
use crate::{Error, ErrorKind, Result};

/// How many redirects are followed.
const MOST: usize = 5;

/// Follows the redirects of one request, without sending anything.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    seen: Vec<(Method, Url)>,
}

impl Redirects {
    /// What to ask for next, after this answer; `None` when the answer is not a redirect.
    ///
    /// # Errors
    /// `Redirect` when it cannot be followed, leads in a circle, or is one too many; and what the
    /// request has against it.
    pub(super) fn follow(
        &mut self,
        request: &Request,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Request>> {
        let keeps_method = match status.as_u16() {
            301..=303 => false,
            307 | 308 => true,
            _ => return Ok(None),
        };
        let Some(location) = headers.get(header::LOCATION) else { return Ok(None) };
        // Servers send addresses as plain UTF-8, too; joining escapes what has to be.
        let location = String::from_utf8_lossy(location.as_bytes());
        let mut url = request.url.join(location.trim()).map_err(|cause| {
            refused(request, format!("redirected to \"{location}\", which is no URL"))
                .with_source(cause)
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(refused(request, format!("redirected to {scheme}, which is not followed")));
        }
        if request.url.scheme() == "https" && url.scheme() == "http" {
            let detail = format!("redirected from https to http at {}", origin_text(&url));
            return Err(refused(request, detail));
        }
        // RFC 9110 §4.2.4: user names in references from elsewhere are not to be trusted. Both
        // fail only for URLs that cannot carry any.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        request.permits(&url)?;

        let bare = url.query().is_none();
        if bare {
            // Servers that move or add https name the new base URL and forget the arguments.
            url.set_query(request.url.query());
        }
        let mut next = request.clone();
        match &request.method {
            // RFC 9110 §15.4.4: the answer to a 303 is what the new address holds, as it stands.
            Method::PostForm(form) if !keeps_method => {
                if bare || status != StatusCode::SEE_OTHER {
                    add_arguments(&mut url, form);
                }
                next.method = Method::Get;
            }
            Method::Post(_) if status == StatusCode::SEE_OTHER => next.method = Method::Get,
            Method::Post(_) if !keeps_method || !same_site(&request.url, &url) => {
                let detail = format!(
                    "redirected to {url}, where a body is not sent again unasked; if that is the \
                     right place, send it there"
                );
                return Err(refused(request, detail));
            }
            _ => {}
        }
        if !same_site(&request.url, &url) {
            next.headers = without_secrets(&request.headers);
        }
        next.url = url;

        self.seen.push((request.method.clone(), request.url.clone()));
        // A server that sets a cookie may well send us back for an answer that depends on it.
        let circle = self.seen.contains(&(next.method.clone(), next.url.clone()))
            && !headers.contains_key(header::SET_COOKIE);
        if circle {
            return Err(refused(request, "redirected in a circle"));
        }
        if self.seen.len() > MOST {
            return Err(refused(request, format!("redirected more than {MOST} times")));
        }
        Ok(Some(next))
    }
}

/// Whether a header may be sent to whomever a redirect names.
pub(super) fn is_harmless(name: &HeaderName) -> bool {
    [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::ACCEPT_LANGUAGE,
        header::FROM,
        header::IF_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::IF_RANGE,
        header::IF_UNMODIFIED_SINCE,
        header::RANGE,
        header::USER_AGENT,
    ]
    .contains(name)
}

fn without_secrets(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| is_harmless(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

// Whether what is secret to one is safe with the other: the same origin (RFC 6454), or the same
// host after the usual step from http to https.
fn same_site(from: &Url, to: &Url) -> bool {
    let upgrade = from.scheme() == "http"
        && to.scheme() == "https"
        && from.host() == to.host()
        && from.port().is_none()
        && to.port().is_none();
    upgrade || from.origin() == to.origin()
}

fn add_arguments(url: &mut Url, form: &str) {
    let query = match url.query() {
        _ if form.is_empty() => return,
        None | Some("") => form.to_owned(),
        // The server has moved them there itself.
        Some(query) if query.contains(form) => return,
        Some(query) => format!("{query}&{form}"),
    };
    url.set_query(Some(&query));
}

fn origin_text(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn refused(request: &Request, detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::Redirect, detail).with_url(&request.url)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn to(location: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        headers
    }

    fn follow(request: &Request, status: u16, location: &str) -> Result<Option<Request>> {
        Redirects::default().follow(request, code(status), &to(location))
    }

    fn code(status: u16) -> StatusCode {
        StatusCode::from_u16(status).unwrap()
    }

    #[test]
    fn a_get_goes_where_the_location_says_and_keeps_its_query() {
        let cases = [
            ("https://b.example/oai", "https://b.example/oai?verb=Identify"),
            ("/new/oai", "http://a.example/new/oai?verb=Identify"),
            ("new", "http://a.example/old/new?verb=Identify"),
            ("//b.example/oai", "http://b.example/oai?verb=Identify"),
            ("/oai?verb=Identify&x=1", "http://a.example/oai?verb=Identify&x=1"),
            ("?page=2", "http://a.example/old/oai?page=2"),
            ("/oai#top", "http://a.example/oai?verb=Identify"),
            (" /oai ", "http://a.example/oai?verb=Identify"),
            ("/caf\u{e9}", "http://a.example/caf%C3%A9?verb=Identify"),
            ("http://me:secret@b.example/oai", "http://b.example/oai?verb=Identify"),
        ];
        let request = Request::get(url("http://a.example/old/oai?verb=Identify"));
        for status in [301, 302, 303, 307, 308] {
            for (location, expected) in cases {
                let next = follow(&request, status, location).unwrap().unwrap();
                assert_eq!(next.url.as_str(), expected, "{status} {location}");
                assert_eq!(next.method, Method::Get);
            }
        }
    }

    #[test]
    fn a_post_becomes_a_get_unless_the_server_says_to_repeat_it() {
        let form = "verb=ListSets&x=%20";
        let cases = [
            (301, "/new", "http://a.example/new?verb=ListSets&x=%20"),
            (302, "/new?mode=oai", "http://a.example/new?mode=oai&verb=ListSets&x=%20"),
            (302, "/new?verb=ListSets&x=%20", "http://a.example/new?verb=ListSets&x=%20"),
            (303, "/new", "http://a.example/new?verb=ListSets&x=%20"),
            (303, "/answer?id=7", "http://a.example/answer?id=7"),
        ];
        let request = Request::post_form(url("http://a.example/oai"), form.to_owned());
        for (status, location, expected) in cases {
            let next = follow(&request, status, location).unwrap().unwrap();
            assert_eq!((next.url.as_str(), next.method), (expected, Method::Get), "{status}");
        }
        for status in [307, 308] {
            let next = follow(&request, status, "/new").unwrap().unwrap();
            assert_eq!(next.url.as_str(), "http://a.example/new");
            assert_eq!(next.method, Method::PostForm(form.to_owned()));
        }
    }

    #[test]
    fn a_body_is_repeated_at_the_same_host_and_never_dropped() {
        let json = HeaderValue::from_static("application/json");
        let request = Request::post(url("http://a.example/in"), json, "[1]");
        let next = follow(&request, 308, "/new").unwrap().unwrap();
        assert_eq!((next.method, next.headers), (request.method.clone(), request.headers.clone()));
        assert_eq!(follow(&request, 303, "/done").unwrap().unwrap().method, Method::Get);
        for (status, location) in [(301, "/new"), (302, "/new"), (307, "http://b.example/in")] {
            let error = follow(&request, status, location).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Redirect, "{status}");
        }
    }

    #[test]
    fn other_answers_are_not_redirects() {
        let request = Request::get(url("http://a.example/"));
        for status in [200, 300, 304, 305, 404] {
            assert!(follow(&request, status, "/new").unwrap().is_none(), "{status}");
        }
        let nowhere =
            Redirects::default().follow(&request, StatusCode::FOUND, &HeaderMap::new()).unwrap();
        assert!(nowhere.is_none());
    }

    #[test]
    fn insecure_and_foreign_addresses_are_refused() {
        let request = Request::get(url("https://a.example/oai"));
        for location in ["http://a.example/oai", "ftp://a.example/oai", "file:///etc", "http://["] {
            let error = follow(&request, 302, location).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Redirect, "{location}");
            assert!(!error.is_transient());
            assert_eq!(error.url().map(Url::as_str), Some("https://a.example/oai"));
        }
    }

    #[test]
    fn another_origin_sees_no_secrets() {
        let cases = [
            ("http://a.example/x", "http://a.example/y", true),
            ("http://a.example/x", "https://a.example/x", true),
            ("http://a.example:80/x", "https://a.example:443/x", true),
            ("http://a.example:8080/x", "https://a.example/x", false),
            ("http://a.example/x", "https://a.example:8443/x", false),
            ("http://a.example/x", "http://a.example:81/x", false),
            ("http://a.example/x", "http://b.a.example/x", false),
            ("https://a.example/x", "https://b.example/x", false),
        ];
        for (from, location, kept) in cases {
            let mut request = Request::get(url(from));
            for name in ["accept", "from", "user-agent", "range", "if-none-match"] {
                request.headers.insert(name, HeaderValue::from_static("1"));
            }
            for name in ["authorization", "cookie", "x-api-key"] {
                request.headers.insert(name, HeaderValue::from_static("secret"));
            }
            let next = follow(&request, 302, location).unwrap().unwrap();
            assert_eq!(next.headers.len(), if kept { 8 } else { 5 }, "{from} to {location}");
            assert_eq!(next.headers.values().any(|value| value == "secret"), kept);
        }
    }

    #[test]
    fn a_circle_is_noticed_unless_a_cookie_was_set_on_the_way() {
        let request = Request::get(url("http://a.example/oai?verb=Identify"));
        let error = follow(&request, 301, "/oai").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Redirect);
        assert!(error.to_string().contains("circle"));

        let mut headers = to("/oai");
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("session=1"));
        let mut redirects = Redirects::default();
        for _ in 0..MOST {
            let next = redirects.follow(&request, StatusCode::FOUND, &headers).unwrap();
            assert_eq!(next.unwrap().url, request.url);
        }
        let error = redirects.follow(&request, StatusCode::FOUND, &headers).unwrap_err();
        assert!(error.to_string().contains("more than 5 times"), "{error}");
    }
}
