//! An OAI-PMH repository as a source.

mod headers;
mod item;
mod options;
mod records;
mod single;

use std::num::NonZeroUsize;
use std::time::Duration;

use ::oai_pmh::{Client, Error, Position, Request, Selection, Slice, Window};
use chrono::TimeDelta;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use resync_core::transport::without_credentials;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::headers::Headers;
use self::options::Options;
use self::records::Records;
use self::single::Single;
use crate::batch::{Batch, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::holdings::Holdings;
use crate::registry::Kind;
use crate::source::Source;
use crate::two_step::{self, Named};

/// The records of an OAI-PMH repository, in one format.
///
/// The first run lists everything; later ones list what changed since the first answer of the last
/// run that came to its end, with some overlap, by the server's own clock. A run that was broken
/// off goes on with the page it was at.
///
/// How the records are got is a [`Strategy`]. Whatever it is, records that could not be had can be got
/// again by themselves ([`Source::get`]).
///
/// A time span in the selection is for one-off runs: it is harvested as asked, and later runs
/// without one begin where they would have begun.
///
/// ```no_run
/// use harvest_pipeline::{OaiPmhSource, Pipeline, SqliteCatalogue, parsers::DublinCore};
/// use oai_pmh::{Client, Selection};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "rustls")] {
/// let client = Client::new("https://example.org/oai")?;
/// let source = OaiPmhSource::new(client, Selection::prefix("oai_dc"));
/// let catalogue = SqliteCatalogue::open("sqlite:harvest.db").await?;
/// let summary = Pipeline::new(source).parse(DublinCore::new()).run(&catalogue).await?;
/// println!("{}", summary.counters);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OaiPmhSource {
    id: SourceId,
    client: Client,
    selection: Selection,
    slice: Option<Slice>,
    parallel: usize,
    overlap: TimeDelta,
    strategy: Strategy,
    concurrency: NonZeroUsize,
}

/// How a run of an [`OaiPmhSource`] gets the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// Page by page (`ListRecords`): the fewest requests.
    #[default]
    ListRecords,
    /// The headers page by page (`ListIdentifiers`), then each record by itself (`GetRecord`): for
    /// repositories that fail at writing long pages.
    ListIdentifiers,
    /// All headers in every run (`ListIdentifiers`), and only those records by themselves
    /// (`GetRecord`) that the sink does not hold with this datestamp: for repositories that do not
    /// tell of deletions, since what such a list does not name is gone.
    Reconcile,
}

/// What a checkpoint of this source says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The last harvest without a time span of its own that came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<Position>,
    /// The harvest that is under way, with the time span it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<(Window, Position)>,
    /// The list of headers that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<Listing>,
}

/// How far a list of headers was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Listing {
    strategy: Strategy,
    /// The time span it was asked for.
    window: Window,
    position: Position,
    /// The last record done of the page behind that position, if some were.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl State {
    /// A harvest has come to its end.
    fn end(&mut self, asked: &Window, position: Position) {
        (self.running, self.listing) = (None, None);
        // A harvest of one time span says nothing about the others.
        if *asked == Window::ALL {
            self.complete = Some(position);
        }
    }

    fn checkpoint(&self) -> Result<Checkpoint, RunError> {
        let checkpoint = Checkpoint::new(OaiPmhSource::SCHEMA, self)?;
        let is_under_way = self.running.is_some() || self.listing.is_some();
        Ok(if is_under_way { checkpoint } else { checkpoint.at_end() })
    }
}

impl OaiPmhSource {
    /// The form its checkpoints are written in.
    const SCHEMA: u32 = 1;

    /// The records selected. The source is named after base URL, format and set.
    #[must_use]
    pub fn new(client: Client, selection: Selection) -> Self {
        let set = selection.set_spec().map(|set| format!("&set={set}")).unwrap_or_default();
        let format = selection.metadata_prefix();
        let url = without_credentials(client.base_url());
        let id = SourceId::new(format!("{url}#metadataPrefix={format}{set}"));
        let overlap = TimeDelta::seconds(120);
        let (strategy, concurrency) = (Strategy::default(), NonZeroUsize::MIN.saturating_add(3));
        let (slice, parallel) = (None, 1);
        Self { id, client, selection, slice, parallel, overlap, strategy, concurrency }
    }

    /// Names the source.
    #[must_use]
    pub fn named(mut self, id: impl Into<SourceId>) -> Self {
        self.id = id.into();
        self
    }

