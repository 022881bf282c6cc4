//! Metacat's pages for those who look after a site.

use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_DISPOSITION;
use axum::routing::get;
use chrono::DateTime;
use harvest_pipeline::Operation;
use harvest_pipeline::store::{Ending, Event, SourceStatus};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

async fn metacat() -> (World, Browser) {
    let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let world = World::at_a_standstill(start).await;
    let contact = world.user("GCE", Role::SiteContact).await;
    (world, contact)
}

fn form<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let sound = [
        ("contacts", "gce@lter.example; data@lter.example"),
        ("list", "https://gce.example/list.xml"),
        ("frequency", "2"),
        ("unit", "weeks"),
    ];
    let kept = sound.into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    kept.chain(changes.iter().copied()).collect()
}

async fn register(world: &World, contact: &Browser, changes: &[(&str, &str)]) -> Answer {
    world.post(contact, "/sites", &form(changes)).await
}

async fn said(world: &World, contact: &Browser, path: &str) -> String {
    let answer = world.post(contact, path, &[]).await;
    world.get(contact, answer.location()).await.body
}

#[tokio::test]
async fn a_20_a_site_is_registered_within_the_range_and_unregistered_once() {
    let (world, contact) = metacat().await;
    for (field, value, message) in [
        ("frequency", "0", "Harvest Frequency should be in the range 1 to 99"),
        ("frequency", "100", "Harvest Frequency should be in the range 1 to 99"),
        ("frequency", "often", "Harvest Frequency should be in the range 1 to 99"),
        ("list", "", "A value must be specified in the Harvest List URL field"),
        ("list", "file:///etc/passwd", "must be an address"),
        ("contacts", "nobody", "must be mail addresses"),
        ("unit", "years", "Unit must be one of the choices"),
    ] {
        let page = register(&world, &contact, &[(field, value)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
        assert!(page.body.contains(message), "{field}={value}: {}", page.body);
    }
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 0);

    let answer = register(&world, &contact, &[]).await;
    let page = world.get(&contact, answer.location()).await.body;
    for text in [
        "Harvester registration updated for GCE",
        "gce@lter.example, data@lter.example",
        "https://gce.example/list.xml",
        "every 2 weeks",
        "Next scheduled harvest date",
        "2023-11-14",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let site = world.store.source(&"site-GCE".into()).await.unwrap().unwrap();
    assert_eq!(site.definition.contacts, ["gce@lter.example", "data@lter.example"]);
    assert_eq!(site.definition.owner.as_deref(), Some("GCE"));

    let page = said(&world, &contact, "/sites/unregister").await;
    assert!(page.contains("Harvester registration removed for user GCE"), "{page}");
    let page = said(&world, &contact, "/sites/unregister").await;
    assert!(page.contains("No record found for user GCE."), "{page}");
    assert!(page.contains("Since you were not registered, no action was taken."));
}

#[tokio::test]
async fn m_027_a_new_site_is_due_now_and_a_changed_one_an_interval_after_its_last_harvest() {
    let (world, contact) = metacat().await;
    register(&world, &contact, &[]).await;
    let id = "site-GCE".into();
    let due = async || world.store.source(&id).await.unwrap().unwrap().next_due.unwrap();
    let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    assert_eq!(due().await, start);
    assert_eq!(world.store.request_due(10).await.unwrap().len(), 1);
    let (ticket, _) = world.store.claim_run("w", DAY).await.unwrap().unwrap();
    world.store.end_run(ticket, &Ending::Done).await.unwrap();
    // Another address alone changes nothing of the rhythm.
    register(&world, &contact, &[("list", "https://gce.example/other.xml")]).await;
    assert_eq!(due().await, start + DAY * 14);
    world.clock.advance(DAY * 2);
    register(&world, &contact, &[("frequency", "5"), ("unit", "days")]).await;
    assert_eq!(due().await, start + DAY * 5);
    register(&world, &contact, &[("frequency", "1"), ("unit", "days")]).await;
    assert_eq!(due().await, start + DAY * 2, "now at the earliest");
    // With a history it is not forgotten, only over; registered again it is due at once.
    said(&world, &contact, "/sites/unregister").await;
    let site = world.store.source(&id).await.unwrap().unwrap();
    assert_eq!(site.definition.status, SourceStatus::Archived);
    world.clock.advance(DAY);
    register(&world, &contact, &[("frequency", "1"), ("unit", "days")]).await;
    assert_eq!(due().await, start + DAY * 3);
}

#[tokio::test]
async fn each_has_one_registration_and_sees_no_other() {
    let (world, contact) = metacat().await;
    let other = world.user("AND", Role::SiteContact).await;
    register(&world, &contact, &[]).await;
    register(&world, &other, &[("list", "https://and.example/list.xml")]).await;
    register(&world, &other, &[("list", "https://and.example/new.xml")]).await;
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 2);
    let page = world.get(&other, "/sites").await.body;
    assert!(page.contains("and.example/new.xml") && !page.contains("gce.example"), "{page}");
    // Nor can two harvest the same list.
    let same = register(&world, &other, &[]).await;
    assert_eq!(same.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_22_the_editor_edits_a_row_validates_and_saves_without_a_script() {
    let (world, contact) = metacat().await;
    let send = async |action: &str, more: &[(&str, &str)]| {
        let fields = [&[("do", action), ("selected", "1")], more].concat();
        world.post(&contact, "/sites/list", &fields).await
    };
    let page = send("paste-defaults", &[]).await.body;
    for (field, value) in [
        ("row.1.scope", "dataset"),
        ("row.1.identifier", "1"),
        ("row.1.type", "eml://ecoinformatics.org/eml-2.0.0"),
        ("row.1.url", "http://"),
    ] {
        assert!(page.contains(&format!("name=\"{field}\" value=\"{value}\"")), "{field}: {page}");
    }
    let full = [
        ("row.1.scope", "demo"),
        ("row.1.identifier", "1"),
        ("row.1.revision", "5"),
        ("row.1.type", "eml://ecoinformatics.org/eml-2.0.0"),
        ("row.1.url", "https://gce.example/1.xml"),
    ];
    assert!(send("validate", &full).await.body.contains("Harvest List is valid"));
    let partial = send("validate", &full[..4]).await.body;
    assert!(partial.contains("Validation error: row 2: Document URL is empty"), "{partial}");
    let cut = send("cut", &full).await.body;
    assert!(cut.contains("name=\"row.1.scope\" value=\"\""), "{cut}");
    assert!(cut.contains("name=\"clip.scope\" value=\"demo\""));

    let saved = send("save", &full).await;
    assert!(saved.headers[CONTENT_DISPOSITION].to_str().unwrap().contains("harvestList.xml"));
    assert_eq!(saved.body.matches("<document>").count(), 1, "empty rows are not written");
    let opened = send("open-text", &[("text", &saved.body)]).await.body;
    assert!(opened.contains("name=\"row.0.url\" value=\"https://gce.example/1.xml\""), "{opened}");
    let refused = send("open-text", &[("text", "<html/>")]).await.body;
    assert!(refused.contains("Validation error: ") && refused.contains("&lt;html&gt;"));
    assert!(send("save", &[]).await.body.contains("no row is filled"));
}

#[tokio::test]
async fn m_074_the_defaults_are_kept_for_each() {
    let (world, contact) = metacat().await;
    let fields = [("scope", "mine"), ("file", "defaultIdentifer=7\ndefaultRevision=2")];
    let answer = world.post(&contact, "/sites/list/defaults", &fields).await;
    assert_eq!(answer.location(), "/sites/list");
    world.post(&contact, "/sites/list/defaults", &fields).await;
    let page = world.post(&contact, "/sites/list", &[("do", "paste-defaults")]).await.body;
    assert!(page.contains("name=\"row.0.scope\" value=\"mine\""), "{page}");
    assert!(page.contains("name=\"row.0.identifier\" value=\"7\""));
    let other = world.user("AND", Role::SiteContact).await;
    let page = world.post(&other, "/sites/list", &[("do", "paste-defaults")]).await.body;
    assert!(page.contains("name=\"row.0.scope\" value=\"dataset\""));
}

/// A site on this machine: a list of three documents, of which one is right.
async fn site() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let documents = ["good", "missing", "broken"].iter().enumerate().map(|(at, name)| {
        format!(
            "<document><docid><scope>demo</scope><identifier>{at}</identifier>\
             <revision>1</revision></docid><documentType>eml</documentType>\
             <documentURL>{base}/{name}.xml</documentURL></document>"
        )
    });
    let list = format!(
        "<h:harvestList xmlns:h=\"eml://ecoinformatics.org/harvestList\">{}</h:harvestList>",
        documents.collect::<String>()
    );
    let eml = "<e:eml xmlns:e=\"eml://ecoinformatics.org/eml-2.0.0\"/>";
    let site = Router::new()
        .route("/list.xml", get(async move || list))
        .route("/bad.xml", get(async || "<list/>"))
        .route("/good.xml", get(async move || eml))
        .route("/broken.xml", get(async || "<eml>"));
    tokio::spawn(async { axum::serve(listener, site).await });
    base
}

#[tokio::test]
async fn m_047_a_list_is_tried_and_each_usual_cause_has_its_hint() {
    let (world, contact) = metacat().await;
    let base = site().await;
    for (path, texts) in [
        ("/list.xml", ["ValidateDocSuccess", "GetDocError", "ValidateDocError", "Errors: 2"]),
        ("/bad.xml", ["ValidateHarvestListError", "written by hand", "Errors: 1", "Check my list"]),
        ("/none.xml", ["GetHarvestListError", "where the list is", "Errors: 1", "404"]),
    ] {
        let list = format!("{base}{path}");
        let page = world.post(&contact, "/sites/check", &[("list", &list)]).await;
        for text in texts {
            assert!(page.body.contains(text), "{path}: {text}: {}", page.body);
        }
    }
    let page = world.post(&contact, "/sites/check", &[("list", "ftp://x/")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The editor opens it, too.
    let list = format!("{base}/list.xml");
    let page = world.post(&contact, "/sites/list", &[("do", "open"), ("address", &list)]).await;
    assert!(page.body.contains(&format!("value=\"{base}/broken.xml\"")), "{}", page.body);
}

#[tokio::test]
async fn the_detail_log_has_operations_of_the_own_site_only() {
    let (world, contact) = metacat().await;
    let event = |code: &str, source: &str| {
        let level = Operation::named(code).unwrap().level;
        Event::new(code, level, format!("message of {source}"))
            .of_source(source.into())
            .about("demo.1.5")
            .at("https://gce.example/1.xml")
    };
    let events = [
        event("GetDocError", "site-GCE"),
        event("InsertDocSuccess", "site-GCE"),
        event("GetDocError", "site-AND"),
    ];
    world.store.record(&events).await.unwrap();
    let page = world.get(&contact, "/sites/log").await.body;
    let table = page.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    assert!(table.find("InsertDocSuccess") < table.find("GetDocError"), "newest first: {table}");
    assert!(table.contains(">0</span>") && table.contains(">1</span>"));
    assert!(table.contains("demo.1.5") && !table.contains("site-AND"), "{table}");
    let errors = world.get(&contact, "/sites/log?errors=on").await.body;
    assert!(
        !errors.split("<tbody>").nth(1).unwrap().contains("message of site-GCE</td><td>Insert")
    );
    assert_eq!(errors.matches("message of").count(), 1);
}
