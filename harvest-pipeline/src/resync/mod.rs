//! A ResourceSync source of metadata.

mod changes;
mod package;
mod reading;
mod resource;
mod within;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use resync_core::client::Client;
use resync_core::document::Datetime;
use resync_core::sync::Authority;
use resync_core::transport::{Transport, without_credentials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use self::reading::Reading;
use self::resource::Resource;
use self::within::Within;
use crate::batch::{Batch, Item, Origin, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError, Stage};
use crate::fetch::Site;
use crate::holdings::Holdings;
use crate::registry::Kind;
use crate::source::Source;
use crate::two_step::{self, Get, Named, Page, TwoStep};

/// How many resources that could not be had are remembered. More are an outage, and no exception.
const MISSED: usize = 1000;

/// The metadata that a ResourceSync source lists, over HTTP.
///
/// A record is named by its URI; its datestamp is the time of its change, else its `lastmod`, and its
/// [version](Item::version) what the list says of its content. What comes must have the length and
/// the digests that the list gives.
///
/// The first run reads the Resource List. Later ones read what changed since, from the Change List if
/// the source has one; of several changes of a resource the last one counts. Deletions come from
/// Change Lists; what a Resource List does not name (any more) is for whoever asks whether
/// [it lists everything](Source::lists_everything). A version that the sink
/// holds is not fetched, so a run that was broken off begins again and is soon where it was. What
/// could not be had is tried again by the next run.
///
/// Payloads are XML. Entries are taken that link to their format (`profile`) or to what they
/// describe (`describes`), whose media type is XML, or that have none and a name ending in `.xml`,
/// `.rdf`, `.eml` or without any ending. Others are left out, and a notice says how many. The format
/// of a record is told by its root element. Resource Dumps and Change Dumps are read where there are
/// no lists, or one is what the address leads to.
#[derive(Clone, Debug)]
pub struct ResyncSource {
    site: Site,
    client: Client,
    authority: Authority,
    mode: ResyncMode,
    set: Option<String>,
    from: Option<Datetime>,
    max_changes: usize,
}

/// What a run of a [`ResyncSource`] does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResyncMode {
    /// Incremental where that is possible; a baseline the first time, where the source offers no
    /// list of changes, or where that begins too late.
    #[default]
    Auto,
    /// Everything, by the Resource List or Resource Dump.
    Baseline,
    /// What has changed, by the Change List or Change Dump.
    Incremental,
    /// Everything that a Resource List or Change List names, and nothing is fetched: for sinks that
    /// compare.
    Audit,
}

/// What a checkpoint of this source says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// Up to when everything is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// How far each Change List was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    lists: BTreeMap<String, Place>,
    /// What could not be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missed: Vec<Resource>,
}

/// How far a Change List was read; see [`resync_core::sync::changes::Cursor`].
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    consumed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<(String, Option<i64>, String)>,
    is_closed: bool,
}

impl ResyncSource {
    /// The form its checkpoints are written in.
    const SCHEMA: u32 = 1;

    /// The metadata of the source at this address, which may be that of any of its documents, or of
    /// its site. The transport should be a [`Retrying`](resync_core::retry::Retrying) one. The
    /// source is named after the address.
    #[must_use]
    pub fn new(url: Url, transport: impl Transport) -> Self {
        let authority = Authority::of(&url);
        let site = Site::new(url, transport);
        Self {
            client: Client::new(Arc::clone(&site.transport)),
            site,
            authority,
            mode: ResyncMode::Auto,
            set: None,
            from: None,
            max_changes: 1_000_000,
        }
    }

    /// Names the source.
    #[must_use]
    pub fn named(mut self, id: impl Into<SourceId>) -> Self {
        self.site.id = id.into();
        self
    }

    /// What a run does.
    #[must_use]
    pub fn mode(mut self, mode: ResyncMode) -> Self {
        self.mode = mode;
        self
    }

