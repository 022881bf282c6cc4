//! Payloads, addressed by content: the same metadata with the same fields is kept once.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{PgConnection, Row};

use crate::catalogue::codec::{ARCHIVED, Codec, PLAIN, ZSTD};
use crate::catalogue::dictionary::Dictionary;
use crate::catalogue::prepare::Content;

/// A dictionary that got its row in a transaction which is not committed yet.
pub(super) type NewDictionary = Option<(Arc<Dictionary>, i64)>;

/// Stores contents that are not there yet. Where they are comes back in the same order; a tombstone
/// has none.
///
/// Also returned is the dictionary that was stored with them, if one was, and its row.
pub(super) async fn place(
    conn: &mut PgConnection,
    source: i64,
    contents: Vec<Option<Content>>,
) -> sqlx::Result<(Vec<Option<i64>>, NewDictionary)> {
    let existing = existing(conn, &contents).await?;
    let mut new: Vec<Content> = Vec::with_capacity(contents.len());
    let mut new_by_hash: HashMap<[u8; 32], usize> = HashMap::new();
    let places = contents.into_iter().enumerate().map(|(nth, content)| {
        let content = content?;
        if let Some(id) = existing.get(&nth) {
            return Some(Place::Existing(*id));
        }
        let twin = new_by_hash.get(&content.hash).copied();
        let twin = twin.filter(|twin| new.get(*twin).is_some_and(|it| it.same_as(&content)));
        Some(Place::New(twin.unwrap_or_else(|| {
            new_by_hash.insert(content.hash, new.len());
            new.push(content);
            new.len() - 1
        })))
    });
    let places: Vec<_> = places.collect();

    let dictionary = insert_dictionary(conn, source, &new).await?;
    let ids = insert(conn, &new, dictionary.as_ref()).await?;
    let placed = places.into_iter().map(|place| match place? {
        Place::Existing(id) => Some(id),
        Place::New(nth) => ids.get(nth).copied(),
    });
    Ok((placed.collect(), dictionary))
}

/// Where a content is.
enum Place {
    Existing(i64),
    /// Among the new ones.
    New(usize),
}

/// The contents that are stored already, by position. Nobody can remove them before the end of the
/// transaction.
async fn existing(
    conn: &mut PgConnection,
    contents: &[Option<Content>],
) -> sqlx::Result<HashMap<usize, i64>> {
    let places = contents.iter().map(|content| content.as_ref().map(Content::place));
    let query = "SELECT e.nth, p.id, p.hash, p.fields, p.issues
         FROM UNNEST($1::bigint[]) WITH ORDINALITY e (place, nth)
         JOIN payloads p ON p.place = e.place
         FOR KEY SHARE OF p";
    let rows = sqlx::query(query).bind(places.collect::<Vec<_>>()).fetch_all(conn).await?;
    let mut existing = HashMap::new();
    for row in rows {
        let nth: i64 = row.try_get(0)?;
        let nth = usize::try_from(nth - 1).unwrap_or(usize::MAX);
        let Some(Some(content)) = contents.get(nth) else { continue };
        let (hash, fields, issues): (&[u8], Option<&str>, Option<&str>) =
            (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        if content.is(hash, fields, issues) {
            existing.insert(nth, row.try_get(1)?);
        }
    }
    Ok(existing)
}

async fn insert_dictionary(
    conn: &mut PgConnection,
    source: i64,
    new: &[Content],
) -> sqlx::Result<NewDictionary> {
    let mut used = new.iter().filter_map(|content| match &content.codec {
        Codec::Dictionary(dictionary) if dictionary.id().is_none() => Some(dictionary),
        _ => None,
    });
    let Some(dictionary) = used.next() else { return Ok(None) };
    let query = "INSERT INTO dictionaries (source, body) VALUES ($1, $2) RETURNING id";
    let query = sqlx::query(query).bind(source).bind(&*dictionary.bytes);
    let id = query.fetch_one(conn).await?.try_get(0)?;
    Ok(Some((Arc::clone(dictionary), id)))
}

async fn insert(
    conn: &mut PgConnection,
    new: &[Content],
    dictionary: Option<&(Arc<Dictionary>, i64)>,
) -> sqlx::Result<Vec<i64>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let ids = "SELECT ARRAY(SELECT nextval('payloads_id_seq') FROM generate_series(1, $1))";
    let ids = sqlx::query(ids).bind(new.len() as i64).fetch_one(&mut *conn).await?;
    let ids: Vec<i64> = ids.try_get(0)?;
    let codecs = new.iter().map(|content| match &content.codec {
        Codec::Plain => Ok(PLAIN),
        Codec::Archived => Ok(ARCHIVED),
        Codec::Zstd => Ok(ZSTD),
        Codec::Dictionary(used) => match (used.id(), dictionary) {
            (Some(id), _) => Ok(id),
            (None, Some((stored, id))) if Arc::ptr_eq(stored, used) => Ok(*id),
            // A row that could never be read again must not be written.
            (None, _) => Err(sqlx::Error::Protocol("two dictionaries".to_owned())),
        },
    });
    let query = "INSERT INTO payloads (id, place, hash, size, codec, body, fields, issues)
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[],
            $6::bytea[], $7::text[], $8::text[])";
    sqlx::query(query)
        .bind(&ids)
        .bind(new.iter().map(Content::place).collect::<Vec<_>>())
        .bind(new.iter().map(|it| it.hash.as_slice()).collect::<Vec<_>>())
        .bind(new.iter().map(|it| it.size as i64).collect::<Vec<_>>())
        .bind(codecs.collect::<sqlx::Result<Vec<_>>>()?)
        .bind(new.iter().map(|it| &*it.body).collect::<Vec<_>>())
        .bind(new.iter().map(|it| it.fields.as_deref()).collect::<Vec<_>>())
        .bind(new.iter().map(|it| it.issues.as_deref()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(ids)
}

/// Removes those of these payloads that nothing refers to any more.
pub(super) async fn release(conn: &mut PgConnection, payloads: &[i64]) -> sqlx::Result<()> {
    if payloads.is_empty() {
        return Ok(());
    }
    // Whoever is about to refer to one has locked it, so that it is left alone. Whoever comes later
    // waits, and does not find it.
    let query = "SELECT id FROM payloads WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED";
    let rows = sqlx::query(query).bind(payloads).fetch_all(&mut *conn).await?;
    let locked = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<i64>>>()?;
    // A statement of its own: it sees what was committed before the lock was had.
    let query = "DELETE FROM payloads p WHERE id = ANY ($1)
           AND NOT EXISTS (SELECT FROM records WHERE payload = p.id)
           AND NOT EXISTS (SELECT FROM record_versions WHERE payload = p.id)";
    sqlx::query(query).bind(locked).execute(conn).await?;
    Ok(())
}
