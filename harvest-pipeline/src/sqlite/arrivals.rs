//! What changed, in the order in which it was stored.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::Row;

use super::SqliteCatalogue;
use super::read::select_records;
use crate::batch::SourceId;
use crate::catalogue::arrivals::{Arrival, ArrivalPoint, ROWS, Walk};
use crate::catalogue::prepare::json;
use crate::error::RunError;

impl SqliteCatalogue {
    pub(super) fn arrived(
        &self,
        source: &SourceId,
        after: Option<ArrivalPoint>,
    ) -> BoxStream<'_, Result<Arrival, RunError>> {
        let walk = Walk::new(source, after);
        stream::try_unfold((walk, VecDeque::new()), async |(mut walk, mut records)| {
            loop {
                if let Some(record) = records.pop_front() {
                    return Ok(Some((record, (walk, records))));
                }
                match self.read_arrivals(&mut walk).await? {
                    Some(read) => records = read.into(),
                    None => return Ok(None),
                }
            }
        })
        .boxed()
    }

    /// The next changes, perhaps none of those that were looked at; `None` at the end.
    async fn read_arrivals(&self, walk: &mut Walk) -> Result<Option<Vec<Arrival>>, RunError> {
        let unreadable = |error| self.unreadable(error);
        if walk.ahead.is_none() {
            walk.ahead = Some(self.ahead(walk).await.map_err(unreadable)?);
        }
        let Some((id, pages)) = walk.next() else { return Ok(None) };
        // By their pages, whatever else there is an index for.
        let query = concat!(
            select_records!(),
            "WHERE r.page IN (SELECT value FROM json_each(?2)) AND +r.source = ?1
               AND (r.page, r.identifier) > (?3, ?4)
             ORDER BY r.page, r.identifier LIMIT ?5"
        );
        let rows = sqlx::query(query)
            .bind(id)
            .bind(json(&pages))
            .bind(walk.after.page)
            .bind(&*walk.after.identifier)
            .bind(ROWS as i64)
            .fetch_all(&self.0.readers)
            .await
            .map_err(unreadable)?;
        let records = self.decode(&rows, &walk.source).await?;
        let pages = rows.iter().map(|row| row.try_get("page"));
        let pages = pages.collect::<sqlx::Result<Vec<i64>>>().map_err(unreadable)?;
        let changed = records.into_iter().zip(pages);
        let changed: Vec<_> = changed.map(|(record, page)| Arrival::new(record, page)).collect();
        walk.passed(&changed);
        Ok(Some(changed))
    }

    async fn ahead(&self, walk: &Walk) -> sqlx::Result<(i64, VecDeque<i64>)> {
        let query = "SELECT u.source, p.id FROM runs u CROSS JOIN pages p ON p.run = u.id
             WHERE u.source = (SELECT id FROM sources WHERE name = ?1) AND p.id >= ?2
             ORDER BY p.id";
        let query = sqlx::query(query).bind(walk.source.as_str()).bind(walk.after.page);
        let rows = query.fetch_all(&self.0.readers).await?;
        let id = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok((id, rows.iter().map(|row| row.try_get(1)).collect::<sqlx::Result<_>>()?))
    }

    pub(super) async fn arrivals_counted(
        &self,
        source: &SourceId,
        after: Option<&ArrivalPoint>,
    ) -> Result<u64, RunError> {
        let query = "SELECT count(*) FROM runs u CROSS JOIN pages p ON p.run = u.id
                CROSS JOIN records r ON r.page = p.id AND r.source = u.source
             WHERE u.source = (SELECT id FROM sources WHERE name = ?1) AND p.id >= ?2
                AND (p.id, r.identifier) > (?2, ?3)";
        let query = sqlx::query(query)
            .bind(source.as_str())
            .bind(after.map_or(0, |point| point.page))
            .bind(after.map_or("", |point| &point.identifier));
        let row = query.fetch_one(&self.0.readers).await;
        let count: i64 =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.unreadable(error))?;
        Ok(count.try_into().unwrap_or(0))
    }
}
