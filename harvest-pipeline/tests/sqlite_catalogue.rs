//! The SQLite catalogue does what every catalogue must do, and keeps its tables in order.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

mod catalogue_contract;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::TryStreamExt;
use harvest_pipeline::parsers::Raw;
use harvest_pipeline::payloads::{ContentAddress, MemoryPayloads, PayloadStore};
use harvest_pipeline::store::Page;
use harvest_pipeline::{
    Catalogue, Counters, Hold, Item, Payload, Pipeline, Query, RecordQuery, Resume, Run, RunError,
    RunId, Sink, SqliteCatalogue, Summary, Ticket, sources,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use self::catalogue_contract::catalogue_contract;

async fn catalogue() -> Option<(SqliteCatalogue, TempDir)> {
    let folder = tempfile::tempdir().ok()?;
    let catalogue = SqliteCatalogue::open(folder.path().join("harvest.db")).await.ok()?;
    Some((catalogue, folder))
}

catalogue_contract!(catalogue);

/// The same with its metadata in an archive.
mod archived {
    use super::*;

    async fn catalogue() -> Option<(SqliteCatalogue, TempDir)> {
        let (catalogue, folder) = super::catalogue().await?;
        Some((catalogue.with_payloads(Arc::new(MemoryPayloads::new())), folder))
    }

    catalogue_contract!(catalogue);
}

#[tokio::test]
async fn metadata_is_in_the_archive_and_only_its_hash_in_the_database() {
    let archive = Arc::new(MemoryPayloads::new());
    let Fixture { folder, catalogue } = Fixture::new().await;
    let it = Fixture { folder, catalogue: catalogue.with_payloads(Arc::clone(&archive) as _) };
    let catalogue = &it.catalogue;
    let body = |n: usize| format!("<dc>{}</dc>", format!("title {n} ").repeat(20));
    let item = |n: usize| Item::put(format!("r{n:02}"), Payload::new("oai_dc", body(n)));
    it.harvest((0..20).map(item).collect()).await;
    for n in 0..20 {
        assert!(archive.contains(&ContentAddress::of(body(n).as_bytes())).await.unwrap());
    }
    let rows = "SELECT count(*) || ' of ' || max(length(body)) FROM payloads WHERE codec = -1";
    assert_eq!(it.text(rows).await, "20 of 32");

    // Whoever does not know of the archive is told of it; whoever does and cannot find something, too.
    let file = it.catalogue.file().to_owned();
    let elsewhere = SqliteCatalogue::open(&file).await.unwrap();
    let error = elsewhere.find(&"s".into(), "r00").await.unwrap_err();
    assert!(error.message().contains("`payloads` in the settings"), "{error}");
    let lost = ContentAddress::of(body(3).as_bytes());
    archive.remove(&lost).await.unwrap();
    let error = catalogue.find(&"s".into(), "r03").await.unwrap_err();
    assert!(error.message().contains(&lost.to_string()), "{error}");
    assert!(catalogue.find(&"s".into(), "r04").await.unwrap().is_some());
}

struct Fixture {
    folder: TempDir,
    catalogue: SqliteCatalogue,
}

impl Fixture {
    async fn new() -> Self {
        let (catalogue, folder) = catalogue().await.unwrap();
        Self { folder, catalogue }
    }

    async fn keeping(versions: u32) -> Self {
        let Self { folder, catalogue } = Self::new().await;
        Self { folder, catalogue: catalogue.with_versions(versions) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("harvest.db")
    }

    async fn harvest(&self, items: Vec<Item>) -> Summary {
        self.try_harvest(items, Resume::Afresh).await.unwrap()
    }

    async fn harvest_as(&self, source: &str, items: Vec<Item>) {
        let pipeline = Pipeline::new(sources::items(source, items)).parse(Raw);
        pipeline.resume(Resume::Afresh).run(&self.catalogue).await.unwrap();
    }

    async fn try_harvest(&self, items: Vec<Item>, resume: Resume) -> Result<Summary, RunError> {
        let source = sources::items("s", items).with_batch_size(NonZeroUsize::new(20).unwrap());
        let pipeline = Pipeline::new(source).parse(Raw).prefetch(0).resume(resume);
        pipeline.run(&self.catalogue).await
    }

    async fn last_run(&self) -> RunId {
        let summary = self.catalogue.summary(&"s".into()).await.unwrap().unwrap();
        RunId(summary.last_run.unwrap().id)
    }

    async fn begin(&self) -> (Run, Hold) {
        let run = Run::new("s".into());
        let hold = Sink::<harvest_pipeline::parsers::RawRecord>::begin(&self.catalogue, &run);
        (run.clone(), hold.await.unwrap())
    }

    async fn sql(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.sql().await).await.unwrap();
    }

    async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        let row = sqlx::query(sql).fetch_one(&mut self.sql().await).await.unwrap();
        row.get::<Option<String>, _>(0).unwrap_or_default()
    }

    /// Every payload is there as long as something needs it, and sources know what they have.
    async fn check(&self) {
        let wrong = self
            .text(
                "SELECT group_concat(what, '; ') FROM (
                    SELECT 'payload ' || p.id || ' counts ' || p.refs AS what FROM payloads p
                    WHERE p.refs <> (SELECT count(*) FROM records WHERE payload = p.id)
                        + (SELECT count(*) FROM versions WHERE payload = p.id)
                    UNION ALL
                    SELECT 'no payload ' || payload FROM
                        (SELECT payload FROM records UNION ALL SELECT payload FROM versions)
                    WHERE payload NOT IN (SELECT id FROM payloads)
                    UNION ALL
                    SELECT 'a tombstone has a payload' FROM records
                    WHERE deleted <> (payload IS NULL)
                    UNION ALL
                    SELECT 'stock of ' || name FROM sources s
                    WHERE live <> (SELECT count(*) FROM records WHERE source = s.id AND NOT deleted)
                        OR tombstones <> (SELECT count(*) FROM records
                                          WHERE source = s.id AND deleted))",
            )
            .await;
        assert_eq!(wrong, "");
    }

    /// All that is there, without what differs from run to run: times, numbers of pages and payloads.
    async fn dump(&self) -> String {
        let version = "deleted, datestamp, sets, about, format, hex(digest),
             (SELECT hex(hash) || refs FROM payloads WHERE id = payload)";
        self.text(&format!(
            "SELECT group_concat(line, char(10)) FROM (
                SELECT concat_ws('|', identifier, number, {version}) AS line FROM
                    (SELECT * FROM records ORDER BY identifier)
                UNION ALL
                SELECT concat_ws('|', 'version', identifier, number, {version}) FROM
                    (SELECT * FROM versions ORDER BY identifier, number)
                UNION ALL
                SELECT concat_ws('|', name, checkpoint, live, tombstones) FROM sources
                UNION ALL
                SELECT concat_ws('|', 'counted', sum(created), sum(updated), sum(deleted),
                    sum(unchanged)) FROM runs
                UNION ALL
                SELECT concat_ws('|', 'payloads', count(*), sum(refs), sum(size)) FROM payloads)"
        ))
        .await
    }
}

