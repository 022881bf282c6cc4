//! What records were before.

use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteCatalogue;
use crate::batch::SourceId;
use crate::catalogue::StoredVersion;
use crate::catalogue::codec::Decoder;
use crate::error::RunError;
use crate::run::RunId;

/// Keeps the present versions of these records, a JSON list, before they are changed. The
/// references to their payloads are the versions' from now on: what changes the records must not
/// take them back.
pub(super) async fn keep(
    conn: &mut SqliteConnection,
    source: i64,
    identifiers: &str,
) -> sqlx::Result<()> {
    let query = "INSERT INTO versions (source, identifier, number, deleted, datestamp, version, sets,
            about, format, digest, payload, page, changed)
         SELECT source, identifier, number, deleted, datestamp, version, sets, about, format, digest,
            payload, page, changed
         FROM json_each(?2) e CROSS JOIN records r ON r.source = ?1 AND r.identifier = e.value";
    sqlx::query(query).bind(source).bind(identifiers).execute(conn).await?;
    Ok(())
}

/// The versions of the records in `?2` of source `?1` that are more than `?3` behind the present.
macro_rules! expired {
    () => {
        "FROM json_each(?2) e
         CROSS JOIN records r ON r.source = ?1 AND r.identifier = e.value
         CROSS JOIN versions v ON v.source = ?1 AND v.identifier = r.identifier
            AND v.number < r.number - ?3"
    };
}

/// Lets go of all but the last `kept` versions of these records, a JSON list.
pub(super) async fn prune(
    conn: &mut SqliteConnection,
    source: i64,
    identifiers: &str,
    kept: u32,
) -> sqlx::Result<()> {
    let release = concat!(
        "UPDATE payloads SET refs = refs - gone.times
         FROM (SELECT v.payload, count(*) AS times ",
        expired!(),
        " WHERE v.payload IS NOT NULL GROUP BY v.payload) gone
         WHERE payloads.id = gone.payload"
    );
    let remove = concat!(
        "DELETE FROM payloads WHERE refs <= 0 AND id IN (SELECT v.payload ",
        expired!(),
        ")"
    );
    let forget = "DELETE FROM versions
         WHERE source = ?1 AND identifier IN (SELECT value FROM json_each(?2))
           AND number < -?3 + (SELECT r.number FROM records r
                               WHERE r.source = ?1 AND r.identifier = versions.identifier)";
    for statement in [release, remove, forget] {
        sqlx::query(statement)
            .bind(source)
            .bind(identifiers)
            .bind(kept)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

impl SqliteCatalogue {
    pub(super) async fn all_versions(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Vec<StoredVersion>, RunError> {
        let query = "WITH kept AS (
                SELECT v.number, v.deleted, v.datestamp, v.format, v.payload, v.page
                FROM sources s JOIN versions v ON v.source = s.id
                WHERE s.name = ?1 AND v.identifier = ?2
                UNION ALL
                SELECT r.number, r.deleted, r.datestamp, r.format, r.payload, r.page
                FROM sources s JOIN records r ON r.source = s.id
                WHERE s.name = ?1 AND r.identifier = ?2)
            SELECT v.number, v.deleted, v.datestamp, v.format, g.run, g.received, g.request_url,
                p.codec, p.size, p.body, p.fields, p.issues
            FROM kept v
            JOIN pages g ON g.id = v.page
            LEFT JOIN payloads p ON p.id = v.payload AND NOT v.deleted
            ORDER BY v.number";
        let query = sqlx::query(query).bind(source.as_str()).bind(identifier);
        let rows = query.fetch_all(&self.0.readers).await;
        let rows = rows.map_err(|error| self.unreadable(error))?;
        let needed = self.needed(&rows).await?;
        let mut decoder = Decoder::new(&needed);
        let versions = rows.iter().map(|row| {
            let version = version(row).map_err(|error| self.unreadable(error))?;
            let metadata = self.metadata(row, source, identifier, &mut decoder)?;
            Ok(StoredVersion { metadata, ..version })
        });
        versions.collect()
    }
}

fn version(row: &SqliteRow) -> sqlx::Result<StoredVersion> {
    Ok(StoredVersion {
        number: row.try_get("number")?,
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
