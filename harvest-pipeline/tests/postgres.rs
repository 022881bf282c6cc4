//! The PostgreSQL catalogue, on a server: connections that are lost, workers that were given up, and
//! runs that meet.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

#[path = "support/postgres.rs"]
mod support;

use std::num::NonZeroUsize;

use futures_util::TryStreamExt;
use harvest_pipeline::parsers::RawRecord;
use harvest_pipeline::{
    Catalogue, Counters, Item, Outcome, Payload, Pipeline, PostgresCatalogue, Query, RecordError,
    RecordQuery, Resume, Run, RunError, RunId, Sink, Stage, Summary, Ticket, sources,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use self::support::Schema;

type Listed = Vec<Result<Item, RecordError>>;

struct Fixture {
    schema: Schema,
    catalogue: PostgresCatalogue,
}

impl Fixture {
    async fn new() -> Option<Self> {
        let schema = Schema::new().await?;
        let catalogue = PostgresCatalogue::open(&schema.url()).await.unwrap();
        Some(Self { schema, catalogue })
    }

    /// Drops what was made for the test.
    async fn end(self) {
        self.catalogue.close().await;
        drop(self.schema);
    }

    /// Harvests these items, in batches of 10, from the beginning.
    async fn harvest(&self, items: Listed) -> Summary {
        self.try_harvest(items, Resume::Afresh).await.unwrap()
    }

    async fn try_harvest(&self, items: Listed, resume: Resume) -> Result<Summary, RunError> {
        pipeline("s", items).resume(resume).run(&self.catalogue).await
    }

    /// What the records say, without when they were fetched.
    async fn contents(&self) -> Vec<String> {
        let records: Vec<_> = self.catalogue.records(Query::all()).try_collect().await.unwrap();
        records.iter().map(|it| serde_json::to_string(&it.line()).unwrap()).collect()
    }

    async fn execute(&self, sql: &str) {
        let mut conn = PgConnection::connect(&self.schema.url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let mut conn = PgConnection::connect(&self.schema.url()).await.unwrap();
        let number = sqlx::query(sql).fetch_one(&mut conn).await.unwrap().get(0);
        conn.close().await.unwrap();
        number
    }
}

fn pipeline(source: &str, items: Listed) -> Pipeline {
    let source = sources::items(source, items).with_batch_size(NonZeroUsize::new(10).unwrap());
    Pipeline::new(source)
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

/// The connection that writes is lost wherever a batch writes, in the order it does, and when it is
/// committed.
#[tokio::test]
async fn a_batch_is_stored_with_its_checkpoint_or_not_at_all() {
    let places = [
        "AFTER INSERT ON pages FOR EACH ROW",
        "AFTER INSERT ON dictionaries FOR EACH ROW",
        "AFTER INSERT ON payloads FOR EACH ROW WHEN (NEW.id = 215)",
        "AFTER INSERT ON record_versions FOR EACH ROW",
        "AFTER INSERT ON records FOR EACH ROW WHEN (NEW.identifier = 'id0219')",
        "AFTER INSERT ON record_words FOR EACH ROW WHEN (NEW.record = 215)",
        "AFTER INSERT ON record_errors FOR EACH ROW",
        "AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.batches = 22)",
        "AFTER UPDATE OF checkpoint ON sources FOR EACH ROW WHEN (NEW.checkpoint LIKE '%220%')",
    ];
    let mut list = many(250);
    list.insert(217, Err(RecordError::new("bad", Stage::Source, "broken")));
    // In another batch than the first time.
    list.push(Ok(put("id0019", "<changed/>")));
    let Some(undisturbed) = Fixture::new().await else { return };
    undisturbed.harvest(list.clone()).await;
    let expected = undisturbed.contents().await;
    undisturbed.end().await;

    let triggers = places.into_iter().map(|place| format!("CREATE TRIGGER crash {place}"));
    let committed = "CREATE CONSTRAINT TRIGGER crash AFTER INSERT ON pages
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.number = 21)";
    for trigger in triggers.chain([committed.to_owned()]) {
        let Some(it) = Fixture::new().await else { return };
        it.execute(
            "CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
        )
        .await;
        it.execute(&format!("{trigger} EXECUTE FUNCTION crash()")).await;
        let error = it.try_harvest(list.clone(), Resume::FromSink).await.unwrap_err();
        assert!(error.is_transient(), "{trigger}: {error}");
        let stored = it.number("SELECT count(*) FROM records").await;
        let failed = it.number("SELECT count(*) FROM record_errors").await;
        assert_eq!(stored, it.number("SELECT created FROM runs").await, "{trigger}");
        assert_eq!(failed, it.number("SELECT failed FROM runs").await, "{trigger}");
        let position =
            "SELECT coalesce(max((checkpoint::json ->> 'state')::bigint), 0) FROM sources";
        assert_eq!(stored + failed, it.number(position).await, "{trigger}");
        assert_eq!(stored, it.number("SELECT count(*) FROM record_words").await, "{trigger}");

        let table = trigger.split(" ON ").nth(1).unwrap().split_whitespace().next().unwrap();
        it.execute(&format!("DROP TRIGGER crash ON {table}")).await;
        let summary = it.try_harvest(list.clone(), Resume::FromSink).await.unwrap();
        let rest = |all: i64, done: i64| usize::try_from(all - done).unwrap();
        let rest = [
            (Outcome::Created, rest(250, stored)),
            (Outcome::Failed, rest(1, failed)),
            (Outcome::Updated, 1),
        ];
        assert_eq!(summary.counters, counters(rest), "{trigger}");
        assert_eq!(it.contents().await, expected, "{trigger}");
        assert_eq!(it.number("SELECT count(*) FROM record_errors WHERE tries = 1").await, 1);
        it.end().await;
    }
}

/// All connections are lost after each batch, that of the lock among them.
#[tokio::test]
async fn a_run_survives_connections_that_are_lost_between_batches() {
    let Some(it) = Fixture::new().await else { return };
    let name = format!("lost{}", std::process::id());
    let url = format!("{}&application_name={name}", it.schema.url());
    let catalogue = PostgresCatalogue::open(&url).await.unwrap();
    let url = it.schema.url();
    let pipeline = pipeline("s", many(100)).prefetch(0).on_progress(move |_| {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = '{}'";
        elsewhere(&url, kill.replace("{}", &name));
    });
    let summary = pipeline.run(&catalogue).await.unwrap();
    assert_eq!(summary.counters, counters([(Outcome::Created, 100)]));
    assert_eq!(it.contents().await.len(), 100);
    catalogue.close().await;
    it.end().await;
}

/// Somebody else does this, in the middle of a run.
fn elsewhere(url: &str, sql: String) {
    let url = url.to_owned();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        });
    });
    other.join().unwrap();
}

