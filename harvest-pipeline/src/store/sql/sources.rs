//! Sources in a database.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::erase::forget_belongings;
use super::error::{SqlResult, attempt};
use super::row::{self, Columns, OPEN, SOURCE, json, text};
use super::{SqlStore, limit, number};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::run::RunId;
use crate::store::clock::until;
use crate::store::{
    Erased, Harvested, RunRequest, SourceDefinition, SourceEntry, SourceQuery, SourceStatus,
    SourceStore, StoreError, Trigger,
};

/// What [`SourceQuery`] asks for, from `$2` on.
const WANTED: &str = "t.definition IS NOT NULL
    AND ($2 IS NULL OR t.searched LIKE $2 ESCAPE '\\')
    AND ($3 IS NULL AND t.status <> 'archived' OR t.status = $3)
    AND ($4 IS NULL OR t.kind = $4)
    AND ($5 IS NULL OR t.owner = $5)
    AND ($6 IS NULL OR t.id IN (SELECT source FROM source_filter_sets WHERE name = $6))";

/// Binds what [`WANTED`] needs, behind the name of the last source of the page before.
macro_rules! bind_wanted {
    ($sql:expr, $after:expr, $query:expr) => {
        sqlx::query(AssertSqlSafe($sql))
            .bind($after)
            .bind($query.text.as_deref().map(pattern))
            .bind($query.status.map(SourceStatus::as_str))
            .bind($query.kind.as_deref())
            .bind($query.owner.as_deref())
            .bind($query.filter_set.as_deref())
    };
}

/// What `LIKE` takes for the text anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// The number of a source, whether somebody set it up or it was only harvested.
pub(super) async fn number_of(conn: &mut AnyConnection, id: &SourceId) -> SqlResult<Option<i64>> {
    let row = sqlx::query("SELECT id FROM sources WHERE name = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(number).transpose()
}

impl SqlStore {
    /// The source and its number, with the time. Nobody else changes it until the transaction ends.
    pub(super) async fn locked_source(
        &self,
        conn: &mut AnyConnection,
        id: &SourceId,
    ) -> SqlResult<(i64, SourceEntry, DateTime<Utc>)> {
        let query = format!(
            "SELECT {} AS now, {SOURCE} WHERE t.name = $2 AND t.definition IS NOT NULL {}",
            self.0.dialect.now(),
            self.0.dialect.lock()
        );
        let row = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).bind(id.as_str());
        let row = row.fetch_optional(&mut *conn).await?;
        let row = row.ok_or_else(|| StoreError::missing("source", id))?;
        let (columns, mut entry) = (Columns(&row), row::source(&row)?);
        let (number, now) = (columns.integer("id")?, columns.time("now")?);
        // It may have changed while this transaction waited for the source.
        entry.open_run = open_run(conn, number).await?;
        Ok((number, entry, now))
    }

    /// Refuses a definition that has what another source has and no two may have.
    async fn check_unique(
        &self,
        conn: &mut AnyConnection,
        definition: &SourceDefinition,
    ) -> SqlResult<()> {
        if definition.status == SourceStatus::Archived {
            return Ok(());
        }
        let others = sqlx::query(
            "SELECT name, likeness, occupies FROM sources
             WHERE (likeness = $1 OR occupies = $2) AND status <> 'archived' AND name <> $3
             ORDER BY name",
        )
        .bind(definition.likeness())
        .bind(definition.occupies.as_deref())
        .bind(definition.id.as_str())
        .fetch_all(conn)
        .await?;
        for row in others {
            let (row, of) = (Columns(&row), definition.id.clone());
            let likeness = row.optional_text("likeness")?.unwrap_or_default();
            let occupies = row.optional_text("occupies")?;
            if let Some(what) = definition.shares(&likeness, occupies.as_deref()) {
                let by = SourceId::new(row.text("name")?);
                return Err(StoreError::Taken { what, of, by }.into());
            }
        }
        Ok(())
    }

    async fn insert(&self, definition: &SourceDefinition) -> SqlResult<SourceEntry> {
        let mut tx = self.begin().await?;
        self.check_unique(&mut tx, definition).await?;
        // One that was harvested before anybody set it up is set up now.
        let inserted = sqlx::query(
            "INSERT INTO sources (name, definition, created) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE
                SET definition = excluded.definition, created = excluded.created
                WHERE sources.definition IS NULL",
        );
        let now = self.time(&mut tx).await?;
        let inserted = inserted
            .bind(definition.id.as_str())
            .bind(json(definition)?)
            .bind(text(now))
            .execute(&mut *tx)
            .await?;
        if inserted.rows_affected() == 0 {
            return self.refuse(tx, definition.is_taken()).await;
        }
        let number = number_of(&mut tx, &definition.id).await?;
        let entry = SourceEntry::new(definition.clone(), now);
        update(&mut tx, number.unwrap_or_default(), &entry, false).await?;
        let (_, entry, _) = self.locked_source(&mut tx, &definition.id).await?;
        tx.commit().await?;
        self.notify();
        Ok(entry)
    }

    async fn changed(
        &self,
        before: Option<&SourceDefinition>,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError> {
        let definition = &*self.sealed(definition)?;
        let changed = match self.change(before, definition).await {
            Err(error) if error.is_unique_violation() => self.change(before, definition).await,
            changed => changed,
        };
        attempt("change the source", async { changed }).await
    }

    async fn change(
        &self,
        before: Option<&SourceDefinition>,
        definition: &SourceDefinition,
    ) -> SqlResult<SourceEntry> {
        let mut tx = self.begin().await?;
        let (number, mut entry, now) = self.locked_source(&mut tx, &definition.id).await?;
        if let Err(error) = entry.check_unchanged(before) {
            return self.refuse(tx, error).await;
        }
        if let Err(error) = self.check_unique(&mut tx, definition).await {
            return self.refuse(tx, error).await;
        }
        if let Some(secrets) = &self.0.secrets
            && let Err(error) = secrets.check_change(&entry.definition.options, &definition.options)
        {
            return self.refuse(tx, StoreError::from(error)).await;
        }
        let had_checkpoint = entry.checkpoint.is_some();
        entry.change(definition.clone(), now);
        update(&mut tx, number, &entry, had_checkpoint && entry.checkpoint.is_none()).await?;
        tx.commit().await?;
        self.notify();
        Ok(entry)
    }

    async fn due(&self, most: usize) -> SqlResult<Vec<(SourceId, RunId)>> {
        let mut tx = self.begin().await?;
        let query = format!(
            "SELECT {now} AS now, {SOURCE}
             WHERE t.status = 'active' AND t.next_due <= {now} AND t.definition IS NOT NULL
                AND (t.due_again IS NULL OR t.due_again <= {now})
                AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.source = t.id AND r.state IN {OPEN})
             ORDER BY t.next_due LIMIT $2 {}",
            self.0.dialect.lock_free(),
            now = self.0.dialect.now(),
        );
        let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).bind(limit(most));
        let mut asked = Vec::new();
        for row in query.fetch_all(&mut *tx).await? {
            let (number, now) = (Columns(&row).integer("id")?, Columns(&row).time("now")?);
            let mut entry = row::source(&row)?;
            let definition = &entry.definition;
            let mut request = RunRequest::new(definition.id.clone(), definition.scheduled());
            (request.trigger, request.due) = (Trigger::Schedule, entry.next_due);
            // Somebody else may have been faster.
            if let Some(run) = self.queue(&mut tx, number, &entry, &request, now).await? {
                entry.came_due(now);
                set_due(&mut tx, number, &entry).await?;
                asked.push((request.source, run));
            }
        }
        tx.commit().await?;
        if !asked.is_empty() {
            self.notify();
        }
        Ok(asked)
    }
}

