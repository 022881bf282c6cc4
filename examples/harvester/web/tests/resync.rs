//! WEKO's Resync administration.

use std::time::Duration;

use chrono::DateTime;
use harvest_pipeline::Counters;
use harvest_pipeline::store::{
    Ending, Failure, RunKind, RunQuery, RunRequest, SourceStatus, Trigger,
};

use super::*;
use crate::accounts::Permission;
use crate::web::route::Access;
use crate::web::routes;

const DAY: Duration = Duration::from_secs(86_400);
const LEASE: Duration = Duration::from_secs(60);

/// An installation at a standstill of time, its administrator, and the number of an index.
async fn weko() -> (World, Browser, String) {
    let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let world = World::at_a_standstill(start).await;
    let admin = world.user("admin", Role::Administrator).await;
    let index = world.app.accounts.add_index("Sample Index", "", None, Utc::now()).await.unwrap();
    (world, admin, index.id.to_string())
}

/// A sound form with other values.
fn form<'a>(index: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let sound = [
        ("repository_name", "Library"),
        ("base_url", "https://library.example/resync/1/resourcelist.xml"),
        ("status", "automatic"),
        ("interval", "1"),
        ("target_index", index),
        ("resync_mode", "baseline"),
        ("saving_format", "JPCOAR-XML"),
    ];
    let kept = sound.into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    kept.chain(changes.iter().copied()).collect()
}

async fn create(world: &World, admin: &Browser, fields: &[(&str, &str)]) -> Answer {
    world.post(admin, "/resync/create", fields).await
}

async fn runs(world: &World) -> Vec<harvest_pipeline::store::RunEntry> {
    world.store.runs(&RunQuery::default()).await.unwrap()
}

/// Ends the run that is queued.
async fn work_off(world: &World, ending: &Ending, counters: &Counters) {
    let (ticket, _) = world.store.claim_run("worker", LEASE).await.unwrap().unwrap();
    world.store.count(ticket, counters, 0).await.unwrap();
    world.store.end_run(ticket, ending).await.unwrap();
}

async fn after(world: &World, browser: &mut Browser, answer: Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    browser.take(&answer);
    world.get(browser, answer.location()).await.body
}

#[tokio::test]
async fn a_01_a_blank_form_gives_three_messages_in_order_and_stores_nothing() {
    let (world, admin, _) = weko().await;
    let blank = form("", &[("repository_name", ""), ("base_url", " ")]);
    let page = create(&world, &admin, &blank).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let at = |text: &str| page.body.find(text).unwrap_or_else(|| panic!("{text}: {}", page.body));
    assert!(at("Repository name is required") < at("Target Index is required"));
    assert!(at("Target Index is required") < at("Base Url is required"));
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_02_an_interval_of_no_days_is_refused_by_server_and_form() {
    let (world, admin, index) = weko().await;
    let page = world.get(&admin, "/resync/create").await.body;
    let field = page.split("name=\"interval\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(field.contains("min=\"1\"") && field.contains("step=\"1\""), "{field}");
    for interval in ["", "0", "-1", "1.5", "abc"] {
        let page = create(&world, &admin, &form(&index, &[("interval", interval)])).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{interval}");
        assert!(page.body.contains("Interval By Day "), "{interval}");
    }
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 0);
    // A manual one has none.
    let manual = form(&index, &[("interval", ""), ("status", "manual")]);
    assert_eq!(create(&world, &admin, &manual).await.location(), "/resync");
}