#[tokio::test]
async fn a_worker_whose_run_was_given_to_another_stores_nothing_more() {
    let Some(it) = Fixture::new().await else { return };
    it.execute(
        "INSERT INTO sources (name) VALUES ('s');
         INSERT INTO runs (source, state, fence, worker) SELECT id, 'running', 1, 'w' FROM sources",
    )
    .await;
    let first = Ticket::new(RunId(1), 1);
    pipeline("s", many(10)).claimed(first).run(&it.catalogue).await.unwrap();
    // Whoever claimed the run ends it, and until then nobody else begins one.
    let error = it.try_harvest(many(10), Resume::Afresh).await.unwrap_err();
    assert!(error.to_string().contains("has run 1, which is running"), "{error}");
    let run = Run::new("s".into()).with_ticket(first);
    it.catalogue.rewind(&run, None).await.unwrap();

    it.execute("UPDATE runs SET fence = 2").await;
    let stale = "was given to another worker";
    let error = it.catalogue.rewind(&run, None).await.unwrap_err();
    assert!(error.to_string().contains(stale), "{error}");
    let error = it.catalogue.delete_absent(&run, RunId(9)).await.unwrap_err();
    assert!(error.to_string().contains(stale), "{error}");
    let error = pipeline("s", many(20)).claimed(first).run(&it.catalogue).await.unwrap_err();
    assert!(error.to_string().contains(stale), "{error}");

    // In the middle of a run.
    let url = it.schema.url();
    let taken = pipeline("s", many(100)).resume(Resume::Afresh).claimed(Ticket::new(RunId(1), 2));
    let taken = taken.prefetch(0).on_progress(move |progress| {
        if progress.batches == 3 {
            elsewhere(&url, "UPDATE runs SET fence = 3".to_owned());
        }
    });
    let error = taken.run(&it.catalogue).await.unwrap_err();
    assert!(error.to_string().contains(stale), "{error}");
    assert_eq!(it.contents().await.len(), 30);
    assert_eq!(it.number("SELECT created FROM runs").await, 30);
    it.end().await;
}

/// What a second run does where the connection of the lock was lost.
#[tokio::test]
async fn a_run_that_was_taken_for_killed_stores_nothing_more() {
    let Some(it) = Fixture::new().await else { return };
    let run = Run::new("s".into());
    let hold = Sink::<RawRecord>::begin(&it.catalogue, &run).await.unwrap();
    it.execute("UPDATE runs SET state = 'failed'").await;
    let error = it.catalogue.rewind(&run, None).await.unwrap_err();
    assert!(error.to_string().contains("another run of s has begun"), "{error}");
    drop(hold);
    it.end().await;
}

