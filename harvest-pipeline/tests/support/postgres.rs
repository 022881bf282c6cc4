//! A schema of its own for each test that needs PostgreSQL, where there is one.

use std::env;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// An empty schema, to be dropped in the end.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// Makes one in the database that `DATABASE_URL` names. Without that the test is skipped, aloud.
    pub(crate) async fn create() -> Option<Self> {
        let Ok(server) = env::var("DATABASE_URL") else {
            eprintln!("SKIPPED: needs PostgreSQL, and DATABASE_URL is not set");
            return None;
        };
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let nth = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{nth}", process::id());
        let schema = Self { server, name };
        schema.execute(format!("CREATE SCHEMA {}", schema.name)).await;
        Some(schema)
    }

    /// What a store or catalogue is opened with.
    pub(crate) fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        // Commits need not survive a power cut, unless a test says so.
        let options = "-csearch_path%3D{}%20-csynchronous_commit%3Doff".replace("{}", &self.name);
        format!("{}{separator}options={options}", self.server)
    }

    /// Drops it, and all that is in it.
    pub(crate) async fn drop(self) {
        self.execute(format!("DROP SCHEMA {} CASCADE", self.name)).await;
    }

    async fn execute(&self, statement: String) {
        let mut conn = PgConnection::connect(&self.server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
}
