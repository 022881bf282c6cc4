//! The pictures of the documentation, taken of the demo: `screens/take.sh` has them taken anew.

use std::path::Path;

use super::driver::{Browser, Shape};
use super::system::System;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/screens");
/// The demo harvests eight sources once a minute: after two rounds there is something to see.
const RUNS: usize = 20;
/// No picture is higher, in pixels.
const HIGHEST: u32 = 1400;

const SCREENS: [(&str, &str); 8] = [
    ("start", "/"),
    ("sources", "/sources"),
    ("source", "/sources/kitano-university"),
    ("source-form", "/sources/new"),
    ("runs", "/runs"),
    ("run", "/runs/3"),
    ("records", "/records?search=maps"),
    ("failures", "/failures?source=kitano-university"),
];

#[tokio::test]
#[ignore = "writes into the source tree, and takes two minutes"]
async fn the_pictures_of_the_documentation_are_taken() {
    let Some(browser) = Browser::start(Shape::Desk).await else { return };
    let system = System::demo();
    browser.log_in(&system).await;
    system.wait_for_runs(RUNS).await;
    let take = async |screens: &[(&str, &str)], suffix: &str| {
        for (name, path) in screens {
            browser.goto(&system.at(path)).await;
            browser.grow(HIGHEST).await;
            browser.screenshot_into(Path::new(FOLDER), &format!("{name}{suffix}")).await;
        }
    };
    take(&SCREENS, "").await;
    browser.press("button[name='theme'][value='dark']").await;
    browser.wait_for("html[data-theme='dark']").await;
    browser.press("button[name='language'][value='ja']").await;
    browser.wait_for("html[lang='ja']").await;
    take(&SCREENS[..2], "-dark-ja").await;
    browser.close().await;
}
