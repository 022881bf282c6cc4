//! Undoing a run.

use chrono::Utc;
use sqlx::{Connection, Row, SqliteConnection};

use super::{SqliteCatalogue, index, mend, versions};
use crate::batch::SourceId;
use crate::catalogue::plan::Stock;
use crate::error::{RunError, Stage};
use crate::run::{Counters, RunId, RunState};
use crate::store::StoreError;

/// How many records are put back in one transaction: others want to write, too.
const AT_ONCE: i64 = 1000;

/// The records `r` of source `?1` whose present version run `?2` brought, and the number of the
/// version `before` it. Tombstones of what nobody knew before stay as they are.
macro_rules! changed {
    () => {
        "FROM (SELECT r.identifier, r.deleted, r.first_run, (
                    SELECT max(v.number) FROM versions v JOIN pages b ON b.id = v.page
                    WHERE v.source = r.source AND v.identifier = r.identifier AND b.run < ?2
                ) AS before
            FROM pages g CROSS JOIN records r ON r.page = g.id AND r.source = ?1
            WHERE g.run = ?2 AND NOT g.undoes AND NOT (r.deleted AND r.first_run = ?2)
         "
    };
}

impl SqliteCatalogue {
    /// A part at a time; whoever is killed in between goes on with those that are left.
    pub(super) async fn undone(&self, source: &SourceId, run: RunId) -> Result<Counters, RunError> {
        let cannot = self.cannot(&format!("undo run {run} of {source}"));
        let id = self.undoable(source, run).await?;
        let mut all = Counters::default();
        loop {
            let mut writer = self.0.writer.lock().await;
            let slice = undo_slice(&mut writer, id, run, self.kept_versions()).await;
            drop(writer);
            match slice.map_err(&cannot)? {
                Some(counters) => all += counters,
                None => return Ok(all),
            }
        }
    }

    /// The row of the source, if the run is over and what was before it is still known.
    async fn undoable(&self, source: &SourceId, run: RunId) -> Result<i64, RunError> {
        let query = "SELECT s.id, u.state FROM runs u JOIN sources s ON s.id = u.source
             WHERE u.id = ? AND s.name = ?";
        let query = sqlx::query(query).bind(run.0).bind(source.as_str());
        let row = query.fetch_optional(&self.0.readers).await;
        let row = row.map_err(|error| self.unreadable(error))?;
        let row = row.ok_or_else(|| StoreError::missing("run", &run))?;
        let state: &str = row.try_get(1).map_err(|error| self.unreadable(error))?;
        let state: RunState = state.parse().map_err(StoreError::unreadable)?;
        if state.is_open() {
            return Err(StoreError::Refused { run, state, what: "undone" }.into());
        }
        let id: i64 = row.try_get(0).map_err(|error| self.unreadable(error))?;

        let query = concat!(
            "SELECT count(*), min(identifier) ",
            changed!(),
            ") WHERE before IS NULL AND first_run < ?2"
        );
        let row = sqlx::query(query).bind(id).bind(run.0).fetch_one(&self.0.readers).await;
        let lost = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let lost: (i64, Option<String>) = lost.map_err(|error| self.unreadable(error))?;
        match lost {
            (_, None) => Ok(id),
            (lost, Some(first)) => {
                let message = format!(
                    "run {run} of {source} cannot be undone: what {lost} of its records were before \
                     is not kept any more, such as {first}; harvest the source again from the \
                     beginning instead"
                );
                Err(RunError::new(Stage::Sink, message))
            }
        }
    }
}

