//! The sources: list, form, and what can be done with one.

use harvest_pipeline::store::{RunQuery, SourceStatus};

use super::*;

const SOUND: [(&str, &str); 6] = [
    ("title", "National library"),
    ("id", "library"),
    ("kind", "oai-pmh"),
    ("options.url", "https://library.example/oai"),
    ("rhythm", "every"),
    ("count", "2"),
];

/// The sound form with other values.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = SOUND.iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    let unit = if changes.iter().any(|(name, _)| *name == "unit") {
        None
    } else {
        Some(("unit", "weeks"))
    };
    kept.chain(changes).copied().chain(unit).collect()
}

#[tokio::test]
async fn an_empty_form_names_everything_that_is_required_and_stores_nothing() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let blank = [("title", " "), ("id", ""), ("kind", "oai-pmh"), ("options.url", "")];
    let page = world.post(&admin, "/sources/new", &blank).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let at = |text: &str| page.body.find(text).unwrap_or_else(|| panic!("{text}: {}", page.body));
    assert!(at("Name is required") < at("Id is required"));
    assert!(at("Id is required") < at("Base Url is required"));
    assert!(page.body.contains(r#"id="field-options-url-error""#));
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays() {
    let world = World::new().await;
    world.source("taken").await;
    let admin = world.user("admin", Role::Administrator).await;
    for (field, value, message) in [
        ("id", "taken", "There is a source taken already"),
        ("id", "new", "Id has 1 to 200"),
        ("id", "a b", "Id has 1 to 200"),
        ("id", "..", "Id has 1 to 200"),
        ("options.url", "example.org/oai", "Base Url must be an address"),
        ("options.url", "javascript:alert(1)", "Base Url must be an address"),
        ("options.parallel", "17", "Lists at the same time must be from 1 to 16"),
        ("options.slice", "year", "One list per must be one of the choices"),
        ("count", "0", "Every must be from 1 to 9999"),
        ("count", "10000", "Every must be from 1 to 9999"),
        ("count", "1.5", "Every must be from 1 to 9999"),
        ("unit", "years", "Unit must be one of the choices"),
        ("contacts", "nobody", "Contacts must be mail addresses"),
        ("guard_share", "101", "must be from 0 to 100"),
        ("most_runs", "many", "Ends after runs must be a whole number"),
        ("kind", "gopher", "Kind must be one of the choices"),
        ("options.from", "yesterday", "oai-pmh: yesterday"),
    ] {
        let page = world.post(&admin, "/sources/new", &with(&[(field, value)])).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
        assert!(page.body.contains(message), "{field}={value}: {message}: {}", page.body);
        assert!(page.body.contains("National library"), "{field}={value}");
    }
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_source_is_set_up_changed_and_shown() {
    let world = World::new().await;
    let mut admin = world.user("admin", Role::Administrator).await;
    let more = [("contacts", "a@x.org; b@y.org"), ("options.set", "maps"), ("then", "another")];
    let answer = world.post(&admin, "/sources/new", &with(&more)).await;
    assert_eq!(answer.location(), "/sources/new");
    admin.take(&answer);
    assert!(world.get(&admin, "/sources/new").await.body.contains("The source was created."));
    let stored = world.store.source(&"library".into()).await.unwrap().unwrap().definition;
    assert_eq!(stored.options, json!({ "url": "https://library.example/oai", "set": "maps" }));
    assert_eq!(stored.contacts, ["a@x.org", "b@y.org"]);

    // Saving what the form was filled with changes nothing.
    let page = world.get(&admin, "/sources/library/edit").await.body;
    let filled = crate::web::sources::filled(&stored);
    // These stay as they are.
    let fixed = |name: &str| matches!(name, "id" | "status");
    for (name, value) in filled.iter().filter(|(name, _)| !fixed(name)) {
        assert!(page.contains(&format!(r#"name="{name}""#)), "{name}={value}");
    }
    let fields: Vec<_> = filled.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        world.post(&admin, "/sources/library/edit", &fields).await.location(),
        "/sources/library"
    );
    let again = world.store.source(&"library".into()).await.unwrap().unwrap().definition;
    assert_eq!(again, stored);

    let copy = with(&[("id", "copy"), ("options.set", "maps")]);
    let same = world.post(&admin, "/sources/new", &copy).await;
    assert_eq!(same.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", same.location());
    assert!(same.body.contains("library"), "{}", same.body);

    let detail = world.get(&admin, "/sources/library").await.body;
    for text in ["National library", "every 2 weeks", "maps", "There were no runs yet."] {
        assert!(detail.contains(text), "{text}: {detail}");
    }
}

#[tokio::test]
async fn the_second_half_of_the_form_is_that_of_the_kind() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let part = admin.clone().with("hx-request", "true");
    let part =
        world.get(&part, "/sources/options?kind=resync&options.url=https://a.example/").await;
    assert!(part.body.contains(r#"name="options.mode""#) && !part.body.contains("<html"));
    assert!(part.body.contains(r#"value="https://a.example/""#));
    // Without a script, all of the form comes again with what was typed.
    let fields = [("title", "Typed"), ("kind", "resync"), ("choose", "on")];
    let page = world.post(&admin, "/sources/new", &fields).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(r#"name="options.mode""#) && page.body.contains("Typed"));
}

#[tokio::test]
async fn two_clicks_are_one_run() {
    let world = World::new().await;
    world.source("one").await;
    let mut admin = world.user("admin", Role::Administrator).await;
    let first = world.post(&admin, "/sources/one/run", &[("ask", "harvest")]).await;
    admin.take(&first);
    assert!(world.get(&admin, "/sources/one").await.body.contains("was queued."));
    admin.take(&world.post(&admin, "/sources/one/run", &[("ask", "dry-run")]).await);
    assert!(world.get(&admin, "/sources/one").await.body.contains("Already running"));
    let runs = world.store.runs(&RunQuery::default()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].request.by.as_deref(), Some("admin"));
}

#[tokio::test]
async fn a_source_that_only_compares_is_not_imported() {
    let world = World::new().await;
    let options = json!({ "url": "https://a.example/", "mode": "audit" });
    let definition = SourceDefinition::new("audit", "resync", options);
    world.store.add_source(&definition).await.unwrap();
    let admin = world.user("admin", Role::Administrator).await;
    let page = world.get(&admin, "/sources/audit").await.body;
    assert!(page.contains(r#"value="audit""#) && !page.contains(r#"value="import""#));
    let refused = world.post(&admin, "/sources/audit/run", &[("ask", "import")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_28_a_source_with_history_cannot_be_deleted_but_archived() {
    let world = World::new().await;
    world.source("used").await;
    world.source("unused").await;
    let admin = world.user("admin", Role::Administrator).await;
    world.post(&admin, "/sources/used/run", &[("ask", "harvest")]).await;
    let message = "used cannot be deleted, because it contains history";
    assert!(world.get(&admin, "/sources/used/delete").await.body.contains(message));
    let refused = world.post(&admin, "/sources/used/delete", &[]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains(message), "{}", refused.body);

    let run = world.store.runs(&RunQuery::default()).await.unwrap()[0].id;
    world.store.cancel_run(run).await.unwrap();
    assert_eq!(world.post(&admin, "/sources/used/archive", &[]).await.location(), "/sources/used");
    let archived = world.store.source(&"used".into()).await.unwrap().unwrap();
    assert_eq!(archived.definition.status, SourceStatus::Archived);
    let link = "href=\"/sources/used\"";
    assert!(!world.get(&admin, "/sources").await.body.contains(link));
    assert!(world.get(&admin, "/sources?status=archived").await.body.contains(link));

    assert_eq!(world.post(&admin, "/sources/unused/delete", &[]).await.location(), "/sources");
    assert!(world.store.source(&"unused".into()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_list_goes_on_page_by_page_and_finds_what_is_looked_for() {
    let world = World::new().await;
    for n in 0..120 {
        world.source(&format!("source-{n:03}")).await;
    }
    let admin = world.user("admin", Role::Administrator).await;
    let mut path = "/sources".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = world.get(&admin, &path).await.body;
        let links = page.split("href=\"/sources/source-").skip(1);
        seen.extend(links.map(|link| link[..3].to_owned()));
        let next = page.split("rel=\"next\"").next().filter(|it| it.len() < page.len());
        let Some(next) = next else { break };
        let href = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        path = href.replace("&amp;", "&");
    }
    assert_eq!(seen.len(), 120);
    assert!(seen.is_sorted());
    let found = world.get(&admin, "/sources?text=SOURCE-077").await.body;
    assert!(found.contains("1 of 1") && found.contains("source-077.example"), "{found}");
    let none = world.get(&admin, "/sources?text=nowhere").await.body;
    assert!(none.contains("Nothing found."));
}

#[tokio::test]
async fn only_administrators_have_files_of_the_server_read() {
    let world = World::new().await;
    let operator = world.user("operator", Role::Operator).await;
    let admin = world.user("root", Role::Administrator).await;
    let fields =
        [("title", "Files"), ("id", "files"), ("kind", "folder"), ("options.path", "/etc")];
    assert!(!world.get(&operator, "/sources/new").await.body.contains("value=\"folder\""));
    let refused = world.post(&operator, "/sources/new", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("Kind must be one of the choices"), "{}", refused.body);
    assert_eq!(world.post(&admin, "/sources/new", &fields).await.location(), "/sources/files");
}
