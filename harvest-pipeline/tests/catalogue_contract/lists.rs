//! Lists, sums and errors.

use harvest_pipeline::store::Page;
use harvest_pipeline::{Catalogue, Item, RecordError, RecordQuery, RunState, SourceId, Stage};

use super::{all, dc, harvest, harvest_all, last_run, short};

pub(super) async fn list(catalogue: &dyn Catalogue, query: &RecordQuery) -> Vec<String> {
    let records = catalogue.list(query).await.unwrap();
    records.iter().map(|it| format!("{}/{}", it.source, short(it))).collect()
}

/// All pages of a list, each of two records.
pub(super) async fn paged(catalogue: &dyn Catalogue, query: &RecordQuery) -> Vec<String> {
    let mut query = query.clone();
    query.page = Page::first(2);
    let mut listed = Vec::new();
    loop {
        let records = catalogue.list(&query).await.unwrap();
        assert!(records.len() <= 2);
        let Some(last) = records.last() else { return listed };
        let key: (SourceId, String) = (last.source.clone(), last.identifier.clone());
        query.page = Page::first(2).after(key);
        listed.extend(records.iter().map(|it| format!("{}/{}", it.source, short(it))));
    }
}

pub(crate) async fn a_list_has_pages_by_source_and_identifier(catalogue: &dyn Catalogue) {
    // In the order of code points, and the empty one is an identifier, too.
    let items = ["b", "", "Z", "ä", "a"].map(|id| dc(id, "t")).to_vec();
    harvest(catalogue, "z", items).await;
    harvest(catalogue, "a", vec![dc("x", "t"), Item::delete("y")]).await;
    let expected = ["a/x:t", "a/y-", "z/:t", "z/Z:t", "z/a:t", "z/b:t", "z/ä:t"];
    let mut query = RecordQuery::default();
    assert_eq!(list(catalogue, &query).await, expected);
    assert_eq!(paged(catalogue, &query).await, expected);
    query.source = Some("z".into());
    assert_eq!(paged(catalogue, &query).await, expected[2..]);
    query.source = Some("nobody".into());
    assert_eq!(list(catalogue, &query).await, Vec::<String>::new());
    query = RecordQuery::default();
    query.page = Page::first(10).after(("m".into(), "m".into()));
    assert_eq!(list(catalogue, &query).await, expected[2..]);
}

pub(crate) async fn a_list_can_be_of_tombstones_or_of_live_records(catalogue: &dyn Catalogue) {
    let items = (0..9).map(|n| match n % 3 {
        0 => Item::delete(format!("{n}")),
        _ => dc(&format!("{n}"), "t"),
    });
    harvest(catalogue, "s", items.collect()).await;
    let mut query = RecordQuery::default();
    query.deleted = Some(true);
    assert_eq!(paged(catalogue, &query).await, ["s/0-", "s/3-", "s/6-"]);
    query.deleted = Some(false);
    assert_eq!(paged(catalogue, &query).await.len(), 6);
}

pub(crate) async fn a_list_can_be_of_what_a_run_changed(catalogue: &dyn Catalogue) {
    let items = |titles: [&str; 3]| titles.map(|title| dc(&title[..1], title)).to_vec();
    harvest(catalogue, "s", items(["a1", "b1", "c1"])).await;
    let first = last_run(catalogue, "s").await;
    harvest(catalogue, "s", vec![dc("a", "a1"), dc("b", "b2"), Item::delete("d")]).await;
    let second = last_run(catalogue, "s").await;
    let mut query = RecordQuery::default();
    query.run = Some(first);
    assert_eq!(paged(catalogue, &query).await, ["s/a:a1", "s/c:c1"]);
    query.run = Some(second);
    assert_eq!(paged(catalogue, &query).await, ["s/b:b2", "s/d-"]);
    query.deleted = Some(true);
    assert_eq!(paged(catalogue, &query).await, ["s/d-"]);
    query.source = Some("other".into());
    assert_eq!(paged(catalogue, &query).await, Vec::<String>::new());
}

