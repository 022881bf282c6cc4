//! Records: looked for, looked at, and what failed.

use harvest_pipeline::RunId;

use super::plant::Plant;
use super::*;

const EVIL: &str = "\"><script>alert(1)</script>";

async fn plant() -> (Plant, Browser) {
    let plant = Plant::new().await;
    plant.source("one", Some("gce")).await;
    let admin = plant.world.user("admin", Role::Administrator).await;
    (plant, admin)
}

/// The address of the first record that a list has.
fn first_record(list: &str) -> String {
    let rest = list.split("href=\"/records/one/").nth(1).unwrap();
    format!("/records/one/{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn a_record_is_found_by_words_and_shown_as_it_came_and_as_it_was_read() {
    let (plant, admin) = plant().await;
    plant.put("one", "a", "Babička: obrazy venkovského života");
    plant.put("one", "b", "Něco jiného");
    plant.harvest("one").await;
    let world = &plant.world;
    let list = world.get(&admin, "/records?text=babicka").await.body;
    assert!(list.contains("obrazy venkovského") && !list.contains("jiného"), "{list}");
    let page = world.get(&admin, &first_record(&list)).await;
    assert_eq!(page.status, StatusCode::OK);
    for part in [
        "<h1>Babička: obrazy venkovského života</h1>",
        "&lt;dc:creator&gt;Božena Němcová&lt;/dc:creator&gt;",
        "<dt>creators</dt>",
        "href=\"/runs/1\"",
        "href=\"/sources/one\"",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let of_run = world.get(&admin, "/records?run=1&source=one").await.body;
    assert!(of_run.contains("jiného"));
    assert!(!world.get(&admin, "/records?run=9").await.body.contains("jiného"));
    assert!(!world.get(&admin, "/records?state=deleted").await.body.contains("jiného"));
}

#[tokio::test]
async fn versions_are_compared_line_by_line() {
    let (plant, admin) = plant().await;
    plant.put("one", "a", "First edition");
    plant.harvest("one").await;
    plant.put("one", "a", "The second edition");
    plant.harvest("one").await;
    let world = &plant.world;
    let record = first_record(&world.get(&admin, "/records").await.body);
    assert!(world.get(&admin, &record).await.body.contains("/versions?from=1&amp;to=2"));
    let page = world.get(&admin, &format!("{record}/versions")).await.body;
    let title = |mark: &str, title: &str| format!("{mark}   &lt;dc:title&gt;{title}");
    assert!(page.contains(&title("<del>-", "First edition")), "{page}");
    assert!(page.contains(&title("<ins>+", "The second edition")), "{page}");
    for bad in ["?from=1&to=9", "?from=8&to=2"] {
        let page = world.get(&admin, &format!("{record}/versions{bad}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{bad}");
    }
}

#[tokio::test]
async fn metadata_and_identifiers_are_shown_as_text() {
    let (plant, admin) = plant().await;
    plant.put("one", "a<b>", EVIL);
    plant.harvest("one").await;
    let world = &plant.world;
    let list = world.get(&admin, "/records").await.body;
    let record = first_record(&list);
    let (detail, versions) = (record.clone(), format!("{record}/versions"));
    let evil: String = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    let search = format!("/records?text={evil}&source={evil}&state={evil}&after={evil}");
    for path in ["/records", &detail, &versions, &search, &format!("/failures?source={evil}")] {
        let page = world.get(&admin, path).await;
        assert!(!page.body.contains("<script>") && !page.body.contains("<b>"), "{path}");
        assert!(!page.status.is_server_error(), "{path}: {}", page.status);
    }
    assert!(list.contains("&lt;script&gt;"), "{list}");
}

#[tokio::test]
async fn the_list_goes_on_behind_its_last_record() {
    let (plant, admin) = plant().await;
    for n in 0..60 {
        plant.put("one", &format!("{n:02}"), &format!("Title {n:02}."));
    }
    plant.harvest("one").await;
    let world = &plant.world;
    let first = world.get(&admin, "/records?source=one").await.body;
    assert!(first.contains("Title 49.") && !first.contains("Title 50."));
    let next = first.split("href=\"/records?").find(|it| it.contains("after=")).unwrap();
    let next = format!("/records?{}", next.split('"').next().unwrap().replace("&amp;", "&"));
    let second = world.get(&admin, &next).await.body;
    assert!(second.contains("Title 50.") && second.contains("Title 59."), "{second}");
    assert!(!second.contains("Title 49."));
}

#[tokio::test]
async fn a_site_contact_sees_records_of_sources_of_their_own() {
    let (plant, _) = plant().await;
    plant.source("two", Some("and")).await;
    plant.put("one", "a", "Mine");
    plant.put("two", "a", "Theirs");
    plant.put_xml("two", "broken", "<a><b></a>");
    plant.harvest("one").await;
    plant.harvest("two").await;
    let world = &plant.world;
    let contact = world.user("gce", Role::SiteContact).await;
    let admin = world.get(&world.user("other", Role::Administrator).await, "/records").await.body;
    let theirs = admin.split("href=\"/records/two/").nth(1).unwrap().split('"').next().unwrap();
    assert!(world.get(&contact, "/records?source=one").await.body.contains("Mine"));
    for path in ["/records", "/records?text=theirs", "/failures"] {
        let page = world.get(&contact, path).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Theirs"), "{path}");
        assert!(!page.body.contains("href=\"/failures?source=two"), "{path}");
    }
    for path in [
        "/records?source=two".to_owned(),
        format!("/records/two/{theirs}"),
        format!("/records/two/{theirs}/versions"),
        "/failures?source=two".to_owned(),
    ] {
        assert_eq!(world.get(&contact, &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/failures/dismiss", "/failures/replay"] {
        let answer = world.post(&contact, path, &[("source", "two"), ("key", "broken")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_failed_is_fetched_again_or_forgotten() {
    let (plant, admin) = plant().await;
    plant.put("one", "a", "Sound");
    plant.put_xml("one", "broken", "<oai_dc:dc>&<script></oai_dc:dc>");
    plant.put_xml("one", "worse", "no xml");
    plant.harvest("one").await;
    let world = &plant.world;
    let overview = world.get(&admin, "/failures").await.body;
    assert!(overview.contains("/failures?source=one"), "{overview}");
    let page = world.get(&admin, "/failures?source=one").await.body;
    assert!(page.contains("broken") && page.contains("worse"), "{page}");
    assert!(!page.contains("<script>"));
    let errors = world.app.catalogue.errors(&"one".into(), false).await.unwrap();
    assert_eq!(errors.len(), 2);
    let gone = [("source", "one"), ("key", errors[1].key.as_str())];
    let answer = world.post(&admin, "/failures/dismiss", &gone).await;
    assert_eq!(answer.location(), "/failures?source=one");
    assert_eq!(world.app.catalogue.errors(&"one".into(), false).await.unwrap().len(), 1);

    let replayed = world.post(&admin, "/failures/replay", &[("source", "one")]).await;
    assert_eq!(replayed.location(), "/runs/2");
    let run = world.store.run(RunId(2)).await.unwrap().unwrap();
    assert_eq!(run.request.kind.as_str(), "replay");
}
