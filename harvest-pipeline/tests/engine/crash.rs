//! A worker that dies at each of the moments at which a run writes something, and the one that goes on.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use harvest_pipeline::harvest_list::{self, Document};
use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::store::{
    Harvested, RunEntry, RunKind, RunQuery, RunRequest, SourceDefinition,
};
use harvest_pipeline::{Query, RunId, RunState, Source as _, SourceId};
use oai_pmh::provider::Provider;
use serde_json::json;

use super::net::{Host, filled, put, put_broken, repository};
use super::world::{LEASE, World, time};

scenarios! {
    wherever_a_full_run_is_killed_it_comes_to_the_same
    wherever_an_incremental_run_is_killed_it_comes_to_the_same
    wherever_a_run_by_headers_is_killed_it_comes_to_the_same
    wherever_a_run_that_reconciles_is_killed_it_comes_to_the_same
    wherever_collecting_is_killed_it_comes_to_the_same
    wherever_an_import_is_killed_it_comes_to_the_same
    wherever_a_dry_run_is_killed_it_comes_to_the_same
    wherever_applying_a_dry_run_is_killed_it_comes_to_the_same
    wherever_an_audit_is_killed_it_comes_to_the_same
    wherever_reading_anew_is_killed_it_comes_to_the_same
    wherever_deletions_that_were_held_are_killed_they_come_to_the_same
    wherever_undoing_is_killed_it_comes_to_the_same
    wherever_a_list_of_documents_is_killed_it_comes_to_the_same
    a_18_wherever_a_list_that_is_not_valid_is_killed_its_date_stands
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

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Harvest {
        full: bool,
    },
    /// The same, where headers are listed and records asked for one by one.
    Headers,
    /// The same, where all headers are compared with what is here.
    Reconcile,
    Collect,
    Import,
    DryRun,
    /// What a dry run fetched is stored.
    Apply,
    Audit,
    Reprocess,
    /// A person agrees to deletions.
    Approve,
    Undo,
    /// A harvest list is read once more.
    Documents,
}

impl Deed {
    fn request(self, id: &str) -> RunRequest {
        let kind = match self {
            Self::Collect => RunKind::Collect,
            Self::Import | Self::Apply => RunKind::Import,
            Self::Audit => RunKind::Audit,
            Self::Reprocess => RunKind::Reprocess,
            _ => RunKind::Harvest,
        };
        let mut request = RunRequest::new(id, kind);
        request.full = matches!(self, Self::Harvest { full: true } | Self::Approve | Self::Undo);
        request.dry_run = self == Self::DryRun;
        request
    }

    /// What there is when it begins: the run to do, or the one to do something about.
    async fn scene(self, world: &World, id: &str) -> RunId {
        if self == Self::Documents {
            documents(world, id, &[1, 1, 1, 1, 1], 3).await;
            let options = json!({ "url": format!("http://{id}.example/list") });
            let source = SourceDefinition::new(id, "document-list", options);
            world.store.add_source(&source).await.unwrap();
            world.harvest(id).await;
            documents(world, id, &[2, 1, 2, 1, 1, 1, 1], 6).await;
            return world.ask(self.request(id)).await;
        }
        let origin = filled(11);
        put_broken(&origin, 3, "2024-01-31T12:00:00Z");
        serve(world, id, "2024-07-25T00:00:00Z", &origin);
        let mut source = World::oai(id);
        match self {
            Self::Headers => source.options["strategy"] = json!("list-identifiers"),
            Self::Reconcile => source.options["strategy"] = json!("reconcile"),
            _ => {}
        }
        source.policies.guard.records = if self == Self::Approve { 5 } else { 10 };
        world.store.add_source(&source).await.unwrap();
        world.harvest(id).await;

        // One is gone, one changed, one new, one broken, and that which was broken before is mended.
        let now = if self == Self::Approve { repository() } else { filled(10) };
        put(&now, 1, "2024-07-25T12:00:00Z", "Changed");
        put_broken(&now, 5, "2024-07-25T12:00:00Z");
        put(&now, 20, "2024-07-25T12:00:00Z", "New");
        serve(world, id, "2024-07-26T00:00:00Z", &now);
        let mut request = self.request(id);
        match self {
            Self::Import => drop(world.run(Self::Collect.request(id)).await),
            Self::Apply => request.parent = Some(world.run(Self::DryRun.request(id)).await.id),
            Self::Undo => return world.run(request).await.id,
            Self::Approve => {
                let held = world.run(request).await;
                assert_eq!(held.state, RunState::AwaitingApproval);
                return held.id;
            }
            _ => {}
        }
        world.ask(request).await
    }

