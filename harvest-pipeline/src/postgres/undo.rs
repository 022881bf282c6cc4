//! Undoing a run.

use chrono::Utc;
use sqlx::{Connection, PgConnection, Row};

use super::write::BEGIN;
use super::{PostgresCatalogue, mend, text, versions};
use crate::batch::SourceId;
use crate::catalogue::plan::Stock;
use crate::error::{RunError, Stage};
use crate::run::{Counters, RunId, RunState};
use crate::store::StoreError;

/// How many records are put back in one transaction.
const AT_ONCE: i64 = 1000;

/// The records `r` of source `$1` whose present version run `$2` brought, and the number of the
/// version `before` it. Tombstones of what nobody knew before stay as they are.
macro_rules! changed {
    () => {
        "FROM (SELECT r.id, r.identifier, r.deleted, r.first_run, (
                    SELECT max(v.number) FROM record_versions v JOIN pages b ON b.id = v.page
                    WHERE v.record = r.id AND b.run < $2
                ) AS before
            FROM pages g JOIN records r ON r.page = g.id AND r.source = $1
            WHERE g.run = $2 AND NOT g.undoes AND NOT (r.deleted AND r.first_run = $2)
         "
    };
}

impl PostgresCatalogue {
    /// A part at a time; whoever is killed in between goes on with those that are left.
    pub(super) async fn undone(&self, source: &SourceId, run: RunId) -> Result<Counters, RunError> {
        let what = format!("undo run {run} of {source}");
        let cannot = self.cannot(&what);
        let id = self.undoable(source, run).await?;
        let mut conn = self.0.pool.acquire().await.map_err(&cannot)?;
        let mut all = Counters::default();
        loop {
            let mut tx = conn.begin_with(BEGIN).await.map_err(&cannot)?;
            let slice = Slice::find(&mut tx, id, run).await.map_err(&cannot)?;
            if slice.all.is_empty() {
                // Not left to the pool: until then it would hold its locks.
                tx.rollback().await.map_err(&cannot)?;
                return Ok(all);
            }
            all += slice.undo(&mut tx, id, run).await.map_err(&cannot)?;
            self.index(&mut tx, &slice.all).await?;
            let kept = self.kept_versions();
            versions::prune(&mut tx, &slice.all, kept).await.map_err(&cannot)?;
            tx.commit().await.map_err(&cannot)?;
        }
    }

    /// The row of the source, if the run is over and what was before it is still known.
    async fn undoable(&self, source: &SourceId, run: RunId) -> Result<i64, RunError> {
        let unreadable = |error| self.unreadable(error);
        let query = "SELECT s.id, u.state FROM runs u JOIN sources s ON s.id = u.source
             WHERE u.id = $1 AND s.name = $2";
        let query = sqlx::query(query).bind(run.0).bind(text::shown(source.as_str()));
        let row = query.fetch_optional(&self.0.pool).await.map_err(unreadable)?;
        let row = row.ok_or_else(|| StoreError::missing("run", &run))?;
        let state: &str = row.try_get(1).map_err(unreadable)?;
        let state: RunState = state.parse().map_err(StoreError::unreadable)?;
        if state.is_open() {
            return Err(StoreError::Refused { run, state, what: "undone" }.into());
        }
        let id: i64 = row.try_get(0).map_err(unreadable)?;

        let query = concat!(
            "SELECT count(*), min(identifier) ",
            changed!(),
            ") changed WHERE before IS NULL AND first_run < $2"
        );
        let row = sqlx::query(query).bind(id).bind(run.0).fetch_one(&self.0.pool).await;
        let lost = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let lost: (i64, Option<String>) = lost.map_err(unreadable)?;
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

/// Some of the records that a run changed.
#[derive(Default)]
struct Slice {
    all: Vec<i64>,
    /// Those that were there before, and the numbers of the versions to which they go back.
    known: Vec<i64>,
    before: Vec<i32>,
    /// Those that were not.
    new: Vec<i64>,
}

impl Slice {
    async fn find(conn: &mut PgConnection, source: i64, run: RunId) -> sqlx::Result<Self> {
        let query = concat!("SELECT id, before ", changed!(), "LIMIT $3 FOR UPDATE OF r) changed");
        let query = sqlx::query(query).bind(source).bind(run.0).bind(AT_ONCE);
        let mut slice = Self::default();
        for row in query.fetch_all(conn).await? {
            let id = row.try_get(0)?;
            slice.all.push(id);
            match row.try_get(1)? {
                Some(before) => {
                    slice.known.push(id);
                    slice.before.push(before);
                }
                None => slice.new.push(id),
            }
        }
        Ok(slice)
    }

    async fn undo(
        &self,
        conn: &mut PgConnection,
        source: i64,
        run: RunId,
    ) -> sqlx::Result<Counters> {
        let counters = self.count(conn).await?;
        versions::keep(conn, &self.all).await?;
        self.restore(conn).await?;
        let page = mend::insert_page(conn, run.0, true).await?;
        mend::bury(conn, &self.new, page).await?;
        let turned = counters.deleted.cast_signed() - counters.created.cast_signed();
        mend::offer_anew(conn, source).await?;
        mend::restock(conn, source, Stock { live: -turned, tombstones: turned }).await?;
        Ok(counters)
    }

    /// What it means that these records go back.
    async fn count(&self, conn: &mut PgConnection) -> sqlx::Result<Counters> {
        let query = "SELECT count(*) FILTER (WHERE r.deleted AND NOT v.deleted),
                count(*) FILTER (WHERE NOT r.deleted AND NOT v.deleted),
                count(*) FILTER (WHERE r.deleted AND v.deleted),
                count(*) FILTER (WHERE NOT r.deleted AND v.deleted)
             FROM UNNEST($1::bigint[], $2::integer[]) e (record, number)
             JOIN records r ON r.id = e.record
             JOIN record_versions v ON v.record = e.record AND v.number = e.number";
        let row = sqlx::query(query).bind(&self.known).bind(&self.before).fetch_one(conn).await?;
        let count =
            |index: usize| Ok::<_, sqlx::Error>(row.try_get::<i64, _>(index)?.unsigned_abs());
        Ok(Counters {
            created: count(0)?,
            updated: count(1)?,
            unchanged: count(2)?,
            deleted: count(3)? + self.new.len() as u64,
            ..Counters::default()
        })
    }

    async fn restore(&self, conn: &mut PgConnection) -> sqlx::Result<()> {
        let query = "UPDATE records r SET number = r.number + 1, deleted = v.deleted,
                datestamp = v.datestamp, version = v.version, sets = v.sets, about = v.about,
                format = v.format, digest = v.digest, payload = v.payload, page = v.page,
                changed = $3
             FROM UNNEST($1::bigint[], $2::integer[]) e (record, number)
             JOIN record_versions v ON v.record = e.record AND v.number = e.number
             WHERE r.id = e.record";
        sqlx::query(query)
            .bind(&self.known)
            .bind(&self.before)
            .bind(Utc::now().timestamp())
            .execute(conn)
            .await?;
        Ok(())
    }
}
