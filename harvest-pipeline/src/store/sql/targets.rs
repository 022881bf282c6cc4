//! Targets, and what they have, in a database.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::error::{SqlResult, attempt};
use super::row::{Columns, json, text};
use super::sources::number_of;
use super::{SqlStore, limit};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError};
use crate::run::Ticket;
use crate::store::{Offered, Owed, Page, Standing, StoreError, TargetDefinition, TargetStore};
use crate::targets::{Deliveries, Delivery};

/// How many rows go into one statement.
const ROWS: usize = 100;

async fn source_of(conn: &mut AnyConnection, source: &SourceId) -> SqlResult<i64> {
    let number = number_of(conn, source).await?;
    number.ok_or_else(|| StoreError::missing("source", source).into())
}

/// Places for `rows` rows of parameters, of which the first `same` are those of all rows.
fn places(rows: usize, same: usize, own: usize) -> String {
    let row = |nth: usize| {
        let fields = (1..=same).chain((1..=own).map(|field| same + nth * own + field));
        format!("({})", fields.map(|field| format!("${field}")).collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

fn delivery(row: &AnyRow) -> SqlResult<(String, Delivery)> {
    let row = Columns(row);
    let mut delivery = Delivery::new(row.text("version")?, row.optional_text("datestamp")?);
    delivery.withdrawn = row.integer("withdrawn")? != 0;
    delivery.at = row.time("time")?;
    Ok((row.text("identifier")?, delivery))
}

#[async_trait]
impl Deliveries for SqlStore {
    async fn last(
        &self,
        target: &str,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Delivery>, RunError> {
        let last = attempt("read what was delivered", async {
            let query = format!(
                "SELECT t.identifier, t.version, t.datestamp, t.withdrawn, t.time FROM deliveries t
                 WHERE t.target = $1 AND t.source = (SELECT id FROM sources WHERE name = $2)
                    AND t.version IS NOT NULL AND t.identifier IN {}",
                self.0.dialect.each("$3")
            );
            let rows = sqlx::query(AssertSqlSafe(query))
                .bind(target)
                .bind(source.as_str())
                .bind(json(identifiers)?)
                .fetch_all(&self.0.readers)
                .await?;
            rows.iter().map(delivery).collect()
        });
        Ok(last.await?)
    }

    async fn note(
        &self,
        target: &str,
        source: &SourceId,
        deliveries: Vec<(String, Delivery)>,
    ) -> Result<(), RunError> {
        // Of a record that is there twice, the last counts, and one statement takes only one.
        let deliveries: BTreeMap<_, _> = deliveries.into_iter().collect();
        let deliveries: Vec<_> = deliveries.into_iter().collect();
        let noted = attempt("note what was delivered", async {
            let mut tx = self.begin().await?;
            let source = source_of(&mut tx, source).await?;
            for rows in deliveries.chunks(ROWS) {
                let query = format!(
                    "INSERT INTO deliveries
                        (target, source, identifier, version, datestamp, withdrawn, time)
                     VALUES {} ON CONFLICT (target, source, identifier) DO UPDATE SET
                        version = excluded.version, datestamp = excluded.datestamp,
                        withdrawn = excluded.withdrawn, time = excluded.time,
                        failure = NULL, tries = 0",
                    places(rows.len(), 2, 5)
                );
                let mut query = sqlx::query(AssertSqlSafe(query)).bind(target).bind(source);
                for (identifier, delivery) in rows {
                    query = query
                        .bind(&**identifier)
                        .bind(&*delivery.version)
                        .bind(delivery.datestamp.as_deref())
                        .bind(i64::from(delivery.withdrawn))
                        .bind(text(delivery.at));
                }
                query.execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        });
        Ok(noted.await?)
    }
}

impl SqlStore {
    /// None of these records is owed any more.
    async fn settle(
        &self,
        conn: &mut AnyConnection,
        (target, source): (&str, i64),
        records: &[String],
    ) -> SqlResult<()> {
        let owed = "SELECT count(*) AS owed FROM deliveries
             WHERE target = $1 AND source = $2 AND failure IS NOT NULL";
        let owed = sqlx::query(owed).bind(target).bind(source).fetch_one(&mut *conn).await?;
        if Columns(&owed).count("owed")? == 0 {
            return Ok(());
        }
        let these = self.0.dialect.each("$3");
        for change in [
            "DELETE FROM deliveries WHERE version IS NULL AND",
            "UPDATE deliveries SET failure = NULL, tries = 0 WHERE",
        ] {
            let query = format!(
                "{change} target = $1 AND source = $2 AND failure IS NOT NULL
                    AND identifier IN {these}"
            );
            sqlx::query(AssertSqlSafe(query))
                .bind(target)
                .bind(source)
                .bind(json(records)?)
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}

/// These records are owed.
async fn owe(
    conn: &mut AnyConnection,
    (target, source): (&str, i64),
    failures: &[RecordError],
) -> SqlResult<()> {
    let failures: BTreeMap<_, _> = failures
        .iter()
        .filter_map(|failure| Some((failure.identifier.as_deref()?, &*failure.message)))
        .collect();
    let failures: Vec<_> = failures.into_iter().collect();
    for rows in failures.chunks(ROWS) {
        let query = format!(
            "INSERT INTO deliveries (target, source, tries, identifier, failure) VALUES {}
             ON CONFLICT (target, source, identifier) DO UPDATE SET
                failure = excluded.failure, tries = deliveries.tries + 1",
            places(rows.len(), 3, 2)
        );
        let query = sqlx::query(AssertSqlSafe(query)).bind(target).bind(source).bind(1_i64);
        let bound = rows
            .iter()
            .fold(query, |query, (identifier, message)| query.bind(*identifier).bind(*message));
        bound.execute(&mut *conn).await?;
    }
    Ok(())
}

fn target(row: &AnyRow) -> SqlResult<TargetDefinition> {
    Ok(serde_json::from_str(&Columns(row).text("body")?)?)
}

fn standing(row: &AnyRow) -> SqlResult<Standing> {
    let row = Columns(row);
    let failure = row.optional_text("failure")?.zip(row.optional_time("failed")?);
    Ok(Standing {
        source: row.text("name")?.into(),
        delivered: row.count("delivered")?,
        withdrawn: row.count("withdrawn")?,
        owed: row.count("owed")?,
        position: row.checkpoint("offered")?,
        served: row.optional_time("served")?,
        failure,
    })
}

#[async_trait]
impl TargetStore for SqlStore {
    async fn put_target(&self, target: &TargetDefinition) -> Result<(), StoreError> {
        let target = &*self.sealed_target(target)?;
        attempt("enter the target", async {
            let mut tx = self.begin().await?;
            if let Err(error) = self.check_target(&mut tx, target).await {
                return self.refuse(tx, error).await;
            }
            for source in target.sources.iter().flatten() {
                source_of(&mut tx, source).await?;
            }
            for name in &target.condition.filter_sets {
                let query = sqlx::query("SELECT name FROM filter_sets WHERE name = $1").bind(name);
                if query.fetch_optional(&mut *tx).await?.is_none() {
                    return self.refuse(tx, StoreError::missing("filter set", name)).await;
                }
            }
            sqlx::query(
                "INSERT INTO targets (name, body) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            )
            .bind(&*target.name)
            .bind(json(target)?)
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn remove_target(&self, name: &str) -> Result<(), StoreError> {
        attempt("remove the target", async {
            let mut tx = self.begin().await?;
            let mut removed = 0;
            for table in
                ["deliveries WHERE target", "target_sources WHERE target", "targets WHERE name"]
            {
                let query = format!("DELETE FROM {table} = $1");
                let query = sqlx::query(AssertSqlSafe(query)).bind(name);
                removed = query.execute(&mut *tx).await?.rows_affected();
            }
            if removed == 0 {
                return self.refuse(tx, StoreError::missing("target", name)).await;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn target(&self, name: &str) -> Result<Option<TargetDefinition>, StoreError> {
        attempt("read the target", async {
            let query = sqlx::query("SELECT body FROM targets WHERE name = $1").bind(name);
            let row = query.fetch_optional(&self.0.readers).await?;
            row.as_ref().map(target).transpose()
        })
        .await
    }

    async fn targets(&self) -> Result<Vec<TargetDefinition>, StoreError> {
        attempt("list the targets", async {
            let query = sqlx::query("SELECT body FROM targets ORDER BY name");
            query.fetch_all(&self.0.readers).await?.iter().map(target).collect()
        })
        .await
    }

    async fn offered_to(
        &self,
        target: &str,
        source: &SourceId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        attempt("read what was offered", async {
            let query = "SELECT t.offered FROM target_sources t JOIN sources s ON s.id = t.source
                 WHERE t.target = $1 AND s.name = $2";
            let query = sqlx::query(query).bind(target).bind(source.as_str());
            let row = query.fetch_optional(&self.0.readers).await?;
            Ok(row.map(|row| Columns(&row).checkpoint("offered")).transpose()?.flatten())
        })
        .await
    }

    async fn note_offered(
        &self,
        ticket: Ticket,
        target: &str,
        source: &SourceId,
        offered: &Offered,
    ) -> Result<(), StoreError> {
        attempt("note what was offered", async {
            let (mut tx, ..) = self.begin_ticketed(ticket).await?;
            let place = (target, source_of(&mut tx, source).await?);
            let failed = |record: &&String| {
                let mut failures = offered.failures.iter();
                failures.any(|failure| failure.identifier.as_ref() == Some(record))
            };
            let through: Vec<_> =
                offered.records.iter().filter(|record| !failed(record)).cloned().collect();
            self.settle(&mut tx, place, &through).await?;
            owe(&mut tx, place, &offered.failures).await?;
            sqlx::query(
                "INSERT INTO target_sources (target, source, offered) VALUES ($1, $2, $3)
                 ON CONFLICT (target, source) DO UPDATE
                    SET offered = COALESCE(excluded.offered, target_sources.offered)",
            )
            .bind(target)
            .bind(place.1)
            .bind(offered.position.as_ref().map(Checkpoint::to_json))
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn note_served(
        &self,
        ticket: Ticket,
        target: &str,
        source: &SourceId,
        failure: Option<&str>,
    ) -> Result<(), StoreError> {
        attempt("note that a target was served", async {
            let (mut tx, _, now) = self.begin_ticketed(ticket).await?;
            let number = source_of(&mut tx, source).await?;
            sqlx::query(
                "INSERT INTO target_sources (target, source, failure, failed, served)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (target, source) DO UPDATE
                    SET failure = excluded.failure, failed = excluded.failed,
                        served = COALESCE(excluded.served, target_sources.served)",
            )
            .bind(target)
            .bind(number)
            .bind(failure)
            .bind(failure.map(|_| text(now)))
            .bind(failure.is_none().then(|| text(now)))
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn owed(
        &self,
        target: &str,
        source: &SourceId,
        page: &Page<String>,
    ) -> Result<Vec<Owed>, StoreError> {
        attempt("list what is owed", async {
            // Even the empty string is an identifier.
            let after = if page.after.is_some() { "t.identifier > $3" } else { "$3 = ''" };
            let query = format!(
                "SELECT t.identifier, t.failure, t.tries
                 FROM deliveries t JOIN sources s ON s.id = t.source
                 WHERE t.target = $1 AND s.name = $2 AND t.failure IS NOT NULL AND {after}
                 ORDER BY t.identifier LIMIT $4"
            );
            let rows = sqlx::query(AssertSqlSafe(query))
                .bind(target)
                .bind(source.as_str())
                .bind(page.after.as_deref().unwrap_or_default())
                .bind(limit(page.limit))
                .fetch_all(&self.0.readers)
                .await?;
            let owed = rows.iter().map(|row| {
                let row = Columns(row);
                Ok(Owed {
                    identifier: row.text("identifier")?,
                    message: row.text("failure")?,
                    tries: row.count("tries")?,
                })
            });
            owed.collect()
        })
        .await
    }

    async fn standings(&self, target: &str) -> Result<Vec<Standing>, StoreError> {
        attempt("read how the target stands", async {
            let query = "SELECT s.name, t.offered, t.served, t.failure, t.failed,
                    COALESCE(d.delivered, 0) AS delivered, COALESCE(d.withdrawn, 0) AS withdrawn,
                    COALESCE(d.owed, 0) AS owed
                 FROM target_sources t JOIN sources s ON s.id = t.source
                 LEFT JOIN (SELECT source,
                        sum(CASE WHEN version IS NOT NULL AND withdrawn = 0 THEN 1 ELSE 0 END)
                            AS delivered,
                        sum(CASE WHEN withdrawn <> 0 THEN 1 ELSE 0 END) AS withdrawn,
                        sum(CASE WHEN failure IS NOT NULL THEN 1 ELSE 0 END) AS owed
                    FROM deliveries WHERE target = $1 GROUP BY source) d ON d.source = t.source
                 WHERE t.target = $1 ORDER BY s.name";
            let query = sqlx::query(query).bind(target);
            query.fetch_all(&self.0.readers).await?.iter().map(standing).collect()
        })
        .await
    }

    async fn offer_again(&self, target: &str, source: &SourceId) -> Result<(), StoreError> {
        attempt("have everything offered once more", async {
            let mut tx = self.begin().await?;
            let number = source_of(&mut tx, source).await?;
            for change in
                ["deliveries SET version = ''", "target_sources SET offered = NULL, served = NULL"]
            {
                let only = if change.starts_with('d') { "AND version IS NOT NULL" } else { "" };
                let query = format!("UPDATE {change} WHERE target = $1 AND source = $2 {only}");
                let query = sqlx::query(AssertSqlSafe(query)).bind(target).bind(number);
                query.execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }
}