/// Writes when the next run is due.
pub(super) async fn set_due(
    conn: &mut AnyConnection,
    number: i64,
    entry: &SourceEntry,
) -> SqlResult<()> {
    sqlx::query(
        "UPDATE sources SET next_due = $1, due_again = $2, scheduled_runs = $3 WHERE id = $4",
    )
    .bind(entry.next_due.map(text))
    .bind(entry.due_again.map(text))
    .bind(i64::from(entry.scheduled_runs))
    .bind(number)
    .execute(conn)
    .await?;
    Ok(())
}

/// The run of this source that is not over.
pub(super) async fn open_run(conn: &mut AnyConnection, source: i64) -> SqlResult<Option<RunId>> {
    let query = format!("SELECT id FROM runs WHERE source = $1 AND state IN {OPEN}");
    let row = sqlx::query(AssertSqlSafe(query)).bind(source).fetch_optional(conn).await?;
    Ok(row.as_ref().map(number).transpose()?.map(RunId))
}

/// Writes what [`SourceEntry::change`] changes. The checkpoint is moved by those who store batches.
async fn update(
    conn: &mut AnyConnection,
    number: i64,
    entry: &SourceEntry,
    forget_checkpoint: bool,
) -> SqlResult<()> {
    let definition = &entry.definition;
    let unused = sqlx::query("DELETE FROM source_filter_sets WHERE source = $1").bind(number);
    unused.execute(&mut *conn).await?;
    for set in &definition.filter_sets {
        let used = "INSERT INTO source_filter_sets (name, source) VALUES ($1, $2)
             ON CONFLICT DO NOTHING";
        sqlx::query(used).bind(&**set).bind(number).execute(&mut *conn).await?;
    }
    sqlx::query(
        "UPDATE sources SET definition = $1, title = $2, kind = $3, url = $4, status = $5, owner = $6,
            likeness = $7, occupies = $8, searched = $9, updated = $10,
            checkpoint = CASE $11 WHEN 1 THEN NULL ELSE checkpoint END
         WHERE id = $12",
    )
    .bind(json(definition)?)
    .bind(&*definition.title)
    .bind(&*definition.kind)
    .bind(definition.url())
    .bind(definition.status.as_str())
    .bind(definition.owner.as_deref())
    .bind(definition.likeness())
    .bind(definition.occupies.as_deref())
    .bind(definition.searched())
    .bind(text(entry.updated))
    .bind(i64::from(forget_checkpoint))
    .bind(number)
    .execute(&mut *conn)
    .await?;
    set_due(conn, number, entry).await
}