    /// Does it, until the database dies. Says whether that was noticed.
    async fn act(self, world: &World, run: RunId) -> bool {
        let worker = world.worker("killed");
        match self {
            Self::Approve => worker.approve(run).await.is_err(),
            Self::Undo => {
                let source = world.entry(run).await.request.source;
                world.catalogue.undo(&source, run).await.is_err()
            }
            _ => worker.run_waiting().await.is_err(),
        }
    }

    /// Does what is left. Whatever was not begun is asked for once more.
    async fn finish(self, world: &World, run: RunId) {
        world.work().await;
        let entry = world.entry(run).await;
        match self {
            Self::Approve if entry.state == RunState::AwaitingApproval => {
                self.act(world, run).await;
            }
            Self::Undo => drop(self.act(world, run).await),
            _ => {}
        }
    }
}

/// A harvest list of these revisions, whose n-th document is missing.
async fn documents(world: &World, id: &str, revisions: &[i64], missing: usize) {
    let list = (0..).zip(revisions).map(|(identifier, revision)| Document {
        scope: "demo".to_owned(),
        identifier,
        revision: *revision,
        document_type: "text/xml".to_owned(),
        url: format!("/{identifier}.{revision}"),
    });
    let list: Vec<_> = list.collect();
    let mut files = HashMap::from([("/list".to_owned(), harvest_list::write(&list))]);
    for document in list.iter().filter(|document| document.identifier != missing as i64) {
        let body = format!("<doc>revision {}</doc>", document.revision);
        files.insert(document.url.clone(), body);
    }
    world.net.set(&format!("{id}.example"), Host::Files(files));
}

/// Does this, is killed at this write, and does the rest.
async fn killed(world: &World, id: &str, deed: Deed, write: i64) -> Killed {
    let run = deed.scene(world, id).await;
    dies_at(world, write).await;
    let noticed = deed.act(world, run).await;
    let writes = writes(world).await;
    dies_at(world, 0).await;

    world.clock.advance(2 * LEASE);
    world.scheduler().tick().await.unwrap();
    deed.finish(world, run).await;
    let run = world.entry(run).await;
    let mut state = state(world, &run).await;
    let lost = noticed || run.attempt > 1;
    // What is kept aside must be what was fetched, too.
    let mut import = Deed::Import.request(id);
    match deed {
        Deed::Collect => {}
        Deed::DryRun => import.parent = Some(run.id),
        _ => return Killed { run, state, writes, lost },
    }
    let import = world.run(import).await;
    state.extend(self::state(world, &import).await);
    Killed { run, state, writes, lost }
}

