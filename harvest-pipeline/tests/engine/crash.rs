//! A worker that dies at each of the moments at which a run writes something, and the one that goes on.

use futures_util::TryStreamExt;
use harvest_pipeline::store::{RunEntry, RunKind, RunRequest};
use harvest_pipeline::{Query, Source as _, SourceId};
use oai_pmh::provider::Provider;

use super::net::{Host, filled, put, put_broken};
use super::world::{LEASE, World, time};

scenarios! {
    wherever_a_full_run_is_killed_it_comes_to_the_same
    wherever_an_incremental_run_is_killed_it_comes_to_the_same
    wherever_an_import_is_killed_it_comes_to_the_same
    wherever_reading_anew_is_killed_it_comes_to_the_same
}

/// More writes than there are.
pub(crate) const NEVER: i64 = 1_000_000;

/// From the n-th write on, the database writes nothing: to those who use it, as if they were killed.
pub(crate) async fn prepare(world: &World) {
    let (mut sqlite, mut postgres) = (
        "CREATE TABLE faults (waits INTEGER); INSERT INTO faults VALUES (0);".to_owned(),
        "CREATE TABLE faults (waits BIGINT); INSERT INTO faults VALUES (0);
         CREATE SEQUENCE fault_count;
         CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE at BIGINT := (SELECT waits FROM faults);
         BEGIN
            IF at > 0 AND nextval('fault_count') >= at THEN RAISE EXCEPTION 'no more'; END IF;
            RETURN NULL;
         END $$;"
            .to_owned(),
    );
    for table in world.tables().await {
        for operation in ["INSERT", "UPDATE", "DELETE"] {
            sqlite += &format!(
                "CREATE TRIGGER fault_{table}_{operation} BEFORE {operation} ON {table} BEGIN
                    SELECT RAISE(ABORT, 'no more') FROM faults WHERE waits = 1;
                    UPDATE faults SET waits = waits - 1 WHERE waits > 1;
                 END;"
            );
        }
        postgres += &format!(
            "CREATE TRIGGER fault BEFORE INSERT OR UPDATE OR DELETE ON {table}
             FOR EACH STATEMENT EXECUTE FUNCTION fault();"
        );
    }
    // SQLite forgets with the transaction that it was dead: nobody may write down why the run broke.
    sqlite += "CREATE TRIGGER fault_end BEFORE UPDATE ON runs WHEN NEW.failure LIKE '%no more%'
         BEGIN SELECT RAISE(ABORT, 'no more'); END;";
    world.execute(&sqlite, &postgres).await;
}

/// The database dies at this write; 0: it lives.
pub(crate) async fn dies_at(world: &World, write: i64) {
    let sqlite = format!("UPDATE faults SET waits = {write}");
    let postgres = format!("SELECT setval('fault_count', 1, false); {sqlite}");
    world.execute(&sqlite, &postgres).await;
}

/// How many writes there were, of so many before it dies.
pub(crate) async fn writes(world: &World) -> i64 {
    let sqlite = format!("SELECT {NEVER} - waits FROM faults");
    world.asks(&sqlite, "SELECT last_value FROM fault_count").await
}

/// A source whose clock stands still, whatever this world's does.
pub(crate) fn serve(
    world: &World,
    id: &str,
    at: &str,
    repository: &oai_pmh::provider::MemoryRepository,
) {
    let at = time(at);
    let provider = Provider::new(repository.clone(), b"a key of sixteen bytes or more");
    let provider = provider.unwrap().page_records(4).clock(move || at);
    world.net.set(&format!("{id}.example"), Host::Repository(Box::new(provider)));
}

