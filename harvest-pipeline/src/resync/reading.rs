//! Reading the lists of a source: all resources, or what has changed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use resync_core::client::{Client, Documents, ErrorKind, Leaf, Resolved, Wanted};
use resync_core::document::{Capability, Datetime, Reader};
use resync_core::sync::changes::{self as history, Cursor, Outcome, has_gap};
use url::Url;

use super::changes::{Collected, LastChanges};
use super::package::{Packages, Wanted as Package};
use super::resource::{Resource, address, written};
use super::{Place, Reference, ResyncMode, ResyncSource, State, failed};
use crate::batch::{Notice, NoticeLevel};
use crate::error::{RunError, Stage};

/// How many changes are handed out at a time.
const PAGE: usize = 100;
/// How far behind our own clock the next run begins where a list does not say of when it is.
const DAY: TimeDelta = TimeDelta::hours(24);

const RESOURCES: [Capability; 2] = [Capability::ResourceList, Capability::ResourceDump];
const CHANGES: [Capability; 2] = [Capability::ChangeList, Capability::ChangeDump];

type ListReader = Reader<Box<dyn Read + Send>>;

/// A list that is read.
pub(super) struct Reading {
    what: What,
    url: Url,
    /// Up to when everything is known at its end.
    until: Option<Datetime>,
    places: BTreeMap<String, Place>,
    notices: Vec<Notice>,
    left_out: u64,
    /// The first that was left out.
    example: Option<String>,
}

enum What {
    Resources(Box<Resources>),
    Changes(Mutex<LastChanges>),
    Packages(Packages),
}

/// Resource Lists, one after the other.
struct Resources {
    documents: Documents,
    /// The list that is open. Only ever reached by `&mut`; the lock lets others look at the rest.
    open: Mutex<Option<(Url, ListReader)>>,
}

impl Reading {
    pub(super) async fn begin(source: &ResyncSource, state: &State) -> Result<Self, RunError> {
        let authority = source.authority.clone();
        let client = source
            .client
            .clone()
            .permit(move |url| authority.check(url).map_err(|error| error.to_string()));
        let since = source.since(state);
        match (source.mode, since) {
            (ResyncMode::Baseline, _) | (ResyncMode::Auto, None) => {
                let found = resolve(&client, source, "baseline", &RESOURCES).await?;
                Self::resources(&client, source, found, Vec::new()).await
            }
            (ResyncMode::Audit, _) => {
                let wanted = [Capability::ResourceList, Capability::ChangeList];
                let found = resolve(&client, source, "audit", &wanted).await?;
                match found.capability {
                    Capability::ChangeList => {
                        let state = State::default();
                        let mut reading =
                            Self::changes(&client, source, found, &state, None).await?;
                        // Whoever compares must not take what it leaves out for gone.
                        let message = "there is no list of all resources, only of changes";
                        reading.notices.push(Notice::new(NoticeLevel::Warning, message));
                        Ok(reading)
                    }
                    _ => Self::resources(&client, source, found, Vec::new()).await,
                }
            }
            (ResyncMode::Incremental, None) => {
                let message =
                    "nothing was harvested yet: begin with a baseline, or say from when on";
                Err(RunError::new(Stage::Source, message).with_url(source.site.url.as_str()))
            }
            (ResyncMode::Incremental, Some(_)) => {
                let found = resolve(&client, source, "incremental", &CHANGES).await?;
                Self::changes(&client, source, found, state, since).await
            }
            (ResyncMode::Auto, Some(_)) => {
                let why = match resolve(&client, source, "incremental", &CHANGES).await {
                    Ok(found) => match Self::changes(&client, source, found, state, since).await {
                        Err(error) if is_gap(&error) => error.message().to_owned(),
                        read => return read,
                    },
                    Err(error) if has_no_changes(&error) => {
                        "the source offers no list of changes".to_owned()
                    }
                    Err(error) => return Err(error),
                };
                let found = resolve(&client, source, "baseline", &RESOURCES).await?;
                let notices =
                    vec![Notice::new(NoticeLevel::Info, format!("{why}; everything is listed"))];
                Self::resources(&client, source, found, notices).await
            }
        }
    }

