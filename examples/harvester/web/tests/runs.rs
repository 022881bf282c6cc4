//! Runs: what is shown of them, and what people decide.

use harvest_pipeline::store::{
    Ending, Event, EventLevel, Failure, RunKind, RunQuery, RunRequest, SourceQuery,
};
use harvest_pipeline::{RunId, RunState};

use super::plant::Plant;
use super::*;

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);

async fn queued(world: &World, source: &str) -> RunId {
    let request = RunRequest::new(source, RunKind::Harvest);
    world.store.request_run(&request).await.unwrap().run()
}

async fn state(world: &World, run: RunId) -> RunState {
    world.store.run(run).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_run_is_paused_goes_on_and_is_cancelled() {
    let world = World::new().await;
    world.source("one").await;
    let operator = world.user("operator", Role::Operator).await;
    let run = queued(&world, "one").await;
    let (ticket, _) = world.store.claim_run("w", LEASE).await.unwrap().unwrap();
    let page = world.get(&operator, "/runs/1").await.body;
    assert!(page.contains("/runs/1/pause") && page.contains("/runs/1/cancel"), "{page}");
    assert!(!page.contains("/runs/1/again"));
    assert_eq!(world.post(&operator, "/runs/1/pause", &[]).await.location(), "/runs/1");
    world.store.end_run(ticket, &Ending::Paused).await.unwrap();
    assert_eq!(state(&world, run).await, RunState::Suspended);
    assert!(world.get(&operator, "/runs/1").await.body.contains("/runs/1/resume"));
    world.post(&operator, "/runs/1/resume", &[]).await;
    assert_eq!(state(&world, run).await, RunState::Queued);

    let asked = world.get(&operator, "/runs/1/cancel").await.body;
    assert!(asked.contains("Cancel run 1?"), "{asked}");
    assert_eq!(state(&world, run).await, RunState::Queued);
    world.post(&operator, "/runs/1/cancel", &[]).await;
    assert_eq!(state(&world, run).await, RunState::Cancelled);
    let twice = world.post(&operator, "/runs/1/cancel", &[]).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);

    let again = world.post(&operator, "/runs/1/again", &[]).await;
    assert_eq!(again.location(), "/runs/2");
    let by = world.store.run(RunId(2)).await.unwrap().unwrap().request.by;
    assert_eq!(by.as_deref(), Some("operator"));
}

#[tokio::test]
async fn a_viewer_sees_no_buttons() {
    let world = World::new().await;
    world.source("one").await;
    queued(&world, "one").await;
    let viewer = world.user("viewer", Role::Viewer).await;
    for path in ["/runs", "/runs/1"] {
        let page = world.get(&viewer, path).await.body;
        let main = page.split("<main").nth(1).unwrap().split("</main").next().unwrap();
        assert!(main.contains("one"), "{main}");
        assert!(!main.contains("method=\"post\"") && !main.contains("/imports"), "{main}");
    }
}

