//! Covered time, backfill, and the jobs of a source.

use chrono::{DateTime, TimeDelta};
use harvest_pipeline::store::{Coverage, Ending, Event, EventLevel, RunKind, RunQuery, RunRequest};
use harvest_pipeline::{Checkpoint, RunId};

use super::*;

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);

/// A source that was off in its second week.
async fn off_for_a_week() -> (World, Browser) {
    let start = DateTime::from_timestamp(1_690_848_000, 0).unwrap();
    let world = World::at_a_standstill(start).await;
    world.source("one").await;
    let id = "one".into();
    for week in 0..3 {
        let at = Checkpoint::new(1, &week).unwrap();
        world.store.set_checkpoint(&id, Some(&at).filter(|_| week > 0)).await.unwrap();
        let run = run(&world).await;
        let from = start + TimeDelta::weeks(week);
        let found = if week == 1 { 0 } else { 5 };
        let coverage = Coverage::new(Some(from), from + TimeDelta::weeks(1), run);
        world.store.cover(&id, &coverage.with_records(found, 0)).await.unwrap();
    }
    let admin = world.user("admin", Role::Administrator).await;
    (world, admin)
}

/// A run that came to its end.
async fn run(world: &World) -> RunId {
    let request = RunRequest::new("one", RunKind::Harvest);
    let run = world.store.request_run(&request).await.unwrap().run();
    let (ticket, _) = world.store.claim_run("w", LEASE).await.unwrap().unwrap();
    world.store.end_run(ticket, &Ending::Done).await.unwrap();
    run
}

#[tokio::test]
async fn i_026_the_gap_of_a_source_that_was_off_is_seen_and_filled_with_one_click() {
    let (world, admin) = off_for_a_week().await;
    let page = world.get(&admin, "/sources/one/coverage").await.body;
    for text in [
        "Previous harvest status",
        "Next harvest begins from",
        "2023-08-22",
        "nothing came",
        "If the output was off",
        "class=\"covered empty\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let all = world.store.runs(&RunQuery::default()).await.unwrap();
    let empty = all[1].id.0.to_string();
    assert!(page.contains(&format!("name=\"run\" value=\"{empty}\"")), "{page}");
    let answer = world.post(&admin, "/sources/one/backfill", &[("run", &empty)]).await;
    assert_eq!(answer.location(), "/sources/one/coverage");
    let asked = world.store.runs(&RunQuery::default()).await.unwrap().remove(0);
    assert_eq!(asked.began_at, all[1].began_at, "it begins where the empty one began");
    assert!(asked.began_at.is_some() && !asked.request.full);
    // A second click starts nothing more.
    world.post(&admin, "/sources/one/backfill", &[("run", "")]).await;
    assert_eq!(world.store.runs(&RunQuery::default()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn only_runs_of_the_source_itself_can_be_filled_up() {
    let (world, admin) = off_for_a_week().await;
    world.source("two").await;
    for run in ["1", "99", "x", "-1"] {
        let answer = world.post(&admin, "/sources/two/backfill", &[("run", run)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{run}");
    }
    let all = world.post(&admin, "/sources/two/backfill", &[("run", "")]).await;
    assert_eq!(all.location(), "/sources/two/coverage");
    assert!(world.store.runs(&RunQuery::default()).await.unwrap()[0].request.full);
}

#[tokio::test]
async fn i_007_the_effects_stand_there_in_four_languages() {
    let (world, admin) = off_for_a_week().await;
    for (language, texts) in [
        ("en", ["NDL doctoral theses", "updated, without the fields in error"]),
        ("ja", ["前回ハーベストステータス", "次回ハーベスト起算日時"]),
        ("cs", ["Stav předchozí sklizně", "neaktualizuje se"]),
        ("zh-Hant", ["上次收割狀態", "不更新"]),
    ] {
        let browser = admin.clone().with("accept-language", language);
        let page = world.get(&browser, "/sources/one/coverage").await.body;
        for text in texts {
            assert!(page.contains(text), "{language}: {text}: {page}");
        }
    }
}

#[tokio::test]
async fn a_32_two_clicks_on_reharvest_are_one_run_and_stop_ends_it() {
    let (world, mut admin) = off_for_a_week().await;
    let before = world.store.runs(&RunQuery::default()).await.unwrap().len();
    let page = world.get(&admin, "/sources/one").await.body;
    assert!(page.contains(">Reharvest</button>") && page.contains(">Clear</button>"), "{page}");
    for said in ["was queued.", "Already running"] {
        let answer = world.post(&admin, "/sources/one/run", &[("ask", "harvest")]).await;
        admin.take(&answer);
        assert!(world.get(&admin, "/sources/one").await.body.contains(said), "{said}");
    }
    assert_eq!(world.store.runs(&RunQuery::default()).await.unwrap().len(), before + 1);
    let page = world.get(&admin, "/sources/one").await.body;
    assert!(page.contains(">Stop</button>") && !page.contains(">Reharvest</button>"), "{page}");
    // What goes on is not cleared away under it.
    let refused = world.post(&admin, "/sources/one/clear", &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    for said in ["is stopped.", "Nothing was running."] {
        let answer = world.post(&admin, "/sources/one/stop", &[]).await;
        admin.take(&answer);
        assert!(world.get(&admin, "/sources/one").await.body.contains(said), "{said}");
    }
    world.post(&admin, "/sources/one/clear", &[]).await;
    let source = world.store.source(&"one".into()).await.unwrap().unwrap();
    assert_eq!(source.checkpoint, None);
}

#[tokio::test]
async fn the_report_of_a_job_begins_with_the_most_frequent_error() {
    let (world, admin) = off_for_a_week().await;
    let run = run(&world).await;
    let event = |message: &str| {
        Event::new("RecordFailed", EventLevel::Error, message).in_run("one".into(), run)
    };
    let events = [event("rare"), event("<often>"), event("<often>")];
    world.store.record(&events).await.unwrap();
    let page = world.get(&admin, "/sources/one").await.body;
    let report = page.split("Most frequent errors of the last job").last().unwrap();
    assert!(report.find("&lt;often&gt;") < report.find("rare"), "{report}");
    assert!(report.contains("<td class=\"number\">2</td>"));
}