fn put(id: usize, body: &str) -> Item {
    let body = format!("<r>record {id} {body}</r>").repeat(3);
    Item::put(format!("id{id:04}"), Payload::new("test", body)).with_datestamp("2024-01-31")
}

/// A step in some order that is the same every time.
fn scattered(n: usize, step: usize, of: usize) -> usize {
    (n * 7919 + step * 104_729 + n * step * 31) % of
}

/// What a run finds: some records as they were, some changed, some deleted.
fn found(step: usize) -> Vec<Item> {
    let items = (0..60).filter(|n| scattered(*n, step, 7) > 0).map(|n| {
        match scattered(n, step, 5) {
            0 => Item::delete(format!("id{n:04}")),
            // Several records share these.
            1 => Item::put(format!("id{n:04}"), Payload::new("test", "<same/>")),
            changed => put(n, &changed.to_string()),
        }
    });
    items.collect()
}

#[tokio::test]
async fn payloads_stay_as_long_as_a_version_needs_them() {
    for kept in [0, 1, 3, 10] {
        let it = Fixture::keeping(kept).await;
        let source = "s".into();
        let mut before = Vec::new();
        for step in 0..8 {
            before = it.catalogue.records(Query::all()).try_collect::<Vec<_>>().await.unwrap();
            it.harvest(found(step)).await;
            it.check().await;
        }
        let last = it.last_run().await;
        let most = it
            .text(
                "SELECT '' || max(n) FROM (SELECT count(*) AS n FROM versions
            GROUP BY source, identifier)",
            )
            .await;
        let most: u32 = most.parse().unwrap_or(0);
        assert!(most <= kept && (most == kept || kept == 10), "{most} of {kept}");

        if kept == 0 {
            let error = it.catalogue.undo(&source, last).await.unwrap_err().to_string();
            assert!(error.contains("not kept any more"), "{error}");
        } else {
            it.catalogue.undo(&source, last).await.unwrap();
            for before in before {
                let after = it.catalogue.find(&source, &before.identifier).await.unwrap().unwrap();
                assert_eq!(before.line().metadata, after.line().metadata, "{kept}: {before:?}");
            }
        }
        it.check().await;

        let (run, hold) = it.begin().await;
        let deleted = it.catalogue.delete_absent(&run, last).await.unwrap().deleted;
        let deleting = it.last_run().await;
        drop(hold);
        it.check().await;
        it.harvest(vec![]).await;
        if kept > 0 {
            assert_eq!(it.catalogue.undo(&source, deleting).await.unwrap().created, deleted);
            it.check().await;
        }
        // What is kept no more than it must be.
        let it = Fixture { catalogue: it.catalogue.with_versions(0), folder: it.folder };
        it.harvest((0..60).map(|n| put(n, "last")).collect()).await;
        it.check().await;
        assert_eq!(it.text("SELECT '' || count(*) FROM versions").await, "0");
        assert_eq!(it.text("SELECT '' || count(*) FROM payloads").await, "60");
    }
}

