//! Cookies: read from a request, set with a response.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

/// The cookies that the admin system sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The token of the session.
    Session,
    /// The language that was chosen.
    Language,
    /// The colours that were chosen.
    Theme,
    /// What the next page has to say, once.
    Notice,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "harvester-session",
            Self::Language => "harvester-language",
            Self::Theme => "harvester-theme",
            Self::Notice => "harvester-notice",
        }
    }

    /// For how many seconds it is kept; none for as long as the browser is open.
    fn lifetime(self) -> Option<u32> {
        match self {
            Self::Session => None,
            Self::Language | Self::Theme => Some(365 * 86_400),
            Self::Notice => Some(60),
        }
    }

    /// What a request has it set to.
    pub(crate) fn of(self, headers: &HeaderMap) -> Option<&str> {
        let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|it| it.split_once('='));
        pairs.find(|(name, _)| name.trim() == self.name()).map(|(_, value)| value.trim())
    }

    /// Has a response set it. A value that could end the cookie or the header is not set at all.
    pub(crate) fn set(self, value: &str, secure: bool, headers: &mut HeaderMap) {
        let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if !value.chars().all(is_sound) {
            return;
        }
        let lifetime = self.lifetime().map(|seconds| format!("; Max-Age={seconds}"));
        self.write(&format!("{value}{}", lifetime.unwrap_or_default()), secure, headers);
    }

    /// Has a response take it away.
    pub(crate) fn clear(self, secure: bool, headers: &mut HeaderMap) {
        self.write("; Max-Age=0", secure, headers);
    }

    fn write(self, value: &str, secure: bool, headers: &mut HeaderMap) {
        let secure = if secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", self.name());
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(SET_COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; harvester-theme=dark"));
        headers.append(COOKIE, HeaderValue::from_static("harvester-session=x=y"));
        assert_eq!(Cookie::Theme.of(&headers), Some("dark"));
        assert_eq!(Cookie::Session.of(&headers), Some("x=y"));
        assert_eq!(Cookie::Notice.of(&headers), None);
    }

    #[test]
    fn nothing_is_smuggled_into_a_cookie() {
        let mut headers = HeaderMap::new();
        for value in ["a; Domain=evil.example", "a\r\nX: y", "a,b", "日本"] {
            Cookie::Notice.set(value, true, &mut headers);
        }
        assert!(headers.is_empty());
        Cookie::Notice.set("run-queued:17", true, &mut headers);
        let set = headers[SET_COOKIE].to_str().unwrap();
        assert_eq!(
            set,
            "harvester-notice=run-queued:17; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