    /// Which set, where the source has several: its number from 1, or its address.
    #[must_use]
    pub fn set(mut self, set: impl Into<String>) -> Self {
        self.set = Some(set.into());
        self
    }

    /// From when on changes are read, if nothing was harvested before.
    #[must_use]
    pub fn from(mut self, from: Datetime) -> Self {
        self.from = Some(from);
        self
    }

    /// Which addresses the source may name; those at its own host unless said otherwise.
    #[must_use]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = authority;
        self
    }

    /// How many resources are fetched at the same time. 4 unless said otherwise.
    #[must_use]
    pub fn concurrency(mut self, resources: NonZeroUsize) -> Self {
        self.site.concurrency = resources;
        self
    }

    /// The most bytes of a resource, 16 MiB unless said otherwise, and the most resources that may
    /// have changed in one run, a million unless said otherwise.
    #[must_use]
    pub fn limits(mut self, resource: u64, changes: usize) -> Self {
        self.site.max_record = resource;
        self.max_changes = changes;
        self
    }

    /// Sources of this kind, by their options; its name is `resync`.
    #[must_use]
    pub fn kind() -> Kind {
        Kind::new("resync", "ResourceSync", |options: Options, transport| {
            let mut source = Self::new(options.url, transport).mode(options.mode);
            source.set = options.set;
            if let Some(from) = options.from {
                let time = Datetime::read(&from).ok_or(format!("from: {from:?} is no time"))?;
                source = source.from(time);
            }
            Ok(Box::new(source))
        })
        .with_sign_in()
    }

    /// Where it stands by this checkpoint.
    fn state(&self, from: Option<&Checkpoint>) -> Result<State, RunError> {
        match from {
            Some(checkpoint) => Ok(checkpoint.state(Self::SCHEMA)?),
            None => Ok(State::default()),
        }
    }

    /// From when on changes are wanted; `None` if everything is.
    fn since(&self, state: &State) -> Option<Datetime> {
        state.since.as_deref().and_then(Datetime::read).or(self.from)
    }

    fn within(&self) -> Within {
        Within::new(&self.site.transport, &self.authority)
    }

    async fn begin(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> Result<Running<'_>, RunError> {
        let state = self.state(from.as_ref())?;
        let reading = Reading::begin(self, &state).await?;
        let within = self.within();
        Ok(Running {
            source: self,
            within,
            held,
            state,
            reading,
            missed: Vec::new(),
            is_over: false,
        })
    }
}

/// The options of a ResourceSync source.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Address of the source: of its site, or of any of its documents.
    url: Url,
    /// What a run does.
    #[serde(default)]
    mode: ResyncMode,
    /// Which set, where the source has several: its number, or the address of its capability list.
    set: Option<String>,
    /// From when on changes are read if nothing was harvested before, such as 2024-01-31.
    from: Option<String>,
}

impl Source for ResyncSource {
    fn id(&self) -> SourceId {
        self.site.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        self.batches_beyond(from, Holdings::unknown())
    }

    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        two_step::batches(self.begin(from, held), self.site.concurrency).boxed()
    }

    fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
        match self.mode {
            ResyncMode::Baseline | ResyncMode::Audit => true,
            ResyncMode::Incremental => false,
            ResyncMode::Auto => self.state(from).is_ok_and(|state| self.since(&state).is_none()),
        }
    }

    fn get(
        &self,
        identifiers: Vec<String>,
        at: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        let named = async move {
            let missed = self.state(at.as_ref())?.missed.into_iter();
            let missed = missed.map(|resource| (resource.uri.clone(), resource)).collect();
            let single = Single { within: self.within(), max: self.site.max_record, missed };
            Ok(Named::new(single, identifiers))
        };
        Some(two_step::batches(named, self.site.concurrency).boxed())
    }

    fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
        checkpoint.state::<State>(Self::SCHEMA).ok()?.since
    }
}

