//! The SQLite catalogue, in real files.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use harvest_pipeline::parsers::{DublinCore, RawRecord};
use harvest_pipeline::{
    Candidate, Counters, Decision, Item, Outcome, Payload, Pipeline, Query, RecordError, Resume,
    Run, RunError, RunState, Sink, SourceId, SqliteCatalogue, Stage, StoredRecord, Summary,
    sources,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

type Listed = Vec<Result<Item, RecordError>>;

struct Fixture {
    folder: TempDir,
    catalogue: SqliteCatalogue,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = SqliteCatalogue::open(folder.path().join("harvest.db")).await.unwrap();
        Self { folder, catalogue }
    }

    /// Keeps no versions besides the present ones.
    async fn forgetful() -> Self {
        let Self { folder, catalogue } = Self::new().await;
        Self { folder, catalogue: catalogue.with_versions(0) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("harvest.db")
    }

    /// Harvests these items, in batches of 10, from the beginning.
    async fn harvest(&self, items: Listed) -> Summary {
        self.try_harvest(items, Resume::Afresh).await.unwrap()
    }

    async fn try_harvest(&self, items: Listed, resume: Resume) -> Result<Summary, RunError> {
        let source = sources::items("s", items).with_batch_size(NonZeroUsize::new(10).unwrap());
        Pipeline::new(source).resume(resume).run(&self.catalogue).await
    }

    async fn records(&self, query: Query) -> Vec<StoredRecord> {
        self.catalogue.records(query).try_collect().await.unwrap()
    }

    /// What the records say, without when they were fetched.
    async fn contents(&self) -> Vec<String> {
        let records = self.records(Query::all()).await;
        records.iter().map(|it| serde_json::to_string(&it.line()).unwrap()).collect()
    }

    async fn sql(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.sql().await).await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query(sql).fetch_one(&mut self.sql().await).await.unwrap().get(0)
    }
}

fn put(id: &str, body: &str) -> Item {
    Item::put(id, Payload::new("test", body.to_owned())).with_datestamp("2024-01-31")
}

fn many(n: usize) -> Listed {
    (0..n).map(|n| Ok(put(&format!("id{n:04}"), &format!("<r>{n}</r>").repeat(20)))).collect()
}

fn counters(outcomes: impl IntoIterator<Item = (Outcome, usize)>) -> Counters {
    outcomes.into_iter().flat_map(|(outcome, n)| std::iter::repeat_n(outcome, n)).collect()
}

#[tokio::test]
async fn records_pass_through_their_states() {
    let it = Fixture::forgetful().await;
    let step = async |item: Item| it.harvest(vec![Ok(item)]).await.counters;
    let line = async || it.contents().await.join("");
    let tombstone = |datestamp| {
        format!(
            r#"{{"identifier":"a","datestamp":"{datestamp}","sets":[],"deleted":true,"metadata":null,"about":[]}}"#
        )
    };

    assert_eq!(step(put("a", "<v1/>")).await, counters([(Outcome::Created, 1)]));
    assert_eq!(step(put("a", "<v1/>")).await, counters([(Outcome::Unchanged, 1)]));
    assert_eq!(step(put("a", "<v2/>")).await, counters([(Outcome::Updated, 1)]));
    // What does not change the metadata changes the record all the same.
    let moved = put("a", "<v2/>").with_sets(["x"]);
    assert_eq!(step(moved.clone()).await, counters([(Outcome::Updated, 1)]));
    assert_eq!(step(moved.clone()).await, counters([(Outcome::Unchanged, 1)]));
    assert_eq!(
        line().await,
        r#"{"identifier":"a","datestamp":"2024-01-31","sets":["x"],"deleted":false,"metadata":"<v2/>","about":[]}"#
    );
    let deleted = Item::delete("a").with_datestamp("2024-02-01");
    assert_eq!(step(deleted.clone()).await, counters([(Outcome::Deleted, 1)]));
    assert_eq!(line().await, tombstone("2024-02-01"));
    assert_eq!(step(deleted).await, counters([(Outcome::Unchanged, 1)]));
    let later = Item::delete("a").with_datestamp("2024-02-02");
    assert_eq!(step(later).await, counters([(Outcome::Unchanged, 1)]));
    assert_eq!(line().await, tombstone("2024-02-02"));
    assert_eq!(step(moved).await, counters([(Outcome::Created, 1)]));
    assert_eq!(it.number("SELECT count(*) FROM payloads").await, 1);
}

