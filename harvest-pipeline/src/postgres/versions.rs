//! What records were before.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{PostgresCatalogue, payloads, text};
use crate::batch::SourceId;
use crate::catalogue::StoredVersion;
use crate::catalogue::codec::Decoder;
use crate::error::RunError;
use crate::run::RunId;

/// Keeps the present versions of these records before they are changed.
pub(super) async fn keep(conn: &mut PgConnection, records: &[i64]) -> sqlx::Result<()> {
    let query =
        "INSERT INTO record_versions (record, number, deleted, datestamp, version, sets, about,
            format, digest, payload, page, changed)
         SELECT id, number, deleted, datestamp, version, sets, about, format, digest, payload, page,
            changed
         FROM records WHERE id = ANY ($1)";
    sqlx::query(query).bind(records).execute(conn).await?;
    Ok(())
}

/// Lets go of all but the last `kept` versions of these records.
pub(super) async fn prune(conn: &mut PgConnection, records: &[i64], kept: u32) -> sqlx::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let query = "DELETE FROM record_versions v USING records r
         WHERE r.id = ANY ($1) AND v.record = r.id AND v.number < r.number - $2
         RETURNING v.payload";
    let query = sqlx::query(query).bind(records).bind(i64::from(kept));
    let rows = query.fetch_all(&mut *conn).await?;
    let released = rows.iter().filter_map(|row| row.try_get(0).transpose());
    let mut released = released.collect::<sqlx::Result<Vec<i64>>>()?;
    released.sort_unstable();
    released.dedup();
    payloads::release(conn, &released).await
}

impl PostgresCatalogue {
    pub(super) async fn all_versions(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Vec<StoredVersion>, RunError> {
        if !text::is_storable(identifier) {
            return Ok(Vec::new());
        }
        let query = "WITH current AS (
                SELECT r.* FROM sources s JOIN records r ON r.source = s.id
                WHERE s.name = $1 AND r.identifier = $2),
            kept AS (
                SELECT number, deleted, datestamp, format, payload, page
                FROM record_versions WHERE record = (SELECT id FROM current)
                UNION ALL
                SELECT number, deleted, datestamp, format, payload, page FROM current)
            SELECT v.number, v.deleted, v.datestamp, v.format, g.run, g.received, g.request_url,
                p.codec, p.size, p.body, p.fields, p.issues
            FROM kept v
            JOIN pages g ON g.id = v.page
            LEFT JOIN payloads p ON p.id = v.payload AND NOT v.deleted
            ORDER BY v.number";
        let mut conn = self.reader().await?;
        let rows =
            sqlx::query(query).bind(source.as_str()).bind(identifier).fetch_all(&mut *conn).await;
        let rows = rows.map_err(|error| self.unreadable(error))?;
        let needed = self.needed(&mut conn, &rows).await?;
        let mut decoder = Decoder::new(&needed);
        let versions = rows.iter().map(|row| {
            let version = version(row).map_err(|error| self.unreadable(error))?;
            let metadata = self.metadata(row, source, identifier, &mut decoder)?;
            Ok(StoredVersion { metadata, ..version })
        });
        versions.collect()
    }
}

fn version(row: &PgRow) -> sqlx::Result<StoredVersion> {
    Ok(StoredVersion {
        number: row.try_get::<i32, _>("number")?.unsigned_abs(),
        run: RunId(row.try_get("run")?),
        harvested: row.try_get("received")?,
        datestamp: row.try_get("datestamp")?,
        deleted: row.try_get("deleted")?,
        format: row.try_get("format")?,
        metadata: None,
        fields: row.try_get("fields")?,
        issues: row.try_get("issues")?,
        request_url: row.try_get("request_url")?,
    })
}