#[async_trait]
impl SourceStore for SqlStore {
    async fn add_source(&self, definition: &SourceDefinition) -> Result<SourceEntry, StoreError> {
        let definition = &*self.sealed(definition)?;
        let added = match self.insert(definition).await {
            // Another process added the like at the same time; now there it is.
            Err(error) if error.is_unique_violation() => self.insert(definition).await,
            added => added,
        };
        attempt("add the source", async { added }).await
    }

    async fn change_source(
        &self,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError> {
        self.changed(None, definition).await
    }

    async fn replace_source(
        &self,
        before: &SourceDefinition,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError> {
        self.changed(Some(before), definition).await
    }

    async fn remove_source(&self, id: &SourceId) -> Result<(), StoreError> {
        attempt("remove the source", async {
            let mut tx = self.begin().await?;
            let (number, entry, _) = self.locked_source(&mut tx, id).await?;
            if entry.last_run.is_some() || entry.open_run.is_some() {
                return self.refuse(tx, StoreError::was_harvested(id)).await;
            }
            forget_belongings(&mut tx, number).await?;
            let query = sqlx::query("DELETE FROM sources WHERE id = $1").bind(number);
            query.execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn erase_source(
        &self,
        id: &SourceId,
        harvested: Harvested,
    ) -> Result<Erased, StoreError> {
        attempt("erase the source", self.erase(id, harvested)).await
    }

    async fn source(&self, id: &SourceId) -> Result<Option<SourceEntry>, StoreError> {
        attempt("read the source", async {
            let query = format!("SELECT {SOURCE} WHERE t.name = $1 AND t.definition IS NOT NULL");
            let row = sqlx::query(AssertSqlSafe(query))
                .bind(id.as_str())
                .fetch_optional(&self.0.readers)
                .await?;
            row.as_ref().map(row::source).transpose()
        })
        .await
    }

    async fn sources(&self, query: &SourceQuery) -> Result<Vec<SourceEntry>, StoreError> {
        attempt("list the sources", async {
            let sql = format!(
                "SELECT {SOURCE} WHERE {WANTED} AND ($1 IS NULL OR t.name > $1)
                 ORDER BY t.name LIMIT $7"
            );
            let after = query.page.after.as_ref().map(SourceId::as_str);
            let rows = bind_wanted!(sql, after, query)
                .bind(limit(query.page.limit))
                .fetch_all(&self.0.readers)
                .await?;
            rows.iter().map(row::source).collect()
        })
        .await
    }

    async fn count_sources(&self, query: &SourceQuery) -> Result<u64, StoreError> {
        attempt("count the sources", async {
            // All parameters have a number: one that is not there cannot be bound.
            let sql = format!(
                "SELECT count(*) AS wanted FROM sources t WHERE {WANTED} AND ($1 IS NULL OR TRUE)"
            );
            let row = bind_wanted!(sql, None::<&str>, query).fetch_one(&self.0.readers).await?;
            Columns(&row).count("wanted")
        })
        .await
    }

    async fn set_checkpoint(
        &self,
        id: &SourceId,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        attempt("set the checkpoint", async {
            let mut tx = self.begin().await?;
            let (number, entry, _) = self.locked_source(&mut tx, id).await?;
            if let Some(run) = entry.open_run {
                return self.refuse(tx, StoreError::is_running(id, run)).await;
            }
            stand(&mut tx, number, checkpoint).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn request_due(&self, limit: usize) -> Result<Vec<(SourceId, RunId)>, StoreError> {
        attempt("ask for the runs that are due", self.due(limit)).await
    }

    async fn next_due(&self) -> Result<Option<Duration>, StoreError> {
        attempt("look for what is due", async {
            let query = format!(
                "SELECT {} AS now, min(CASE WHEN t.due_again > t.next_due THEN t.due_again
                        ELSE t.next_due END) AS next_due
                 FROM sources t
                 WHERE t.status = 'active' AND t.next_due IS NOT NULL
                    AND NOT EXISTS
                        (SELECT 1 FROM runs r WHERE r.source = t.id AND r.state IN {OPEN})",
                self.0.dialect.now()
            );
            let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock());
            let row = query.fetch_one(&self.0.readers).await?;
            let now = Columns(&row).time("now")?;
            Ok(Columns(&row).optional_time("next_due")?.map(|due| until(due, now)))
        })
        .await
    }
}

/// Sets where the next run begins.
pub(super) async fn stand(
    conn: &mut AnyConnection,
    source: i64,
    checkpoint: Option<&Checkpoint>,
) -> SqlResult<()> {
    sqlx::query("UPDATE sources SET checkpoint = $1 WHERE id = $2")
        .bind(checkpoint.map(Checkpoint::to_json))
        .bind(source)
        .execute(conn)
        .await?;
    Ok(())
}
