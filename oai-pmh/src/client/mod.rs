//! Asking a repository.

mod exchange;
mod harvest;
mod isolate;
mod known;
mod list;
mod walk;

use std::fmt;
use std::sync::Arc;

use resync_core::transport::{Transport, without_credentials};
use resync_core::xml::{Limits, Mode};
use url::Url;

pub use self::exchange::Method;
pub use self::harvest::{Harvest, Position, Step};
pub use self::list::{Items, List, Summary};

use crate::parse::Parser;
use crate::{
    ErrorKind, Header, Identify, MetadataFormat, PagingLimits, Record, Reply, Request, Result,
    Selection, Set,
};

/// A client of one repository.
///
/// Cheap to clone; clones share connections, cookies and politeness. Futures may be dropped at any
/// time: that ends the exchange under way and nothing else.
///
/// ```no_run
/// use oai_pmh::{Client, Selection};
///
/// # async fn example() -> oai_pmh::Result<()> {
/// # #[cfg(feature = "reqwest")] {
/// let client = Client::new("https://example.org/oai")?;
/// println!("{}", client.identify().await?.body.repository_name);
///
/// let mut records = client.list_records(Selection::prefix("oai_dc"));
/// while let Some(page) = records.next_page().await {
///     for record in page?.items {
///         match record {
///             Ok(record) => println!("{}", record.header.identifier),
///             Err(broken) => eprintln!("{broken}"),
///         }
///     }
/// }
/// // A list that was cut short has ended with an error: here it is complete, or said why it may
/// // not be.
/// println!("{}", records.summary().verdict);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    base: Url,
    transport: Arc<dyn Transport>,
    settings: Settings,
}

/// How a client asks and reads.
#[derive(Clone, Copy, Debug)]
struct Settings {
    parser: Parser,
    mode: Mode,
    method: Method,
    paging: PagingLimits,
    restarts: u32,
    refetch: bool,
}

impl Client {
    /// A client with the default transport: an `HttpTransport` that is polite to its host and tries
    /// again with [`Backoff`](crate::retry::Backoff)'s defaults. A `file:` URL is a static
    /// repository's file.
    ///
    /// # Errors
    /// When `base_url` is not an HTTP or `file:` URL.
    #[cfg(feature = "reqwest")]
    pub fn new(base_url: &str) -> Result<Self> {
        use crate::retry::{Backoff, Retrying};
        use crate::transport::{HttpTransport, Politeness, Throttled};

        let base = exchange::parse_base_url(base_url)?;
        let http = HttpTransport::builder().build()?;
        let polite = Throttled::new(http, Politeness::default());
        Ok(Self::with_transport(base, Retrying::new(polite, Backoff::default())))
    }

    /// A client over this transport. It should be a [`Retrying`](crate::retry::Retrying) one:
    /// the client says what a complete answer is, but does not itself ask again.
    pub fn with_transport(base: Url, transport: impl Transport) -> Self {
        let settings = Settings {
            parser: Parser::new(),
            mode: Mode::Tolerant,
            method: Method::Auto,
            paging: PagingLimits::default(),
            restarts: 2,
            refetch: true,
        };
        Self { base, transport: Arc::new(transport), settings }
    }

