use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::Answer;
use crate::Result;

/// What is asked of a server.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// How it is asked.
    pub method: Method,
    /// What is asked for.
    pub url: Url,
    /// Headers besides those every request carries.
    pub headers: HeaderMap,
    check: Option<Check>,
    permit: Option<Permit>,
    max_retries: Option<u32>,
}

type Check = Arc<dyn Fn(&Answer) -> Result<()> + Send + Sync>;
type Permit = Arc<dyn Fn(&Url) -> Result<()> + Send + Sync>;

/// How a request is sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// GET.
    Get,
    /// POST with this body; what it is, the header `Content-Type` says.
    Post(Bytes),
    /// POST with this `application/x-www-form-urlencoded` body.
    PostForm(String),
}

impl Request {
    /// A GET request.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: HeaderMap::new(),
            check: None,
            permit: None,
            max_retries: None,
        }
    }

    /// A POST request with a form, already encoded.
    #[must_use]
    pub fn post_form(url: Url, form: String) -> Self {
        Self { method: Method::PostForm(form), ..Self::get(url) }
    }

    /// A POST request with a body of this type.
    ///
    /// It may be sent more than once: by layers that try again, and after a redirect. Give it a
    /// header by which the server knows it again, unless doing it twice does no harm.
    #[must_use]
    pub fn post(url: Url, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        let method = Method::Post(body.into());
        Self { method, ..Self::get(url) }.header(header::CONTENT_TYPE, content_type)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends it again at most so often, however patient the policy is.
    #[must_use]
    pub fn retry_at_most(mut self, retries: u32) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// How often it is sent again at most, where that was said.
    #[must_use]
    pub fn max_retries(&self) -> Option<u32> {
        self.max_retries
    }

    /// Says what a good answer looks like.
    ///
    /// The check sees the whole answer, whatever its status, and takes the place of the default
    /// (any 2xx is good). [`Retrying`](crate::retry::Retrying) runs it inside the retried unit, so
    /// that an answer which is cut off, or is not what was asked for, is asked for again.
    #[must_use]
    pub fn accept_if(
        mut self,
        check: impl Fn(&Answer) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// Says where redirects may lead; anywhere unless said otherwise.
    ///
    /// It is asked before anything is sent there. Transports that follow redirects by themselves
    /// may not ask: where an answer came from is in [`Answer::url`].
    #[must_use]
    pub fn redirect_if(
        mut self,
        permit: impl Fn(&Url) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.permit = Some(Arc::new(permit));
        self
    }

    /// Whether a redirect may lead to this address.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, url: &Url) -> Result<()> {
        self.permit.as_ref().map_or(Ok(()), |permit| permit(url))
    }

    /// Whether the answer is good.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, answer: &Answer) -> Result<()> {
        match &self.check {
            Some(check) => check(answer),
            None => answer.success(),
        }
    }
}

/// The URL without user name and password: as it may be shown, logged and stored.
#[must_use]
pub fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for URLs that cannot carry credentials in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

impl fmt::Debug for Method {
    /// Tells the length of a body, but not the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get => f.write_str("Get"),
            Self::Post(body) => write!(f, "Post({} bytes)", body.len()),
            Self::PostForm(form) => f.debug_tuple("PostForm").field(form).finish(),
        }
    }
}

impl fmt::Debug for Request {
    /// Names the headers, but not their values: these may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &without_credentials(&self.url).as_str())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
