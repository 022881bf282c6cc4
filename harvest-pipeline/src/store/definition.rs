//! What is harvested, how and when.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::clock::later;
use super::{Output, Page, RunEntry, RunKind, StoreError, Trigger};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::run::{RunId, UnknownWord};
use crate::schedule::Schedule;
use crate::secrets;

/// A source as an administrator sets it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceDefinition {
    /// Under what its records are kept. Stays for as long as there are any.
    pub id: SourceId,
    /// What people call it.
    pub title: String,
    /// What else there is to say about it.
    #[serde(default)]
    pub description: String,
    /// Under which terms its records may be used.
    #[serde(default)]
    pub licence: String,
    /// The name of its kind in the [`Registry`](crate::Registry).
    pub kind: String,
    /// The options that the kind declares, such as the URL.
    pub options: Value,
    /// Where its records belong here: a collection, an index. Words of the installation's own.
    #[serde(default)]
    pub target: Option<String>,
    /// What it has for itself: no other source that is not archived may have the same. Words of the
    /// installation's own, such as `index 5` where an index is filled by one source.
    #[serde(default)]
    pub occupies: Option<String>,
    /// When it is harvested.
    #[serde(default)]
    pub schedule: Schedule,
    /// The mail addresses of those who look after the source.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// The names of its filter sets; a record that any of them accepts is taken. None: all are.
    #[serde(default)]
    pub filter_sets: Vec<String>,
    /// What is done in the cases in which opinions differ.
    #[serde(default)]
    pub policies: Policies,
    /// Whether it is harvested at all.
    #[serde(default)]
    pub status: SourceStatus,
    /// Whether its records are given out to those who harvest from here.
    #[serde(default)]
    pub output: Output,
    /// Whether its hub, if it names one, is asked to tell of changes, each of which starts a run.
    #[serde(default)]
    pub push: bool,
    /// Who set it up.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whatever else the application wants to keep with it.
    #[serde(default)]
    pub extra: Value,
}

impl SourceDefinition {
    /// An active source of this kind, harvested by hand.
    #[must_use]
    pub fn new(id: impl Into<SourceId>, kind: impl Into<String>, options: Value) -> Self {
        let id = id.into();
        Self {
            title: id.as_str().to_owned(),
            id,
            description: String::new(),
            licence: String::new(),
            kind: kind.into(),
            options,
            target: None,
            occupies: None,
            schedule: Schedule::default(),
            contacts: Vec::new(),
            filter_sets: Vec::new(),
            policies: Policies::default(),
            status: SourceStatus::default(),
            output: Output::default(),
            push: false,
            owner: None,
            extra: Value::Null,
        }
    }

    /// What its schedule asks for: a harvest, or an audit where the `mode` among its options says that
    /// it is only compared.
    #[must_use]
    pub fn scheduled(&self) -> RunKind {
        match self.options.get("mode").and_then(Value::as_str) {
            Some("audit") => RunKind::Audit,
            _ => RunKind::Harvest,
        }
    }

    /// The URL among its options, if its kind has one.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.options.get("url").and_then(Value::as_str)
    }

    /// The same for definitions that harvest the same: those of the same kind with the same options.
    pub(super) fn likeness(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.kind.as_bytes());
        hash.update(b"\n");
        // Nothing of a secret, not even a digest; sealed twice it would differ anyway.
        hash.update(in_order(&secrets::shown(secrets::NO_KIND, &self.options)).to_string());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What [`SourceQuery::text`] is looked for in, in lower case.
    pub(super) fn searched(&self) -> String {
        [self.id.as_str(), &self.title, self.url().unwrap_or_default()].join("\n").to_lowercase()
    }

    /// Whether runs may be asked for by this trigger.
    pub(super) fn may_run(&self, trigger: Trigger) -> Result<(), StoreError> {
        let id = &self.id;
        match (self.status, trigger) {
            (SourceStatus::Active, _) => Ok(()),
            (SourceStatus::Paused, trigger) if trigger != Trigger::Schedule => Ok(()),
            (status, _) => Err(StoreError::Conflict(format!(
                "the source {id} is {}; make it active to harvest it",
                status.as_str()
            ))),
        }
    }

    pub(super) fn uses_filter_set(&self, name: &str) -> bool {
        self.filter_sets.iter().any(|used| used == name)
    }

    pub(super) fn is_taken(&self) -> StoreError {
        StoreError::Taken { what: Unique::Id, of: self.id.clone(), by: self.id.clone() }
    }

    /// What this source cannot have beside the other, both not archived.
    pub(super) fn shares(&self, likeness: &str, occupies: Option<&str>) -> Option<Unique> {
        if self.likeness() == likeness {
            return Some(Unique::Harvest);
        }
        let own = self.occupies.as_deref().filter(|own| Some(*own) == occupies);
        own.map(|own| Unique::Place(own.to_owned()))
    }
}

