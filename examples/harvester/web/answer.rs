//! Where a visitor goes when something was done, and what is said there.

use axum::response::{IntoResponse, Redirect, Response};

use super::app::App;
use super::cookie::Cookie;

/// Something was done: on to another page.
#[derive(Debug)]
pub(crate) struct Done {
    address: String,
    notice: Option<String>,
    secure: bool,
}

impl Done {
    /// On to this page.
    pub(crate) fn go(app: &App, address: impl Into<String>) -> Self {
        Self { address: address.into(), notice: None, secure: app.secure }
    }

    /// Says there what `notice.{key}` says.
    pub(crate) fn saying(mut self, key: &str) -> Self {
        self.notice = Some(key.to_owned());
        self
    }

    /// The same, with a `{value}`: a number, or a name of letters and digits.
    pub(crate) fn saying_of(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.notice = Some(format!("{key}:{value}"));
        self
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let mut response = Redirect::to(&self.address).into_response();
        if let Some(notice) = self.notice {
            Cookie::Notice.set(&notice, self.secure, response.headers_mut());
        }
        response
    }
}

/// An address that a form sent along, if it is one of ours; otherwise the first page's.
pub(super) fn ours(address: &str) -> &str {
    let is_ours = address.starts_with('/')
        && !address.starts_with("//")
        && address.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if is_ours { address } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for address in ["/sources?text=a%20b", "/"] {
            assert_eq!(ours(address), address);
        }
        for address in
            ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y", "", "a"]
        {
            assert_eq!(ours(address), "/", "{address}");
        }
    }
}
