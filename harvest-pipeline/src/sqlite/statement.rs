//! Statements that write many rows at once.
//!
//! A round trip to SQLite's thread costs as much as several rows, so rows travel by the
//! hundred; the more so as every hand-over waits for a processor that is busy compressing.

use std::sync::{Arc, LazyLock};

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

/// How many rows a statement takes. Each size is prepared once for each connection and then reused;
/// what is left over goes in smaller ones.
const SIZES: [usize; 4] = [500, 50, 5, 1];

/// New payloads.
pub(super) static INSERT_PAYLOADS: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "INSERT INTO payloads (id, place, hash, size, codec, refs, body, fields, issues)",
        9,
        "",
    )
});

/// New versions of records.
pub(super) static PUT_RECORDS: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "INSERT INTO records (source, identifier, deleted, datestamp, version, sets, about, format,
            digest, payload, page, first_run, last_run, changed)",
        14,
        "ON CONFLICT DO UPDATE SET page = excluded.page, last_run = excluded.last_run,
            deleted = excluded.deleted, datestamp = excluded.datestamp, version = excluded.version,
            sets = excluded.sets, about = excluded.about, format = excluded.format,
            digest = excluded.digest, payload = excluded.payload, changed = excluded.changed,
            number = number + 1",
    )
});

/// An `INSERT` of many rows.
pub(super) struct Rows([(usize, Arc<str>); SIZES.len()]);

impl Rows {
    fn new(head: &str, columns: usize, tail: &str) -> Self {
        // No numbered parameters: sqlx asks SQLite for the name of each, and SQLite looks through
        // all that come before it.
        let row = format!("({})", vec!["?"; columns].join(","));
        Self(SIZES.map(|rows| {
            let sql = format!("{head} VALUES {} {tail}", vec![&*row; rows].join(","));
            (rows, sql.into())
        }))
    }

    /// Writes all `rows`; `bind` adds the values of one.
    pub(super) async fn execute<T>(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<T>,
        bind: impl Fn(&mut Values, T),
    ) -> sqlx::Result<()> {
        let mut rows = rows.into_iter();
        for (size, sql) in &self.0 {
            while rows.len() >= *size {
                let mut values = Values::default();
                rows.by_ref().take(*size).for_each(|row| bind(&mut values, row));
                let arguments = values.arguments()?;
                sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments)
                    .execute(&mut *conn)
                    .await?;
            }
        }
        Ok(())
    }
}

/// The values of a statement. Remembers the first that could not be encoded.
#[derive(Default)]
pub(super) struct Values {
    arguments: SqliteArguments,
    error: Option<sqlx::error::BoxDynError>,
}

impl Values {
    pub(super) fn add<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(&mut self, value: T) {
        if let Err(error) = Arguments::add(&mut self.arguments, value) {
            self.error.get_or_insert(error);
        }
    }

    fn arguments(self) -> sqlx::Result<SqliteArguments> {
        match self.error {
            None => Ok(self.arguments),
            Some(error) => Err(sqlx::Error::Encode(error)),
        }
    }
}
