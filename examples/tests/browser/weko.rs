//! WEKO's, IRDB's and Metacat's pages, as people use them.

use std::time::Duration;

use chrono::TimeDelta;
use harvest_pipeline::Counters;
use harvest_pipeline::store::{
    Coverage, CoverageStore, Ending, Event, EventLevel, EventStore, Failure, RunKind, RunRequest,
    RunStore, Store,
};

use super::driver::Shape;
use super::visit;

const LEASE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_record_is_created_synced_and_followed_until_its_log_has_ended() {
    let Some((system, browser)) = visit(Shape::Desk).await else { return };
    browser.goto(&system.at("/resync/indexes")).await;
    browser.fill("name", "Sample Index").await;
    browser.fill("name_ja", "サンプル").await;
    browser.press("main button.primary").await;
    browser.wait_for(".notice").await;
    browser.screenshot("resync-indexes").await;

    browser.goto(&system.at("/resync/create")).await;
    browser.screenshot("resync-create").await;
    // The interval is that of an automatic one.
    let interval = "[name='interval']";
    assert!(browser.is_seen(interval).await);
    browser.press("[name='status'][value='manual']").await;
    assert!(!browser.is_seen(interval).await);
    browser.press("[name='status'][value='automatic']").await;
    assert!(browser.is_seen(interval).await);
    browser.press("[name='status'][value='manual']").await;
    browser.fill("repository_name", "University Library").await;
    browser.fill("base_url", "https://library.example/resync/1/resourcelist.xml").await;
    browser.press("select[name='target_index'] option:last-child").await;
    browser.press("main button.primary").await;
    browser.wait_for(".icons").await;
    browser.screenshot("resync-list").await;

    browser.press(".icons a:first-child").await;
    browser.wait_for("#logs").await;
    browser.press("form[action$='/sync'] button").await;
    browser.wait_for(".notice").await;
    assert_eq!(browser.text(".notice").await, "Sync Success");
    browser.wait_for("#logs[hx-trigger]").await;
    assert!(browser.text("#logs").await.contains("Running"));
    browser.screenshot("resync-detail").await;

    // Its end is seen without doing anything, and then nothing is asked any more.
    let store = system.store().await;
    let (ticket, _) = store.claim_run("worker", LEASE).await.unwrap().unwrap();
    let mut counters = Counters::default();
    (counters.created, counters.updated) = (12, 3);
    store.count(ticket, &counters, 0).await.unwrap();
    store.end_run(ticket, &Ending::Done).await.unwrap();
    browser.wait_for("#logs:not([hx-trigger])").await;
    assert!(browser.text("#logs").await.contains("Successful"));

    let request = RunRequest::new("resync-000001", RunKind::Import);
    store.request_run(&request).await.unwrap();
    let (ticket, _) = store.claim_run("worker", LEASE).await.unwrap().unwrap();
    let mut failure = Failure::new("HTTP status 500 Internal Server Error");
    failure.url = Some("https://library.example/resync/1/resourcelist.xml".to_owned());
    store.end_run(ticket, &Ending::Failed(failure)).await.unwrap();
    browser.goto(&system.at("/resync/resync-000001")).await;
    browser.press("button[name='language'][value='ja']").await;
    browser.wait_for("html[lang='ja']").await;
    browser.screenshot("resync-detail-ja").await;
    browser.press("button[name='theme'][value='dark']").await;
    browser.wait_for("html[data-theme='dark']").await;
    browser.screenshot("resync-detail-ja-dark").await;
    store.close().await;
    browser.close().await;
}