/// The same value, its keys in one order.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(in_order).collect(),
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> =
                fields.iter().map(|(key, value)| (key.clone(), in_order(value))).collect();
            sorted.into_iter().collect()
        }
        other => other.clone(),
    }
}

/// What no two sources have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unique {
    /// Their id.
    Id,
    /// Kind and options, unless one is archived.
    Harvest,
    /// What they [occupy](SourceDefinition::occupies), unless one is archived.
    Place(String),
}

/// What becomes of the records of a source that is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // they stay or they go
pub enum Harvested {
    /// They stay under the name of the source, with those of its runs that brought them. A source that
    /// is set up under that name has them.
    Keep,
    /// They go.
    Erase,
}

/// What went with a source that was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// How many runs.
    pub runs: u64,
    /// How many events.
    pub events: u64,
    /// How many records, tombstones included.
    pub records: u64,
}

/// Whether a source is harvested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SourceStatus {
    /// Being set up; never harvested.
    Draft,
    /// Harvested on schedule and by hand.
    #[default]
    Active,
    /// Harvested by hand only.
    Paused,
    /// Over: never harvested, its history is kept and its address free for another.
    Archived,
}

impl SourceStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Active, Self::Paused, Self::Archived];

    /// The status as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Archived => "archived",
        }
    }
}

impl std::str::FromStr for SourceStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| UnknownWord::new("status of a source", text))
    }
}

/// What is done in the cases in which opinions differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policies {
    /// What a run means that found nothing.
    pub empty_window: EmptyWindow,
    /// What is done with records that the source does not have any more.
    pub deletions: Deletions,
    /// When a person must agree to deletions first.
    pub guard: Guard,
    /// Whether filters also judge records that are known already; left out, those pass.
    pub refilter_known: bool,
    /// So many failed records end a run.
    pub most_failures: Option<u64>,
}

/// What a run means that found nothing where an earlier one found something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EmptyWindow {
    /// That nothing changed: the next run begins where this one ended.
    #[default]
    Advance,
    /// That the source may be off: the next run begins where this one began.
    Hold,
    /// As [`Advance`](Self::Advance), but the first run that finds something again is followed by one
    /// over all the time since the last that did.
    Backfill,
}

/// What is done with records that the source does not have any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Deletions {
    /// Records that the source reports as deleted stay here.
    pub ignore_reported: bool,
    /// Records that are missing in a complete list count as deleted after so many such lists; `None`:
    /// never.
    pub absent_after: Option<NonZeroU32>,
}

impl Default for Deletions {
    fn default() -> Self {
        Self { ignore_reported: false, absent_after: Some(NonZeroU32::MIN) }
    }
}

/// When a person must agree to deletions first: if they are more than both of these, or if nothing would
/// be left, were it a single record. Such a run waits ([`Held`](super::Held)) until somebody agrees to its
/// deletions or does not; everything else that it brought is stored. Left out: more than 10 records that
/// are more than a tenth of what is live. With 0 and 0 every deletion waits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Guard {
    /// So many records.
    pub records: u64,
    /// This share of the live records, from 0 to 1.
    pub share: f64,
}

impl Default for Guard {
    fn default() -> Self {
        Self { records: 10, share: 0.1 }
    }
}

impl Guard {
    /// Whether a person must agree to delete so many of so many live records. Deleting all of them
    /// always needs that.
    #[must_use]
    pub fn holds(&self, deletions: u64, live: u64) -> bool {
        let share = self.share * live as f64;
        deletions > 0
            && (deletions >= live || (deletions > self.records && deletions as f64 > share))
    }
}

/// A source as it stands in a store.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SourceEntry {
    /// As it was set up.
    pub definition: SourceDefinition,
    /// When it was set up, and when that was changed last.
    pub created: DateTime<Utc>,
    /// When the definition was changed last.
    pub updated: DateTime<Utc>,
    /// When the next run is due by its schedule; `None`: never.
    pub next_due: Option<DateTime<Utc>>,
    /// Not before this time it is asked for, although it was due: it could not take place.
    pub due_again: Option<DateTime<Utc>>,
    /// How many runs its schedule has started.
    pub scheduled_runs: u32,
    /// Where the next run begins; `None`: at the beginning.
    pub checkpoint: Option<Checkpoint>,
    /// Its run that is not over.
    pub open_run: Option<RunId>,
    /// The last run that was asked for.
    pub last_run: Option<RunId>,
}

impl SourceEntry {
    /// A source that was just set up: its schedule begins now.
    #[must_use]
    pub fn new(definition: SourceDefinition, now: DateTime<Utc>) -> Self {
        Self {
            next_due: definition.schedule.first(now),
            due_again: None,
            definition,
            created: now,
            updated: now,
            scheduled_runs: 0,
            checkpoint: None,
            open_run: None,
            last_run: None,
        }
    }

    /// Takes over what was changed in the definition.
    /// Whether it is still as it was when it was read, if it was.
    pub(super) fn check_unchanged(
        &self,
        read: Option<&SourceDefinition>,
    ) -> Result<(), StoreError> {
        match read.is_none_or(|read| *read == self.definition) {
            true => Ok(()),
            false => {
                let name = self.definition.id.to_string();
                Err(StoreError::Changed { what: "source", name })
            }
        }
    }