#[tokio::test]
async fn a_crash_at_any_commit_loses_nothing_and_does_nothing_twice() {
    // Everywhere something is written on the way; each is hit at its first and at a later row.
    let places = [
        "INSERT ON pages",
        "INSERT ON payloads",
        "DELETE ON payloads",
        "UPDATE OF refs ON payloads",
        "INSERT ON records",
        "UPDATE OF number ON records",
        "UPDATE OF last_run ON records",
        "INSERT ON versions",
        "DELETE ON versions",
        "UPDATE OF batches ON runs",
        "UPDATE OF checkpoint ON sources",
        "UPDATE OF live ON sources",
        "INSERT ON search_stale",
        "INSERT ON search_records",
        "UPDATE ON search_mark",
    ];
    let undisturbed = Fixture::keeping(2).await;
    history(&undisturbed, None).await;
    let expected = undisturbed.dump().await;
    for place in places {
        let mut crashes = 0;
        for skipped in [0, 1, 7, 60] {
            let it = Fixture::keeping(2).await;
            crashes += history(&it, Some((place, skipped))).await;
            assert_eq!(it.dump().await, expected, "{place}, after {skipped}");
            it.check().await;
        }
        assert!(crashes > 0, "there is no {place}");
    }
}

/// Harvests, deletes, undoes and indexes; tries each step again until it succeeds. Says how often it
/// did not.
async fn history(it: &Fixture, crash: Option<(&str, usize)>) -> usize {
    let mut crashes = 0;
    if let Some((place, skipped)) = crash {
        it.execute(&format!(
            "CREATE TABLE countdown (n INTEGER);
             INSERT INTO countdown VALUES ({skipped});
             CREATE TRIGGER crash AFTER {place} WHEN (SELECT count(*) FROM countdown) > 0 BEGIN
                SELECT raise(ABORT, 'crash') FROM countdown WHERE n <= 0;
                UPDATE countdown SET n = n - 1;
             END"
        ))
        .await;
    }
    let mut crashed = async |error: RunError| {
        assert!(error.to_string().contains("crash"), "{error}");
        crashes += 1;
        // One crash a history: what comes next goes on from it.
        it.execute("DELETE FROM countdown").await;
    };
    let mut last = RunId(0);
    for step in 0..6 {
        let mut resume = Resume::Afresh;
        let mut first = None;
        while let Err(error) = it.try_harvest(found(step), resume).await {
            crashed(error).await;
            // A run that stored nothing did not get as far as the checkpoint.
            resume = match it
                .text(
                    "SELECT '' || max(batches) FROM runs WHERE id =
                (SELECT max(id) FROM runs)",
                )
                .await
                .as_str()
            {
                "0" => Resume::Afresh,
                _ => Resume::FromSink,
            };
            first.get_or_insert(it.last_run().await);
        }
        last = first.unwrap_or(it.last_run().await);
    }
    let (run, hold) = it.begin().await;
    while let Err(error) = it.catalogue.delete_absent(&run, last).await {
        crashed(error).await;
    }
    let deleting = it.last_run().await;
    drop(hold);
    while let Err(error) = it.try_harvest(vec![], Resume::Afresh).await {
        crashed(error).await;
    }
    while let Err(error) = it.catalogue.undo(&"s".into(), deleting).await {
        crashed(error).await;
    }
    while let Err(error) = it.catalogue.index().await {
        crashed(error).await;
    }
    crashes
}

