//! An OAI-PMH repository as a source.

use std::sync::Arc;
use std::time::Duration;

use ::oai_pmh::xml::Mode;
use ::oai_pmh::{
    Client, Datestamp, Error, Harvest, Position, Record, Request, Selection, Slice, Step, Verdict,
    Window,
};
use chrono::TimeDelta;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use resync_core::transport::{Transport, without_credentials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::batch::{Batch, Item, Notice, NoticeLevel, Origin, Payload, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError, Stage};
use crate::registry::Kind;
use crate::source::Source;

/// The records of an OAI-PMH repository, in one format.
///
/// The first run lists everything; later ones list what changed since the first answer of the last
/// run that came to its end, with some overlap, by the server's own clock. A run that was broken
/// off goes on with the page it was at.
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
        Self { id, client, selection, slice: None, parallel: 1, overlap }
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

    /// Sources of this kind, by their options; its name is `oai-pmh`.
    #[must_use]
    pub fn kind() -> Kind {
        Kind::new("oai-pmh", "OAI-PMH", |options: Options, transport| {
            options.source(transport).map(|source| Box::new(source) as Box<dyn Source>)
        })
    }

    async fn begin(&self, from: Option<Checkpoint>) -> Result<Batches<'_>, RunError> {
        let mut state: State = match from {
            Some(checkpoint) => checkpoint.state(Self::SCHEMA)?,
            None => State::default(),
        };
        let positions = state.complete.iter().chain(state.running.iter().map(|(_, it)| it));
        if positions.into_iter().any(|position| !position.is_of(&self.selection)) {
            let message = format!(
                "the checkpoint of {} belongs to another format or set; run once without it",
                self.id
            );
            return Err(RunError::new(Stage::Source, message));
        }
        let asked = self.selection.time_span().clone();
        let harvest = match state.running.take().filter(|(window, _)| *window == asked) {
            Some((_, position)) => self.client.resume_harvest(position, self.parallel),
            None => {
                let selection = self.selection.clone().window(self.window(&state)?);
                self.client.harvest(&selection, self.slice, self.parallel).await.map_err(failed)?
            }
        };
        let request = Request::ListRecords(
            self.selection.clone().window(harvest.position().window().clone()),
        );
        let request_url = request.url(&without_credentials(self.client.base_url())).to_string();
        Ok(Batches { source: self, state, asked, harvest, request_url, number: 0, is_done: false })
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
}

/// The options of an OAI-PMH repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Base URL of the repository.
    url: Url,
    /// Metadata format.
    #[serde(default = "oai_dc")]
    format: String,
    /// Only records in this set, or in one below it.
    set: Option<String>,
    /// Only records of this time or later, such as 2024-01-31.
    from: Option<String>,
    /// Only records of this time or earlier.
    until: Option<String>,
    /// Ask for one month or day after the other.
    slice: Option<Unit>,
    /// So many of them at the same time.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    parallel: u8,
    /// Repair nothing: an answer that is not as the standard demands is an error.
    #[serde(default)]
    strict: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    Month,
    Day,
}

fn oai_dc() -> String {
    "oai_dc".to_owned()
}

fn one() -> u8 {
    1
}

impl Options {
    fn source(self, transport: Arc<dyn Transport>) -> Result<OaiPmhSource, String> {
        let time = |text: Option<String>| -> Result<Option<Datestamp>, String> {
            let time = text.map(|text| text.parse().map_err(|error| format!("{text}: {error}")));
            time.transpose()
        };
        let window = Window::new(time(self.from)?, time(self.until)?);
        let mut selection =
            Selection::prefix(&self.format).window(window.map_err(|error| error.to_string())?);
        if let Some(set) = &self.set {
            selection = selection.set(set);
        }
        let mode = if self.strict { Mode::Strict } else { Mode::Tolerant };
        let client = Client::with_transport(self.url, transport).mode(mode);
        let source = OaiPmhSource::new(client, selection);
        let slice = match self.slice {
            Some(Unit::Month) => Slice::Month,
            Some(Unit::Day) => Slice::Day,
            None => return Ok(source),
        };
        Ok(source.slices(slice, self.parallel.clamp(1, 16).into()))
    }
}