#[tokio::test]
async fn a_03_a_second_record_for_an_index_is_refused_and_the_first_is_named() {
    let (world, admin, index) = weko().await;
    assert_eq!(create(&world, &admin, &form(&index, &[])).await.location(), "/resync");
    let other = [("repository_name", "Other"), ("base_url", "https://other.example/list.xml")];
    let page = create(&world, &admin, &form(&index, &other)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("Library has this Target Index already"), "{}", page.body);
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn dates_are_days_of_a_calendar_in_their_order() {
    let (world, admin, index) = weko().await;
    for (from, until, message) in [
        ("yesterday", "", "Format is incorrect!"),
        ("2024-02-01", "2024-01-31", "Until Date must not be before From Date"),
    ] {
        let dates = [("from_date", from), ("until_date", until)];
        let page = create(&world, &admin, &form(&index, &dates)).await;
        assert!(page.body.contains(message), "{from}: {}", page.body);
    }
    let dates = [("from_date", "01/31/2024"), ("until_date", "2024-02-01")];
    assert_eq!(create(&world, &admin, &form(&index, &dates)).await.location(), "/resync");
    let edit = world.get(&admin, "/resync/resync-000001/edit").await.body;
    assert!(
        edit.contains("value=\"2024-01-31\"") && edit.contains("value=\"2024-02-01\""),
        "{edit}"
    );
}

#[tokio::test]
async fn the_list_has_its_columns_in_order_and_leads_to_edit_and_detail() {
    let (world, mut admin, index) = weko().await;
    let another = create(&world, &admin, &form(&index, &[("then", "another")])).await;
    assert_eq!(another.location(), "/resync/create");
    let fresh = after(&world, &mut admin, another).await;
    assert!(!fresh.contains("library.example") && fresh.contains("The record was created."));
    let list = world.get(&admin, "/resync").await.body;
    let mut rest = list.as_str();
    for column in [
        "Actions",
        "Repository name",
        "Target Index",
        "Base Url",
        "Status",
        "Resync mode",
        "Saving format",
        "View Detail Resync",
        "Edit Resync",
        "Delete Resync",
        "Library",
        "target=\"_blank\"",
        "Automatic",
        "Baseline",
        "JPCOAR-XML",
    ] {
        rest = rest.split_once(column).unwrap_or_else(|| panic!("{column}: {list}")).1;
    }
    assert!(list.contains(&format!("Sample Index &lt;ID:{index}&gt;")), "{list}");
    // Edit and Detail are seen only where they were opened.
    let has_tabs = |page: &str| (page.contains(">Edit</a>"), page.contains(">Detail</a>"));
    assert_eq!(has_tabs(&list), (false, false));
    assert_eq!(has_tabs(&fresh), (false, false));
    for page in ["/resync/resync-000001", "/resync/resync-000001/edit"] {
        let page = world.get(&admin, page).await.body;
        assert_eq!(has_tabs(&page), (true, true));
        assert!(page.find(">List</a>") < page.find(">Create</a>"));
        assert!(page.find(">Edit</a>") < page.find(">Detail</a>"));
    }
}

#[tokio::test]
async fn a_06_what_is_only_compared_has_no_import() {
    let (world, admin, index) = weko().await;
    let audit = form(&index, &[("resync_mode", "audit"), ("status", "manual")]);
    create(&world, &admin, &audit).await;
    let page = world.get(&admin, "/resync/resync-000001").await.body;
    assert!(page.contains(">Sync</button>") && !page.contains(">Import</button>"), "{page}");
    let refused = world.post(&admin, "/resync/resync-000001/import", &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(runs(&world).await.is_empty());
    world.post(&admin, "/resync/resync-000001/sync", &[]).await;
    assert_eq!(runs(&world).await[0].request.kind, RunKind::Audit);
    let mut counters = Counters::default();
    (counters.created, counters.updated, counters.deleted) = (1, 1, 1);
    work_off(&world, &Ending::Done, &counters).await;
    let page = world.get(&admin, "/resync/resync-000001").await.body;
    let logs = page.split("id=\"logs\"").nth(1).unwrap();
    assert!(logs.contains("Successful"));
    assert_eq!(logs.matches("<td class=\"number\">1</td>").count(), 4, "{logs}");
}

#[tokio::test]
async fn a_07_a_manual_one_is_synced_and_then_imported_with_wekos_messages() {
    let (world, mut admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[("status", "manual")])).await;
    let page = "/resync/resync-000001";
    for (action, kind, message) in
        [("sync", RunKind::Collect, "Sync Success"), ("import", RunKind::Import, "Import Success")]
    {
        let answer = world.post(&admin, &format!("{page}/{action}"), &[]).await;
        assert!(after(&world, &mut admin, answer).await.contains(message));
        let newest = runs(&world).await.remove(0);
        assert_eq!((newest.request.kind, newest.request.trigger), (kind, Trigger::Manual));
        // A second click starts nothing, and says so.
        let answer = world.post(&admin, &format!("{page}/{action}"), &[]).await;
        assert!(after(&world, &mut admin, answer).await.contains("Already running"));
        work_off(&world, &Ending::Done, &Counters::default()).await;
    }
    assert_eq!(runs(&world).await.len(), 2);
    let shown = world.get(&admin, page).await.body;
    assert!(shown.find("<td>import</td>") < shown.find("<td>sync</td>"), "newest first");
    let refused = world.post(&admin, &format!("{page}/running"), &[("to", "on")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("Resync is not automatic"));
}

#[tokio::test]
async fn what_cannot_be_started_is_said_in_wekos_words() {
    let (world, mut admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[("status", "manual")])).await;
    let mut definition =
        world.store.source(&"resync-000001".into()).await.unwrap().unwrap().definition;
    definition.status = SourceStatus::Draft;
    world.store.change_source(&definition).await.unwrap();
    for (action, message) in [("sync", "Error in Sync"), ("import", "Error in Import")] {
        let answer = world.post(&admin, &format!("/resync/resync-000001/{action}"), &[]).await;
        assert!(after(&world, &mut admin, answer).await.contains(message));
    }
}

#[tokio::test]
async fn a_08_switched_on_it_runs_at_once_and_then_at_its_interval_and_off_never() {
    let (world, mut admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[("interval", "2")])).await;
    let switch = "/resync/resync-000001/running";
    // It is ON from its creation.
    assert_eq!(world.store.request_due(10).await.unwrap().len(), 1);
    work_off(&world, &Ending::Done, &Counters::default()).await;
    let page = world.get(&admin, "/resync/resync-000001").await.body;
    assert!(page.contains("aria-checked=\"true\"") && page.contains(">ON</button>"));

    let off = world.post(&admin, switch, &[("to", "off")]).await;
    let page = after(&world, &mut admin, off).await;
    assert!(page.contains("aria-checked=\"false\"") && page.contains(">OFF</button>"), "{page}");
    world.clock.advance(DAY * 5);
    assert!(world.store.request_due(10).await.unwrap().is_empty());

    let on = world.post(&admin, switch, &[("to", "on")]).await;
    assert!(after(&world, &mut admin, on).await.contains("Sync Success"));
    world.post(&admin, switch, &[("to", "on")]).await;
    let all = runs(&world).await;
    assert_eq!((all.len(), all[0].request.trigger), (2, Trigger::SwitchedOn));
    work_off(&world, &Ending::Done, &Counters::default()).await;
    assert!(world.store.request_due(10).await.unwrap().is_empty(), "one run, not two");
    world.clock.advance(DAY * 2);
    assert_eq!(world.store.request_due(10).await.unwrap().len(), 1);
    work_off(&world, &Ending::Done, &Counters::default()).await;
    // However many were missed, there is one.
    world.clock.advance(DAY * 7);
    assert_eq!(world.store.request_due(10).await.unwrap().len(), 1);
    work_off(&world, &Ending::Done, &Counters::default()).await;
    assert!(world.store.request_due(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_09_detail_asks_every_three_seconds_while_a_log_is_open_and_not_after() {
    let (world, admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[("status", "manual")])).await;
    let poll = "hx-get=\"/resync/resync-000001/logs\" hx-trigger=\"every 3s\"";
    let page = world.get(&admin, "/resync/resync-000001").await.body;
    assert!(!page.contains("every 3s") && page.contains("There are no logs yet."));
    // Queued is enough: nothing is missed between the click and the first log.
    world.post(&admin, "/resync/resync-000001/sync", &[]).await;
    assert!(world.get(&admin, "/resync/resync-000001").await.body.contains(poll));
    let part = world.get(&admin, "/resync/resync-000001/logs").await.body;
    assert!(part.contains(poll) && part.contains("Running") && !part.contains("<html"), "{part}");
    let mut failure = Failure::new("HTTP status 500");
    failure.url = Some("https://library.example/resync/1/resourcelist.xml".to_owned());
    work_off(&world, &Ending::Failed(failure), &Counters::default()).await;
    let part = world.get(&admin, "/resync/resync-000001/logs").await.body;
    assert!(!part.contains("every 3s") && part.contains("Failed"), "{part}");
    assert!(part.contains("HTTP status 500") && part.contains("resourcelist.xml"));
    let mut rest = part.as_str();
    for column in [
        ">#<",
        "Start Time",
        "End Time",
        "Status",
        "Log Type",
        "Processed Items",
        "Created Items",
        "Updated Items",
        "Deleted Items",
        "Error Items",
        "Error Message, Url",
    ] {
        rest = rest.split_once(column).unwrap_or_else(|| panic!("{column}: {part}")).1;
    }
    // What polls is the page itself: other tabs have nothing of it.
    assert!(!world.get(&admin, "/resync").await.body.contains("every 3s"));
}

#[tokio::test]
async fn a_10_of_six_visitors_only_the_administrator_gets_in() {
    let (world, admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[("status", "manual")])).await;
    // In WEKO's words: repository and community administrator, registered and general user, guest.
    let mut others = vec![("guest", Browser::default())];
    for (name, role) in [
        ("repository", Role::Operator),
        ("community", Role::Operator),
        ("registered", Role::SiteContact),
        ("general", Role::Viewer),
    ] {
        others.push((name, world.user(name, role).await));
    }
    let of_weko = |path: &str| path.starts_with("/resync");
    let table: Vec<_> = routes::table().into_iter().filter(|it| of_weko(it.path)).collect();
    assert!(table.len() > 12);
    for route in &table {
        assert_eq!(route.access, Access::With(Permission::Resync), "{}", route.path);
        let path = route.path.replace("{name}", "resync-000001").replace("{index}", &index);
        for (who, browser) in &others {
            let answer = match route.method.as_str() {
                "GET" => world.get(browser, &path).await,
                _ => world.post(browser, &path, &[("to", "off")]).await,
            };
            let refused =
                answer.status == StatusCode::FORBIDDEN || answer.location().starts_with("/login");
            assert!(refused, "{who}: {path}: {}", answer.status);
            assert!(!answer.body.contains("Library"), "{who}: {path}");
        }
        if route.method == "GET" {
            assert_eq!(world.get(&admin, &path).await.status, StatusCode::OK, "{path}");
        }
    }
    assert!(runs(&world).await.is_empty());
    let home = world.get(&others[1].1, "/").await.body;
    assert!(!home.contains("href=\"/resync\""), "nobody is led where they may not go");
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_what_is_not_there_is_said_so() {
    let (world, mut admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[("status", "manual")])).await;
    let page = "/resync/resync-000001";
    let ask = world.get(&admin, &format!("{page}/delete")).await.body;
    assert!(ask.contains("Are you sure to delete it ?"));
    // Not while it is run.
    world.post(&admin, &format!("{page}/sync"), &[]).await;
    let refused = world.post(&admin, &format!("{page}/delete"), &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    work_off(&world, &Ending::Done, &Counters::default()).await;
    let answer = world.post(&admin, &format!("{page}/delete"), &[]).await;
    let list = after(&world, &mut admin, answer).await;
    assert!(list.contains("The record was deleted.") && !list.contains("Library"));
    for action in ["edit", "delete"] {
        let fields = form(&index, &[]);
        let gone = world.post(&admin, &format!("{page}/{action}"), &fields).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
        assert!(gone.body.contains("Resync is not exist"), "{}", gone.body);
    }
    // Its index is free again.
    assert_eq!(create(&world, &admin, &form(&index, &[])).await.location(), "/resync");
}

#[tokio::test]
async fn an_edited_record_stays_the_source_it_is() {
    let (world, admin, index) = weko().await;
    create(&world, &admin, &form(&index, &[])).await;
    let fields = form(&index, &[("repository_name", "Archive"), ("interval", "7")]);
    let saved = world.post(&admin, "/resync/resync-000001/edit", &fields).await;
    assert_eq!(saved.location(), "/resync");
    let source = world.store.source(&"resync-000001".into()).await.unwrap().unwrap();
    assert_eq!(source.definition.title, "Archive");
    assert_eq!(source.definition.target.as_deref(), Some(&*index));
    // It is an ordinary source, too.
    let page = world.get(&admin, "/sources/resync-000001").await.body;
    assert!(page.contains("Archive") && page.contains("every 7 days"), "{page}");
    let request = RunRequest::new("resync-000001", RunKind::Harvest);
    world.store.request_run(&request).await.unwrap();
    assert!(world.get(&admin, "/resync/resync-000001").await.body.contains("Running"));
}

#[tokio::test]
async fn indexes_are_added_below_others_and_called_something_else() {
    let (world, mut admin, index) = weko().await;
    let child = [("name", "Theses"), ("name_ja", "学位論文"), ("parent", index.as_str())];
    let answer = world.post(&admin, "/resync/indexes", &child).await;
    let page = after(&world, &mut admin, answer).await;
    assert!(page.contains(&format!("Sample Index &lt;ID:{index}&gt; / Theses &lt;ID:")), "{page}");
    let renamed = [("id", index.as_str()), ("name", "Root"), ("name_ja", "")];
    let answer = world.post(&admin, "/resync/indexes/rename", &renamed).await;
    let page = after(&world, &mut admin, answer).await;
    assert!(page.contains(&format!("Root &lt;ID:{index}&gt; / Theses &lt;ID:")), "{page}");
    let blank = world.post(&admin, "/resync/indexes", &[("name", " ")]).await;
    assert!(blank.body.contains("English name is required"));
}

#[tokio::test]
async fn d_05_of_two_records_for_one_index_at_once_there_is_one() {
    let world = World::in_one_database().await;
    let admin = world.user("admin", Role::Administrator).await;
    for round in 0..5 {
        let name = format!("Index {round}");
        let index = world.app.accounts.add_index(&name, "", None, Utc::now()).await.unwrap();
        let index = index.id.to_string();
        let urls = [0, 1].map(|n| format!("https://library-{round}-{n}.example/list.xml"));
        let fields = urls.each_ref().map(|url| form(&index, &[("base_url", url.as_str())]));
        let (one, other) =
            tokio::join!(create(&world, &admin, &fields[0]), create(&world, &admin, &fields[1]));
        let made = [&one, &other].into_iter().filter(|answer| answer.location() == "/resync");
        assert_eq!(made.count(), 1, "{}{}", one.body, other.body);
        let refused = if one.location() == "/resync" { &other } else { &one };
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("Library has this Target Index already"), "{}", refused.body);
        assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), round + 1);
    }
    // Nor does an edit take one away.
    let records = world.store.sources(&Default::default()).await.unwrap();
    let taken = records[0].definition.target.clone().unwrap();
    let edit = format!("/resync/{}/edit", records[1].definition.id);
    let page = world.post(&admin, &edit, &form(&taken, &[])).await;
    assert!(page.body.contains("has this Target Index already"), "{}", page.body);
}