#[tokio::test]
async fn a_worker_that_lost_its_run_writes_no_more() {
    let it = Fixture::new().await;
    it.harvest(vec![put(1, "a"), put(2, "a")]).await;
    it.harvest(vec![put(1, "a")]).await;
    let since = it.last_run().await;
    it.execute(
        "INSERT INTO runs (source, state, queued, fence, worker)
         SELECT id, 'running', '2024-01-31T12:00:00.000Z', 2, 'w' FROM sources",
    )
    .await;
    let id = it.last_run().await;
    let run = |fence| Run::new("s".into()).with_ticket(Ticket::new(id, fence));
    for stale in [1, 3] {
        for error in [
            it.catalogue.delete_absent(&run(stale), since).await.unwrap_err(),
            it.catalogue.rewind(&run(stale), None).await.unwrap_err(),
        ] {
            assert!(error.to_string().contains("given to another worker"), "{error}");
        }
    }
    let other = Run::new("t".into()).with_ticket(Ticket::new(id, 2));
    it.catalogue.delete_absent(&other, since).await.unwrap_err();
    assert_eq!(it.text("SELECT '' || sum(deleted) FROM records").await, "0");
    assert_ne!(it.text("SELECT checkpoint FROM sources").await, "");

    it.catalogue.rewind(&run(2), None).await.unwrap();
    assert_eq!(it.text("SELECT checkpoint FROM sources").await, "");
    let counters: Counters = it.catalogue.delete_absent(&run(2), since).await.unwrap();
    assert_eq!(counters.deleted, 1);
    let counted = format!("SELECT '' || deleted FROM runs WHERE id = {id}");
    assert_eq!(it.text(&counted).await, "1");
}

#[tokio::test]
async fn the_index_finds_what_looking_through_finds() {
    let it = Fixture::new().await;
    let word = |n: usize, step: usize| match (n % 97, n % 50) {
        (_, 49) => format!("seldom{}", step + n / 300),
        (0, _) => "rare".to_owned(),
        _ => "usual".to_owned(),
    };
    for step in 0..2 {
        it.harvest((0..700).map(|n| put(n, &word(n, step))).collect()).await;
        it.harvest((40..60).map(|n| Item::delete(format!("id{n:04}"))).collect()).await;
    }
    it.catalogue.undo(&"s".into(), RunId(3)).await.unwrap();
    it.catalogue.index().await.unwrap();
    let all: Vec<_> = it.catalogue.records(Query::all()).try_collect().await.unwrap();
    for text in
        ["seldom1", "seldom", "rare", "rare r", "record seldom2", "usual", "id0649", "nothing"]
    {
        let start = text.rsplit(' ').next().unwrap();
        let is_found = |word: &str| word.starts_with(start);
        let expected: Vec<_> = all
            .iter()
            .filter(|it| {
                let text_of = it.metadata.as_deref().unwrap_or_default().replace(['<', '>'], " ");
                let mut words: Vec<_> =
                    text_of.split(' ').filter(|it| *it != "/r" && *it != "r").collect();
                words.push(&it.identifier);
                words.iter().any(|word| is_found(word))
                    && text.split(' ').rev().skip(1).all(|asked| words.contains(&asked))
            })
            .map(|it| it.identifier.clone())
            .collect();
        for limit in [3, 1000] {
            let mut query = RecordQuery::default();
            query.text = Some(text.to_owned());
            query.page = Page::first(limit);
            let mut listed = Vec::new();
            loop {
                let records = it.catalogue.list(&query).await.unwrap();
                let Some(last) = records.last() else { break };
                query.page.after = Some((last.source.clone(), last.identifier.clone()));
                listed.extend(records.into_iter().map(|it| it.identifier));
            }
            assert_eq!(listed, expected, "{text}, {limit} a page");
        }
    }
}

