//! What changed, in the order in which it was stored.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::{AssertSqlSafe, Row};

use super::read::{COLUMNS, JOINED};
use super::{PostgresCatalogue, text};
use crate::batch::SourceId;
use crate::catalogue::arrivals::{Arrival, ArrivalPoint, ROWS, Walk};
use crate::error::RunError;

impl PostgresCatalogue {
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
        let query = format!(
            "SELECT {COLUMNS}, r.page FROM records r JOIN sources s ON s.id = r.source {JOINED}
             WHERE r.page = ANY ($1) AND r.source = $2 AND (r.page, r.identifier) > ($3, $4)
             ORDER BY r.page, r.identifier LIMIT $5"
        );
        let mut conn = self.reader().await?;
        let rows = sqlx::query(AssertSqlSafe(query))
            .bind(pages)
            .bind(id)
            .bind(walk.after.page)
            .bind(&*walk.after.identifier)
            .bind(ROWS as i64)
            .fetch_all(&mut *conn)
            .await
            .map_err(unreadable)?;
        let records = self.decode(&mut conn, &rows).await?;
        let pages = rows.iter().map(|row| row.try_get("page"));
        let pages = pages.collect::<sqlx::Result<Vec<i64>>>().map_err(unreadable)?;
        let changed = records.into_iter().zip(pages);
        let changed: Vec<_> = changed.map(|(record, page)| Arrival::new(record, page)).collect();
        walk.passed(&changed);
        Ok(Some(changed))
    }

    async fn ahead(&self, walk: &Walk) -> sqlx::Result<(i64, VecDeque<i64>)> {
        let query = "SELECT u.source, p.id FROM sources s
                JOIN runs u ON u.source = s.id JOIN pages p ON p.run = u.id
             WHERE s.name = $1 AND p.id >= $2 ORDER BY p.id";
        let query = sqlx::query(query).bind(text::shown(walk.source.as_str()));
        let rows = query.bind(walk.after.page).fetch_all(&self.0.pool).await?;
        let id = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok((id, rows.iter().map(|row| row.try_get(1)).collect::<sqlx::Result<_>>()?))
    }

    pub(super) async fn arrivals_counted(
        &self,
        source: &SourceId,
        after: Option<&ArrivalPoint>,
    ) -> Result<u64, RunError> {
        let query = "SELECT count(*) FROM sources s JOIN runs u ON u.source = s.id
                JOIN pages p ON p.run = u.id JOIN records r ON r.page = p.id AND r.source = s.id
             WHERE s.name = $1 AND p.id >= $2 AND (p.id, r.identifier) > ($2, $3)";
        let query = sqlx::query(query)
            .bind(text::shown(source.as_str()))
            .bind(after.map_or(0, |point| point.page))
            .bind(after.map_or("", |point| &point.identifier));
        let row = query.fetch_one(&self.0.pool).await;
        let count: i64 =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.unreadable(error))?;
        Ok(count.try_into().unwrap_or(0))
    }
}
