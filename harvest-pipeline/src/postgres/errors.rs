//! The records of a batch that failed.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::text;
use super::write::Batch;
use crate::batch::{Item, Payload};
use crate::catalogue::failed::Header;
use crate::catalogue::plan::Plan;
use crate::error::RecordError;
use crate::run::Outcome;
use crate::sink::Entry;

/// What failed before and came through now is no error any more.
pub(super) async fn resolve<R: Sync>(
    conn: &mut PgConnection,
    batch: &Batch<'_, R>,
    plan: &Plan,
) -> sqlx::Result<()> {
    let through = batch.batch.entries.iter().zip(&plan.outcomes);
    let through = through
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Failed | Outcome::Filtered))
        .filter_map(|(entry, _)| Some(text::shown(&entry.item()?.identifier)));
    let query = "UPDATE record_errors SET resolved = TRUE, last_run = $1
         WHERE source = $2 AND NOT resolved AND key = ANY ($3)";
    sqlx::query(query)
        .bind(batch.claim.run)
        .bind(batch.claim.source)
        .bind(through.collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// A record that failed, once or more often in a batch.
struct Failed<'b> {
    error: &'b RecordError,
    item: Option<&'b Item>,
    tries: i64,
}

impl Failed<'_> {
    fn payload(&self) -> Option<&Payload> {
        self.item.and_then(Item::payload)
    }
}

/// Notes what failed now.
pub(super) async fn insert<R: Sync>(
    conn: &mut PgConnection,
    batch: &Batch<'_, R>,
    plan: &Plan,
) -> sqlx::Result<()> {
    let failed = failed(batch, plan);
    if failed.is_empty() {
        return Ok(());
    }
    let all = failed.values();
    let identifiers = all.clone().map(|it| it.error.identifier.as_deref().map(text::shown));
    let query = "INSERT INTO record_errors
            (source, page, first_run, last_run, key, identifier, stage, message, body, format, header,
             tries)
         SELECT $1, $2, $3, $3, e.*
         FROM UNNEST($4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::text[],
            $10::text[], $11::bigint[]) e
         ON CONFLICT (source, key) DO UPDATE SET stage = excluded.stage,
            message = excluded.message, resolved = FALSE,
            tries = record_errors.tries + excluded.tries, page = excluded.page,
            last_run = excluded.last_run, body = excluded.body, format = excluded.format,
            header = excluded.header";
    sqlx::query(query)
        .bind(batch.claim.source)
        .bind(batch.page)
        .bind(batch.claim.run)
        .bind(failed.keys().collect::<Vec<_>>())
        .bind(identifiers.collect::<Vec<_>>())
        .bind(all.clone().map(|it| it.error.stage.as_str()).collect::<Vec<_>>())
        .bind(all.clone().map(|it| text::shown(&it.error.message)).collect::<Vec<_>>())
        .bind(all.clone().map(|it| Some(it.payload()?.body.as_bytes())).collect::<Vec<_>>())
        .bind(all.clone().map(|it| Some(text::shown(&it.payload()?.format))).collect::<Vec<_>>())
        .bind(all.clone().map(header).collect::<Vec<_>>())
        .bind(all.map(|it| it.tries).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// In JSON a NUL character is written in letters.
fn header(failed: &Failed<'_>) -> Option<String> {
    failed.item.and_then(Header::of)
}

/// What failed, by key.
fn failed<'b, R>(batch: &Batch<'b, R>, plan: &'b Plan) -> BTreeMap<String, Failed<'b>> {
    let mut all = BTreeMap::new();
    let mut own = plan.failures.iter();
    for (nth, (entry, outcome)) in batch.batch.entries.iter().zip(&plan.outcomes).enumerate() {
        if *outcome != Outcome::Failed {
            continue;
        }
        let error = match entry {
            Entry::Failed { error, .. } => Some(error),
            _ => own.next(),
        };
        let Some(error) = error else { continue };
        let key = match &error.identifier {
            Some(identifier) => text::shown(identifier).into_owned(),
            // The same place in the same list is taken for the same record.
            None => format!("batch {}, record {nth}", batch.batch.number),
        };
        let tries = all.get(&key).map_or(0, |it: &Failed<'_>| it.tries) + 1;
        all.insert(key, Failed { error, item: entry.item(), tries });
    }
    all
}