/// Harvests twice, and is killed at this write of the second run.
async fn killed(
    world: &World,
    id: &str,
    of: (RunKind, bool),
    write: i64,
) -> (RunEntry, Vec<String>, i64) {
    let origin = filled(11);
    put_broken(&origin, 3, "2024-01-31T12:00:00Z");
    serve(world, id, "2024-07-25T00:00:00Z", &origin);
    world.store.add_source(&World::oai(id)).await.unwrap();
    world.harvest(id).await;

    // One is gone, one changed, one new, one broken, and that which was broken before is mended.
    let now = filled(10);
    put(&now, 1, "2024-07-25T12:00:00Z", "Changed");
    put_broken(&now, 5, "2024-07-25T12:00:00Z");
    put(&now, 20, "2024-07-25T12:00:00Z", "New");
    serve(world, id, "2024-07-26T00:00:00Z", &now);
    let (kind, full) = of;
    if kind == RunKind::Import {
        world.run(RunRequest::new(id, RunKind::Collect)).await;
    }
    let mut request = RunRequest::new(id, kind);
    request.full = full;
    let run = world.ask(request).await;
    dies_at(world, write).await;
    let _ = world.worker("killed").run_waiting().await;
    let writes = writes(world).await;
    dies_at(world, 0).await;

    world.clock.advance(2 * LEASE);
    world.scheduler().tick().await.unwrap();
    world.work().await;
    let entry = world.entry(run).await;
    let state = state(world, &entry).await;
    (entry, state, writes)
}

/// What a run comes to, whoever did it, and whenever.
async fn state(world: &World, run: &RunEntry) -> Vec<String> {
    let source = SourceId::from(run.request.source.as_str());
    let records = world.catalogue.records(Query::all().of(source.clone()));
    let records: Vec<_> = records.try_collect().await.unwrap();
    let mut lines =
        vec![format!("{} {:?} {:?} {}", run.state, run.counters, run.failure, run.whole)];
    for record in records {
        let versions = world.catalogue.versions(&source, &record.identifier).await.unwrap();
        lines.push(format!(
            "{} {} {:?} {:?} {}",
            record.identifier,
            record.deleted,
            record.datestamp,
            record.metadata,
            versions.len()
        ));
    }
    for error in world.catalogue.errors(&source, true).await.unwrap() {
        lines.push(format!("{} {} {}", error.key, error.message, error.resolved));
    }
    for covered in world.store.coverage(&source, None).await.unwrap() {
        let harvest_pipeline::store::Coverage { from, until, records, failed, .. } = covered;
        lines.push(format!("{from:?} {until} {records} {failed}"));
    }
    let entry = world.store.source(&source).await.unwrap().unwrap();
    let reader = world.installation.source(&entry.definition).unwrap();
    lines.push(format!("{:?} {:?}", reader.next_from(&entry.checkpoint.unwrap()), entry.open_run));
    let summary = world.catalogue.summary(&source).await.unwrap().unwrap();
    lines.push(format!("{} {} {}", summary.live, summary.deleted, summary.errors));
    lines
}

/// Kills a run of this kind, in full or not, at each of its writes.
async fn each(world: &World, kind: RunKind, full: bool) {
    prepare(world).await;
    let (undisturbed, expected, writes) = killed(world, "s0", (kind, full), NEVER).await;
    let counters = undisturbed.counters;
    assert!(undisturbed.state.is_success() && counters.total() > 0);
    let is_new = kind != RunKind::Reprocess;
    assert_eq!((counters.created > 0, counters.failed > 0), (is_new, true));
    assert_eq!(counters.deleted, u64::from(full));
    let mut lost = 0;
    for write in 1..=writes {
        let (run, state, _) = killed(world, &format!("s{write}"), (kind, full), write).await;
        let differs: Vec<_> = state.iter().filter(|line| !expected.contains(line)).collect();
        let attempt = run.attempt;
        assert_eq!(state, expected, "killed at write {write}, {attempt} attempts: {differs:#?}");
        lost += u32::from(run.attempt > 1);
    }
    assert!(lost > 5, "{lost} of {writes} writes were the last");
}

async fn wherever_a_full_run_is_killed_it_comes_to_the_same(world: &World) {
    each(world, RunKind::Harvest, true).await;
}

async fn wherever_an_incremental_run_is_killed_it_comes_to_the_same(world: &World) {
    each(world, RunKind::Harvest, false).await;
}

async fn wherever_an_import_is_killed_it_comes_to_the_same(world: &World) {
    each(world, RunKind::Import, false).await;
}

async fn wherever_reading_anew_is_killed_it_comes_to_the_same(world: &World) {
    each(world, RunKind::Reprocess, false).await;
}
