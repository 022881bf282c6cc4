//! Bringing a database to the present schema.

use sqlx::{Connection, PgConnection, Row};

/// Each brings a database from the version that is its index to the next. Never change one that was
/// released; add another.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_runs.sql"),
    include_str!("migrations/0002_store.sql"),
    include_str!("migrations/0003_catalogue.sql"),
    include_str!("migrations/0004_targets.sql"),
    include_str!("migrations/0005_lists.sql"),
    include_str!("migrations/0006_erase.sql"),
];

/// Upgrades the first schema of the connection's search path, or refuses it without changing anything.
/// Of several processes that try at once, one does it and the others wait.
pub(crate) async fn migrate(conn: &mut PgConnection) -> sqlx::Result<()> {
    if version(conn).await? == MIGRATIONS.len() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    // "HrvP", and one lock for each schema.
    sqlx::query("SELECT pg_advisory_xact_lock(1215461968, hashtext(current_schema()))")
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS harvest_migrations (
            version BIGINT PRIMARY KEY,
            applied TIMESTAMPTZ NOT NULL DEFAULT now()
         )",
    )
    .execute(&mut *tx)
    .await?;
    // Another process may have been faster while this one waited for the lock.
    let done = version(&mut tx).await?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        sqlx::raw_sql(*migration).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO harvest_migrations (version) VALUES ($1)")
            .bind(index as i64 + 1)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

/// How many migrations the schema has seen.
async fn version(conn: &mut PgConnection) -> sqlx::Result<usize> {
    let query =
        "SELECT to_regclass(quote_ident(current_schema()) || '.harvest_migrations') IS NULL";
    if sqlx::query(query).fetch_one(&mut *conn).await?.try_get::<Option<bool>, _>(0)? != Some(false)
    {
        return Ok(0);
    }
    let query = "SELECT COALESCE(max(version), 0) FROM harvest_migrations";
    let version: i64 = sqlx::query(query).fetch_one(conn).await?.try_get(0)?;
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(sqlx::Error::Configuration(
            format!(
                "the database has schema {version}, written by a newer version of this program; \
                 this one understands up to {}. Update the program, or name another database",
                MIGRATIONS.len()
            )
            .into(),
        )),
    }
}