#[tokio::test]
async fn what_is_rare_is_found_in_all_sources_and_what_is_new_is_too() {
    let it = Fixture::new().await;
    // More sources than the index is asked about at once, more records than are looked through.
    let word = |n: usize| if n == 3 { "rare" } else { "usual" };
    let fill = async |from: usize, until: usize| {
        for source in from..until {
            let items = (0..5).map(|n| put(n, word(n))).collect();
            it.harvest_as(&format!("s{source:03}"), items).await;
        }
    };
    fill(0, 150).await;
    it.catalogue.index().await.unwrap();
    // Not in the index yet, and before, between and behind what is.
    fill(150, 152).await;
    it.harvest_as("a", vec![put(7, "rare")]).await;
    it.harvest_as("s010", vec![put(1, "rare"), Item::delete("id0003")]).await;
    let expected: Vec<_> = ["a".to_owned()]
        .into_iter()
        .chain((0..152).map(|source| format!("s{source:03}")))
        .collect();
    for limit in [2, 50, 1000] {
        let mut query = RecordQuery::default();
        query.text = Some("rare".to_owned());
        query.page = Page::first(limit);
        let mut listed = Vec::new();
        loop {
            let records = it.catalogue.list(&query).await.unwrap();
            let Some(last) = records.last() else { break };
            query.page.after = Some((last.source.clone(), last.identifier.clone()));
            listed.extend(records.into_iter().map(|it| it.source.as_str().to_owned()));
        }
        assert_eq!(listed, expected, "{limit} a page");
    }
    let mut query = RecordQuery::default();
    query.text = Some("id0003".to_owned());
    query.deleted = Some(true);
    for _ in 0..2 {
        let records = it.catalogue.list(&query).await.unwrap();
        assert_eq!(records.iter().map(|it| it.source.as_str()).collect::<Vec<_>>(), ["s010"]);
        it.catalogue.index().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_from_before_there_were_versions_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("harvest.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    for migration in [
        include_str!("../src/sqlite/migrations/0001_catalogue.sql"),
        include_str!("../src/sqlite/migrations/0002_version.sql"),
        include_str!("../src/sqlite/migrations/0003_changed.sql"),
        include_str!("../src/sqlite/migrations/0004_runs.sql"),
        "INSERT INTO sources (name) VALUES ('s');
         INSERT INTO runs (source, state, queued) VALUES (1, 'succeeded', '2024-01-31T12:00:00.000Z');
         INSERT INTO pages VALUES (1, 1, 0, NULL, NULL, '2024-01-31T12:00:00.000Z');
         INSERT INTO payloads VALUES (1, 0, x'00', 8, 0, 2, '<r>a</r>', NULL, NULL);
         INSERT INTO records (source, identifier, deleted, digest, payload, page, first_run, last_run)
            VALUES (1, 'a', 0, zeroblob(16), 1, 1, 1, 1), (1, 'b', 1, zeroblob(16), 1, 1, 1, 1);
         PRAGMA user_version = 4;
         PRAGMA application_id = 0x48727650;",
    ] {
        sqlx::raw_sql(migration).execute(&mut old).await.unwrap();
    }
    old.close().await.unwrap();

    let catalogue = SqliteCatalogue::open(&file).await.unwrap();
    let it = Fixture { folder, catalogue };
    let source = "s".into();
    let summary = it.catalogue.summary(&source).await.unwrap().unwrap();
    assert_eq!((summary.live, summary.deleted), (1, 1));
    assert_eq!(it.catalogue.versions(&source, "a").await.unwrap().len(), 1);
    it.catalogue.index().await.unwrap();
    let payload = Payload::new("test", "<r>new</r>");
    it.harvest(vec![Item::put("a", payload.clone()), Item::put("b", payload)]).await;
    let undone = it.catalogue.undo(&source, it.last_run().await).await.unwrap();
    assert_eq!((undone.updated, undone.deleted), (1, 1));
    let record = it.catalogue.find(&source, "a").await.unwrap().unwrap();
    assert_eq!(record.metadata.as_deref(), Some("<r>a</r>"));
    // Tombstones had payloads then: both records are there twice now.
    assert_eq!(it.text("SELECT '' || refs FROM payloads WHERE id = 1").await, "4");
}
