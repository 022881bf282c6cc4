//! Bringing a database to the present schema.

use sqlx::{Connection, PgConnection, Row};

const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_runs.sql"), include_str!("migrations/0003_catalogue.sql")];

/// Upgrades the schema that new tables are created in.
pub(crate) async fn migrate(conn: &mut PgConnection) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' schema', 0))";
    sqlx::query(lock).execute(&mut *tx).await?;
    let table = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY)";
    sqlx::query(table).execute(&mut *tx).await?;
    let count = sqlx::query("SELECT count(*) FROM migrations").fetch_one(&mut *tx).await?;
    let done = usize::try_from(count.try_get::<i64, _>(0)?).unwrap_or(0);
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        sqlx::raw_sql(*migration).execute(&mut *tx).await?;
        let insert = sqlx::query("INSERT INTO migrations VALUES ($1)").bind(number as i64);
        insert.execute(&mut *tx).await?;
    }
    tx.commit().await
}
