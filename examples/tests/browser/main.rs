//! The admin system in a real browser: Debian's `chromium`, driven over WebDriver.
//!
//! Screenshots go to `target/tmp/screenshots`. Where there is no `chromium` with its driver, the
//! tests say `SKIPPED` and pass, unless `HARVESTER_BROWSER=required`.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod driver;
mod everybody;
mod people;
mod pictures;
mod system;
mod weko;

use driver::{Browser, Shape};
use system::System;

/// Starts the system and a browser that is logged in; `None` if there is no browser.
async fn visit(shape: Shape) -> Option<(System, Browser)> {
    let browser = Browser::start(shape).await?;
    let system = System::start();
    browser.log_in(&system).await;
    Some((system, browser))
}

#[tokio::test]
async fn somebody_logs_in_sets_up_a_source_and_finds_it() {
    let Some((system, browser)) = visit(Shape::Desk).await else { return };
    browser.goto(&system.at("/")).await;
    browser.screenshot("start-empty").await;

    browser.goto(&system.at("/sources/new")).await;
    // The second half of the form comes by htmx, under the strict Content-Security-Policy.
    browser.choose("kind", "resync").await;
    browser.wait_for("[name='options.mode']").await;
    browser.choose("kind", "oai-pmh").await;
    browser.wait_for("[name='options.format']").await;
    browser.fill("title", "National Library").await;
    browser.fill("id", "library").await;
    browser.fill("contacts", "nobody").await;
    browser.fill("options.url", "https://library.example/oai").await;
    browser.press("button.primary").await;
    browser.wait_for("[aria-invalid='true']").await;
    browser.screenshot("source-form-error").await;
    browser.fill("contacts", "admin@library.example").await;
    browser.press("button.primary").await;
    browser.wait_for(".notice").await;
    assert!(browser.text("main").await.contains("The source was created."));
    browser.screenshot("source-detail").await;

    system.fill().await;
    for (path, name) in [("/", "start"), ("/sources", "sources")] {
        browser.goto(&system.at(path)).await;
        browser.screenshot(name).await;
    }
    browser.goto(&system.at("/sources")).await;
    browser.press("button[name='theme'][value='dark']").await;
    browser.wait_for("html[data-theme='dark']").await;
    browser.screenshot("sources-dark").await;
    browser.press("button[name='language'][value='ja']").await;
    browser.wait_for("html[lang='ja']").await;
    assert!(browser.text("h1").await.contains("収集元"));
    browser.screenshot("sources-dark-ja").await;
    browser.close().await;
}

#[tokio::test]
async fn the_page_of_a_run_follows_it_and_a_filter_set_grows_row_by_row() {
    let Some((system, browser)) = visit(Shape::Desk).await else { return };
    system.fill().await;
    browser.goto(&system.at("/runs/1")).await;
    browser.screenshot("run-queued").await;
    system.cancel(1).await;
    // Without anybody loading the page anew, and then "Start again" is there.
    browser.wait_for("#again").await;
    assert!(browser.text("main").await.contains("Cancelled"));

    browser.goto(&system.at("/imports?all=true")).await;
    browser.screenshot("imports").await;
    browser.press("form.chosen button.primary").await;
    browser.wait_for(".imports progress").await;
    browser.screenshot("imports-together").await;

    browser.goto(&system.at("/filter-sets/new")).await;
    browser.fill("name", "Maps").await;
    browser.fill("field", "title").await;
    browser.fill("value", "map").await;
    browser.press("button[value='add']").await;
    browser.wait_for("tbody tr:nth-child(2)").await;
    browser.screenshot("filter-set-form").await;
    browser.press("div.buttons button.primary").await;
    browser.wait_for(".notice").await;
    assert!(browser.text("main").await.contains("title contains"));
    for (path, name) in [("/runs", "runs"), ("/records", "records"), ("/failures", "failures")] {
        browser.goto(&system.at(path)).await;
        browser.screenshot(name).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn pages_fit_a_phone() {
    let Some((system, browser)) = visit(Shape::Phone).await else { return };
    system.fill().await;
    for (path, name) in [
        ("/", "phone-start"),
        ("/sources", "phone-sources"),
        ("/sources/new", "phone-form"),
        ("/sources/archive-000", "phone-source"),
        ("/runs", "phone-runs"),
        ("/runs/1", "phone-run"),
        ("/runs/1/cancel", "phone-confirm"),
        ("/imports", "phone-imports"),
        ("/records", "phone-records"),
        ("/failures", "phone-failures"),
        ("/filter-sets/new", "phone-filter-set"),
    ] {
        browser.goto(&system.at(path)).await;
        browser.screenshot(name).await;
        assert!(browser.fits().await, "{path} is wider than the phone");
    }
    browser.close().await;
}
