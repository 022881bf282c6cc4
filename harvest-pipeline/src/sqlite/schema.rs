//! Bringing a file to the present schema.

use sqlx::{Connection, Row, SqliteConnection};

use crate::error::{RunError, Stage};

/// `PRAGMA application_id` of a catalogue: "HrvP".
const APPLICATION_ID: i32 = 0x4872_7650;

/// Each brings a file from the version that is its index to the next. Never change one that was
/// released; add another.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_catalogue.sql"),
    include_str!("migrations/0002_version.sql"),
    include_str!("migrations/0003_changed.sql"),
    include_str!("migrations/0004_runs.sql"),
    include_str!("migrations/0005_store.sql"),
    include_str!("migrations/0006_versions.sql"),
    include_str!("migrations/0007_targets.sql"),
    include_str!("migrations/0008_lists.sql"),
    include_str!("migrations/0009_erase.sql"),
];

/// Upgrades the file, or refuses it without changing anything.
pub(super) async fn migrate(conn: &mut SqliteConnection, file: &str) -> Result<(), RunError> {
    let failed = |error| super::failed(&format!("bring {file} up to date"), error);
    let (version, _) = version(conn, file).await?;
    if version == MIGRATIONS.len() {
        // Not even a write lock is taken, so that reading goes on beside a long harvest.
        return Ok(());
    }
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // Another process may have been faster while this one waited for the lock.
    let (version, empty) = self::version(&mut tx, file).await?;
    if version == 0 && !empty {
        let message =
            format!("{file} is an SQLite database, but not a harvest catalogue; name another file");
        return Err(RunError::new(Stage::Sink, message));
    }
    for migration in &MIGRATIONS[version..] {
        sqlx::raw_sql(*migration).execute(&mut *tx).await.map_err(failed)?;
    }
    let stamp = format!(
        "PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION_ID};",
        MIGRATIONS.len()
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// The schema version of the file, and whether it has no tables at all.
async fn version(conn: &mut SqliteConnection, file: &str) -> Result<(usize, bool), RunError> {
    let query = "SELECT (SELECT user_version FROM pragma_user_version),
                        (SELECT application_id FROM pragma_application_id),
                        NOT EXISTS (SELECT 1 FROM sqlite_schema)";
    let failed = |error| super::failed(&format!("read the schema version of {file}"), error);
    let row = sqlx::query(query).fetch_one(conn).await.map_err(failed)?;
    let version: i64 = row.try_get(0).map_err(failed)?;
    let application: i64 = row.try_get(1).map_err(failed)?;
    let empty: bool = row.try_get(2).map_err(failed)?;
    if application != i64::from(APPLICATION_ID) {
        return Ok((0, empty));
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok((version, empty)),
        _ => {
            let message = format!(
                "{file} has schema {version}, written by a newer version of this program; this one \
                 understands up to {}. Update the program, or name another file",
                MIGRATIONS.len()
            );
            Err(RunError::new(Stage::Sink, message))
        }
    }
}