#[tokio::test]
async fn what_the_database_does_not_take_is_an_error_of_that_record_alone() {
    let Some(it) = Fixture::new().await else { return };
    let list = vec![
        Ok(put("a", "<a/>")),
        Ok(put("NUL\0", "<r/>")),
        Ok(put("b", "<b/>").with_datestamp("\0")),
        Ok(put("c", "<c/>").with_version("1\0")),
        Ok(Item::put("d", Payload::new("te\0st", "<d/>"))),
        Err(RecordError::new("e\0", Stage::Source, "broken\0")),
        // Inside what is not text for the database.
        Ok(put("f", "<f>\0</f>").with_sets(["\0"]).with_abouts(["<x>\0</x>"])),
    ];
    let summary = it.harvest(list).await;
    assert_eq!(summary.counters, counters([(Outcome::Created, 2), (Outcome::Failed, 5)]));
    let errors = it.catalogue.errors(&"s".into(), false).await.unwrap();
    let keys: Vec<_> = errors.iter().map(|it| &*it.key).collect();
    assert_eq!(keys, ["NUL␀", "b", "c", "d", "e␀"]);
    let record = it.catalogue.find(&"s".into(), "f").await.unwrap().unwrap();
    assert_eq!(
        (&*record.sets, &*record.abouts),
        (&["\0".to_owned()][..], &["<x>\0</x>".to_owned()][..])
    );
    assert_eq!(record.metadata.as_deref(), Some("<f>\0</f>"));
    assert_eq!(it.catalogue.find(&"s".into(), "NUL\0").await.unwrap(), None);
    let unnamable = pipeline("\0", vec![]).run(&it.catalogue).await.unwrap_err();
    assert!(unnamable.to_string().contains("NUL"), "{unnamable}");
    it.end().await;
}

#[tokio::test]
async fn equal_metadata_is_kept_once_and_goes_with_its_last_record() {
    let Some(it) = Fixture::new().await else { return };
    let it = Fixture { catalogue: it.catalogue.with_versions(1), ..it };
    let all =
        |body: &str| -> Listed { (0..15).map(|n| Ok(put(&format!("id{n}"), body))).collect() };
    let (one, two, three) = ("<one/>".repeat(50), "<two/>".repeat(50), "<three/>".repeat(50));
    // In one batch, in two batches, and in two sources.
    it.harvest(all(&one)).await;
    pipeline("t", vec![Ok(put("id0", &one))]).run(&it.catalogue).await.unwrap();
    assert_eq!(it.number("SELECT count(*) FROM payloads").await, 1);
    it.harvest(all(&two)).await;
    it.harvest(all(&three)).await;
    // One version of each is kept, and the other source has the first.
    assert_eq!(it.number("SELECT count(*) FROM payloads").await, 3);
    let others = [vec![Ok(put("id0", &two))], vec![Ok(Item::delete("id0"))]];
    for list in others {
        pipeline("t", list).resume(Resume::Afresh).run(&it.catalogue).await.unwrap();
    }
    assert_eq!(it.number("SELECT count(*) FROM payloads").await, 2);
    it.end().await;
}

/// Payloads come and go in several sources at once: none is lost that a record has.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn payloads_that_sources_share_are_not_lost_when_runs_meet() {
    let Some(it) = Fixture::new().await else { return };
    let it = Fixture { catalogue: it.catalogue.with_versions(0), ..it };
    let harvests = (0..6).map(|source| {
        let catalogue = it.catalogue.clone();
        async move {
            for round in 0..8 {
                let body = |n: usize| format!("<r>{}</r>", (n * (source + 1) + round) % 7);
                let items = (0..20).map(|n| Ok(put(&n.to_string(), &body(n)))).collect();
                let pipeline = pipeline(&source.to_string(), items).resume(Resume::Afresh);
                assert_eq!(pipeline.run(&catalogue).await.unwrap().counters.total(), 20);
            }
        }
    });
    futures_util::future::join_all(harvests.map(tokio::spawn))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    let lost = "SELECT count(*) FROM records r WHERE NOT EXISTS (
        SELECT FROM payloads p WHERE p.id = r.payload)";
    assert_eq!(it.number(lost).await, 0);
    assert_eq!(it.contents().await.len(), 120);
    it.end().await;
}

#[tokio::test]
async fn a_record_of_any_length_is_stored_and_found() {
    let Some(it) = Fixture::new().await else { return };
    // More words than PostgreSQL lets one row have.
    let words: String = (0..60_000).map(|n| format!("{n:064} ")).collect();
    let long = format!("<r>{words}</r>");
    it.harvest(vec![Ok(put("long", &long)), Ok(put("short", "<r>short</r>"))]).await;
    let record = it.catalogue.find(&"s".into(), "long").await.unwrap().unwrap();
    assert_eq!(record.metadata, Some(long));
    let mut query = RecordQuery::default();
    query.text = Some(format!("{:064}", 17));
    assert_eq!(it.catalogue.list(&query).await.unwrap().len(), 1);
    it.end().await;
}

#[tokio::test]
async fn a_run_that_needs_forgotten_versions_is_not_undone() {
    let Some(it) = Fixture::new().await else { return };
    let it = Fixture { catalogue: it.catalogue.with_versions(1), ..it };
    let list = |body: &str| vec![Ok(put("a", body)), Ok(put("b", body))];
    for body in ["<one/>", "<two/>", "<three/>"] {
        it.harvest(list(body)).await;
    }
    let before = it.contents().await;
    it.catalogue.undo(&"s".into(), RunId(3)).await.unwrap();
    let error = it.catalogue.undo(&"s".into(), RunId(2)).await.unwrap_err().to_string();
    assert!(error.contains("what 2 of its records were before"), "{error}");
    it.harvest(list("<three/>")).await;
    assert_eq!(it.contents().await, before);
    it.end().await;
}
