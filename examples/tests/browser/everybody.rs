//! The pages for those who use a keyboard or a screen reader.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use serde_json::Value;

use super::driver::{Browser, Shape};
use super::system::System;
use super::visit;

/// Put there by `third_party/install.sh`.
const AXE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/npm/node_modules/axe-core/axe.min.js");
/// So many sources has the demo.
const SOURCES: usize = 8;

/// axe's findings that keep somebody from using the page.
const FAULTS: &str = r#"
    const result = await axe.run(document, { resultTypes: ["violations"] });
    return result.violations
        .filter((it) => it.impact === "serious" || it.impact === "critical")
        .map((it) => it.id + " " + it.nodes.slice(0, 3).map((node) => node.html).join(" "));
"#;
/// Where the links of a page lead.
const LINKS: &str = r#"
    return [...document.querySelectorAll("a[href^='/']")].map((a) => a.getAttribute("href"));
"#;
/// What can be reached with the tabulator: of several buttons to choose from, one.
const REACHABLE: &str = r#"
    const all = [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
    )];
    return all.filter((it) => it.checkVisibility() && !it.disabled && it.tabIndex >= 0)
        .filter((it) => it.type !== "radio" || it.checked).length;
"#;
/// Marks what has the focus; tells whether it was there before, and whether a person sees it.
const HERE: &str = r#"
    const here = document.activeElement;
    if (here === document.body || here.dataset.reached) return "again";
    here.dataset.reached = "yes";
    const style = getComputedStyle(here);
    const seen = style.outlineStyle !== "none" && here.getBoundingClientRect().right > 0;
    return seen ? "seen" : "not seen: " + here.outerHTML;
"#;

#[tokio::test]
async fn axe_finds_nothing_serious_on_any_page_that_a_link_leads_to() {
    let Ok(axe) = std::fs::read_to_string(Path::new(AXE)) else {
        eprintln!(
            "SKIPPED: there is no axe (see third_party/install.sh): its rules were not tried"
        );
        return;
    };
    let Some(browser) = Browser::start(Shape::Desk).await else { return };
    let system = System::demo();
    browser.log_in(&system).await;
    system.wait_for_runs(SOURCES).await;
    let mut found = Vec::new();
    for theme in ["light", "dark"] {
        browser.goto(&system.at("/")).await;
        browser.press(&format!("button[name='theme'][value='{theme}']")).await;
        browser.wait_for(&format!("html[data-theme='{theme}']")).await;
        let mut known = BTreeSet::from([kind_of("/")]);
        let mut ahead = VecDeque::from(["/".to_owned()]);
        while let Some(path) = ahead.pop_front() {
            browser.goto(&system.at(&path)).await;
            if browser.run("return document.contentType").await != "text/html" {
                continue;
            }
            browser.run(&format!("{axe}; return true")).await;
            let faults = texts(browser.run(FAULTS).await);
            found.extend(faults.into_iter().map(|fault| format!("{path} ({theme}): {fault}")));
            let links = texts(browser.run(LINKS).await);
            ahead.extend(links.into_iter().filter(|link| known.insert(kind_of(link))));
        }
        assert!(known.len() > 20, "only {known:?} were looked at");
    }
    browser.close().await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn everything_is_reached_with_the_tabulator_and_seen_when_it_is() {
    let Some((system, browser)) = visit(Shape::Desk).await else { return };
    system.fill().await;
    for path in ["/", "/sources?search=archive-00", "/sources/new", "/filter-sets/new", "/runs"] {
        browser.goto(&system.at(path)).await;
        let reachable = browser.run(REACHABLE).await.as_u64().unwrap();
        // The first is the way past what every page has.
        browser.tab().await;
        assert_eq!(browser.run("return document.activeElement.className").await, "skip", "{path}");
        let mut reached = 0;
        loop {
            match browser.run(HERE).await.as_str().unwrap() {
                "again" => break,
                "seen" => reached += 1,
                other => panic!("{path}: {other}"),
            }
            browser.tab().await;
        }
        assert_eq!(reached, reachable, "{path}: some of what can be used is not reached");
    }
    browser.close().await;
}

fn texts(value: Value) -> Vec<String> {
    serde_json::from_value(value).unwrap()
}

/// Which page an address is of: ids and numbers in it are all one.
fn kind_of(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap();
    let mut parts = path.split('/').skip(1);
    let section = parts.next().unwrap_or_default();
    let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    let parts = parts.map(|part| if is_word(part) { part } else { "*" });
    std::iter::once(section).chain(parts).collect::<Vec<_>>().join("/")
}