/// Resources that are wanted by themselves: as the list said that did not lead to them, else whatever
/// is at their address.
struct Single {
    within: Within,
    max: u64,
    missed: HashMap<String, Resource>,
}

#[async_trait]
impl Get for Single {
    async fn get(&self, identifier: &str) -> Result<Item, RecordError> {
        match self.missed.get(identifier) {
            Some(resource) => resource.get(&self.within, self.max).await,
            None => Resource::unlisted(identifier).get(&self.within, self.max).await,
        }
    }
}

/// A resource, and what it is if that came in a package.
struct Reference {
    resource: Resource,
    unpacked: Option<Mutex<Option<Result<Item, RecordError>>>>,
}

impl From<Resource> for Reference {
    fn from(resource: Resource) -> Self {
        Self { resource, unpacked: None }
    }
}

struct Running<'a> {
    source: &'a ResyncSource,
    within: Within,
    held: Holdings,
    /// Before this run: it stands until the run has come to its end.
    state: State,
    reading: Reading,
    missed: Vec<Resource>,
    is_over: bool,
}

#[async_trait]
impl TwoStep for Running<'_> {
    type Reference = Reference;

    async fn list(&mut self) -> Result<Option<Page<Reference>>, RunError> {
        if self.is_over {
            return Ok(None);
        }
        let mut references = self.reading.next().await?.unwrap_or_else(|| {
            self.is_over = true;
            Vec::new()
        });
        let uris = references.iter().map(|reference| reference.resource.uri.clone()).collect();
        let known = self.held.known(uris).await?;
        for Reference { resource, .. } in &mut references {
            let version = resource.version();
            let stored = known.get(&resource.uri).filter(|known| known.live);
            resource.is_held =
                version.is_some() && stored.is_some_and(|known| known.version == version);
        }
        let mut page = Page::new(references);
        page.origin = Origin::new(self.reading.url().clone(), None);
        page.notices = self.reading.take_notices(self.is_over);
        Ok(Some(page))
    }

    async fn get(&self, reference: &Reference) -> Result<Item, RecordError> {
        let (source, resource) = (self.source, &reference.resource);
        resource.check()?;
        if resource.is_held || resource.is_deleted || source.mode == ResyncMode::Audit {
            return Ok(resource.listed());
        }
        if let Some(unpacked) = &reference.unpacked
            && let Some(item) = unpacked.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            return item;
        }
        resource.get(&self.within, source.site.max_record).await
    }

    fn checkpoint(
        &mut self,
        _: usize,
        failed: Vec<Reference>,
    ) -> Result<Option<Checkpoint>, RunError> {
        // What has no address will have none next time.
        let failed = failed.into_iter().map(|reference| reference.resource);
        self.missed.extend(failed.filter(|resource| resource.check().is_ok()));
        if self.missed.len() > MISSED {
            let message = format!(
                "more than {MISSED} resources could not be had; the source seems to be out of order, \
                 and the next run begins where this one began"
            );
            let error = RunError::new(Stage::Source, message).with_transient(true);
            return Err(error.with_url(self.source.site.shown()));
        }
        if self.is_over && self.source.mode != ResyncMode::Audit {
            self.state = State {
                since: self.reading.until().map(|until| resource::written(&until)),
                lists: self.reading.take_places(),
                missed: std::mem::take(&mut self.missed),
            };
        }
        let checkpoint = Checkpoint::new(ResyncSource::SCHEMA, &self.state)?;
        Ok(Some(if self.is_over { checkpoint.at_end() } else { checkpoint }))
    }
}

fn failed(error: resync_core::client::Error) -> RunError {
    let failed = RunError::new(Stage::Source, error.to_string())
        .with_transient(error.is_transient())
        .with_retry_after(error.net().and_then(resync_core::Error::retry_after));
    let failed = match error.net().and_then(resync_core::Error::url) {
        Some(url) => failed.with_url(without_credentials(url)),
        None => failed,
    };
    failed.with_source(error)
}
