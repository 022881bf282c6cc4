//! Coverage, events, filter sets and hosts in a database.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::error::{SqlResult, attempt};
use super::row::{Columns, json, signed, text};
use super::sources::number_of;
use super::{SqlStore, limit};
use crate::batch::SourceId;
use crate::filters::FilterSet;
use crate::run::RunId;
use crate::store::clock::{later, until};
use crate::store::{
    Coverage, CoverageStore, Event, EventLevel, EventQuery, EventStore, FilterSetStore, HostStore,
    StoreError, StoredEvent, TargetDefinition, WaitingHost,
};

#[async_trait]
impl CoverageStore for SqlStore {
    async fn cover(&self, source: &SourceId, coverage: &Coverage) -> Result<(), StoreError> {
        attempt("enter what was covered", async {
            let mut tx = self.begin().await?;
            let number = number_of(&mut tx, source).await?;
            let number = number.ok_or_else(|| StoreError::missing("source", source))?;
            sqlx::query(
                "INSERT INTO coverage (source, run, beginning, ending, records, failed)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(number)
            .bind(coverage.run.0)
            .bind(coverage.from.map_or_else(String::new, text))
            .bind(text(coverage.until))
            .bind(signed(coverage.records))
            .bind(signed(coverage.failed))
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn coverage(
        &self,
        source: &SourceId,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<Coverage>, StoreError> {
        attempt("read what was covered", async {
            let rows = sqlx::query(
                "SELECT c.run, c.beginning, c.ending, c.records, c.failed
                 FROM coverage c JOIN sources s ON s.id = c.source
                 WHERE s.name = $1 AND c.ending > $2 ORDER BY c.ending, c.beginning, c.run",
            )
            .bind(source.as_str())
            .bind(since.map_or_else(String::new, text))
            .fetch_all(&self.0.readers)
            .await?;
            let covered = rows.iter().map(|row| {
                let row = Columns(row);
                let (from, until) = (row.optional_time("beginning")?, row.time("ending")?);
                let covered = Coverage::new(from, until, RunId(row.integer("run")?));
                Ok(covered.with_records(row.count("records")?, row.count("failed")?))
            });
            covered.collect()
        })
        .await
    }
}

/// How many events go into one statement.
const EVENTS: usize = 100;

/// The more serious, the lower.
fn rank(level: EventLevel) -> i64 {
    level as i64
}

fn event(row: &AnyRow) -> SqlResult<StoredEvent> {
    let row = Columns(row);
    let level = row.integer("level")?;
    let level = EventLevel::ALL.into_iter().find(|it| rank(*it) == level);
    // A level of a later version is not worth failing for.
    let mut event =
        Event::new(row.text("code")?, level.unwrap_or(EventLevel::Debug), row.text("message")?);
    event.scope.source = row.optional_text("source")?.map(SourceId::from);
    event.scope.run = row.optional_integer("run")?.map(RunId);
    event.scope.record = row.optional_text("record")?;
    event.url = row.optional_text("url")?;
    Ok(StoredEvent::new(row.integer("id")?, row.time("time")?, event))
}

/// The condition on events of a query. Only what is asked for stands in it, so that an index serves it.
fn wanted(query: &EventQuery) -> String {
    let source = if query.source.is_some() { "source = $2" } else { "$2 IS NULL" };
    let run = if query.run.is_some() { "run = $3" } else { "$3 IS NULL" };
    let wanted = format!("id < $1 AND {source} AND {run} AND level <= $4");
    match query.level {
        // Anywhere: the last of each level, however many others there are.
        Some(most) if query.source.is_none() && query.run.is_none() => {
            let levels = EventLevel::ALL.into_iter().filter(|level| *level <= most);
            let of_level = levels.map(|level| {
                format!(
                    "SELECT id FROM (SELECT id FROM events WHERE level = {} AND {wanted}
                        ORDER BY id DESC LIMIT $5) AS last",
                    rank(level)
                )
            });
            format!("id IN ({})", of_level.collect::<Vec<_>>().join(" UNION ALL "))
        }
        _ => wanted,
    }
}

#[async_trait]
impl EventStore for SqlStore {
    async fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        attempt("enter events", async {
            let mut tx = self.begin().await?;
            let now = text(self.time(&mut tx).await?);
            for events in events.chunks(EVENTS) {
                let row = |nth: usize| {
                    let fields = (2..9).map(|field| format!("${}", nth * 7 + field));
                    format!("($1, {})", fields.collect::<Vec<_>>().join(", "))
                };
                let rows = (0..events.len()).map(row).collect::<Vec<_>>().join(", ");
                let query = format!(
                    "INSERT INTO events (time, source, run, record, code, level, message, url)
                     VALUES {rows}"
                );
                let mut query = sqlx::query(AssertSqlSafe(query)).bind(&*now);
                for Event { scope, code, level, message, url } in events {
                    query = query
                        .bind(scope.source.as_ref().map(SourceId::as_str))
                        .bind(scope.run.map(|run| run.0))
                        .bind(scope.record.as_deref())
                        .bind(code.as_str())
                        .bind(rank(*level))
                        .bind(message.as_str())
                        .bind(url.as_deref());
                }
                query.execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        attempt("list events", async {
            let sql = format!(
                "SELECT id, time, source, run, record, code, level, message, url FROM events
                 WHERE {} ORDER BY id DESC LIMIT $5",
                wanted(query)
            );
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(query.page.after.unwrap_or(i64::MAX))
                .bind(query.source.as_ref().map(SourceId::as_str))
                .bind(query.run.map(|run| run.0))
                .bind(query.level.map_or(i64::MAX, rank))
                .bind(limit(query.page.limit))
                .fetch_all(&self.0.readers)
                .await?;
            rows.iter().map(event).collect()
        })
        .await
    }

    async fn purge_events(&self, before: DateTime<Utc>, keep: u64) -> Result<u64, StoreError> {
        attempt("forget old events", async {
            let gone = sqlx::query(
                "DELETE FROM events WHERE time < $1
                    OR id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET $2)",
            )
            .bind(text(before))
            .bind(signed(keep))
            .execute(&self.0.writers)
            .await?;
            Ok(gone.rows_affected())
        })
        .await
    }
}

fn filter_set(row: &AnyRow) -> SqlResult<FilterSet> {
    Ok(serde_json::from_str(&Columns(row).text("body")?)?)
}

#[async_trait]
impl FilterSetStore for SqlStore {
    async fn put_filter_set(&self, set: &FilterSet) -> Result<(), StoreError> {
        attempt("enter the filter set", async {
            sqlx::query(
                "INSERT INTO filter_sets (name, body) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            )
            .bind(set.name())
            .bind(json(set)?)
            .execute(&self.0.writers)
            .await?;
            Ok(())
        })
        .await
    }

    async fn remove_filter_set(&self, name: &str) -> Result<(), StoreError> {
        attempt("remove the filter set", async {
            let mut tx = self.begin().await?;
            let used = sqlx::query(
                "SELECT min(s.name) AS name FROM source_filter_sets u JOIN sources s ON s.id = u.source
                 WHERE u.name = $1",
            );
            let used = used.bind(name).fetch_one(&mut *tx).await?;
            if let Some(source) = Columns(&used).optional_text("name")? {
                return Err(StoreError::is_used(name, &SourceId::from(source)).into());
            }
            for row in
                sqlx::query("SELECT body FROM targets ORDER BY name").fetch_all(&mut *tx).await?
            {
                let target: Option<TargetDefinition> = Columns(&row).json("body")?;
                if let Some(target) = target.filter(|target| target.uses_filter_set(name)) {
                    return Err(StoreError::is_used(name, &target.name).into());
                }
            }
            let removed = sqlx::query("DELETE FROM filter_sets WHERE name = $1")
                .bind(name)
                .execute(&mut *tx)
                .await?;
            if removed.rows_affected() == 0 {
                return Err(StoreError::missing("filter set", name).into());
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn filter_set(&self, name: &str) -> Result<Option<FilterSet>, StoreError> {
        attempt("read the filter set", async {
            let row = sqlx::query("SELECT body FROM filter_sets WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.0.readers)
                .await?;
            row.as_ref().map(filter_set).transpose()
        })
        .await
    }

    async fn filter_sets(&self) -> Result<Vec<FilterSet>, StoreError> {
        attempt("list the filter sets", async {
            let query = sqlx::query("SELECT body FROM filter_sets ORDER BY name");
            query.fetch_all(&self.0.readers).await?.iter().map(filter_set).collect()
        })
        .await
    }
}

/// A host, as it is stored.
struct Host {
    now: DateTime<Utc>,
    next_turn: Option<DateTime<Utc>>,
    alone_until: Option<DateTime<Utc>>,
}

impl SqlStore {
    /// The host, which is entered if it was not. Nobody else changes it until the transaction ends.
    async fn locked_host(&self, conn: &mut AnyConnection, host: &str) -> SqlResult<Host> {
        sqlx::query("INSERT INTO hosts (name) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(host)
            .execute(&mut *conn)
            .await?;
        let query = format!(
            "SELECT {} AS now, t.next_turn, t.alone_until FROM hosts t WHERE t.name = $2 {}",
            self.0.dialect.now(),
            self.0.dialect.lock()
        );
        let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).bind(host);
        let row = query.fetch_one(conn).await?;
        let row = Columns(&row);
        Ok(Host {
            now: row.time("now")?,
            next_turn: row.optional_time("next_turn")?,
            alone_until: row.optional_time("alone_until")?,
        })
    }
}

/// No less than this, in the milliseconds that times are stored in.
fn whole_milliseconds(time: Duration) -> Duration {
    let milliseconds = time.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
}

#[async_trait]
impl HostStore for SqlStore {
    async fn take_turn(&self, host: &str, apart: Duration) -> Result<Duration, StoreError> {
        attempt("take a turn at the host", async {
            let mut tx = self.begin().await?;
            let Host { now, next_turn, alone_until } = self.locked_host(&mut tx, host).await?;
            let turn = next_turn.max(alone_until).map_or(now, |turn| turn.max(now));
            sqlx::query("UPDATE hosts SET next_turn = $1 WHERE name = $2")
                .bind(text(later(turn, whole_milliseconds(apart))))
                .bind(host)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(until(turn, now))
        })
        .await
    }

    async fn leave_alone(&self, host: &str, wait: Duration) -> Result<(), StoreError> {
        attempt("leave the host alone", async {
            let mut tx = self.begin().await?;
            let Host { now, alone_until, .. } = self.locked_host(&mut tx, host).await?;
            let alone = alone_until.max(Some(later(now, whole_milliseconds(wait))));
            sqlx::query("UPDATE hosts SET alone_until = $1 WHERE name = $2")
                .bind(alone.map(text))
                .bind(host)
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn left_alone(&self, host: &str) -> Result<Duration, StoreError> {
        attempt("ask about the host", async {
            let query = format!(
                "SELECT {} AS now, alone_until FROM hosts WHERE name = $2",
                self.0.dialect.now()
            );
            let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).bind(host);
            let Some(row) = query.fetch_optional(&self.0.readers).await? else {
                return Ok(Duration::ZERO);
            };
            let row = Columns(&row);
            let (now, alone) = (row.time("now")?, row.optional_time("alone_until")?);
            Ok(alone.map_or(Duration::ZERO, |time| until(time, now)))
        })
        .await
    }

    async fn waiting_hosts(&self, limit: usize) -> Result<Vec<WaitingHost>, StoreError> {
        attempt("list the hosts that wait", async {
            // Times are texts of one length, so that the later one is the greater one.
            let latest = "CASE WHEN coalesce(alone_until, '') > coalesce(next_turn, '') \
                          THEN alone_until ELSE next_turn END";
            let now = self.0.dialect.now();
            let query = format!(
                "SELECT {now} AS now, name, next_turn, alone_until FROM hosts \
                 WHERE {latest} > {now} ORDER BY {latest} DESC, name LIMIT $2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).bind(limit);
            let mut waiting = Vec::new();
            for row in query.fetch_all(&self.0.readers).await? {
                let row = Columns(&row);
                let now = row.time("now")?;
                let left = |time: Option<_>| time.map_or(Duration::ZERO, |time| until(time, now));
                let turn = left(row.optional_time("next_turn")?);
                let alone = left(row.optional_time("alone_until")?);
                waiting.push(WaitingHost::new(row.text("name")?, turn, alone));
            }
            Ok(waiting)
        })
        .await
    }
}
