//! What came, in the order in which it came.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use harvest_pipeline::{ChangeQuery, Touched};

use super::*;

/// Waits until the clock shows another second, which it gives back.
async fn next_second() -> DateTime<Utc> {
    let begun = Utc::now().timestamp();
    while Utc::now().timestamp() == begun {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Utc::now()
}

/// All that changed since, `limit` at a time: `a b-`.
async fn changes(
    catalogue: &dyn Catalogue,
    source: &str,
    from: Option<DateTime<Utc>>,
    limit: usize,
) -> String {
    let mut query = ChangeQuery::default();
    query.from = from;
    let mut found = Vec::new();
    loop {
        let page = catalogue.changes(&source.into(), &query, limit).await.unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { break };
        query.after = Some((last.changed, last.identifier.clone()));
        found.extend(page);
    }
    let count = {
        query.after = None;
        catalogue.count_changes(&source.into(), &query).await.unwrap()
    };
    assert_eq!(count, found.len() as u64);
    let name =
        |it: &StoredRecord| format!("{}{}", it.identifier, ["", "-"][usize::from(it.deleted)]);
    found.iter().map(name).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn what_changed_is_listed_page_by_page_in_the_order_of_its_coming(
    catalogue: &dyn Catalogue,
) {
    let items = ["c", "a", "d", "b", "e"].map(|id| dc(id, id)).into();
    harvest(catalogue, "s", items).await;
    harvest(catalogue, "other", vec![dc("x", "x")]).await;
    let later = next_second().await;
    harvest(catalogue, "s", vec![dc("b", "new"), Item::delete("a"), dc("c", "c")]).await;
    for limit in [1, 2, 5, 1000] {
        assert_eq!(changes(catalogue, "s", None, limit).await, "c d e a- b");
        assert_eq!(changes(catalogue, "s", Some(later), limit).await, "a- b");
    }
    let mut query = ChangeQuery::default();
    query.until = Some(later - TimeDelta::seconds(1));
    let before = catalogue.changes(&"s".into(), &query, 10).await.unwrap();
    assert_eq!(before.iter().map(|it| &*it.identifier).collect::<String>(), "cde");
    let spans = catalogue.spans().await.unwrap();
    let names: Vec<_> = spans.iter().map(|span| span.source.as_str()).collect();
    assert_eq!(names, ["other", "s"]);
    assert!(spans[1].first < later && spans[1].last.timestamp() >= later.timestamp());
    assert_eq!(changes(catalogue, "nobody", None, 3).await, "");
}

pub(crate) async fn what_changes_back_or_is_put_back_has_changed(catalogue: &dyn Catalogue) {
    harvest(catalogue, "s", vec![dc("a", "one"), dc("b", "one")]).await;
    harvest(catalogue, "s", vec![dc("a", "two"), dc("b", "two")]).await;
    let undone = last_run(catalogue, "s").await;
    let later = next_second().await;
    harvest(catalogue, "s", vec![dc("a", "one")]).await;
    assert_eq!(changes(catalogue, "s", Some(later), 10).await, "a");
    let later = next_second().await;
    catalogue.undo(&"s".into(), undone).await.unwrap();
    assert_eq!(changes(catalogue, "s", Some(later), 10).await, "b");
    assert_eq!(state(catalogue, "s").await, "a:one b:one");
}

pub(crate) async fn formats_and_sets_are_known_of_tombstones_too(catalogue: &dyn Catalogue) {
    let in_set = |id: &str, set: &str| dc(id, id).with_sets([set]);
    let items = vec![in_set("a", "x:y"), in_set("b", "x"), in_set("c", "xy"), dc("d", "d")];
    harvest(catalogue, "s", items).await;
    harvest(catalogue, "s", vec![Item::delete("b").with_sets(["x"])]).await;
    let shapes = catalogue.shapes(&"s".into()).await.unwrap();
    let mut shapes: Vec<_> = shapes
        .iter()
        .map(|it| format!("{:?} {:?} {}", it.format.as_deref(), it.sets, it.example))
        .collect();
    shapes.sort();
    let expected = [
        "None [\"x\"] b",
        "Some(\"oai_dc\") [\"x:y\"] a",
        "Some(\"oai_dc\") [\"xy\"] c",
        "Some(\"oai_dc\") [] d",
    ];
    assert_eq!(shapes, expected);
    let mut query = ChangeQuery::default();
    query.set = Some("x".to_owned());
    query.format = Some("oai_dc".to_owned());
    let found = catalogue.changes(&"s".into(), &query, 10).await.unwrap();
    assert_eq!(found.iter().map(|it| &*it.identifier).collect::<String>(), "ab");
    query.format = Some("marc21".to_owned());
    let found = catalogue.changes(&"s".into(), &query, 10).await.unwrap();
    assert_eq!(found.iter().map(|it| &*it.identifier).collect::<String>(), "b");
    let live = catalogue.identifiers_after(&"s".into(), Some("a"), 10).await.unwrap();
    assert_eq!(live, ["c", "d"]);
    assert_eq!(catalogue.identifiers_after(&"s".into(), None, 2).await.unwrap(), ["a", "c"]);
}

pub(crate) async fn what_is_touched_has_changed(catalogue: &dyn Catalogue) {
    let items: Vec<_> = (0..2500).map(|n| dc(&format!("{n:04}"), "title")).collect();
    harvest(catalogue, "s", items).await;
    harvest(catalogue, "other", vec![dc("x", "x").with_sets(["t:u"])]).await;
    let soon = Utc::now() + TimeDelta::hours(1);
    let touch = async |which: Touched<'_>, source: &str, now| {
        catalogue.touch(&source.into(), which, now).await.unwrap()
    };
    assert_eq!(touch(Touched::Items(&["0007", "none"]), "s", soon).await, 1);
    assert_eq!(changes(catalogue, "s", Some(soon), 10).await, "0007");
    assert_eq!(touch(Touched::Set("t"), "other", soon).await, 1);
    assert_eq!(touch(Touched::Set("u"), "other", soon + TimeDelta::hours(1)).await, 0);
    let later = soon + TimeDelta::hours(2);
    assert_eq!(touch(Touched::Since(Some(soon)), "s", later).await, 1);
    assert_eq!(touch(Touched::Since(None), "s", later + TimeDelta::hours(1)).await, 2500);
    let touched = changes(catalogue, "s", Some(later + TimeDelta::hours(1)), 900).await;
    assert_eq!(touched.split(' ').count(), 2500);
    let spans = catalogue.spans().await.unwrap();
    assert_eq!(spans[0].last.timestamp(), soon.timestamp(), "others are left alone");
}