#[tokio::test]
async fn a_deletion_of_something_never_seen_leaves_a_tombstone() {
    let it = Fixture::new().await;
    let summary = it.harvest(vec![Ok(Item::delete("a"))]).await;
    assert_eq!(summary.counters, counters([(Outcome::SkippedDeleted, 1)]));
    let summary = it.harvest(vec![Ok(Item::delete("a"))]).await;
    assert_eq!(summary.counters, counters([(Outcome::Unchanged, 1)]));
    assert_eq!(it.records(Query::all()).await.len(), 1);
    assert_eq!(it.records(Query::all().live_only()).await, []);
}

#[tokio::test]
async fn the_last_of_several_versions_in_one_batch_is_kept() {
    let it = Fixture::new().await;
    let list = vec![
        Ok(put("a", "<v1/>")),
        Ok(put("b", "<v1/>")),
        Ok(put("a", "<v2/>")),
        Ok(Item::delete("b")),
        Ok(put("a", "<v2/>")),
    ];
    let summary = it.harvest(list.clone()).await;
    let expected = [
        (Outcome::Created, 2),
        (Outcome::Updated, 1),
        (Outcome::Deleted, 1),
        (Outcome::Unchanged, 1),
    ];
    assert_eq!(summary.counters, counters(expected));
    let records = it.records(Query::all()).await;
    assert_eq!(records[0].metadata.as_deref(), Some("<v2/>"));
    assert!(records[1].deleted);
    assert_eq!(it.number("SELECT sum(refs) FROM payloads").await, 1);
    let before = it.contents().await;
    it.harvest(list).await;
    assert_eq!(it.contents().await, before);
}

#[tokio::test]
async fn writing_the_same_again_changes_nothing() {
    let it = Fixture::new().await;
    it.harvest(many(300)).await;
    let before = it.contents().await;
    let payloads = it.number("SELECT sum(id * refs) FROM payloads").await;
    let again = it.harvest(many(300)).await;
    assert_eq!(again.counters, counters([(Outcome::Unchanged, 300)]));
    assert_eq!(it.contents().await, before);
    assert_eq!(it.number("SELECT sum(id * refs) FROM payloads").await, payloads);
    assert_eq!(it.number("SELECT count(DISTINCT last_run) FROM records").await, 1);
    assert_eq!(it.number("SELECT min(last_run) - max(first_run) FROM records").await, 1);
}

