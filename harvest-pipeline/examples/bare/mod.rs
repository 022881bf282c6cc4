//! Bare inserts into SQLite, with the settings of the catalogue: prepared statements, a transaction a
//! batch, on one thread.

use std::path::Path;

use harvest_pipeline::Batch;
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

use super::synthetic::BATCH;

type Row = Vec<Value>;

/// What a catalogue holds, in the order in which it was written.
pub(crate) struct Rows {
    payloads: Vec<Row>,
    records: Vec<Row>,
}

impl Rows {
    pub(crate) fn of(file: &Path) -> Result<Self> {
        let conn = Connection::open(file)?;
        let all = |query| {
            let mut statement = conn.prepare(query)?;
            let columns = statement.column_count();
            let rows = statement.query_map((), |row| (0..columns).map(|n| row.get(n)).collect())?;
            rows.collect::<Result<Vec<Row>>>()
        };
        Ok(Self {
            payloads: all("SELECT * FROM payloads ORDER BY id")?,
            records: all("SELECT * FROM records ORDER BY page, identifier")?,
        })
    }

    /// Writes them into a catalogue that is empty.
    pub(crate) fn insert(&self, file: &Path) -> Result<()> {
        let mut conn = open(file)?;
        // What the records refer to.
        conn.execute("INSERT INTO sources (id, name) VALUES (1, 'copied')", ())?;
        let batches = self.payloads.chunks(BATCH).zip(self.records.chunks(BATCH));
        for (payloads, records) in batches {
            let tx = conn.transaction()?;
            for (table, rows) in [("payloads", payloads), ("records", records)] {
                let marks = vec!["?"; rows.first().map_or(0, Vec::len)].join(",");
                let mut insert = tx.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
                for row in rows {
                    insert.execute(params_from_iter(row))?;
                }
            }
            tx.commit()?;
        }
        conn.close().map_err(|(_, error)| error)
    }
}

/// What one would write in an afternoon: identifier, datestamp and metadata, as it came.
pub(crate) fn plain(file: &Path, batches: &[Batch]) -> Result<()> {
    let mut conn = open(file)?;
    conn.execute_batch(
        "CREATE TABLE records (identifier TEXT PRIMARY KEY, datestamp TEXT, body TEXT)",
    )?;
    for batch in batches {
        let tx = conn.transaction()?;
        let mut insert = tx.prepare("INSERT INTO records VALUES (?, ?, ?)")?;
        for item in batch.items.iter().flatten() {
            let body = item.payload().map(|payload| &payload.body);
            insert.execute((&item.identifier, &item.datestamp, body))?;
        }
        drop(insert);
        tx.commit()?;
    }
    conn.close().map_err(|(_, error)| error)
}

/// As the catalogue opens its file for writing.
fn open(file: &Path) -> Result<Connection> {
    let conn = Connection::open(file)?;
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 2048;",
    )?;
    Ok(conn)
}