    /// What to do with answers that are broken; tolerant by default. In strict mode broken records
    /// are not fetched again either, and lists that the server fails at are not taken apart.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings.parser = self.settings.parser.mode(mode);
        self.settings.mode = mode;
        self
    }

    /// How much an answer may ask for.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.parser = self.settings.parser.limits(limits);
        self
    }

    /// How requests are sent; GET, and POST where they are long, by default.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.settings.method = method;
        self
    }

    /// How patiently lists are followed.
    #[must_use]
    pub fn paging(mut self, limits: PagingLimits) -> Self {
        self.settings.paging = limits;
        self
    }

    /// How often a list is begun anew when the repository rejects its own token; twice by default.
    #[must_use]
    pub fn restarts(mut self, restarts: u32) -> Self {
        self.settings.restarts = restarts;
        self
    }

    /// Whether records that are broken on their page are fetched again by themselves, and pages
    /// that the server fails at are taken apart; yes by default.
    #[must_use]
    pub fn refetch(mut self, refetch: bool) -> Self {
        self.settings.refetch = refetch;
        self
    }

    /// The repository's base URL.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    /// What the repository says of itself (§4.2).
    ///
    /// # Errors
    /// When no answer could be had, or it is not an answer to `Identify`.
    pub async fn identify(&self) -> Result<Reply<Identify>> {
        let parser = self.settings.parser;
        self.ask_single(&Request::Identify, move |body, charset| parser.identify(body, charset))
            .await
    }

    /// The formats of the repository, or of one item (§4.4). An item without formats has none.
    ///
    /// # Errors
    /// When no answer could be had, or the item does not exist.
    pub async fn list_metadata_formats(
        &self,
        identifier: Option<&str>,
    ) -> Result<Reply<Vec<MetadataFormat>>> {
        let request = Request::ListMetadataFormats { identifier: identifier.map(str::to_owned) };
        let parser = self.settings.parser;
        self.ask_single(&request, move |body, charset| parser.metadata_formats(body, charset)).await
    }

    /// One record (§4.1).
    ///
    /// # Errors
    /// When no answer could be had, the item does not exist, or not in this format.
    pub async fn get_record(
        &self,
        identifier: &str,
        metadata_prefix: &str,
    ) -> Result<Reply<Record>> {
        let request = Request::GetRecord {
            identifier: identifier.to_owned(),
            metadata_prefix: metadata_prefix.to_owned(),
        };
        let parser = self.settings.parser;
        self.ask_single(&request, move |body, charset| parser.get_record(body, charset)).await
    }

    /// The records selected (§4.5). Must be called within a tokio runtime, as all lists.
    #[must_use]
    pub fn list_records(&self, selection: Selection) -> List<Record> {
        List::begin(self.clone(), Request::ListRecords(selection), None)
    }

    /// The headers of the records selected (§4.3).
    #[must_use]
    pub fn list_identifiers(&self, selection: Selection) -> List<Header> {
        List::begin(self.clone(), Request::ListIdentifiers(selection), None)
    }

    /// The sets (§4.6); none, where the repository has no sets.
    #[must_use]
    pub fn list_sets(&self) -> List<Set> {
        List::begin(self.clone(), Request::ListSets, None)
    }

    /// Goes on with a list of records where an earlier one stopped. When the repository no longer
    /// accepts the token, the list begins anew.
    #[must_use]
    pub fn resume_records(&self, selection: Selection, token: &str) -> List<Record> {
        List::begin(self.clone(), Request::ListRecords(selection), Some(token.to_owned()))
    }

    /// The same selection as this repository understands it: told in its granularity. Asks for
    /// nothing unless seconds are in it.
    ///
    /// # Errors
    /// When the repository cannot be asked for its granularity.
    pub async fn adapt(&self, selection: Selection) -> Result<Selection> {
        let window = selection.time_span();
        let ends = [window.from(), window.until()];
        // Every repository understands days (§2.7.1).
        if ends.into_iter().flatten().all(|end| end.granularity() == crate::Granularity::Day) {
            return Ok(selection);
        }
        let granularity = self.identify().await?.body.granularity;
        let window = selection.time_span().at(granularity);
        Ok(selection.window(window))
    }

    /// Whether more is asked for than the list itself, where the list is broken.
    fn takes_apart(&self) -> bool {
        self.settings.refetch && self.settings.mode == Mode::Tolerant
    }

    async fn ask_single<T: Send + 'static>(
        &self,
        request: &Request,
        read: impl Fn(Vec<u8>, Option<&str>) -> Result<T> + Send,
    ) -> Result<T> {
        let answer = self.ask(request, exchange::Asking::default()).await?;
        let url = request.url(&self.base);
        let charset = answer.charset();
        let body = exchange::into_memory(answer)?;
        read(body, charset.as_deref()).map_err(|error| error.with_url(&url))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &without_credentials(&self.base).as_str())
            .field("transport", &self.transport)
            .field("settings", &self.settings)
            .finish()
    }
}

/// Whether there is something else at the URL than a repository.
pub(crate) fn is_not_oai(error: &crate::Error) -> bool {
    error.kind() == ErrorKind::NotOai
}