#[tokio::test]
async fn w_052_a_record_that_was_run_goes_with_its_logs_and_no_other_gets_its_id() {
    let plant = plant::Plant::new().await;
    let world = &plant.world;
    let admin = world.user("admin", Role::Administrator).await;
    let index = world.app.accounts.add_index("Index", "", None, Utc::now()).await.unwrap();
    let index = index.id.to_string();
    create(world, &admin, &form(&index, &[("status", "manual")])).await;
    // It has brought something.
    plant.source("other", None).await;
    plant.put("other", "1", "Maps");
    plant.harvest("other").await;
    world.post(&admin, "/resync/resync-000001/sync", &[]).await;
    work_off(world, &Ending::Done, &Counters::default()).await;
    let logs = async || {
        let mut query = RunQuery::default();
        query.source = Some("resync-000001".into());
        world.store.runs(&query).await.unwrap().len()
    };
    assert_eq!(logs().await, 1);
    let gone = world.post(&admin, "/resync/resync-000001/delete", &[]).await;
    assert_eq!(gone.location(), "/resync");
    assert!(world.store.source(&"resync-000001".into()).await.unwrap().is_none());
    assert_eq!(logs().await, 0);
    assert_eq!(plant.live("other").await, 1, "nothing of another's goes");
}

#[tokio::test]
async fn w_053_an_index_stays_while_something_depends_on_it_and_can_be_moved() {
    let (world, mut admin, index) = weko().await;
    let accounts = &world.app.accounts;
    let top: i64 = index.parse().unwrap();
    let child = accounts.add_index("Theses", "", Some(top), Utc::now()).await.unwrap().id;
    let inner = accounts.add_index("Letters", "", Some(child), Utc::now()).await.unwrap().id;
    create(&world, &admin, &form(&inner.to_string(), &[])).await;
    let tree = "/resync/indexes";
    for (id, why) in [
        (top, "There are indexes in this one: Theses"),
        (inner, "Records are registered into this index: Library"),
    ] {
        let page = format!("{tree}/{id}/delete");
        assert!(world.get(&admin, &page).await.body.contains(why));
        let refused = world.post(&admin, &page, &[]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(refused.body.contains(why), "{}", refused.body);
    }
    let (top_id, child_id, inner_id) = (top.to_string(), child.to_string(), inner.to_string());
    // Not into itself, or below itself.
    for (id, parent) in [(&top_id, &inner_id), (&child_id, &child_id)] {
        let into = [("id", id.as_str()), ("parent", parent.as_str())];
        let moved = world.post(&admin, &format!("{tree}/move"), &into).await;
        assert_eq!(moved.status, StatusCode::CONFLICT);
    }
    let moved = [("id", inner_id.as_str()), ("parent", "")];
    let answer = world.post(&admin, &format!("{tree}/move"), &moved).await;
    let page = after(&world, &mut admin, answer).await;
    assert!(page.contains("The index was moved.") && !page.contains("&gt; / Letters"), "{page}");
    // The record is where it was.
    assert!(world.get(&admin, "/resync").await.body.contains("Letters &lt;ID:"));
    let asked = world.get(&admin, &format!("{tree}/{child}/delete")).await.body;
    assert!(asked.contains("Nothing is registered into this index."), "{asked}");
    let answer = world.post(&admin, &format!("{tree}/{child}/delete"), &[]).await;
    let page = after(&world, &mut admin, answer).await;
    assert!(page.contains("The index was deleted.") && !page.contains("Theses"), "{page}");
    let nowhere = [("id", inner_id.as_str()), ("parent", child_id.as_str())];
    let moved = world.post(&admin, &format!("{tree}/move"), &nowhere).await;
    assert_eq!(moved.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn w_023_an_interval_may_be_longer_than_ninety_nine_days() {
    let (world, admin, index) = weko().await;
    let answer = create(&world, &admin, &form(&index, &[("interval", "365")])).await;
    assert_eq!(answer.location(), "/resync", "{}", answer.body);
    let edit = world.get(&admin, "/resync/resync-000001/edit").await.body;
    assert!(edit.contains("value=\"365\""), "{edit}");
}
