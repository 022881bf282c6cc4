//! How fast records go through a pipeline into the PostgreSQL catalogue, beside a bare `COPY` of the
//! rows that come of it: the same columns, the metadata compressed already.
//!
//! `DATABASE_URL=postgres://… cargo run --release -p harvest-pipeline --features postgres
//! --example postgres_throughput -- [records] [turns]`

mod synthetic;

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::{Catalogue, Pipeline, PostgresCatalogue, Query, Resume, Summary};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use self::synthetic::{BATCH, Synthetic, five_filters, record, report};

/// What a harvest fills by the thousand.
const TABLES: [&str; 3] = ["payloads", "records", "record_words"];

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let records: usize = arguments.next().map_or(Ok(50_000), |arg| arg.parse())?;
    let turns: usize = arguments.next().map_or(Ok(5), |arg| arg.parse())?;
    let server = std::env::var("DATABASE_URL")?;
    let mut conn = PgConnection::connect(&server).await?;
    let bytes = (0..100).map(|n| record(n).len()).sum::<usize>() / 100;
    report!("{records} records of about {bytes} bytes, {BATCH} a batch");

    let mut ratios = Vec::new();
    for _ in 0..turns {
        conn.execute_all("CREATE SCHEMA throughput; SET search_path = throughput").await?;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3Dthroughput");
        let catalogue = PostgresCatalogue::open(&url).await?;
        let first = harvest(&catalogue, records, Resume::FromSink).await?.elapsed;
        rate("pipeline, first run", records, first);
        let mut copies = Vec::new();
        for table in TABLES {
            copies.push((table, copy_out(&mut conn, table).await?));
        }
        let again = harvest(&catalogue, records, Resume::Afresh).await?.elapsed;
        rate("pipeline, nothing changed", records, again);
        let started = Instant::now();
        let listed = catalogue.records(Query::all()).count().await;
        rate("listing", listed, started.elapsed());
        catalogue.close().await;

        let same = copy_in(&mut conn, &copies, "INCLUDING ALL").await?;
        rate("COPY into the same tables", records, same);
        let bare = copy_in(&mut conn, &copies, "INCLUDING STORAGE").await?;
        rate("COPY without any index", records, bare);
        let ratio = |copy: Duration| copy.as_secs_f64() / first.as_secs_f64();
        report!("    of COPY: {:.2}; of COPY without any index: {:.2}", ratio(same), ratio(bare));
        ratios.push(ratio(same));
        conn.execute_all("DROP SCHEMA throughput CASCADE").await?;
    }
    ratios.sort_by(f64::total_cmp);
    report!("of COPY, median of {turns} turns: {:.2}", ratios[turns / 2]);
    Ok(())
}

fn rate(what: &str, records: usize, took: Duration) {
    let took = took.as_secs_f64();
    report!("{what:<28} {took:>8.2} s {:>8.0} records/s", records as f64 / took);
}

/// Filters by five expressions, reads the fields, stores them with the metadata.
async fn harvest(
    catalogue: &PostgresCatalogue,
    records: usize,
    resume: Resume,
) -> Result<Summary, Box<dyn Error>> {
    let pipeline = Pipeline::new(Synthetic(records)).filter(five_filters()?).parse(DublinCore);
    let summary = pipeline.resume(resume).run(catalogue).await?;
    assert_eq!(summary.counters.created + summary.counters.unchanged, records as u64);
    Ok(summary)
}

/// The rows of a table, as they can be copied in again.
async fn copy_out(conn: &mut PgConnection, table: &str) -> sqlx::Result<Vec<u8>> {
    let copy = format!("COPY (SELECT * FROM {table} ORDER BY 1) TO STDOUT (FORMAT binary)");
    let rows = conn.copy_out_raw(&copy).await?;
    rows.try_fold(Vec::new(), async |mut all, part| {
        all.extend_from_slice(&part);
        Ok(all)
    })
    .await
}

/// Copies all rows into new tables that are like those they come from, in one transaction.
async fn copy_in(
    conn: &mut PgConnection,
    copies: &[(&str, Vec<u8>)],
    like: &str,
) -> sqlx::Result<Duration> {
    for (table, _) in copies {
        conn.execute_all(&format!("CREATE TABLE copied_{table} (LIKE {table} {like})")).await?;
    }
    let started = Instant::now();
    let mut tx = conn.begin().await?;
    for (table, rows) in copies {
        let into = format!("COPY copied_{table} FROM STDIN (FORMAT binary)");
        let mut copy = tx.copy_in_raw(&into).await?;
        for part in rows.chunks(1 << 20) {
            copy.send(part).await?;
        }
        copy.finish().await?;
    }
    tx.commit().await?;
    let took = started.elapsed();
    for (table, _) in copies {
        conn.execute_all(&format!("DROP TABLE copied_{table}")).await?;
    }
    Ok(took)
}

trait ExecuteAll {
    async fn execute_all(&mut self, sql: &str) -> sqlx::Result<()>;
}

impl ExecuteAll for PgConnection {
    async fn execute_all(&mut self, sql: &str) -> sqlx::Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self).await?;
        Ok(())
    }
}