#[tokio::test]
async fn a_site_contact_registers_edits_the_list_and_reads_the_log() {
    let Some((system, browser)) = visit(Shape::Desk).await else { return };
    browser.goto(&system.at("/sites")).await;
    browser.fill("contacts", "gce@lter.example; data@lter.example").await;
    browser.fill("list", "https://gce.example/list.xml").await;
    browser.fill("frequency", "2").await;
    browser.choose("unit", "weeks").await;
    browser.press("main button.primary").await;
    browser.wait_for(".notice").await;
    assert_eq!(browser.text(".notice").await, "Harvester registration updated for admin");
    browser.screenshot("site-registration").await;

    browser.goto(&system.at("/sites/list")).await;
    browser.press("button[value='paste-defaults']").await;
    browser.wait_for("[name='row.0.scope'][value='dataset']").await;
    browser.press("button[value='copy']").await;
    browser.wait_for("[name='clip.scope'][value='dataset']").await;
    browser.press("[name='selected'][value='1']").await;
    browser.press("button[value='paste']").await;
    browser.wait_for("[name='row.1.scope'][value='dataset']").await;
    browser.fill("row.1.url", "").await;
    browser.press("button[value='validate']:not(.unseen)").await;
    browser.wait_for(".errors").await;
    assert!(browser.text(".errors").await.contains("row 2: Document URL is empty"));
    browser.screenshot("site-editor").await;
    browser.fill("row.1.url", "https://gce.example/2.xml").await;
    browser.press("button[value='validate']:not(.unseen)").await;
    browser.wait_for(".notice").await;
    assert_eq!(browser.text(".notice").await, "Harvest List is valid");

    browser.goto(&system.at("/sites/check")).await;
    // The local network is not asked for whoever types it in.
    browser.fill("list", "http://127.0.0.1:9/list.xml").await;
    browser.press("main button.primary").await;
    browser.wait_for("main table").await;
    assert!(browser.text("main table").await.contains("GetHarvestListError"));
    browser.screenshot("site-check").await;

    let store = system.store().await;
    let event = |code: &str, level: EventLevel, message: &str| {
        Event::new(code, level, message).of_source("site-admin".into()).about("demo.1.5")
    };
    let events = [
        event("GetHarvestListSuccess", EventLevel::Debug, "the list came")
            .at("https://gce.example/list.xml"),
        event("InsertDocSuccess", EventLevel::Info, "stored"),
        event("GetDocError", EventLevel::Error, "HTTP status 404 Not Found")
            .at("https://gce.example/2.xml"),
    ];
    store.record(&events).await.unwrap();
    store.close().await;
    browser.goto(&system.at("/sites/log")).await;
    browser.screenshot("site-log").await;
    browser.close().await;
}

#[tokio::test]
async fn covered_time_and_jobs_are_seen_at_a_desk_and_on_a_phone() {
    for shape in [Shape::Desk, Shape::Phone] {
        let Some((system, browser)) = visit(shape).await else { return };
        system.fill().await;
        let store = system.store().await;
        let id = "archive-001".into();
        let now = store.now().await.unwrap();
        for week in 0..6 {
            let request = RunRequest::new("archive-001", RunKind::Harvest);
            let run = store.request_run(&request).await.unwrap().run();
            while let Some((ticket, entry)) = store.claim_run("w", LEASE).await.unwrap() {
                if entry.id == run {
                    let error = |message: &str| {
                        Event::new("RecordFailed", EventLevel::Error, message)
                            .in_run("archive-001".into(), run)
                    };
                    let events = [error("no title"), error("no title"), error("no identifier")];
                    store.record(&events).await.unwrap();
                }
                store.end_run(ticket, &Ending::Done).await.unwrap();
            }
            let until = now - TimeDelta::weeks(5 - week);
            let coverage = Coverage::new(Some(until - TimeDelta::weeks(1)), until, run);
            let found = if (2..4).contains(&week) { 0 } else { 120 };
            store.cover(&id, &coverage.with_records(found, 0)).await.unwrap();
        }
        store.close().await;
        let name = if shape == Shape::Desk { "" } else { "phone-" };
        for (path, page) in [
            ("/sources/archive-001/coverage", "coverage"),
            ("/sources/archive-001", "source-jobs"),
            ("/resync", "resync-empty"),
            ("/resync/create", "resync-create-plain"),
            ("/resync/indexes", "resync-indexes-empty"),
            ("/sites", "site-empty"),
            ("/sites/list", "site-editor-empty"),
            ("/sites/list/defaults", "site-defaults"),
            ("/sites/log", "site-log-empty"),
        ] {
            browser.goto(&system.at(path)).await;
            browser.screenshot(&format!("{name}{page}")).await;
            assert!(browser.fits().await, "{path} is too wide");
        }
        browser.close().await;
    }
}