#[tokio::test]
async fn a_batch_is_stored_with_its_checkpoint_or_not_at_all() {
    // Everywhere a batch writes, in the order it does.
    let places = [
        "INSERT ON pages",
        "INSERT ON dictionaries",
        "INSERT ON payloads WHEN NEW.id = 215",
        "INSERT ON records WHEN NEW.identifier = 'id0219'",
        "INSERT ON record_errors",
        "UPDATE ON runs WHEN NEW.batches = 22",
        "UPDATE OF checkpoint ON sources WHEN NEW.checkpoint LIKE '%220%'",
    ];
    let mut list = many(250);
    list.insert(217, Err(RecordError::new("bad", Stage::Source, "broken")));
    let undisturbed = Fixture::new().await;
    undisturbed.harvest(list.clone()).await;
    let expected = undisturbed.contents().await;
    for place in places {
        let it = Fixture::new().await;
        let trigger = "CREATE TRIGGER crash AFTER";
        it.execute(&format!("{trigger} {place} BEGIN SELECT raise(ABORT, 'crash'); END")).await;
        let error = it.try_harvest(list.clone(), Resume::FromSink).await.unwrap_err();
        assert!(error.to_string().contains("crash"), "{place}: {error}");
        let stored = it.number("SELECT count(*) FROM records").await;
        let failed = it.number("SELECT count(*) FROM record_errors").await;
        assert_eq!(stored, it.number("SELECT created FROM runs").await, "{place}");
        assert_eq!(failed, it.number("SELECT failed FROM runs").await, "{place}");
        let position = "SELECT ifnull(max(checkpoint ->> '$.state'), 0) FROM sources";
        assert_eq!(stored + failed, it.number(position).await, "{place}");

        it.execute("DROP TRIGGER crash").await;
        let summary = it.try_harvest(list.clone(), Resume::FromSink).await.unwrap();
        let rest = |all: i64, done: i64| usize::try_from(all - done).unwrap();
        let rest = [(Outcome::Created, rest(250, stored)), (Outcome::Failed, rest(1, failed))];
        assert_eq!(summary.counters, counters(rest), "{place}");
        assert_eq!(it.contents().await, expected, "{place}");
        assert_eq!(it.number("SELECT count(*) FROM record_errors WHERE tries = 1").await, 1);
    }
}

#[tokio::test]
async fn records_that_fail_are_kept_until_they_come_through() {
    let it = Fixture::new().await;
    let broken = || Err(RecordError::new("a", Stage::Source, "broken"));
    // The one kind of record that the database itself does not take.
    let refused = put("c\0", "<r/>");
    let unnamed = || Err(RecordError::unnamed(Stage::Source, "cut off"));
    for tries in 1..=2 {
        let list = vec![broken(), unnamed(), Ok(put("b", "<b/>")), Ok(refused.clone())];
        let summary = it.harvest(list).await;
        assert_eq!(summary.state, RunState::SucceededWithErrors);
        assert_eq!(summary.counters.failed, 3);
        let errors = it.catalogue.errors(&"s".into(), false).await.unwrap();
        let [named, unnamed, refused] = &*errors else { panic!("{errors:?}") };
        assert_eq!((&*named.key, &*named.stage, named.tries), ("a", "source", tries));
        assert_eq!((&*refused.key, &*refused.stage), ("c\0", "sink"));
        assert!(refused.message.contains("NUL"), "{}", refused.message);
        assert_eq!(refused.body.as_deref(), Some(&b"<r/>"[..]));
        assert_eq!((&*unnamed.key, unnamed.tries), ("batch 0, record 1", tries));
    }
    it.harvest(vec![Ok(put("a", "<a/>"))]).await;
    let open = it.catalogue.errors(&"s".into(), false).await.unwrap();
    assert_eq!(open.iter().map(|it| &*it.key).collect::<Vec<_>>(), ["batch 0, record 1", "c\0"]);
    assert_eq!(it.catalogue.errors(&"s".into(), true).await.unwrap().len(), 3);
    let sources = it.catalogue.sources().await.unwrap();
    assert_eq!((sources[0].live, sources[0].errors), (2, 2));
}

