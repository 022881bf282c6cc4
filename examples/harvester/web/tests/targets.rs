//! Targets and reports: set up, delivered to, shown with what they are owed, on pages and to programs.

use harvest_pipeline::RunState;
use harvest_pipeline::filters::{Expression, FilterSet, Match};
use harvest_pipeline::store::TargetDefinition;
use serde_json::Value;

use super::plant::Plant;
use super::*;
use crate::service::letters::Letters;

/// A folder that gets the records of `library` as XML.
fn typed(path: &str) -> Vec<(&str, &str)> {
    vec![
        ("title", "Reading room"),
        ("name", "room"),
        ("kind", "folder"),
        ("options.path", path),
        ("options.form", "xml"),
        ("sources", "library"),
        ("issues", "warnings"),
        ("withdrawal", "by-operator-or-deletion"),
    ]
}

fn files(folder: &std::path::Path) -> usize {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names.filter(|file| file.path().extension().is_some_and(|it| it == "xml")).count()
}

#[tokio::test]
async fn a_target_is_set_up_gets_what_is_harvested_and_gets_it_again() {
    let plant = Plant::new().await;
    let world = &plant.world;
    let admin = world.user("ada", Role::Administrator).await;
    plant.source("library", None).await;
    plant.put("library", "one", "Babička");
    plant.put("library", "two", "Kytice");
    let path = world.folder.path().join("room");
    let page = world.get(&admin, "/targets/new").await.body;
    assert!(page.contains("HTTP POST") && page.contains(r#"name="options.url""#), "{page}");
    let options = world.get(&admin, "/targets/options?kind=folder").await.body;
    assert!(options.contains(r#"name="options.path""#), "{options}");

    let sent = typed(path.to_str().unwrap());
    let made = world.post(&admin, "/targets/new", &sent).await;
    assert_eq!(made.location(), "/targets/room", "{}", made.body);
    let taken = world.post(&admin, "/targets/new", &sent).await;
    assert!(taken.body.contains("There is a target room already."), "{}", taken.body);
    let run = plant.harvest("library").await;
    assert_eq!(plant.state(run).await, RunState::Succeeded);
    assert_eq!(files(&path), 2);
    let page = world.get(&admin, "/targets/room").await.body;
    assert!(page.contains("Deliver again") && page.contains("/sources/library"), "{page}");
    let run = world.get(&admin, &format!("/runs/{run}")).await.body;
    assert!(run.contains("to room: 2 new"), "{run}");
    let list = world.get(&admin, "/targets").await.body;
    assert!(list.contains("Reading room") && list.contains("Up to date"), "{list}");

    // Somebody has thrown everything away.
    std::fs::remove_dir_all(&path).unwrap();
    let operator = world.user("olga", Role::Operator).await;
    let again = [("again", "on"), ("source", "library")];
    let asked = world.post(&operator, "/targets/room/deliver", &again).await;
    assert_eq!(asked.location(), "/targets/room", "{}", asked.body);
    plant.work().await;
    assert_eq!(files(&path), 2);

    let mut changed = typed(path.to_str().unwrap());
    changed[0].1 = "The reading room";
    changed.push(("paused", "on"));
    let answer = world.post(&admin, "/targets/room/edit", &changed).await;
    assert_eq!(answer.location(), "/targets/room");
    let target = world.store.target("room").await.unwrap().unwrap();
    assert!(target.paused && target.title == "The reading room");
    assert!(world.get(&admin, "/targets").await.body.contains("Paused"));
    let form = world.get(&admin, "/targets/room/edit").await.body;
    assert!(form.contains(path.to_str().unwrap()), "{form}");
    let gone = world.post(&admin, "/targets/room/delete", &[]).await;
    assert_eq!(gone.location(), "/targets");
    assert_eq!(world.get(&admin, "/targets/room").await.status, StatusCode::NOT_FOUND);
    assert_eq!(files(&path), 2, "what it has stays there");
}

#[tokio::test]
async fn what_is_wrong_with_a_target_is_said_at_its_field() {
    let world = World::new().await;
    let admin = world.user("ada", Role::Administrator).await;
    for (field, value, said) in [
        ("name", "new", "and none of new, options and reports"),
        ("title", "", "Name is required"),
        ("options.path", "", "is required"),
        ("sources", "nowhere", "there is no source nowhere"),
        ("kind", "pigeon", "Kind"),
    ] {
        let mut sent = typed("/tmp/room");
        sent.retain(|(name, _)| *name != field);
        sent.push((field, value));
        if field != "sources" {
            sent.retain(|(name, _)| *name != "sources");
        }
        let page = world.post(&admin, "/targets/new", &sent).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(page.body.contains(said), "{field}: {}", page.body);
    }
    assert!(world.store.targets().await.unwrap().is_empty());
}

#[tokio::test]
async fn i_007_a_source_shows_what_errors_and_warnings_mean_for_each_of_its_targets() {
    let world = World::new().await;
    world.source("library").await;
    world.source("other").await;
    let expression: Expression = "type equals thesis".parse().unwrap();
    let theses = FilterSet::new("theses", Match::All, [expression]).unwrap();
    world.store.put_filter_set(&theses).await.unwrap();
    let options = json!({ "url": "https://me:secret@index.example/records" });
    let irdb = TargetDefinition::new("IRDB", "http-post", options.clone());
    let mut ndl = TargetDefinition::new("NDL", "http-post", options);
    ndl.sources = Some(vec!["library".into()]);
    ndl.condition.filter_sets = vec!["theses".to_owned()];
    for target in [&irdb, &ndl] {
        world.store.put_target(target).await.unwrap();
    }
    let viewer = world.user("vera", Role::Viewer).await;
    let page = world.get(&viewer, "/sources/library").await.body;
    let row = |name: &str| {
        let row =
            page.split("<tr>").find(|row| row.contains(name)).unwrap_or_else(|| panic!("{page}"));
        row.split("</tr>").next().unwrap().to_owned()
    };
    assert_eq!(row("Record error").matches("not updated").count(), 2);
    let field = row("Field error");
    assert!(field.contains("updated, without the fields in error"), "{field}");
    assert!(field.contains("updated if its own condition holds"), "{field}");
    assert!(row("Warning").contains("updated, with the fields warned of"));
    assert!(page.contains("never withdrawn"), "{page}");
    let page = world.get(&viewer, "/sources/other").await.body;
    assert!(page.contains("IRDB") && !page.contains("NDL<"), "{page}");
    let page = world.get(&viewer, "/targets/IRDB").await.body;
    assert!(page.contains("index.example") && !page.contains("secret"), "{page}");
    let deliver = world.post(&viewer, "/targets/IRDB/deliver", &[]).await;
    assert_eq!(deliver.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn reports_that_were_sent_are_listed_and_sent_again() {
    let world = World::new().await;
    let admin = world.user("ada", Role::Administrator).await;
    let page = world.get(&admin, "/targets").await.body;
    assert!(page.contains("No report waits, and none was sent."), "{page}");
    let letters = Letters(world.app.accounts.documents().clone());
    let letter = json!({
        "runs": [7], "to": ["keeper@library.example"], "for_administrators": false, "attempts": 1,
        "next": Utc::now(),
    });
    let sent = json!({ "letter": letter, "at": Utc::now(), "failure": null });
    letters.0.insert("letters-sent", "1 report", &sent, Utc::now()).await.unwrap();
    let page = world.get(&admin, "/targets").await.body;
    assert!(page.contains("keeper@library.example") && page.contains("/runs/7"), "{page}");
    let again = world.post(&admin, "/targets/reports", &[("sent", "1 report")]).await;
    assert_eq!(again.location(), "/targets", "{}", again.body);
    let waiting = letters.waiting(10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(world.get(&admin, "/targets").await.body.contains("Send now"));
    let hurried = world.post(&admin, "/targets/reports", &[("waiting", &waiting[0].key)]).await;
    assert_eq!(hurried.location(), "/targets");
    let nothing = world.post(&admin, "/targets/reports", &[("sent", "nothing")]).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    // Addresses are nobody's business who looks after one source.
    let contact = world.user("cora", Role::SiteContact).await;
    let page = world.get(&contact, "/targets").await.body;
    assert!(!page.contains("keeper@library.example"), "{page}");
}

#[tokio::test]
async fn programs_set_up_targets_and_ask_for_deliveries() {
    let plant = Plant::new().await;
    let world = &plant.world;
    let admin = world.program("ada", Role::Administrator).await;
    plant.source("library", None).await;
    plant.put("library", "one", "Babička");
    plant.harvest("library").await;
    let path = world.folder.path().join("room");
    let room = json!({
        "title": "Reading room", "kind": "folder", "options": { "path": path },
        "sources": ["library"], "condition": { "issues": "warnings" },
        "withdrawal": "never",
    });
    let made = world.send(&admin, "PUT", "/api/targets/room", &room).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.json()["definition"]["withdrawal"], "never");
    let kinds = world.get(&admin, "/api/target-kinds").await.json();
    assert!(kinds["items"].as_array().unwrap().iter().any(|kind| kind["name"] == "http-post"));

    let asked = world.send(&admin, "POST", "/api/targets/room/deliver", &json!({})).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.body);
    assert_eq!(
        (&asked.json()[0]["source"], &asked.json()[0]["queued"]),
        (&json!("library"), &json!(true))
    );
    plant.work().await;
    assert_eq!(files(&path), 1);
    let room = world.get(&admin, "/api/targets/room").await.json();
    assert_eq!(room["standings"][0]["delivered"], 1, "{room}");
    let owed = world.get(&admin, "/api/targets/room/owed?source=library").await.json();
    assert_eq!(owed["items"], json!([]));

    for (body, why) in [
        (json!({ "title": "x", "kind": "pigeon", "options": {} }), "there is no such kind"),
        (json!({ "title": "x", "kind": "folder", "options": {} }), "missing field `path`"),
        (
            json!({ "title": "x", "kind": "folder", "options": { "path": "/x" }, "sources": ["no"] }),
            "there is no source no",
        ),
        (json!({ "title": " ", "kind": "folder", "options": { "path": "/x" } }), "title"),
    ] {
        let refused = world.send(&admin, "PUT", "/api/targets/other", &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.problem().contains(why), "{}", refused.body);
    }
    let foreign = json!({ "sources": ["elsewhere"] });
    let refused = world.send(&admin, "POST", "/api/targets/room/deliver", &foreign).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    let gone = world.send(&admin, "DELETE", "/api/targets/room", &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&admin, "/api/targets/room").await.status, StatusCode::NOT_FOUND);
}
