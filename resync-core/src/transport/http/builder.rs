use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::{Origin, Url};

use super::super::Reach;
use super::super::redirect::is_harmless;
use super::resolve::Within;
use super::{HttpTransport, Patience};
use crate::{Error, ErrorKind, Result};

const PRODUCT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Settings of an [`HttpTransport`].
#[must_use = "does nothing before `build`"]
pub struct HttpTransportBuilder {
    product: String,
    contact: Option<String>,
    headers: HeaderMap,
    authorization: Option<Authorization>,
    secrets_for: Option<Origin>,
    reach: Reach,
    connect_timeout: Duration,
    read_timeout: Duration,
    total_timeout: Option<Duration>,
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    certificates: Vec<Vec<u8>>,
    http1_only: bool,
}

enum Authorization {
    Basic { user: String, password: String },
    Bearer(String),
}

impl HttpTransportBuilder {
    pub(super) fn new() -> Self {
        Self {
            product: PRODUCT.to_owned(),
            contact: None,
            headers: HeaderMap::new(),
            authorization: None,
            secrets_for: None,
            reach: Reach::anywhere(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            total_timeout: Some(Duration::from_secs(3600)),
            #[cfg(any(feature = "rustls", feature = "native-tls"))]
            certificates: Vec::new(),
            http1_only: false,
        }
    }

    /// Sets the program's name and version, such as `library-harvester/1.0`. Some repositories
    /// refuse the names of libraries, ours among them.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.product = product.into();
        self
    }

    /// Sets whom to turn to when the program misbehaves: a mail address or a URL. It is added to
    /// the `User-Agent`; a mail address is sent as `From`, too (RFC 9110 §10.1.2).
    pub fn contact(mut self, contact: impl Into<String>) -> Self {
        self.contact = Some(contact.into());
        self
    }

    /// Adds a header to every request that does not have it itself, such as an API key.
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(!is_harmless(&name));
        self.headers.insert(name, value);
        self
    }

    /// Sets a user name and password, sent with every request (RFC 7617).
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let (user, password) = (user.into(), password.into());
        self.authorization = Some(Authorization::Basic { user, password });
        self
    }

    /// Sets a token, sent with every request (RFC 6750).
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.authorization = Some(Authorization::Bearer(token.into()));
        self
    }

    /// Sends credentials and added headers, except for well-known harmless ones, to this URL's
    /// scheme, host and port only. To be set when addresses come from documents of others.
    pub fn secrets_only_for(mut self, url: &Url) -> Self {
        self.secrets_for = Some(url.origin());
        self
    }

    /// Connects to these machines only. Anywhere unless said otherwise; to be set when addresses come
    /// from documents of others. Where a proxy is used, which the environment may name, it is the
    /// proxy that looks names up, and only addresses in URLs are refused here.
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Sets how long connecting may take, TLS included. 10 s unless said otherwise.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets how long to wait for the head of an answer, and then between two pieces of it. 60 s
    /// unless said otherwise.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.read_timeout = limit;
        self
    }

    /// Sets how long an answer may take from the first redirect to the last byte; `None` for as
    /// long as it likes. 1 h unless said otherwise.
    pub fn total_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.total_timeout = limit.into();
        self
    }

    /// Trusts these authorities as well (PEM, one certificate or several). For servers whose chain
    /// is incomplete, or of an institution's own authority.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(pem.into());
        self
    }

    /// Speaks HTTP/1.1 only, for servers whose HTTP/2 is broken.
    pub fn http1_only(mut self) -> Self {
        self.http1_only = true;
        self
    }

    /// Makes the transport.
    ///
    /// # Errors
    /// `Request` when a name, contact, credential or certificate cannot be used.
    pub fn build(self) -> Result<HttpTransport> {
        let mut client = reqwest::Client::builder()
            // Redirects, retries, packing and the time limits are ours. The last four are off
            // even if another crate in the program turns on the features.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_deflate()
            .no_brotli()
            .no_zstd()
            .referer(false)
            .cookie_store(true)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(64)
            .tcp_nodelay(true)
            // Old repositories send such heads.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true);
        if self.http1_only {
            client = client.http1_only();
        }
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        for pem in &self.certificates {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|cause| unusable("certificate").with_source(cause))?;
            if certificates.is_empty() {
                return Err(unusable("certificate"));
            }
            client = client.tls_certs_merge(certificates);
        }
        if !self.reach.is_anywhere() {
            let reach = proxies().fold(self.reach.clone(), |reach, proxy| reach.allow(&proxy));
            client = client.dns_resolver(Within(reach));
        }
        let client = client.build().map_err(|cause| {
            Error::new(ErrorKind::Request, "the HTTP client cannot be set up").with_source(cause)
        })?;

        let mut headers = self.headers;
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip, deflate"));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let agent = match &self.contact {
            Some(contact) => format!("{} ({contact})", self.product),
            None => self.product,
        };
        headers
            .entry(header::USER_AGENT)
            .or_insert(agent.try_into().map_err(|_| unusable("user agent or contact"))?);
        if let Some(contact) = self.contact.filter(|contact| is_mail(contact)) {
            let mail = contact.trim().trim_start_matches("mailto:");
            let mail = HeaderValue::from_str(mail).map_err(|_| unusable("contact"))?;
            headers.entry(header::FROM).or_insert(mail);
        }
        if let Some(authorization) = self.authorization {
            let request = client.get("http://localhost");
            let request = match authorization {
                Authorization::Basic { user, password } => request.basic_auth(user, Some(password)),
                Authorization::Bearer(token) => request.bearer_auth(token),
            };
            // The cause would show the credentials.
            let mut request = request.build().map_err(|_| unusable("credential"))?;
            headers.extend(request.headers_mut().remove(header::AUTHORIZATION).map(|mut value| {
                value.set_sensitive(true);
                (header::AUTHORIZATION, value)
            }));
        }

        Ok(HttpTransport {
            client,
            headers,
            secrets_for: self.secrets_for,
            reach: self.reach,
            connect_timeout: self.connect_timeout,
            patience: Patience { read: self.read_timeout, total: self.total_timeout },
        })
    }
}

impl fmt::Debug for HttpTransportBuilder {
    /// Names the headers, but not their values: these may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransportBuilder")
            .field("product", &self.product)
            .field("contact", &self.contact)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("authorization", &self.authorization.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

/// The proxies that the environment names.
fn proxies() -> impl Iterator<Item = Url> {
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let names = names.into_iter().flat_map(|name| [name.to_owned(), name.to_ascii_lowercase()]);
    names.filter_map(|name| std::env::var(name).ok()).filter_map(|text| {
        let text = if text.contains("://") { text } else { format!("http://{text}") };
        text.parse().ok()
    })
}

fn is_mail(contact: &str) -> bool {
    contact.contains('@') && !contact.contains("://")
}

fn unusable(what: &str) -> Error {
    Error::new(ErrorKind::Request, format!("the {what} cannot be used"))
}