impl Source for OaiPmhSource {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        stream::once(self.begin(from))
            .map(|begun| match begun {
                Ok(batches) => batches.stream().boxed(),
                Err(error) => stream::once(async { Err(error) }).boxed(),
            })
            .flatten()
            .boxed()
    }

    fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
        let state: State = checkpoint.state(Self::SCHEMA).ok()?;
        state.complete?.next_from(self.overlap).map(|from| from.to_string())
    }
}

struct Batches<'a> {
    source: &'a OaiPmhSource,
    state: State,
    asked: Window,
    harvest: Harvest,
    request_url: String,
    number: u64,
    is_done: bool,
}

impl<'a> Batches<'a> {
    fn stream(self) -> impl futures_util::Stream<Item = Result<Batch, RunError>> + Send + 'a {
        stream::unfold(self, async |mut this| {
            if this.is_done {
                return None;
            }
            let batch = match this.harvest.next_step().await? {
                Ok(step) => this.batch(step),
                Err(error) => Err(failed(error)),
            };
            this.is_done = batch.is_err();
            Some((batch, this))
        })
    }

    fn batch(&mut self, step: Step) -> Result<Batch, RunError> {
        let Step { page, position, .. } = step;
        let is_complete = position.is_complete();
        if !is_complete {
            self.state.running = Some((self.asked.clone(), position));
        } else {
            self.state.running = None;
            // A harvest of one time span says nothing about the others.
            if self.asked == Window::ALL {
                self.state.complete = Some(position);
            }
        }
        let mut batch =
            Batch::new(self.number, Checkpoint::new(OaiPmhSource::SCHEMA, &self.state)?);
        self.number += 1;
        batch.total_hint = self.harvest.summary().announced;
        if let Some(page) = page {
            let format: Arc<str> = self.source.selection.metadata_prefix().into();
            let date = page.response_date.as_ref().map(ToString::to_string);
            batch.notices = page.issues.iter().map(notice).collect();
            let items = page.items.into_iter().map(|item| match item {
                Ok(record) => as_item(record, &format),
                Err(broken) => Err(RecordError {
                    identifier: broken.identifier,
                    stage: Stage::Source,
                    message: broken.message,
                }),
            });
            batch = batch
                .with_items(items.collect())
                .with_origin(Origin::new(self.request_url.clone(), date));
        }
        if is_complete && let Verdict::Suspicious(reasons) = &self.harvest.summary().verdict {
            let warn = |reason: &::oai_pmh::Reason| {
                Notice::new(NoticeLevel::Warning, format!("the list may be incomplete: {reason}"))
            };
            batch.notices.extend(reasons.iter().map(warn));
        }
        Ok(batch)
    }
}

fn as_item(record: Record, format: &Arc<str>) -> Result<Item, RecordError> {
    let Record { header, metadata, abouts, .. } = record;
    let mut item = if header.is_deleted {
        Item::delete(header.identifier)
    } else if let Some(metadata) = metadata {
        Item::put(header.identifier, Payload::new(Arc::clone(format), metadata.standalone()))
    } else {
        let message = "the record has no metadata, yet is not deleted";
        return Err(RecordError::new(header.identifier, Stage::Source, message));
    };
    item.datestamp = header.datestamp.map(|stamp| stamp.to_string());
    item.sets = header.sets;
    item.abouts = abouts.iter().map(|about| about.standalone().into_owned()).collect();
    Ok(item)
}

fn notice(issue: &::oai_pmh::xml::Issue) -> Notice {
    let message = format!("{}: {} at byte {}", issue.kind, issue.detail, issue.at);
    let notice = Notice::new(NoticeLevel::Repair, message);
    match &issue.record {
        Some(identifier) => notice.about(identifier),
        None => notice,
    }
}

fn failed(error: Error) -> RunError {
    // The message names the URL.
    RunError::new(Stage::Source, error.to_string())
        .with_transient(error.is_transient())
        .with_source(error)
}