#[tokio::test]
async fn a_site_contact_sees_only_runs_of_sources_of_their_own() {
    let world = World::new().await;
    world.owned_source("mine", "gce").await;
    world.owned_source("theirs", "and").await;
    let (mine, theirs) = (queued(&world, "mine").await, queued(&world, "theirs").await);
    world.store.cancel_run(mine).await.unwrap();
    world.store.cancel_run(theirs).await.unwrap();
    let contact = world.user("gce", Role::SiteContact).await;
    for path in ["/runs", "/runs?source=theirs", "/", "/imports"] {
        let main = world.get(&contact, path).await.body;
        let main = main.split("<main").nth(1).unwrap().to_owned();
        assert!(!main.contains("/theirs") && !main.contains("theirs.example"), "{path}: {main}");
    }
    for route in crate::web::routes::table() {
        if !route.path.starts_with("/runs/{run}") {
            continue;
        }
        let path = route.path.replace("{run}", "2");
        let answer = match route.method.as_str() {
            "GET" => world.get(&contact, &path).await,
            _ => world.post(&contact, &path, &[]).await,
        };
        // What they may not do at all is refused before anybody looks.
        let refused = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
        assert!(refused, "{path}: {}", answer.status);
    }
    let chosen = world.post(&contact, "/imports", &[("source", "theirs")]).await;
    assert_eq!(chosen.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_failed_run_says_why_and_where() {
    let world = World::new().await;
    world.source("one").await;
    let admin = world.user("admin", Role::Administrator).await;
    let run = queued(&world, "one").await;
    let (ticket, _) = world.store.claim_run("w", LEASE).await.unwrap().unwrap();
    let mut failure = Failure::new("the server answered 500 <script>");
    failure.url = Some("https://one.example/oai?verb=Identify&\"<b>".to_owned());
    failure.at_source = true;
    let events = [
        Event::new("Notice", EventLevel::Warning, "strange <img>").about("id <b>"),
        Event::new("Retry", EventLevel::Debug, "once more"),
    ];
    let events = events.map(|event| event.in_run("one".into(), run));
    world.store.record(&events).await.unwrap();
    world.store.end_run(ticket, &Ending::Failed(failure)).await.unwrap();
    for path in ["/runs", "/runs/1", "/", "/sources/one", "/runs/1?level=debug"] {
        let page = world.get(&admin, path).await.body;
        assert!(page.contains("answered 500 &lt;script&gt;"), "{path}: {page}");
        for tag in ["<script>", "<b>", "<img>"] {
            assert!(!page.contains(tag), "{path}: {tag}");
        }
    }
    let page = world.get(&admin, "/runs/1").await.body;
    assert!(page.contains("verb=Identify&amp;"), "{page}");
    assert!(page.contains("The fault is at the source."));
    assert!(page.contains("strange") && !page.contains("once more"));
    assert!(world.get(&admin, "/runs/1?level=debug").await.body.contains("once more"));
    assert!(!world.get(&admin, "/runs/1?level=error").await.body.contains("strange"));
}

#[tokio::test]
async fn the_list_goes_on_behind_its_last_run() {
    let world = World::new().await;
    world.source("one").await;
    world.source("two").await;
    for _ in 0..60 {
        let run = queued(&world, "one").await;
        world.store.cancel_run(run).await.unwrap();
    }
    queued(&world, "two").await;
    let admin = world.user("admin", Role::Administrator).await;
    let first = world.get(&admin, "/runs").await.body;
    assert!(first.contains("href=\"/runs/61\"") && first.contains("href=\"/runs/12\""));
    assert!(!first.contains("href=\"/runs/11\""));
    assert!(first.contains("/runs?after=12"), "{first}");
    let second = world.get(&admin, "/runs?after=12").await.body;
    assert!(second.contains("href=\"/runs/11\"") && second.contains("href=\"/runs/1\""));
    let open = world.get(&admin, "/runs?state=open").await.body;
    assert!(open.contains("href=\"/runs/61\"") && !open.contains("href=\"/runs/60\""));
    let one = world.get(&admin, "/runs?source=one").await.body;
    assert!(!one.contains("href=\"/runs/61\"") && one.contains("href=\"/runs/60\""));
}

#[tokio::test]
async fn a_page_follows_a_run_by_events_and_else_by_asking() {
    let world = World::new().await;
    world.source("one").await;
    let admin = world.user("admin", Role::Administrator).await;
    let run = queued(&world, "one").await;
    let page = world.get(&admin, "/runs/1").await.body;
    assert!(page.contains("sse-connect=\"/runs/1/stream\""), "{page}");
    assert!(page.contains("hx-trigger=\"every 3s\"") && page.contains("<noscript>"));
    let part = world.get(&admin.clone().with("hx-request", "true"), "/runs/1").await.body;
    assert!(!part.contains("<html") && part.contains("hx-trigger=\"every 3s\""), "{part}");

    world.store.cancel_run(run).await.unwrap();
    let over = world.get(&admin, "/runs/1").await.body;
    assert!(!over.contains("sse-connect") && !over.contains("every 3s"));
    // What is over is sent once, and that it is over.
    let stream = world.stream(&admin, "/runs/1/stream").await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert!(stream.body.contains("event: now") && stream.body.contains("Cancelled"));
    assert!(stream.body.contains("event: over"), "{}", stream.body);
}

#[tokio::test]
async fn several_sources_are_imported_together() {
    let world = World::new().await;
    for id in ["one", "two", "three"] {
        world.source(id).await;
    }
    let operator = world.user("operator", Role::Operator).await;
    let choice = world.get(&operator, "/imports?all=true").await.body;
    assert_eq!(choice.matches(" checked").count(), 3, "{choice}");
    assert_eq!(world.post(&operator, "/imports", &[]).await.location(), "/imports");
    let started = [("source", "one"), ("source", "three")];
    let answer = world.post(&operator, "/imports", &started).await;
    let group = answer.location().to_owned();
    assert!(group.starts_with("/imports/"), "{group}");
    let (ticket, run) = world.store.claim_run("w", LEASE).await.unwrap().unwrap();
    world.store.renew_run(ticket, LEASE, Some(400)).await.unwrap();
    let counters = [harvest_pipeline::Outcome::Created; 100].into_iter().collect();
    world.store.count(ticket, &counters, 1).await.unwrap();
    let page = world.get(&operator, &group).await.body;
    assert!(page.contains("It is processed 100 of 400 records."), "{page}");
    assert!(page.contains("value=\"0.2500\""), "{page}");
    let cancel = format!("/runs/{}/cancel", run.id);
    let back = world.post(&operator, &cancel, &[("back", &group)]).await;
    assert_eq!(back.location(), group);
    let elsewhere = [("back", "https://evil.example")];
    let other = world.post(&operator, "/runs/2/cancel", &elsewhere).await;
    assert_eq!(other.location(), "/");
    // One that runs already is left out; if all do, nothing begins.
    let again = world.post(&operator, "/imports", &[("source", "one")]).await;
    assert_eq!(again.location(), "/imports");
    assert_eq!(world.get(&operator, "/imports/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn held_deletions_are_approved_by_an_operator_and_applied_by_a_worker() {
    let plant = Plant::new().await;
    plant.source("one", Some("gce")).await;
    for name in ["a", "b", "c"] {
        plant.put("one", name, name);
    }
    plant.harvest("one").await;
    plant.remove("one", "a");
    plant.remove("one", "b");
    let run = plant.harvest("one").await;
    assert_eq!(plant.state(run).await, RunState::AwaitingApproval);
    let world = &plant.world;
    let contact = world.user("gce", Role::SiteContact).await;
    let operator = world.user("operator", Role::Operator).await;
    assert!(!world.get(&contact, "/runs/2").await.body.contains("/runs/2/approve"));
    assert!(world.get(&operator, "/").await.body.contains("href=\"/runs/2\""));
    let page = world.get(&operator, "/runs/2").await.body;
    assert!(page.contains("2 of 3 live records would be deleted."), "{page}");
    assert!(world.get(&operator, "/runs/2/approve").await.body.contains("2 of 3 live records"));
    assert_eq!(plant.live("one").await, 3);
    assert_eq!(world.post(&operator, "/runs/2/approve", &[]).await.location(), "/runs/2");
    plant.work().await;
    assert_eq!(plant.live("one").await, 1);
    assert_eq!(plant.state(run).await, RunState::Succeeded);

    // And what a run did can be undone.
    let undone = world.post(&operator, "/runs/2/undo", &[]).await;
    assert_eq!(undone.location(), "/runs/2", "{}", undone.body);
    assert_eq!(plant.live("one").await, 3);
}

#[tokio::test]
async fn rejected_deletions_leave_the_records() {
    let plant = Plant::new().await;
    plant.source("one", None).await;
    plant.put("one", "a", "a");
    plant.put("one", "b", "b");
    plant.harvest("one").await;
    plant.remove("one", "a");
    let run = plant.harvest("one").await;
    let operator = plant.world.user("operator", Role::Operator).await;
    plant.world.post(&operator, "/runs/2/reject", &[]).await;
    assert_eq!(plant.state(run).await, RunState::SucceededWithErrors);
    plant.work().await;
    assert_eq!(plant.live("one").await, 2);
}

#[tokio::test]
async fn a_dry_run_shows_what_would_change_and_is_applied_once() {
    let plant = Plant::new().await;
    plant.source("one", None).await;
    plant.put("one", "a", "Babička");
    plant.put("one", "b", "Stays");
    plant.harvest("one").await;
    plant.put("one", "a", "Babička, second edition");
    plant.put("one", "c", "<script>alert(1)</script>");
    let world = &plant.world;
    let operator = world.user("operator", Role::Operator).await;
    let asked = world.post(&operator, "/sources/one/run", &[("ask", "dry-run")]).await;
    assert_eq!(asked.location(), "/sources/one");
    plant.work().await;
    assert_eq!(plant.live("one").await, 2);
    let page = world.get(&operator, "/runs/2/differences").await.body;
    assert!(page.contains("<ins>+ ") && page.contains("second edition"), "{page}");
    assert!(page.contains("<del>- ") && !page.contains("Stays"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("/runs/2/apply"));

    let applied = world.post(&operator, "/runs/2/apply", &[]).await;
    assert_eq!(applied.location(), "/runs/3");
    plant.work().await;
    assert_eq!(plant.live("one").await, 3);
    assert!(world.get(&operator, "/runs/2").await.body.contains("href=\"/runs/3\""));
    assert_eq!(world.post(&operator, "/runs/2/apply", &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(world.post(&operator, "/runs/1/apply", &[]).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn every_decision_is_in_the_audit_log_and_none_is_made_by_looking() {
    let plant = Plant::new().await;
    plant.source("one", None).await;
    plant.put("one", "a", "a");
    plant.harvest("one").await;
    let world = &plant.world;
    let admin = world.user("admin", Role::Administrator).await;
    for what in ["cancel", "approve", "reject", "apply", "undo"] {
        let page = world.get(&admin, &format!("/runs/1/{what}")).await;
        assert_eq!(page.status, StatusCode::OK, "{what}");
    }
    assert_eq!(plant.live("one").await, 1);
    assert_eq!(world.post(&admin, "/runs/1/undo", &[]).await.location(), "/runs/1");
    assert_eq!(plant.live("one").await, 0);
    assert_eq!(world.post(&admin, "/runs/77/undo", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&admin, "/runs/none").await.status, StatusCode::BAD_REQUEST);
    let runs = world.store.runs(&RunQuery::default()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(world.store.count_sources(&SourceQuery::default()).await.unwrap(), 1);
    // Looking, and what could not be done, left nothing there; tests/audit.rs does all the rest.
    let audit = world.app.accounts.audited(&AuditQuery::default(), 9).await.unwrap();
    let deeds: Vec<_> = audit.iter().map(|entry| &entry.deed).collect();
    assert_eq!(deeds.len(), 1, "{deeds:?}");
    let deed = (deeds[0].who.as_deref(), deeds[0].what.as_str(), deeds[0].about.as_str());
    assert_eq!(deed, (Some("admin"), "run.undo", "1"));
}
