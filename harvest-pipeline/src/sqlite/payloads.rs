//! Payloads, addressed by content: the same metadata with the same fields is kept once.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{Row, SqliteConnection};

use super::statement::INSERT_PAYLOADS;
use crate::catalogue::codec::{ARCHIVED, Codec, PLAIN, ZSTD};
use crate::catalogue::dictionary::Dictionary;
use crate::catalogue::prepare::{Content, json};

struct New {
    id: i64,
    refs: i64,
    content: Content,
}

/// Stores contents that are not there yet and lets go of those that are not needed any more.
///
/// Each comes with the payload that its record lets go of. A tombstone (no content) has none. The
/// payloads come back in the same order.
///
/// Also returned is the dictionary that was stored with them, if one was, and its row.
pub(super) async fn place(
    conn: &mut SqliteConnection,
    source: i64,
    contents: Vec<(Option<Content>, Option<i64>)>,
) -> sqlx::Result<(Vec<Option<i64>>, NewDictionary)> {
    let existing = existing(conn, &contents).await?;
    let last: Option<i64> =
        sqlx::query("SELECT max(id) FROM payloads").fetch_one(&mut *conn).await?.try_get(0)?;
    let mut next = last.unwrap_or(0) + 1;
    let mut new: Vec<New> = Vec::with_capacity(contents.len());
    let mut new_by_hash: HashMap<[u8; 32], usize> = HashMap::new();
    let mut references: HashMap<i64, i64> = HashMap::new();

    let mut placed = Vec::with_capacity(contents.len());
    for (nth, (content, before)) in contents.into_iter().enumerate() {
        if let Some(before) = before {
            *references.entry(before).or_default() -= 1;
        }
        let Some(content) = content else {
            placed.push(None);
            continue;
        };
        let twin = new_by_hash.get(&content.hash).and_then(|twin| new.get_mut(*twin));
        let id = match (existing.get(&nth), twin) {
            (Some(id), _) => {
                *references.entry(*id).or_default() += 1;
                *id
            }
            (None, Some(twin)) if twin.content.same_as(&content) => {
                twin.refs += 1;
                twin.id
            }
            (None, _) => {
                new_by_hash.insert(content.hash, new.len());
                new.push(New { id: next, refs: 1, content });
                next += 1;
                next - 1
            }
        };
        placed.push(Some(id));
    }

    let dictionary = insert_dictionary(conn, source, &new).await?;
    let rows = new.into_iter().map(|new| {
        let codec = match &new.content.codec {
            Codec::Plain => PLAIN,
            Codec::Archived => ARCHIVED,
            Codec::Zstd => ZSTD,
            Codec::Dictionary(used) => match (used.id(), &dictionary) {
                (Some(id), _) => id,
                (None, Some((stored, id))) if Arc::ptr_eq(stored, used) => *id,
                // A row that could never be read again must not be written.
                (None, _) => return Err(sqlx::Error::Protocol("two dictionaries".to_owned())),
            },
        };
        Ok((new, codec))
    });
    let rows = rows.collect::<sqlx::Result<_>>()?;
    INSERT_PAYLOADS
        .execute(conn, rows, |values, (New { id, refs, content }, codec)| {
            values.add(id);
            values.add(content.place());
            values.add(&content.hash[..]);
            values.add(content.size as i64);
            values.add(codec);
            values.add(refs);
            values.add(content.body);
            values.add(content.fields);
            values.add(content.issues);
        })
        .await?;
    count_references(conn, references).await?;
    Ok((placed, dictionary))
}

/// A dictionary that got its row in a transaction which is not committed yet.
pub(super) type NewDictionary = Option<(Arc<Dictionary>, i64)>;

async fn insert_dictionary(
    conn: &mut SqliteConnection,
    source: i64,
    new: &[New],
) -> sqlx::Result<NewDictionary> {
    let mut used = new.iter().filter_map(|new| match &new.content.codec {
        Codec::Dictionary(dictionary) if dictionary.id().is_none() => Some(Arc::clone(dictionary)),
        _ => None,
    });
    let Some(dictionary) = used.next() else { return Ok(None) };
    let query = "INSERT INTO dictionaries (id, source, body)
                 SELECT ifnull(max(id), ?) + 1, ?, ? FROM dictionaries";
    let inserted =
        sqlx::query(query).bind(ZSTD).bind(source).bind(&*dictionary.bytes).execute(conn).await?;
    Ok(Some((dictionary, inserted.last_insert_rowid())))
}

/// The contents that are stored already, by position.
async fn existing(
    conn: &mut SqliteConnection,
    contents: &[(Option<Content>, Option<i64>)],
) -> sqlx::Result<HashMap<usize, i64>> {
    let contents: Vec<_> = contents.iter().map(|(content, _)| content.as_ref()).collect();
    let places: Vec<_> = contents.iter().map(|content| content.map(Content::place)).collect();
    let query = "SELECT e.key, p.id, p.hash, p.fields, p.issues
                 FROM json_each(?) e CROSS JOIN payloads p ON p.place = e.value";
    let rows = sqlx::query(query).bind(json(&places)).fetch_all(conn).await?;
    let mut existing = HashMap::new();
    for row in rows {
        let nth: i64 = row.try_get(0)?;
        let nth = usize::try_from(nth).unwrap_or(usize::MAX);
        let Some(Some(content)) = contents.get(nth) else { continue };
        let (hash, fields, issues): (&[u8], Option<&str>, Option<&str>) =
            (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        if content.is(hash, fields, issues) {
            existing.insert(nth, row.try_get(1)?);
        }
    }
    Ok(existing)
}

/// Adds to the reference counts, and removes what nothing refers to any more.
async fn count_references(
    conn: &mut SqliteConnection,
    mut references: HashMap<i64, i64>,
) -> sqlx::Result<()> {
    references.retain(|_, change| *change != 0);
    if references.is_empty() {
        return Ok(());
    }
    let mut references: Vec<_> = references.into_iter().collect();
    references.sort_unstable();
    let references = json(&references);
    let query = "UPDATE payloads SET refs = refs + (e.value ->> 1)
                 FROM json_each(?) e WHERE payloads.id = (e.value ->> 0)";
    sqlx::query(query).bind(&*references).execute(&mut *conn).await?;
    let query = "DELETE FROM payloads
                 WHERE id IN (SELECT value ->> 0 FROM json_each(?)) AND refs <= 0";
    sqlx::query(query).bind(&*references).execute(conn).await?;
    Ok(())
}