pub(crate) async fn sources_are_summed_up_as_what_they_hold(catalogue: &dyn Catalogue) {
    assert_eq!(catalogue.summaries().await.unwrap(), []);
    let counts = async || {
        let summaries = catalogue.summaries().await.unwrap();
        for one in &summaries {
            let records = all(catalogue, one.source.as_str()).await;
            let live = records.iter().filter(|it| !it.deleted).count() as u64;
            assert_eq!((one.live, one.deleted), (live, records.len() as u64 - live));
            assert_eq!(catalogue.summary(&one.source).await.unwrap().as_ref(), Some(one));
        }
        let counts = summaries.iter().map(|it| (it.source.to_string(), it.live, it.deleted));
        counts.collect::<Vec<_>>()
    };
    harvest(catalogue, "t", vec![dc("a", "1"), Item::delete("b"), dc("c", "1")]).await;
    assert_eq!(counts().await, [("t".to_owned(), 2, 1)]);
    let broken = Err(RecordError::new("x", Stage::Source, "broken"));
    let list = vec![Ok(Item::delete("a")), Ok(dc("b", "1")), Ok(dc("c", "2")), broken];
    let summary = harvest_all(catalogue, "s", list.clone()).await;
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    harvest_all(catalogue, "t", list).await;
    assert_eq!(counts().await, [("s".to_owned(), 2, 1), ("t".to_owned(), 2, 1)]);
    let summary = catalogue.summary(&"t".into()).await.unwrap().unwrap();
    assert_eq!(summary.errors, 1);
    assert_eq!(summary.last_run.unwrap().state, "succeeded with errors");
    assert_eq!(catalogue.summary(&"nobody".into()).await.unwrap(), None);
    // The same record twice in one batch, and once more in the next.
    let twice =
        vec![dc("n", "1"), Item::delete("n"), dc("n", "2"), Item::delete("a"), dc("a", "3")];
    harvest(catalogue, "t", twice).await;
    assert_eq!(counts().await[1], ("t".to_owned(), 4, 0));
}

pub(crate) async fn errors_are_forgotten_when_they_are_dismissed(catalogue: &dyn Catalogue) {
    let failed = |id: &str| Err(RecordError::new(id, Stage::Source, "broken"));
    harvest_all(catalogue, "s", vec![failed("a"), failed("b")]).await;
    let source = SourceId::new("s");
    let keys = async || -> Vec<String> {
        let errors = catalogue.errors(&source, true).await.unwrap();
        errors.into_iter().map(|error| error.key).collect()
    };
    assert_eq!(keys().await, ["a", "b"]);
    catalogue.dismiss_error(&source, "a").await.unwrap();
    catalogue.dismiss_error(&source, "never failed").await.unwrap();
    catalogue.dismiss_error(&"nobody".into(), "b").await.unwrap();
    assert_eq!(keys().await, ["b"]);
    assert_eq!(catalogue.summary(&source).await.unwrap().unwrap().errors, 1);
}

pub(crate) async fn failures_have_pages_of_sources_and_of_records(catalogue: &dyn Catalogue) {
    let failed = |id: &str| Err(RecordError::new(id, Stage::Source, "broken"));
    for (source, failing) in [("b", 3), ("a", 1), ("c", 0), ("d", 2)] {
        let list = (0..failing).map(|n| failed(&format!("{n}"))).chain([Ok(dc("x", "t"))]);
        harvest_all(catalogue, source, list.collect()).await;
    }
    harvest(catalogue, "d", vec![dc("0", "t")]).await;
    let page = Page::first(2);
    let first = catalogue.failing(&page).await.unwrap();
    assert_eq!(first, [(SourceId::new("a"), 1), (SourceId::new("b"), 3)]);
    let second = catalogue.failing(&page.clone().after("b".into())).await.unwrap();
    assert_eq!(second, [(SourceId::new("d"), 1)]);
    assert_eq!(catalogue.failing(&page.after("d".into())).await.unwrap(), []);

    let keys = async |source: &str, resolved, page: Page<String>| -> Vec<String> {
        let errors = catalogue.list_errors(&source.into(), resolved, &page).await.unwrap();
        errors.into_iter().map(|error| error.key).collect()
    };
    assert_eq!(keys("b", false, Page::first(2)).await, ["0", "1"]);
    assert_eq!(keys("b", false, Page::first(2).after("1".to_owned())).await, ["2"]);
    assert_eq!(keys("d", false, Page::first(2)).await, ["1"]);
    assert_eq!(keys("d", true, Page::first(1)).await, ["0"]);
    assert_eq!(keys("nobody", true, Page::first(1)).await, [""; 0]);
}