    /// Harvests in windows of this length, so many of them at the same time. More than one is for
    /// repositories that are known to bear it.
    #[must_use]
    pub fn slices(mut self, slice: Slice, parallel: usize) -> Self {
        self.slice = Some(slice);
        self.parallel = parallel;
        self
    }

    /// By how much an incremental run goes back behind the last one: changes become visible later
    /// than their datestamps say. Two minutes by default, and at least one unit of the repository's
    /// granularity.
    #[must_use]
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.overlap = TimeDelta::from_std(overlap).unwrap_or(TimeDelta::MAX);
        self
    }

    /// How the records are got.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many records are got at the same time where that is done one by one. 4 unless said
    /// otherwise; the transport may allow its host fewer.
    #[must_use]
    pub fn concurrency(mut self, records: NonZeroUsize) -> Self {
        self.concurrency = records;
        self
    }

    /// Sources of this kind, by their options; its name is `oai-pmh`.
    #[must_use]
    pub fn kind() -> Kind {
        Kind::new("oai-pmh", "OAI-PMH", |options: Options, transport| {
            options.source(transport).map(|source| Box::new(source) as Box<dyn Source>)
        })
        .with_sign_in()
    }

    /// Where it stands by this checkpoint, which must be of the same selection.
    fn state(&self, from: Option<&Checkpoint>) -> Result<State, RunError> {
        let Some(checkpoint) = from else { return Ok(State::default()) };
        let state: State = checkpoint.state(Self::SCHEMA)?;
        let running = state.running.iter().map(|(_, position)| position);
        let listing = state.listing.iter().map(|listing| &listing.position);
        let mut positions = state.complete.iter().chain(running).chain(listing);
        if positions.any(|position| !position.is_of(&self.selection)) {
            let message = format!(
                "the checkpoint of {} belongs to another format or set; run once without it",
                self.id
            );
            return Err(RunError::new(Stage::Source, message));
        }
        Ok(state)
    }

    /// The time span to ask for.
    fn window(&self, state: &State) -> Result<Window, RunError> {
        let asked = self.selection.time_span();
        if *asked != Window::ALL {
            return Ok(asked.clone());
        }
        let from = state.complete.as_ref().and_then(|position| position.next_from(self.overlap));
        Window::new(from, None).map_err(|error| RunError::new(Stage::Source, error.to_string()))
    }

    /// The address of a list of this time span.
    fn url_of(&self, window: Window, list: impl Fn(Selection) -> Request) -> String {
        let request = list(self.selection.clone().window(window));
        request.url(&without_credentials(self.client.base_url())).to_string()
    }
}

impl Source for OaiPmhSource {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        self.batches_beyond(from, Holdings::unknown())
    }

    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        match (self.state(from.as_ref()), self.strategy) {
            (Err(error), _) => stream::iter([Err(error)]).boxed(),
            (Ok(state), Strategy::ListRecords) => {
                let begun = Records::begin(self, state).map_ok(Records::batches);
                begun.into_stream().try_flatten().boxed()
            }
            (Ok(state), _) => {
                two_step::batches(Headers::begin(self, state, held), self.concurrency).boxed()
            }
        }
    }

    fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
        let asked = self.selection.time_span();
        let Ok(state) = self.state(from) else { return false };
        let is_under_way = match self.strategy {
            Strategy::ListRecords => state.running.is_some(),
            _ => state.listing.is_some(),
        };
        let is_whole = self.strategy == Strategy::Reconcile
            || self.window(&state).is_ok_and(|window| window == Window::ALL);
        *asked == Window::ALL && is_whole && !is_under_way
    }

    fn get(
        &self,
        identifiers: Vec<String>,
        _: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        let named = async move { Ok(Named::new(Single::new(self), identifiers)) };
        Some(two_step::batches(named, self.concurrency).boxed())
    }

    fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
        let state: State = checkpoint.state(Self::SCHEMA).ok()?;
        state.complete?.next_from(self.overlap).map(|from| from.to_string())
    }
}

fn failed(error: Error) -> RunError {
    let failed = RunError::new(Stage::Source, error.to_string())
        .with_transient(error.is_transient())
        .with_retry_after(error.retry_after());
    match error.url() {
        Some(url) => failed.with_url(url.as_str()),
        None => failed,
    }
    .with_source(error)
}