#[tokio::test]
async fn a_version_that_cannot_be_parsed_leaves_the_one_before() {
    let it = Fixture::new().await;
    let run = async |body: &str| {
        let source = sources::items("s", vec![put("a", body)]);
        let pipeline = Pipeline::new(source).parse(DublinCore).resume(Resume::Afresh);
        pipeline.run(&it.catalogue).await.unwrap()
    };
    assert_eq!(run("<dc><title>t</title></dc>").await.counters.created, 1);
    assert_eq!(run("<mods/>").await.counters.failed, 1);
    let records = it.records(Query::all()).await;
    assert_eq!(records[0].metadata.as_deref(), Some("<dc><title>t</title></dc>"));
    assert_eq!(records[0].fields.as_deref(), Some(r#"{"title":["t"]}"#));
}

#[tokio::test]
async fn another_parser_makes_another_version() {
    let it = Fixture::forgetful().await;
    let body = "<dc><title>t</title></dc>";
    it.harvest(vec![Ok(put("a", body))]).await;
    assert_eq!(it.records(Query::all()).await[0].fields, None);
    let source = sources::items("s", vec![put("a", body)]);
    let pipeline = Pipeline::new(source).parse(DublinCore).resume(Resume::Afresh);
    let summary = pipeline.run(&it.catalogue).await.unwrap();
    assert_eq!(summary.counters.updated, 1);
    let records = it.records(Query::all()).await;
    assert_eq!(records[0].fields.as_deref(), Some(r#"{"title":["t"]}"#));
    assert_eq!(it.number("SELECT count(*) FROM payloads").await, 1);
}

#[tokio::test]
async fn equal_metadata_is_kept_once_and_goes_with_its_last_record() {
    let it = Fixture::forgetful().await;
    let same = "<same/>".repeat(50);
    let other = "<other/>".repeat(50);
    // In one batch, in two batches, and in two sources.
    let list: Listed = (0..15).map(|n| Ok(put(&format!("id{n}"), &same))).collect();
    it.harvest(list).await;
    let elsewhere = sources::items("t", vec![put("id0", &same)]);
    Pipeline::new(elsewhere).run(&it.catalogue).await.unwrap();
    assert_eq!(it.number("SELECT count(*) FROM payloads").await, 1);
    assert_eq!(it.number("SELECT refs FROM payloads").await, 16);

    let list: Listed = (0..15).map(|n| Ok(put(&format!("id{n}"), &other))).collect();
    it.harvest(list).await;
    assert_eq!(it.number("SELECT refs FROM payloads WHERE size = 350").await, 1);
    let elsewhere = sources::items("t", vec![put("id0", &other)]);
    Pipeline::new(elsewhere).resume(Resume::Afresh).run(&it.catalogue).await.unwrap();
    assert_eq!(it.number("SELECT count(*) FROM payloads WHERE size = 350").await, 0);
    assert_eq!(it.number("SELECT refs FROM payloads").await, 16);
}

#[tokio::test]
async fn what_filters_decide_is_kept_to() {
    let it = Fixture::new().await;
    it.harvest(many(4)).await;
    let changed = |n: usize| Ok(put(&format!("id{n:04}"), "<changed/>"));
    let source = sources::items("s", (0..5).map(changed).collect::<Listed>());
    let pipeline = Pipeline::new(source).resume(Resume::Afresh);
    let pipeline = pipeline_with_decisions(pipeline);
    let summary = pipeline.run(&it.catalogue).await.unwrap();
    let expected = [
        (Outcome::Filtered, 1),
        (Outcome::Unchanged, 1),
        (Outcome::Deleted, 1),
        (Outcome::Updated, 1),
        (Outcome::Created, 1),
    ];
    assert_eq!(summary.counters, counters(expected));
    let records = it.records(Query::all()).await;
    let changed: Vec<_> =
        records.iter().map(|it| it.metadata.as_deref().map(|it| it == "<changed/>")).collect();
    assert_eq!(changed, [Some(false), Some(false), None, Some(true), Some(true)]);
    let seen: Vec<_> = records.iter().map(|it| it.last_run).collect();
    assert_eq!(seen, [1, 2, 2, 2, 2]);
}

fn pipeline_with_decisions(pipeline: Pipeline) -> Pipeline {
    pipeline.filter(|it: &Candidate<'_>| match &*it.item().identifier {
        "id0000" => Decision::Reject("unwanted".to_owned()),
        "id0001" => Decision::Unchanged,
        "id0002" => Decision::Delete,
        _ => Decision::Accept,
    })
}

#[tokio::test]
async fn everything_about_a_record_is_kept() {
    let it = Fixture::new().await;
    let item = put("", "<r>ř</r>").with_sets(["a", "b:c"]).with_abouts(["<x/>", "<y/>"]);
    it.harvest(vec![Ok(item)]).await;
    let record = it.records(Query::all()).await.remove(0);
    assert_eq!(record.source, SourceId::new("s"));
    assert_eq!((&*record.identifier, record.format.as_deref()), ("", Some("test")));
    assert_eq!(record.datestamp.as_deref(), Some("2024-01-31"));
    assert_eq!(record.sets, ["a", "b:c"]);
    assert_eq!(record.metadata.as_deref(), Some("<r>ř</r>"));
    assert_eq!(record.abouts, ["<x/>", "<y/>"]);
    assert!(record.harvested.starts_with("20") && record.harvested.ends_with('Z'));
    assert_eq!((record.first_run, record.last_run), (1, 1));
}

#[tokio::test]
async fn listing_goes_by_source_and_identifier_page_by_page() {
    let it = Fixture::new().await;
    let mut list = many(400);
    list.reverse();
    it.harvest(list).await;
    let first = sources::items("a", vec![Item::delete("z"), put("y", "<y/>")]);
    Pipeline::new(first).run(&it.catalogue).await.unwrap();

    let keys = async |query| -> Vec<String> {
        let records = it.records(query).await;
        records.iter().map(|it| format!("{} {}", it.source, it.identifier)).collect()
    };
    let all = keys(Query::all()).await;
    assert_eq!(all[..3], ["a y", "a z", "s id0000"]);
    assert_eq!((all.len(), &*all[401]), (402, "s id0399"));
    assert!(all.is_sorted());
    assert_eq!(keys(Query::all().of("a")).await, ["a y", "a z"]);
    assert_eq!(keys(Query::all().of("a").live_only()).await, ["a y"]);
    assert_eq!(keys(Query::all().of("nobody")).await, Vec::<String>::new());

    let summaries = it.catalogue.sources().await.unwrap();
    let summaries: Vec<_> =
        summaries.iter().map(|it| (it.source.as_str(), it.live, it.deleted)).collect();
    assert_eq!(summaries, [("a", 1, 1), ("s", 400, 0)]);
    let run = it.catalogue.source(&"s".into()).await.unwrap().unwrap().last_run.unwrap();
    assert_eq!((&*run.state, run.error), ("succeeded", None));
}

#[tokio::test]
async fn similar_records_share_a_dictionary_that_later_runs_use_too() {
    let it = Fixture::new().await;
    let body = |n: usize| {
        let title = format!("{:x}", n * 7919);
        format!("<dc:title xmlns:dc=\"http://purl.org/dc/elements/1.1/\">{title}</dc:title>")
    };
    let list = |range: std::ops::Range<usize>| -> Listed {
        range.map(|n| Ok(put(&format!("id{n:04}"), &body(n)))).collect()
    };
    it.harvest(list(0..300)).await;
    let reopened = SqliteCatalogue::open(it.file()).await.unwrap();
    let source = sources::items("s", list(300..600));
    Pipeline::new(source).resume(Resume::Afresh).run(&reopened).await.unwrap();

    assert_eq!(it.number("SELECT count(*) FROM dictionaries").await, 1);
    let with = it.number("SELECT count(*) FROM payloads WHERE codec = 2").await;
    assert!((390..=410).contains(&with), "the first 200 were trained on: {with}");
    for (n, record) in it.records(Query::all()).await.iter().enumerate() {
        assert_eq!(record.metadata.as_deref(), Some(&*body(n)));
    }
}

#[tokio::test]
async fn a_second_run_of_the_same_source_is_refused_while_the_first_goes_on() {
    let it = Fixture::new().await;
    let run = Run::new("s".into());
    let hold = Sink::<RawRecord>::begin(&it.catalogue, &run).await.unwrap();
    let elsewhere = SqliteCatalogue::open(it.file()).await.unwrap();
    for catalogue in [&it.catalogue, &elsewhere] {
        let source = sources::items("s", many(1));
        let error = Pipeline::new(source).run(catalogue).await.unwrap_err();
        assert!(error.to_string().contains("already being harvested"), "{error}");
        assert!(error.is_transient());
        let other = sources::items("t", many(1));
        Pipeline::new(other).run(catalogue).await.unwrap();
    }
    // Dropped without an end, as when the process dies.
    drop(hold);
    it.harvest(many(1)).await;
    let state = "SELECT state = 'failed' AND ended IS NOT NULL FROM runs WHERE id = 1";
    assert_eq!(it.number(state).await, 1);
    assert!(
        !std::fs::read_dir(it.folder.path())
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(".lock") })
    );
}

#[tokio::test]
async fn a_run_that_was_taken_over_stores_nothing_more() {
    let it = Fixture::new().await;
    let source = sources::items("s", many(100)).with_batch_size(NonZeroUsize::new(10).unwrap());
    let file = it.file();
    let pipeline = Pipeline::new(source).prefetch(0).on_progress(move |progress| {
        if progress.batches == 3 {
            take_over(&file);
        }
    });
    let error = pipeline.run(&it.catalogue).await.unwrap_err();
    assert!(error.to_string().contains("another run of s has begun"), "{error}");
    assert_eq!(it.records(Query::all()).await.len(), 30);
    let state = it.number("SELECT state = 'cancelled' FROM runs").await;
    assert_eq!(state, 1, "the end of the run does not overwrite what the other one said");
}

/// What a second run does where file locks do not work.
fn take_over(file: &Path) {
    let file = file.to_owned();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(file);
            let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
            let sql = "UPDATE runs SET state = 'cancelled'";
            sqlx::query(sql).execute(&mut conn).await.unwrap();
        });
    });
    other.join().unwrap();
}

