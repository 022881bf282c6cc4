//! The floor of a harvest into SQLite: download in one thread; in a second, cut the pages into
//! records without parsing them and insert those with one prepared statement.
//!
//! `bare-insert URL FILE` replaces the file. 1 000 rows a transaction, write-ahead log,
//! `synchronous = NORMAL`, payloads as they came.
#![allow(clippy::print_stdout, reason = "the counts are this program's result")]
#![allow(unsafe_code, reason = "a wrapper would be part of what is measured, and none fits sqlx")]

use std::{
    env,
    error::Error,
    ffi::{CStr, CString},
    fs, io, ptr,
    sync::mpsc,
    thread,
};

use harvest_benches::{Page, Pages};
use libsqlite3_sys as sqlite;
use memchr::memmem::{self, Finder};

const ROWS_A_TRANSACTION: u64 = 1_000;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [url, file] = arguments.as_slice() else {
        return Err("usage: bare-insert URL FILE".into());
    };
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(format!("{file}{suffix}")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }

    let mut chain = Pages::open(url)?;
    let (full, to_insert) = mpsc::sync_channel::<Page>(1);
    let (empty, to_fill) = mpsc::channel::<Page>();
    for _ in 0..3 {
        empty.send(Page::default())?;
    }
    let download = thread::spawn(move || {
        // Either channel closes only when an insert has failed.
        while let Ok(mut page) = to_fill.recv() {
            if !chain.next_into(&mut page)? || full.send(page).is_err() {
                break;
            }
        }
        Ok::<_, io::Error>(())
    });

    let mut table = Table::create(file)?;
    for page in to_insert {
        for record in records(&page) {
            table.insert(&record?)?;
        }
        // Fails after the last page, when nobody wants to fill it again.
        let _ = empty.send(page);
    }
    download.join().map_err(|_| "the download panicked")??;
    println!("{} records", table.finish()?);
    Ok(())
}

struct Record<'a> {
    identifier: &'a [u8],
    datestamp: &'a [u8],
    deleted: bool,
    body: &'a [u8],
}

fn records(page: &[u8]) -> impl Iterator<Item = Result<Record<'_>>> {
    const START: &[u8] = b"<record>";
    const END: &[u8] = b"</record>";
    let end = Finder::new(END);
    let mut at = 0;
    std::iter::from_fn(move || {
        // Records follow one another closely: a plain search from the last end is enough.
        let start = at + memmem::find(&page[at..], START)?;
        let Some(length) = end.find(&page[start..]) else {
            at = page.len();
            return Some(Err("a record does not end".into()));
        };
        at = start + length + END.len();
        Some(cut(&page[start..at]).ok_or_else(|| "a record without a header".into()))
    })
}

fn cut(body: &[u8]) -> Option<Record<'_>> {
    let header = &body[..memmem::find(body, b"</header>")?];
    Some(Record {
        identifier: between(header, b"<identifier>", b"</identifier>")?,
        datestamp: between(header, b"<datestamp>", b"</datestamp>")?,
        deleted: memmem::find(header, b"<header status=\"deleted\"").is_some(),
        body,
    })
}

fn between<'a>(text: &'a [u8], start: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    let text = &text[memmem::find(text, start)? + start.len()..];
    Some(&text[..memmem::find(text, end)?])
}

/// One table, one prepared statement, one open transaction.
struct Table {
    database: *mut sqlite::sqlite3,
    insert: *mut sqlite::sqlite3_stmt,
    rows: u64,
}

impl Table {
    fn create(file: &str) -> Result<Self> {
        let mut table = Self { database: ptr::null_mut(), insert: ptr::null_mut(), rows: 0 };
        let file = CString::new(file)?;
        // SAFETY: both pointers live through the call; the handle is closed in `drop`.
        let code = unsafe { sqlite::sqlite3_open(file.as_ptr(), &raw mut table.database) };
        table.check(code)?;
        table.execute(
            c"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
              CREATE TABLE records (
                  identifier TEXT PRIMARY KEY, datestamp TEXT, deleted INTEGER, body BLOB);
              BEGIN",
        )?;
        let insert = c"INSERT INTO records VALUES (?1, ?2, ?3, ?4)";
        // SAFETY: the database is open, the text ends in NUL; finalised in `drop`.
        let code = unsafe {
            sqlite::sqlite3_prepare_v2(
                table.database,
                insert.as_ptr(),
                -1,
                &raw mut table.insert,
                ptr::null_mut(),
            )
        };
        table.check(code)?;
        Ok(table)
    }

    fn insert(&mut self, record: &Record<'_>) -> Result<()> {
        let statement = self.insert;
        let (text, blob) = (sqlite::sqlite3_bind_text, sqlite::sqlite3_bind_blob);
        // SAFETY: the statement is prepared; the slices outlive the step, after which SQLite reads
        // them no more (no destructor: static as far as it is concerned).
        unsafe {
            let (value, length) = parts(record.identifier)?;
            self.check(text(statement, 1, value.cast(), length, sqlite::SQLITE_STATIC()))?;
            let (value, length) = parts(record.datestamp)?;
            self.check(text(statement, 2, value.cast(), length, sqlite::SQLITE_STATIC()))?;
            self.check(sqlite::sqlite3_bind_int(statement, 3, record.deleted.into()))?;
            let (value, length) = parts(record.body)?;
            self.check(blob(statement, 4, value.cast(), length, sqlite::SQLITE_STATIC()))?;
            if sqlite::sqlite3_step(statement) != sqlite::SQLITE_DONE {
                return Err(self.error());
            }
            self.check(sqlite::sqlite3_reset(statement))?;
        }
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_A_TRANSACTION) {
            self.execute(c"COMMIT; BEGIN")?;
        }
        Ok(())
    }

    fn finish(self) -> Result<u64> {
        self.execute(c"COMMIT")?;
        Ok(self.rows)
    }

    fn execute(&self, sql: &CStr) -> Result<()> {
        // SAFETY: the database is open, the text ends in NUL, nothing is called back.
        self.check(unsafe {
            sqlite::sqlite3_exec(
                self.database,
                sql.as_ptr(),
                None,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })
    }

    fn check(&self, code: i32) -> Result<()> {
        if code == sqlite::SQLITE_OK { Ok(()) } else { Err(self.error()) }
    }

    fn error(&self) -> Box<dyn Error> {
        // SAFETY: the text belongs to the database and is copied before its next use.
        let text = unsafe { CStr::from_ptr(sqlite::sqlite3_errmsg(self.database)) };
        text.to_string_lossy().into()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: each is null or ours, and neither is used again.
        unsafe {
            sqlite::sqlite3_finalize(self.insert);
            sqlite::sqlite3_close(self.database);
        }
    }
}

fn parts(bytes: &[u8]) -> Result<(*const u8, i32)> {
    Ok((bytes.as_ptr(), i32::try_from(bytes.len())?))
}