/// What became of it.
struct Killed {
    run: RunEntry,
    state: Vec<String>,
    /// How often it wrote before it was killed.
    writes: i64,
    /// Whether it had to be begun twice.
    lost: bool,
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
        let message = error.message.replace(source.as_str(), "…");
        lines.push(format!("{} {message} {}", error.key, error.resolved));
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

/// Kills it at each of its writes. Undisturbed it counts so many records that are new, changed, gone and
/// broken.
async fn each(world: &World, deed: Deed, counted: [u64; 4]) {
    prepare(world).await;
    let undisturbed = killed(world, "s0", deed, NEVER).await;
    let counters = undisturbed.run.counters;
    assert!(undisturbed.run.state.is_success(), "{:#?}", undisturbed.run);
    let found = [counters.created, counters.updated, counters.deleted, counters.failed];
    assert_eq!(found, counted, "{counters:?}");
    let (expected, mut lost) = (undisturbed.state, 0);
    for write in 1..=undisturbed.writes {
        let killed = killed(world, &format!("s{write}"), deed, write).await;
        let differs: Vec<_> = killed.state.iter().filter(|it| !expected.contains(it)).collect();
        let attempt = killed.run.attempt;
        assert_eq!(
            killed.state, expected,
            "killed at write {write}, {attempt} attempts: {differs:#?}"
        );
        lost += i64::from(killed.lost);
    }
    // The last ones are those of the end, or behind it.
    assert!(lost > 5 || lost > undisturbed.writes / 2, "{lost} of {} writes", undisturbed.writes);
}

async fn wherever_a_full_run_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Harvest { full: true }, [2, 1, 1, 1]).await;
}

async fn wherever_an_incremental_run_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Harvest { full: false }, [2, 1, 0, 1]).await;
}

async fn wherever_a_run_by_headers_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Headers, [2, 1, 0, 1]).await;
}

async fn wherever_a_run_that_reconciles_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Reconcile, [2, 1, 1, 1]).await;
}

async fn wherever_collecting_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Collect, [1, 2, 0, 0]).await;
}

async fn wherever_an_import_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Import, [1, 1, 0, 1]).await;
}

async fn wherever_a_dry_run_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::DryRun, [1, 1, 0, 1]).await;
}

async fn wherever_applying_a_dry_run_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Apply, [1, 1, 0, 1]).await;
}

async fn wherever_an_audit_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Audit, [2, 2, 1, 0]).await;
}

async fn wherever_reading_anew_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Reprocess, [0, 0, 0, 1]).await;
}

async fn wherever_deletions_that_were_held_are_killed_they_come_to_the_same(world: &World) {
    each(world, Deed::Approve, [1, 1, 8, 2]).await;
}

async fn wherever_undoing_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Undo, [2, 1, 1, 1]).await;
}

async fn wherever_a_list_of_documents_is_killed_it_comes_to_the_same(world: &World) {
    each(world, Deed::Documents, [2, 2, 0, 1]).await;
}

/// Neither is the date lost, nor are there two runs for it.
async fn a_18_wherever_a_list_that_is_not_valid_is_killed_its_date_stands(world: &World) {
    prepare(world).await;
    let (mut write, mut writes) = (0, NEVER);
    while write <= writes {
        let id = format!("s{write}");
        world.net.set(&format!("{id}.example"), Host::Files(HashMap::new()));
        let options = json!({ "url": format!("http://{id}.example/list") });
        let mut source = SourceDefinition::new(&*id, "document-list", options);
        source.schedule = Schedule::new(Rhythm::every(2, Unit::Weeks).unwrap());
        let date = world.store.add_source(&source).await.unwrap().next_due;
        // At first undisturbed.
        dies_at(world, if write == 0 { NEVER } else { write }).await;
        let _ = world.scheduler().tick().await;
        let _ = world.worker("killed").run_waiting().await;
        if write == 0 {
            writes = self::writes(world).await;
        }
        dies_at(world, 0).await;
        world.clock.advance(2 * LEASE);
        world.scheduler().tick().await.unwrap();
        world.work().await;
        let entry = world.store.source(&source.id).await.unwrap().unwrap();
        assert_eq!((entry.next_due, entry.open_run), (date, None), "killed at write {write}");
        assert!(entry.due_again.is_some());
        let mut runs = RunQuery::default();
        runs.source = Some(source.id.clone());
        let runs = world.store.runs(&runs).await.unwrap();
        assert_eq!(runs.len(), 1, "killed at write {write}");
        assert_eq!((runs[0].state, runs[0].request.due), (RunState::Failed, date));
        // It is none of those that come.
        world.store.erase_source(&source.id, Harvested::Erase).await.unwrap();
        write += 1;
    }
    assert!(writes > 3);
}
