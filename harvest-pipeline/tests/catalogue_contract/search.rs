//! Finding records by words.

use harvest_pipeline::store::Page;
use harvest_pipeline::{Catalogue, Item, RecordQuery};

use super::lists::paged;
use super::{dc, harvest, last_run};

fn words(text: &str) -> RecordQuery {
    let mut query = RecordQuery::default();
    query.text = Some(text.to_owned());
    query
}

/// The identifiers of what is found.
async fn found(catalogue: &dyn Catalogue, text: &str) -> String {
    let records = catalogue.list(&words(text)).await.unwrap();
    records.iter().map(|it| &*it.identifier).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn every_word_must_be_found_and_the_last_may_be_a_beginning(
    catalogue: &dyn Catalogue,
) {
    let items = vec![
        dc("1", "The Grandmother: Scenes of Czech country life"),
        dc("2", "Grandmothers, and other stories"),
        dc("3", "Babi\u{10d}ka &amp; d\u{11b}da"),
    ];
    harvest(catalogue, "s", items).await;
    for (text, expected) in [
        ("grandmother", "1 2"),
        ("GRANDMOTHER scenes", "1"),
        ("scenes grandm", "1"),
        ("grandm scenes", ""),
        ("  stories,   other ", "2"),
        ("grandmother nothing", ""),
        // With or without the accents, composed or not.
        ("babi\u{10d}ka", "3"),
        ("babicka", "3"),
        ("BABIC\u{30c}KA", "3"),
        // Markup is not text.
        ("oai_dc", ""),
        ("amp", ""),
    ] {
        assert_eq!(found(catalogue, text).await, expected, "{text}");
    }
}

pub(crate) async fn identifiers_and_sets_are_found(catalogue: &dyn Catalogue) {
    let items = vec![
        dc("oai:example.org:col/7", "x").with_sets(["com_1721", "theses"]),
        dc("oai:example.org:col/8", "x"),
        Item::delete("oai:example.org:gone/9").with_sets(["theses"]),
    ];
    harvest(catalogue, "s", items).await;
    assert_eq!(found(catalogue, "oai:example.org:col/7").await, "oai:example.org:col/7");
    assert_eq!(found(catalogue, "col").await, "oai:example.org:col/7 oai:example.org:col/8");
    assert_eq!(found(catalogue, "com_1721").await, "oai:example.org:col/7");
    assert_eq!(found(catalogue, "theses").await, "oai:example.org:col/7 oai:example.org:gone/9");
    let mut query = words("theses");
    query.deleted = Some(true);
    assert_eq!(paged(catalogue, &query).await, ["s/oai:example.org:gone/9-"]);
    query.deleted = Some(false);
    assert_eq!(paged(catalogue, &query).await, ["s/oai:example.org:col/7:x"]);
}

pub(crate) async fn what_changed_is_found_as_it_is_now(catalogue: &dyn Catalogue) {
    harvest(catalogue, "s", vec![dc("a", "early"), dc("b", "early")]).await;
    assert_eq!(found(catalogue, "early").await, "a b");
    harvest(catalogue, "s", vec![dc("a", "late")]).await;
    let second = last_run(catalogue, "s").await;
    assert_eq!(found(catalogue, "early").await, "b");
    assert_eq!(found(catalogue, "late").await, "a");
    harvest(catalogue, "s", vec![Item::delete("b")]).await;
    assert_eq!(found(catalogue, "early").await, "");
    assert_eq!(found(catalogue, "b").await, "b");
    catalogue.undo(&"s".into(), second).await.unwrap();
    assert_eq!(found(catalogue, "early").await, "a");
    assert_eq!(found(catalogue, "late").await, "");
}

pub(crate) async fn no_search_is_a_syntax_error(catalogue: &dyn Catalogue) {
    harvest(catalogue, "s", vec![dc("1", "one NOT two"), dc("2", "one")]).await;
    for (text, expected) in [
        ("NOT", "1"),
        ("one AND", ""),
        ("one OR two", ""),
        ("\"one\" -two", "1"),
        ("one*", "1 2"),
        ("title:one", ""),
        ("(one", "1 2"),
        ("^one + NEAR(one", ""),
        ("one'; DROP TABLE records; --", ""),
        ("\u{0}one", "1 2"),
        ("%", "1 2"),
        ("", "1 2"),
        (" \t\n", "1 2"),
    ] {
        assert_eq!(found(catalogue, text).await, expected, "{text:?}");
    }
    let long = "one ".repeat(10_000);
    assert_eq!(found(catalogue, &long).await, "1 2");
    assert_eq!(found(catalogue, &"x".repeat(100_000)).await, "");
}

pub(crate) async fn what_is_found_has_pages(catalogue: &dyn Catalogue) {
    for source in ["t", "s"] {
        let title = |n: usize| if n.is_multiple_of(3) { "third" } else { "other" };
        let items = (0..9).map(|n| dc(&n.to_string(), title(n)));
        harvest(catalogue, source, items.collect()).await;
    }
    let expected = ["s/0:third", "s/3:third", "s/6:third", "t/0:third", "t/3:third", "t/6:third"];
    let mut query = words("third");
    assert_eq!(paged(catalogue, &query).await, expected);
    query.source = Some("t".into());
    assert_eq!(paged(catalogue, &query).await, expected[3..]);
    query.page = Page::first(9).after(("t".into(), "4".to_owned()));
    assert_eq!(catalogue.list(&query).await.unwrap().len(), 1);
    query.run = Some(last_run(catalogue, "s").await);
    query.source = None;
    assert_eq!(paged(catalogue, &query).await, expected[..3]);
}

pub(crate) async fn japanese_is_found_without_spaces(catalogue: &dyn Catalogue) {
    let items = vec![dc("1", "機関リポジトリの研究"), dc("2", "リポ"), dc("3", "ﾘﾎﾟｼﾞﾄﾘ 2024")];
    harvest(catalogue, "s", items).await;
    for (text, expected) in [
        ("リポジトリ", "1 3"),
        ("研究", "1"),
        ("究", "1"),
        ("機関 研究", "1"),
        ("究研", ""),
        ("リポ", "1 2 3"),
        ("２０２４", "3"),
    ] {
        assert_eq!(found(catalogue, text).await, expected, "{text}");
    }
}