/// Puts some of the records back; `None` if there are none left.
async fn undo_slice(
    conn: &mut SqliteConnection,
    source: i64,
    run: RunId,
    kept: u32,
) -> sqlx::Result<Option<Counters>> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let query = concat!(
        "SELECT json_group_array(identifier),
            json_group_array(json_array(identifier, before)) FILTER (WHERE before IS NOT NULL),
            json_group_array(identifier) FILTER (WHERE before IS NULL),
            count(*) ",
        changed!(),
        "LIMIT ?3)"
    );
    let row = sqlx::query(query).bind(source).bind(run.0).bind(AT_ONCE).fetch_one(&mut *tx).await?;
    if row.try_get::<i64, _>(3)? == 0 {
        return Ok(None);
    }
    let (all, known, new): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    drop(row);
    let counters = count(&mut tx, source, &known, &new).await?;
    versions::keep(&mut tx, source, &all).await?;
    restore(&mut tx, source, &known).await?;
    let page = mend::insert_page(&mut tx, run.0, true).await?;
    mend::bury(&mut tx, source, &new, page).await?;
    versions::prune(&mut tx, source, &all, kept).await?;
    index::miss(&mut tx, source, &all).await?;
    let turned = counters.deleted.cast_signed() - counters.created.cast_signed();
    mend::offer_anew(&mut tx, source).await?;
    mend::restock(&mut tx, source, Stock { live: -turned, tombstones: turned }).await?;
    tx.commit().await?;
    Ok(Some(counters))
}

/// What it means that these records, pairs of identifier and number, go back to that version, and
/// those become tombstones.
async fn count(
    conn: &mut SqliteConnection,
    source: i64,
    known: &str,
    new: &str,
) -> sqlx::Result<Counters> {
    let query = "SELECT ifnull(sum(r.deleted AND NOT v.deleted), 0),
            ifnull(sum(NOT r.deleted AND NOT v.deleted), 0),
            ifnull(sum(r.deleted AND v.deleted), 0),
            ifnull(sum(NOT r.deleted AND v.deleted), 0) + json_array_length(?3)
         FROM json_each(?2) e
         CROSS JOIN records r ON r.source = ?1 AND r.identifier = e.value ->> 0
         CROSS JOIN versions v ON v.source = ?1 AND v.identifier = r.identifier
            AND v.number = e.value ->> 1";
    let row = sqlx::query(query).bind(source).bind(known).bind(new).fetch_one(conn).await?;
    let count = |index: usize| Ok::<_, sqlx::Error>(row.try_get::<i64, _>(index)?.unsigned_abs());
    Ok(Counters {
        created: count(0)?,
        updated: count(1)?,
        unchanged: count(2)?,
        deleted: count(3)?,
        ..Counters::default()
    })
}

/// Puts these records, pairs of identifier and number, back to that version.
async fn restore(conn: &mut SqliteConnection, source: i64, known: &str) -> sqlx::Result<()> {
    // Not an UPDATE … FROM, for which SQLite looks at all records of the source.
    let query =
        "REPLACE INTO records (source, identifier, number, deleted, datestamp, version, sets,
            about, format, digest, payload, page, first_run, last_run, changed)
         SELECT r.source, r.identifier, r.number + 1, v.deleted, v.datestamp, v.version, v.sets,
            v.about, v.format, v.digest, v.payload, v.page, r.first_run, r.last_run, ?3
         FROM json_each(?2) e
         CROSS JOIN versions v ON v.source = ?1 AND v.identifier = e.value ->> 0
            AND v.number = e.value ->> 1
         CROSS JOIN records r ON r.source = ?1 AND r.identifier = v.identifier";
    sqlx::query(query)
        .bind(source)
        .bind(known)
        .bind(Utc::now().timestamp())
        .execute(&mut *conn)
        .await?;
    // Each is there twice now.
    let query = "UPDATE payloads SET refs = refs + back.times
         FROM (SELECT r.payload, count(*) AS times FROM json_each(?2) e
               CROSS JOIN records r ON r.source = ?1 AND r.identifier = e.value ->> 0
               WHERE r.payload IS NOT NULL GROUP BY r.payload) back
         WHERE payloads.id = back.payload";
    sqlx::query(query).bind(source).bind(known).execute(conn).await?;
    Ok(())
}