#[tokio::test]
async fn files_that_are_not_ours_or_too_new_are_refused_and_left_alone() {
    let it = Fixture::new().await;
    it.harvest(many(1)).await;
    it.execute("PRAGMA user_version = 99").await;
    let error = SqliteCatalogue::open(it.file()).await.unwrap_err().to_string();
    assert!(error.contains("schema 99") && error.contains("Update the program"), "{error}");
    assert_eq!(it.number("SELECT count(*) FROM records").await, 1);

    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    let options = SqliteConnectOptions::new().filename(&foreign).create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE mine (x)").execute(&mut conn).await.unwrap();
    let error = SqliteCatalogue::open(&foreign).await.unwrap_err().to_string();
    assert!(error.contains("not a harvest catalogue"), "{error}");
    let tables = sqlx::query("SELECT group_concat(name) FROM sqlite_schema");
    let tables: String = tables.fetch_one(&mut conn).await.unwrap().get(0);
    assert_eq!(tables, "mine");

    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to be taken for one".repeat(9)).unwrap();
    let error = SqliteCatalogue::open(&text).await.unwrap_err().to_string();
    assert!(error.contains("text.db"), "{error}");

    let missing = folder.path().join("missing.db");
    let error = SqliteCatalogue::open_existing(&missing).await.unwrap_err().to_string();
    assert!(error.contains("there is no catalogue") && !missing.exists(), "{error}");
}

#[tokio::test]
async fn a_closed_catalogue_is_one_file_and_opens_again() {
    let it = Fixture::new().await;
    it.harvest(many(300)).await;
    let expected = it.contents().await;
    let Fixture { folder, catalogue } = it;
    catalogue.close().await.unwrap();
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(files, ["harvest.db"]);
    let catalogue = SqliteCatalogue::open_existing(folder.path().join("harvest.db")).await.unwrap();
    let it = Fixture { folder, catalogue };
    assert_eq!(it.contents().await, expected);
}
