//! Rows of the tables as values, and values as they are stored.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::error::{SqlError, SqlResult};
use crate::checkpoint::Checkpoint;
use crate::run::{Counters, RunId, UnknownWord};
use crate::store::lifecycle::RunRow;
use crate::store::{RunEntry, RunRequest, SourceEntry, StoreError};

/// A point in time as it is stored: texts in the order of times.
pub(super) fn text(time: DateTime<Utc>) -> String {
    crate::store::clock::later(time, Default::default())
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> SqlResult<String> {
    Ok(serde_json::to_string(value)?)
}

/// A number that is never negative, as it is stored.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row, by the names of its columns.
pub(super) struct Columns<'r>(pub(super) &'r AnyRow);

impl Columns<'_> {
    pub(super) fn text(&self, name: &str) -> SqlResult<String> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn optional_text(&self, name: &str) -> SqlResult<Option<String>> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn integer(&self, name: &str) -> SqlResult<i64> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn optional_integer(&self, name: &str) -> SqlResult<Option<i64>> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn count(&self, name: &str) -> SqlResult<u64> {
        Ok(u64::try_from(self.integer(name)?).unwrap_or_default())
    }

    pub(super) fn optional_time(&self, name: &str) -> SqlResult<Option<DateTime<Utc>>> {
        let stored = self.optional_text(name)?.filter(|text| !text.is_empty());
        Ok(stored.as_deref().map(time).transpose()?)
    }

    pub(super) fn time(&self, name: &str) -> SqlResult<DateTime<Utc>> {
        Ok(time(&self.text(name)?)?)
    }

    pub(super) fn word<T: FromStr<Err = UnknownWord>>(&self, name: &str) -> SqlResult<T> {
        Ok(self.text(name)?.parse()?)
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> SqlResult<Option<T>> {
        let stored = self.optional_text(name)?;
        Ok(stored.as_deref().map(serde_json::from_str).transpose()?)
    }

    pub(super) fn checkpoint(&self, name: &str) -> SqlResult<Option<Checkpoint>> {
        let stored = self.optional_text(name)?;
        Ok(stored.as_deref().map(Checkpoint::from_json).transpose()?)
    }
}

fn time(text: &str) -> Result<DateTime<Utc>, StoreError> {
    let time = DateTime::parse_from_rfc3339(text).map_err(StoreError::unreadable)?;
    Ok(time.to_utc())
}

/// The states of runs that are not over.
macro_rules! open {
    () => {
        "('queued', 'running', 'suspended', 'awaiting approval', 'interrupted')"
    };
}
pub(super) const OPEN: &str = open!();

/// What [`run`] reads; the table is called `t`, and that of its source `s`.
pub(super) const RUN: &str = "t.id, s.name, t.state, t.kind, t.cause, t.requested_by, t.from_start,
    t.from_checkpoint, t.dry, t.parent, t.together, t.settings, t.queued, t.not_before, t.due, t.started,
    t.ended, t.wanted, t.attempt, t.fence, t.worker, t.leased_until, t.batches, t.bytes, t.created,
    t.updated, t.unchanged, t.deleted, t.skipped_deleted, t.filtered, t.failed, t.total_hint, t.held,
    t.failure, t.error, t.began_at, t.whole
    FROM runs t JOIN sources s ON s.id = t.source";

pub(super) fn run(row: &AnyRow) -> SqlResult<RunRow> {
    let row = Columns(row);
    let mut request = RunRequest::new(row.text("name")?, row.word("kind")?);
    request.trigger = row.word("cause")?;
    request.by = row.optional_text("requested_by")?;
    request.full = row.integer("from_start")? != 0;
    request.from = row.checkpoint("from_checkpoint")?;
    request.dry_run = row.integer("dry")? != 0;
    request.parent = row.optional_integer("parent")?.map(RunId);
    request.group = row.optional_integer("together")?;
    request.not_before = row.optional_time("not_before")?;
    request.due = row.optional_time("due")?;

    let settings = row.json("settings")?.unwrap_or_default();
    let mut entry =
        RunEntry::new(RunId(row.integer("id")?), request, settings, row.time("queued")?);
    entry.began_at = row.checkpoint("began_at")?;
    entry.whole = row.integer("whole")? != 0;
    entry.state = row.word("state")?;
    let wanted = row.optional_text("wanted")?;
    entry.wanted = wanted.map(|word| word.parse()).transpose()?;
    entry.attempt = u32::try_from(row.integer("attempt")?).unwrap_or_default();
    entry.worker = row.optional_text("worker")?;
    entry.leased_until = row.optional_time("leased_until")?;
    entry.counters = Counters {
        created: row.count("created")?,
        updated: row.count("updated")?,
        unchanged: row.count("unchanged")?,
        deleted: row.count("deleted")?,
        skipped_deleted: row.count("skipped_deleted")?,
        filtered: row.count("filtered")?,
        failed: row.count("failed")?,
    };
    entry.batches = row.count("batches")?;
    entry.bytes = row.count("bytes")?;
    entry.total_hint =
        row.optional_integer("total_hint")?.and_then(|total| u64::try_from(total).ok());
    entry.held = row.json("held")?;
    // Runs that no store was asked for have a message only.
    entry.failure = match row.json("failure")? {
        None => row.optional_text("error")?.map(crate::store::Failure::new),
        failure => failure,
    };
    entry.started = row.optional_time("started")?;
    entry.ended = row.optional_time("ended")?;
    Ok(RunRow { entry, fence: row.integer("fence")? })
}

/// What [`source`] reads; the table is called `t`.
pub(super) const SOURCE: &str = concat!(
    "t.id, t.checkpoint, t.definition, t.created, t.updated, t.next_due, t.due_again, t.scheduled_runs,
    (SELECT max(r.id) FROM runs r WHERE r.source = t.id) AS last_run,
    (SELECT max(r.id) FROM runs r WHERE r.source = t.id AND r.state IN ",
    open!(),
    ") AS open_run FROM sources t"
);

pub(super) fn source(row: &AnyRow) -> SqlResult<SourceEntry> {
    let row = Columns(row);
    let definition = row.json("definition")?;
    let definition = definition.ok_or(SqlError::Database(sqlx::Error::RowNotFound))?;
    let mut entry = SourceEntry::new(definition, row.time("created")?);
    entry.updated = row.time("updated")?;
    entry.next_due = row.optional_time("next_due")?;
    entry.due_again = row.optional_time("due_again")?;
    entry.scheduled_runs = u32::try_from(row.integer("scheduled_runs")?).unwrap_or(u32::MAX);
    entry.checkpoint = row.checkpoint("checkpoint")?;
    entry.open_run = row.optional_integer("open_run")?.map(RunId);
    entry.last_run = row.optional_integer("last_run")?.map(RunId);
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunState;

    #[test]
    fn the_states_of_open_runs_are_those_of_the_table() {
        let open = RunState::ALL.into_iter().filter(|state| state.is_open());
        let open: Vec<_> = open.map(|state| format!("'{state}'")).collect();
        assert_eq!(OPEN, format!("({})", open.join(", ")));
    }

    #[test]
    fn times_sort_as_text_even_at_the_end_of_time() {
        let times = [DateTime::UNIX_EPOCH, Utc::now(), DateTime::<Utc>::MAX_UTC];
        let texts = times.map(text);
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(time(&texts[0]).unwrap(), times[0]);
        assert!(texts[2].starts_with("9999-12-31"));
    }
}
