//! What records were, and going back to it.

use harvest_pipeline::{Catalogue, Counters, Item, RunId, SourceId};

use super::{dc, harvest, last_run, state};

/// The versions of a record of source `s`, in short: its number, run and title.
async fn versions(catalogue: &dyn Catalogue, id: &str) -> Vec<(u32, RunId, Option<String>)> {
    let versions = catalogue.versions(&"s".into(), id).await.unwrap();
    let short = versions.into_iter().map(|it| {
        let title = it.metadata.map(|metadata| {
            assert!(it.fields.is_some() && it.format.as_deref() == Some("oai_dc"));
            metadata.split("<dc:title>").nth(1).unwrap().split('<').next().unwrap().to_owned()
        });
        assert_eq!(it.deleted, title.is_none());
        (it.number, it.run, title)
    });
    short.collect()
}

pub(crate) async fn versions_are_numbered_and_kept_with_the_run_that_brought_them(
    catalogue: &dyn Catalogue,
) {
    let mut expected = Vec::new();
    let title = |title: &str| Some(title.to_owned());
    for (number, step) in ["1", "2", "", "3"].into_iter().enumerate() {
        let item = if step.is_empty() { Item::delete("a") } else { dc("a", step) };
        harvest(catalogue, "s", vec![item, dc("b", "same")]).await;
        let run = last_run(catalogue, "s").await;
        let title = if step.is_empty() { None } else { title(step) };
        expected.push((number as u32 + 1, run, title));
        assert_eq!(versions(catalogue, "a").await, expected);
    }
    assert_eq!(versions(catalogue, "b").await.len(), 1);
    assert_eq!(versions(catalogue, "c").await, []);
    assert_eq!(catalogue.versions(&"nobody".into(), "a").await.unwrap(), []);
}

pub(crate) async fn a_run_that_changes_nothing_makes_no_versions(catalogue: &dyn Catalogue) {
    for _ in 0..3 {
        harvest(catalogue, "s", (0..20).map(|n| dc(&n.to_string(), "t")).collect()).await;
    }
    for n in 0..20 {
        assert_eq!(versions(catalogue, &n.to_string()).await.len(), 1);
    }
}

pub(crate) async fn undoing_a_run_puts_back_what_was_before(catalogue: &dyn Catalogue) {
    let source = SourceId::new("s");
    let first = vec![dc("a", "1"), dc("b", "1"), Item::delete("c"), dc("d", "1"), dc("e", "1")];
    harvest(catalogue, "s", first).await;
    harvest(catalogue, "s", vec![dc("e", "2")]).await;
    let before = state(catalogue, "s").await;
    let second = vec![
        dc("a", "2"),
        Item::delete("b"),
        dc("c", "2"),
        dc("d", "1"),
        dc("n", "2"),
        Item::delete("o"),
        dc("e", "3"),
        // In another batch, once more.
        dc("a", "3"),
        dc("e", "4"),
    ];
    harvest(catalogue, "s", second).await;
    let run = last_run(catalogue, "s").await;
    assert_eq!(state(catalogue, "s").await, "a:3 b- c:2 d:1 e:4 n:2 o-");

    let counters = catalogue.undo(&source, run).await.unwrap();
    let expected = Counters::default();
    // b; a and e; c and n
    let (created, updated, deleted) = (1, 2, 2);
    assert_eq!((counters.created, counters.updated, counters.deleted), (created, updated, deleted));
    assert_eq!(counters.failed, expected.failed);
    assert_eq!(state(catalogue, "s").await, format!("{before} n- o-"));
    let summary = catalogue.summary(&source).await.unwrap().unwrap();
    assert_eq!((summary.live, summary.deleted), (4, 3));
    // That, too, can be seen.
    let numbers = versions(catalogue, "a").await.into_iter().map(|it| (it.0, it.2.unwrap()));
    let numbers: Vec<_> = numbers.collect();
    let expected = [(1, "1"), (2, "2"), (3, "3"), (4, "1")].map(|(n, title)| (n, title.to_owned()));
    assert_eq!(numbers, expected);
    // Harvesting the same again brings it back.
    let again = harvest(catalogue, "s", vec![dc("a", "3"), dc("n", "2")]).await.counters;
    assert_eq!((again.updated, again.created), (1, 1));
}

pub(crate) async fn what_a_later_run_changed_stays_when_an_earlier_one_is_undone(
    catalogue: &dyn Catalogue,
) {
    let source = SourceId::new("s");
    harvest(catalogue, "s", vec![dc("a", "1"), dc("b", "1")]).await;
    harvest(catalogue, "s", vec![dc("a", "2"), dc("b", "2"), dc("c", "2")]).await;
    let second = last_run(catalogue, "s").await;
    harvest(catalogue, "s", vec![dc("a", "3"), dc("b", "2")]).await;
    let third = last_run(catalogue, "s").await;
    catalogue.undo(&source, second).await.unwrap();
    assert_eq!(state(catalogue, "s").await, "a:3 b:1 c-");
    catalogue.undo(&source, third).await.unwrap();
    assert_eq!(state(catalogue, "s").await, "a:2 b:1 c-");
    catalogue.undo(&source, second).await.unwrap();
    assert_eq!(state(catalogue, "s").await, "a:1 b:1 c-");
}

pub(crate) async fn a_run_that_is_undone_twice_is_undone_once(catalogue: &dyn Catalogue) {
    let source = SourceId::new("s");
    harvest(catalogue, "s", vec![dc("a", "1"), dc("b", "1")]).await;
    let run = last_run(catalogue, "s").await;
    assert_eq!(catalogue.undo(&source, run).await.unwrap().deleted, 2);
    let before = (versions(catalogue, "a").await, state(catalogue, "s").await);
    assert_eq!(catalogue.undo(&source, run).await.unwrap(), Counters::default());
    assert_eq!((versions(catalogue, "a").await, state(catalogue, "s").await), before);
}

pub(crate) async fn a_run_of_another_source_is_not_there_to_be_undone(catalogue: &dyn Catalogue) {
    harvest(catalogue, "s", vec![dc("a", "1")]).await;
    harvest(catalogue, "t", vec![dc("a", "1")]).await;
    let run = last_run(catalogue, "s").await;
    let error = catalogue.undo(&"t".into(), run).await.unwrap_err().to_string();
    assert!(error.contains(&format!("there is no run {run}")), "{error}");
    let (_, hold) = super::begin(catalogue, "s").await;
    let going_on = last_run(catalogue, "s").await;
    let error = catalogue.undo(&"s".into(), going_on).await.unwrap_err().to_string();
    assert!(error.contains("running") && error.contains("undone"), "{error}");
    drop(hold);
    assert_eq!(state(catalogue, "s").await, "a:1");
}