    async fn resources(
        client: &Client,
        source: &ResyncSource,
        found: Resolved,
        notices: Vec<Notice>,
    ) -> Result<Self, RunError> {
        // Nothing that changed while the list was made must be missed.
        let until = found.head.md.at.unwrap_or_else(|| Datetime::from(Utc::now() - DAY));
        if found.capability == Capability::ResourceDump {
            return Self::packages(client, source, found, None, Some(until)).await;
        }
        let documents = client.documents(&found.url);
        let what = What::Resources(Box::new(Resources { documents, open: Mutex::default() }));
        Ok(Self::new(what, found, Some(until), notices))
    }

    /// Finds out the packages of a dump.
    async fn packages(
        client: &Client,
        source: &ResyncSource,
        found: Resolved,
        since: Option<Datetime>,
        mut until: Option<Datetime>,
    ) -> Result<Self, RunError> {
        let mut packages = Vec::new();
        let mut documents = client.documents(&found.url).since(since);
        while let Some(leaf) = documents.next().await {
            let document = leaf.map_err(failed)?.document;
            if since.is_some() {
                until =
                    document.head().md.until.into_iter().chain(until).max_by_key(Datetime::time);
            }
            let url = document.url();
            let mut reader = document.reader().map_err(failed)?;
            while let Some(part) = reader.next_part().map_err(|error| unreadable(url, &error))? {
                for entry in part {
                    let entry = entry.map_err(|error| unreadable(url, &error))?;
                    let is_old = entry.md.until.zip(since);
                    if is_old.is_some_and(|(until, since)| until.time() < since.time()) {
                        continue;
                    }
                    let address = address(url, &entry.loc).and_then(|address| {
                        let checked = source.authority.check(&address);
                        checked.map(|()| address).map_err(|error| error.to_string())
                    });
                    let address = address.map_err(|what| {
                        RunError::new(Stage::Source, what).with_url(url.as_str())
                    })?;
                    if since.is_some() {
                        let ends = entry.md.until.into_iter().chain(until);
                        until = ends.max_by_key(Datetime::time);
                    }
                    packages.push(Package {
                        listed: Resource::listed_at(url, &entry),
                        url: address,
                        max: source.site.max_record,
                        since: since.map(|since| since.timestamp()),
                    });
                }
            }
        }
        let within = source.within();
        let packages = Packages::new(packages, Arc::new(within));
        Ok(Self::new(What::Packages(packages), found, until, Vec::new()))
    }

    fn new(what: What, found: Resolved, until: Option<Datetime>, notices: Vec<Notice>) -> Self {
        let notices = found
            .notices
            .iter()
            .map(|it| Notice::new(NoticeLevel::Repair, format!("{}: {}", it.url, it.detail)))
            .chain(notices)
            .collect();
        let (places, left_out, example) = (BTreeMap::new(), 0, None);
        Self { what, url: found.url, until, places, notices, left_out, example }
    }

