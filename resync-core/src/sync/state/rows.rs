//! From rows to what they mean.

use rusqlite::Row;

use super::{Cursor, Known, KnownDocument, Listed, PendingChange, Validators};
use crate::document::Change;

pub(super) fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: row.get(0)?,
        uri: row.get(1)?,
        place: row.get(2)?,
        document: row.get(3)?,
        listed: listed(row, 4)?,
        validators: Validators { etag: row.get(7)?, last_modified: row.get(8)? },
        length: row.get::<_, i64>(9)?.cast_unsigned(),
        mtime: row.get(10)?,
        sha256: row.get(11)?,
        batch: row.get(12)?,
        temp: row.get(14)?,
        old_place: row.get(15)?,
        error: row.get(16)?,
    })
}

fn listed(row: &Row<'_>, at: usize) -> rusqlite::Result<Listed> {
    let length = row.get::<_, Option<i64>>(at + 1)?.map(i64::cast_unsigned);
    Ok(Listed { lastmod: row.get(at)?, length, hash: row.get(at + 2)? })
}

pub(super) fn document(row: &Row<'_>) -> rusqlite::Result<KnownDocument> {
    Ok(KnownDocument {
        id: row.get(0)?,
        url: row.get(1)?,
        validators: Validators { etag: row.get(2)?, last_modified: row.get(3)? },
        completed: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        generation: row.get(5)?,
    })
}

pub(super) fn cursor(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor {
        document: row.get(0)?,
        from: row.get(1)?,
        until: row.get(2)?,
        consumed: row.get::<_, i64>(3)?.cast_unsigned(),
        last_uri: row.get(4)?,
        last_datetime: row.get(5)?,
        last_change: row.get(6)?,
    })
}

pub(super) fn pending(row: &Row<'_>) -> rusqlite::Result<PendingChange> {
    let package: Option<String> = row.get(7)?;
    Ok(PendingChange {
        uri: row.get(0)?,
        time: row.get(1)?,
        seq: row.get(2)?,
        change: match row.get(3)? {
            0 => Change::Created,
            2 => Change::Deleted,
            _ => Change::Updated,
        },
        listed: listed(row, 4)?,
        package: package.zip(row.get(8)?),
        mirrors: row
            .get::<_, Option<String>>(9)?
            .map(|text| text.lines().map(str::to_owned).collect())
            .unwrap_or_default(),
    })
}
