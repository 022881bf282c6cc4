//! A schema for each test, on the server that `DATABASE_URL` names.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// An empty schema, dropped with all that is in it.
#[derive(Debug)]
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// A new one; `None`, and a word about it, if there is no server.
    pub(crate) async fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("DATABASE_URL") else {
            eprintln!("SKIPPED: set DATABASE_URL to a PostgreSQL server to run this test");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("harvest_test_{}_{count}", std::process::id());
        let schema = Self { server, name };
        schema.execute("DROP SCHEMA IF EXISTS {} CASCADE").await;
        schema.execute("CREATE SCHEMA {}").await;
        Some(schema)
    }

    /// The URL by which its tables are found without further ado. Its connections are named after it.
    pub(crate) fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        // Commits need not survive a power cut, unless a test says so.
        let options = "-csearch_path%3D{}%20-csynchronous_commit%3Doff".replace("{}", &self.name);
        format!("{}{separator}options={options}&application_name={}", self.server, self.name)
    }

    async fn execute(&self, sql: &str) {
        let mut conn = PgConnection::connect(&self.server).await.unwrap();
        let sql = AssertSqlSafe(sql.replace("{}", &self.name));
        sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // The test's runtime cannot be waited for from here.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(self.execute("DROP SCHEMA {} CASCADE"));
            });
        });
    }
}
