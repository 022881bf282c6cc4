//! Filter sets: set up row by row, tried on real records, used by sources.

use super::plant::Plant;
use super::*;

fn row<'a>(field: &'a str, operation: &'a str, value: &'a str) -> [(&'a str, &'a str); 4] {
    [("field", field), ("not", ""), ("operation", operation), ("value", value)]
}

#[tokio::test]
async fn a_filter_set_is_set_up_changed_and_deleted() {
    let world = World::new().await;
    let operator = world.user("operator", Role::Operator).await;
    let head = [("name", "Czech novels"), ("format", "oai_dc"), ("match", "all")];
    let row = row("title", "starts-with", "Román");
    let sent = [head.as_slice(), &row, &[("then", "save")]].concat();
    let answer = world.post(&operator, "/filter-sets/new", &sent).await;
    assert_eq!(answer.location(), "/filter-sets/Czech%20novels", "{}", answer.body);
    let set = world.store.filter_set("Czech novels").await.unwrap().unwrap();
    assert_eq!(set.format(), Some("oai_dc"));
    assert!(!set.ignores_case());
    assert_eq!(set.expressions()[0].to_string(), "title starts-with Román");
    let taken = world.post(&operator, "/filter-sets/new", &sent).await;
    assert!(taken.body.contains("There is a filter set Czech novels already"), "{}", taken.body);

    let mut source = SourceDefinition::new("one", "oai-pmh", json!({ "url": "https://a.b/oai" }));
    source.filter_sets = vec!["Czech novels".to_owned()];
    world.store.add_source(&source).await.unwrap();
    let page = world.get(&operator, "/filter-sets/Czech%20novels").await.body;
    assert!(page.contains("href=\"/sources/one\""), "{page}");
    assert!(world.get(&operator, "/filter-sets").await.body.contains("starts with"));
    let used = world.post(&operator, "/filter-sets/Czech%20novels/delete", &[]).await;
    assert_eq!(used.status, StatusCode::CONFLICT);

    let change = [("match", "any"), ("ignore_case", "on")];
    let sent = [&change[..], &row, &row].concat();
    let answer = world.post(&operator, "/filter-sets/Czech%20novels/edit", &sent).await;
    assert_eq!(answer.location(), "/filter-sets/Czech%20novels");
    let set = world.store.filter_set("Czech novels").await.unwrap().unwrap();
    assert!(set.ignores_case() && set.expressions().len() == 2 && set.format().is_none());
    source.filter_sets.clear();
    world.store.change_source(&source).await.unwrap();
    let gone = world.post(&operator, "/filter-sets/Czech%20novels/delete", &[]).await;
    assert_eq!(gone.location(), "/filter-sets");
    assert!(world.store.filter_sets().await.unwrap().is_empty());
}

#[tokio::test]
async fn rows_are_added_and_removed_without_script_and_what_was_typed_stays() {
    let world = World::new().await;
    let operator = world.user("operator", Role::Operator).await;
    let rows = [row("title", "equals", "a"), row("creator", "matches", "b")].concat();
    let head = [("name", "N"), ("match", "all")];
    let sent = [&head[..], &rows, &[("then", "add")]].concat();
    let page = world.post(&operator, "/filter-sets/new", &sent).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.body.matches("name=\"field\"").count(), 3);
    assert!(page.body.contains("name=\"field\" value=\"creator\""), "{}", page.body);
    let sent = [&head[..], &rows, &[("remove", "0")]].concat();
    let page = world.post(&operator, "/filter-sets/new", &sent).await.body;
    assert_eq!(page.matches("name=\"field\"").count(), 1);
    assert!(page.contains("value=\"creator\"") && page.contains("value=\"N\""), "{page}");
    assert!(world.store.filter_sets().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_said_of_its_row() {
    let world = World::new().await;
    let operator = world.user("operator", Role::Operator).await;
    for (name, field, operation, value, message) in [
        ("", "title", "equals", "a", "Name is required"),
        ("new", "title", "equals", "a", "Name has 1 to 200"),
        ("a", "", "equals", "", "At least one expression is required"),
        ("a", "", "equals", "a", "Expression 1 needs a field and a value"),
        ("a", "title", "equals", "", "Expression 1 needs a field and a value"),
        ("a", "title", "explodes", "a", "Expression 1 needs a field and a value"),
        ("a", "title", "matches", "(", "unclosed group"),
        ("a", "<script>", "matches", "(<script>", "&lt;script&gt;"),
    ] {
        let row = row(field, operation, value);
        let sent = [&[("name", name)][..], &row, &[("then", "save")]].concat();
        let page = world.post(&operator, "/filter-sets/new", &sent).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{message}");
        assert!(page.body.contains(message), "{message}: {}", page.body);
        assert!(!page.body.contains("<script>"));
    }
    assert!(world.store.filter_sets().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_preview_says_which_records_are_accepted_and_why() {
    let plant = Plant::new().await;
    plant.source("one", None).await;
    plant.put("one", "a", "Babička");
    plant.put("one", "b", "Kytice");
    plant.harvest("one").await;
    let world = &plant.world;
    let operator = world.user("operator", Role::Operator).await;
    let head = [("match", "all"), ("ignore_case", "on"), ("source", "one"), ("then", "preview")];
    let rows = [row("title", "contains", "BABI"), row("creator", "exists", "")].concat();
    let sent = [&head[..], &rows].concat();
    let page = world.post(&operator, "/filter-sets/new", &sent).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("Accepted: 1 of 2"), "{}", page.body);
    assert_eq!(page.body.matches("✗ ").count(), 1, "{}", page.body);
    assert_eq!(page.body.matches("✓ ").count(), 3);
    let nowhere = [&[("then", "preview")][..], &rows].concat();
    let page = world.post(&operator, "/filter-sets/new", &nowhere).await;
    assert!(page.body.contains("Choose the source"), "{}", page.body);
    assert!(world.store.filter_sets().await.unwrap().is_empty());
}