    /// Reads all changes, to know the last of each resource.
    async fn changes(
        client: &Client,
        source: &ResyncSource,
        found: Resolved,
        state: &State,
        since: Option<Datetime>,
    ) -> Result<Self, RunError> {
        let since_time = since.map(|since| since.timestamp());
        if state.lists.is_empty() && has_gap(&found.head, since_time) {
            return Err(gap(&found.head.md.from, since, &found.url));
        }
        if found.capability == Capability::ChangeDump {
            return Self::packages(client, source, found, since, since).await;
        }
        let mut collected = Collected::new().map_err(unwritable)?;
        for missed in &state.missed {
            // Whatever the lists say of it is later.
            collected.push(missed, (i64::MIN, 0)).map_err(unwritable)?;
        }
        let mut documents = client.documents(&found.url).since(since);
        let mut reading = Self::new(
            What::Changes(Mutex::new(
                Collected::new().and_then(Collected::finish).map_err(unwritable)?,
            )),
            found,
            since,
            Vec::new(),
        );
        let (mut number, mut first): (i64, Option<Datetime>) = (0, None);
        while let Some(leaf) = documents.next().await {
            let leaf = leaf.map_err(failed)?;
            let head = leaf.document.head();
            first = match (first, head.md.from) {
                (Some(first), Some(from)) if from.time() > first.time() => Some(first),
                (first, from) => from.or(first),
            };
            reading.list(&leaf, source, state, since_time, number, &mut collected)?;
            number += 1;
            if collected.len() > source.max_changes {
                let message = format!(
                    "more than {} resources have changed; a baseline is needed, or a higher limit",
                    source.max_changes
                );
                return Err(RunError::new(Stage::Source, message).with_url(reading.url.as_str()));
            }
        }
        // Lists that end before what is known reach back far enough.
        let reaches_back = documents.skipped() > 0 || !state.lists.is_empty();
        if let (false, Some(first), Some(since)) = (reaches_back, first, since)
            && first.timestamp() > since.timestamp()
        {
            return Err(gap(&Some(first), Some(since), &reading.url));
        }
        reading.what = What::Changes(Mutex::new(collected.finish().map_err(unwritable)?));
        Ok(reading)
    }

    /// Reads one list of changes.
    fn list(
        &mut self,
        leaf: &Leaf,
        source: &ResyncSource,
        state: &State,
        since: Option<i64>,
        number: i64,
        collected: &mut Collected,
    ) -> Result<(), RunError> {
        let url = leaf.document.url();
        let mut cursor = state.lists.get(url.as_str()).map(|place| Cursor {
            from: place.from,
            consumed: place.consumed,
            last: place.last.clone(),
            is_closed: place.is_closed,
        });
        loop {
            let reader = leaf.document.reader().map_err(failed)?;
            let mut full = Ok(());
            let read = history::read(reader, cursor.as_ref(), since, |ranked| {
                let entry = &ranked.entry;
                let resource = Resource::listed_at(url, entry);
                if !resource.is_deleted && !resource.is_metadata(entry) {
                    self.left_out += 1;
                    self.example.get_or_insert(resource.uri);
                    return Ok(());
                }
                let (time, seq) = ranked.rank;
                if full.is_ok() && collected.len() <= source.max_changes {
                    // What stands in a later list is later.
                    full = collected.push(&resource, (time, (number << 40).saturating_add(seq)));
                }
                Ok(())
            });
            full.map_err(unwritable)?;
            let read = read.map_err(|error| {
                RunError::new(Stage::Source, error.to_string())
                    .with_url(url.as_str())
                    .with_transient(error.is_transient())
                    .with_source(error)
            })?;
            match read {
                Outcome::Replaced => {
                    let message =
                        format!("{url} is not the list that was read before: all of it is read");
                    self.notices.push(Notice::new(NoticeLevel::Info, message));
                    cursor = None;
                }
                Outcome::Read {
                    cursor: Cursor { from, consumed, last, is_closed },
                    latest,
                    ..
                } => {
                    let latest = latest.and_then(|time| chrono::DateTime::from_timestamp(time, 0));
                    let ends = [leaf.document.head().md.until, latest.map(Datetime::from)];
                    self.until =
                        ends.into_iter().flatten().chain(self.until).max_by_key(Datetime::time);
                    let place = Place { from, consumed, last, is_closed };
                    self.places.insert(url.to_string(), place);
                    return Ok(());
                }
            }
        }
    }