    pub(super) fn change(&mut self, definition: SourceDefinition, now: DateTime<Utc>) {
        if definition.schedule != self.definition.schedule {
            self.next_due = definition.schedule.first(now);
            self.due_again = None;
            self.scheduled_runs = 0;
        }
        if definition.likeness() != self.definition.likeness() {
            self.checkpoint = None;
            self.due_again = None;
        }
        self.definition = definition;
        self.updated = now;
    }

    /// When a run is asked for next.
    pub(super) fn comes_due(&self) -> Option<DateTime<Utc>> {
        self.next_due.map(|due| self.due_again.map_or(due, |again| again.max(due)))
    }

    /// The run that was due is asked for: sets when the next one is.
    pub(super) fn came_due(&mut self, now: DateTime<Utc>) {
        self.scheduled_runs = self.scheduled_runs.saturating_add(1);
        self.due_again = None;
        let schedule = &self.definition.schedule;
        self.next_due = match self.next_due {
            Some(due) if !schedule.is_over(self.scheduled_runs) => schedule.next(due, now),
            _ => None,
        };
    }

    /// A run that was due could not take place: its date stands, unless the schedule is another by now.
    pub(super) fn stays_due(&mut self, run: &RunEntry, now: DateTime<Utc>) {
        let Some(due) = run.request.due else { return };
        let schedule = &self.definition.schedule;
        let asked_by = run.settings.get("schedule");
        if serde_json::to_value(schedule).ok().as_ref() != asked_by {
            return;
        }
        let tomorrow = later(now, DAY);
        self.due_again = Some(schedule.next(due, now).map_or(tomorrow, |next| next.min(tomorrow)));
        self.next_due = Some(due);
        self.scheduled_runs = self.scheduled_runs.saturating_sub(1);
    }
}

/// After how long a run that could not take place is asked for again at the latest.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Which sources are wanted, by title and id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceQuery {
    /// Only those that have this text in title, id or URL, in upper or lower case.
    pub text: Option<String>,
    /// Only those of this status. Left out, archived ones are left out.
    pub status: Option<SourceStatus>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those of this owner.
    pub owner: Option<String>,
    /// Only those that use the filter set of this name.
    pub filter_set: Option<String>,
    /// Which part of the list, by id.
    pub page: Page<SourceId>,
}

/// What is harvested, how and when.
#[async_trait]
pub trait SourceStore: Send + Sync {
    /// Sets up a source. Its schedule begins now.
    ///
    /// # Errors
    /// [`StoreError::Taken`] if another source has what no two may have, which is named. Of two that ask
    /// at once for the same, one gets it.
    async fn add_source(&self, definition: &SourceDefinition) -> Result<SourceEntry, StoreError>;

    /// Changes a source. If kind or options differ, its checkpoint is taken away, so that the next run
    /// is a full one; if the schedule differs, it begins anew.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Taken`] as in [`add_source`](Self::add_source).
    async fn change_source(&self, definition: &SourceDefinition)
    -> Result<SourceEntry, StoreError>;

    /// Changes a source, unless it is another by now than it was when it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`], or as [`change_source`](Self::change_source).
    async fn replace_source(
        &self,
        before: &SourceDefinition,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError>;

    /// Removes a source that was never harvested.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Conflict`] if it has runs: archive it.
    async fn remove_source(&self, id: &SourceId) -> Result<(), StoreError>;

    /// Erases a source with its runs, events, coverage and all that is staged, in one commit; where the
    /// records are kept in the same database, with them or without. There is no way back.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Conflict`] while a run is open.
    async fn erase_source(&self, id: &SourceId, harvested: Harvested)
    -> Result<Erased, StoreError>;

    /// A source.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn source(&self, id: &SourceId) -> Result<Option<SourceEntry>, StoreError>;

    /// The sources that are wanted, by id.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn sources(&self, query: &SourceQuery) -> Result<Vec<SourceEntry>, StoreError>;

    /// How many sources are wanted, whatever the page.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn count_sources(&self, query: &SourceQuery) -> Result<u64, StoreError>;

    /// Sets where the next run begins; `None`: at the beginning.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Conflict`] while a run is open.
    async fn set_checkpoint(
        &self,
        id: &SourceId,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError>;

    /// Asks for a run of each active source that is due by the store's clock, at most so many, and sets
    /// when it is due next: one run, however many times were missed. Sources with an open run are
    /// passed over until that is over.
    ///
    /// Several schedulers may ask at once: no source is asked for twice.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn request_due(&self, limit: usize) -> Result<Vec<(SourceId, RunId)>, StoreError>;

    /// How long until [`request_due`](Self::request_due) has something to do, unless an open run ends
    /// before; `None`: nothing is due.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn next_due(&self) -> Result<Option<Duration>, StoreError>;
}
