//! Erasing a source, with its records or without.

use sqlx::{AnyConnection, AssertSqlSafe};

use super::SqlStore;
use super::dialect::POINTS_AT_RUNS;
use super::error::SqlResult;
use super::runs::still_named;
use crate::batch::SourceId;
use crate::store::{Erased, Harvested, StoreError};

/// The tables of what goes with every source. What failed cannot be fetched again; what was delivered
/// stays with the targets, but nobody knows of it any more.
const OF_SOURCES: [&str; 6] =
    ["staged", "coverage", "source_filter_sets", "record_errors", "deliveries", "target_sources"];

impl SqlStore {
    pub(super) async fn erase(&self, id: &SourceId, harvested: Harvested) -> SqlResult<Erased> {
        let mut tx = self.begin().await?;
        let (source, entry, _) = self.locked_source(&mut tx, id).await?;
        if let Some(run) = entry.open_run {
            return self.refuse(tx, StoreError::is_running(id, run)).await;
        }
        let mut erased = Erased::default();
        forget_belongings(&mut tx, source).await?;
        let events = sqlx::query("DELETE FROM events WHERE source = $1").bind(id.as_str());
        erased.events = events.execute(&mut *tx).await?.rows_affected();
        if harvested == Harvested::Erase {
            for statement in self.0.dialect.erase_records() {
                let statement = sqlx::query(*statement).bind(source).persistent(false);
                statement.execute(&mut *tx).await?;
            }
            erased.records = delete(&mut tx, "records WHERE source = $1", source).await?;
            for statement in self.0.dialect.release_payloads() {
                sqlx::query(*statement).execute(&mut *tx).await?;
            }
        }
        erased.runs = self.forget_runs(&mut tx, source, harvested).await?;
        forget_source(&mut tx, source).await?;
        tx.commit().await?;
        self.notify();
        Ok(erased)
    }

    /// Forgets the runs and their pages, except those that brought records which stay.
    async fn forget_runs(
        &self,
        conn: &mut AnyConnection,
        source: i64,
        harvested: Harvested,
    ) -> SqlResult<u64> {
        let runs = format!("SELECT id FROM runs WHERE source = {source}");
        let pages = format!("SELECT id FROM pages WHERE run IN ({runs})");
        let named = |points, candidates| match harvested {
            Harvested::Keep => still_named(points, candidates),
            Harvested::Erase => String::new(),
        };
        let kept = named(self.0.dialect.points_at_pages(), &pages);
        let pages = format!("pages WHERE run IN (SELECT id FROM runs WHERE source = $1){kept}");
        delete(conn, &pages, source).await?;
        let kept = named(POINTS_AT_RUNS, &runs);
        delete(conn, &format!("runs WHERE source = $1{kept}"), source).await
    }
}

/// Forgets what goes with a source.
pub(super) async fn forget_belongings(conn: &mut AnyConnection, source: i64) -> SqlResult<()> {
    for table in OF_SOURCES {
        delete(conn, &format!("{table} WHERE source = $1"), source).await?;
    }
    Ok(())
}

/// Nobody set it up any more; if nothing is left that belongs to it, it is gone.
async fn forget_source(conn: &mut AnyConnection, source: i64) -> SqlResult<()> {
    let forget = "UPDATE sources SET definition = NULL, title = '', kind = '', url = NULL,
            status = 'active', owner = NULL, likeness = NULL, occupies = NULL, searched = '',
            created = NULL, updated = NULL, next_due = NULL, due_again = NULL, scheduled_runs = 0,
            checkpoint = NULL
         WHERE id = $1";
    let keep = "UPDATE dictionaries SET source = NULL WHERE source = $1
            AND NOT EXISTS (SELECT 1 FROM records WHERE source = $1)";
    let remove = "DELETE FROM sources WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM records WHERE source = $1)
            AND NOT EXISTS (SELECT 1 FROM runs WHERE source = $1)";
    for statement in [forget, keep, remove] {
        sqlx::query(statement).bind(source).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Deletes rows of a source, and says how many.
async fn delete(conn: &mut AnyConnection, rows: &str, source: i64) -> SqlResult<u64> {
    let query = AssertSqlSafe(format!("DELETE FROM {rows}"));
    Ok(sqlx::query(query).bind(source).execute(conn).await?.rows_affected())
}