    /// The next resources; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Reference>>, RunError> {
        match &mut self.what {
            What::Changes(changes) => {
                let changes = changes.get_mut().unwrap_or_else(|it| it.into_inner());
                let page: Vec<_> = changes
                    .take(PAGE)
                    .map(|it| it.map(Reference::from))
                    .collect::<io::Result<_>>()
                    .map_err(unwritable)?;
                Ok((!page.is_empty()).then_some(page))
            }
            What::Packages(packages) => {
                let page = packages.next(PAGE).await?;
                (self.left_out, self.example) = packages.left_out();
                Ok(page)
            }
            What::Resources(resources) => {
                let Resources { documents, open } = &mut **resources;
                let open = open.get_mut().unwrap_or_else(|it| it.into_inner());
                loop {
                    let (url, reader) = match open {
                        Some(open) => open,
                        None => {
                            let Some(leaf) = documents.next().await else { return Ok(None) };
                            let leaf = leaf.map_err(failed)?;
                            let reader = leaf.document.reader().map_err(failed)?;
                            open.insert((leaf.document.url().clone(), reader))
                        }
                    };
                    let Some(part) = reader.next_part().map_err(|error| unreadable(url, &error))?
                    else {
                        *open = None;
                        continue;
                    };
                    let mut page = Vec::new();
                    for entry in part {
                        let entry = entry.map_err(|error| unreadable(url, &error))?;
                        let resource = Resource::listed_at(url, &entry);
                        if resource.is_metadata(&entry) {
                            page.push(resource.into());
                        } else {
                            self.left_out += 1;
                            self.example.get_or_insert(resource.uri);
                        }
                    }
                    if !page.is_empty() {
                        return Ok(Some(page));
                    }
                }
            }
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn until(&self) -> Option<Datetime> {
        self.until
    }

    pub(super) fn take_places(&mut self) -> BTreeMap<String, Place> {
        std::mem::take(&mut self.places)
    }

    /// What was noticed since; at the end also what was left out.
    pub(super) fn take_notices(&mut self, is_over: bool) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        if let (true, Some(example)) = (is_over, &self.example) {
            let message = format!(
                "{} resources were left out, as they are not XML, such as {example}",
                self.left_out
            );
            notices.push(Notice::new(NoticeLevel::Info, message));
        }
        notices
    }
}

async fn resolve(
    client: &Client,
    source: &ResyncSource,
    purpose: &str,
    wanted: &[Capability],
) -> Result<Resolved, RunError> {
    let wanted = Wanted::new(purpose, wanted.to_vec()).set(source.set.clone());
    let resolved = client.resolve(source.site.url.as_str(), &wanted).await;
    resolved.map_err(|error| {
        let error = failed(error);
        // What is wrong with a document is wrong with what was typed.
        if error.url().is_some() { error } else { error.with_url(source.site.shown()) }
    })
}

/// Whether the source simply has no list of changes.
fn has_no_changes(error: &RunError) -> bool {
    let cause = std::error::Error::source(error);
    cause.and_then(|it| it.downcast_ref::<resync_core::client::Error>()).is_some_and(|error| {
        matches!(error.kind(), ErrorKind::NotOffered { .. } | ErrorKind::WrongCapability { .. })
    })
}

/// The changes do not reach back to what is known.
#[derive(Debug, thiserror::Error)]
#[error("a baseline is needed")]
struct Gap;

fn gap(begin: &Option<Datetime>, since: Option<Datetime>, url: &Url) -> RunError {
    let time = |time: &Option<Datetime>| time.as_ref().map(written).unwrap_or_default();
    let message = format!(
        "a baseline is needed: everything is known up to {}, but the changes begin at {} only, so \
         some may be missing",
        time(&since),
        time(begin)
    );
    RunError::new(Stage::Source, message).with_url(url.as_str()).with_source(Gap)
}

fn is_gap(error: &RunError) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<Gap>())
}

fn unreadable(url: &Url, error: &dyn std::error::Error) -> RunError {
    RunError::new(Stage::Source, error.to_string()).with_url(url.as_str())
}

fn unwritable(error: io::Error) -> RunError {
    let message = format!("a temporary file cannot be used: {error}");
    RunError::new(Stage::Source, message).with_source(error)
}
