//! What runs store.

use std::num::NonZeroUsize;

use futures_util::TryStreamExt;
use harvest_pipeline::parsers::{Bibliographic, ByFormat};
use harvest_pipeline::{
    Candidate, Catalogue, Counters, Decision, Item, Outcome, Payload, Pipeline, Query, RecordError,
    Resume, RunState, Sink, SourceId, Stage, sources,
};

use super::{all, begin, dc, harvest, harvest_all, last_run, state};

fn counters(outcomes: impl IntoIterator<Item = (Outcome, usize)>) -> Counters {
    outcomes.into_iter().flat_map(|(outcome, n)| std::iter::repeat_n(outcome, n)).collect()
}

pub(crate) async fn records_pass_through_their_states(catalogue: &dyn Catalogue) {
    let step = async |item: Item| harvest(catalogue, "s", vec![item]).await.counters;
    let stored = async || all(catalogue, "s").await.remove(0);

    assert_eq!(step(dc("a", "1")).await, counters([(Outcome::Created, 1)]));
    assert_eq!(step(dc("a", "1")).await, counters([(Outcome::Unchanged, 1)]));
    assert_eq!(step(dc("a", "2")).await, counters([(Outcome::Updated, 1)]));
    // What does not change the metadata changes the record all the same.
    let moved = dc("a", "2").with_sets(["x"]);
    assert_eq!(step(moved.clone()).await, counters([(Outcome::Updated, 1)]));
    assert_eq!(step(moved.clone()).await, counters([(Outcome::Unchanged, 1)]));
    assert_eq!(stored().await.sets, ["x"]);
    let deleted = Item::delete("a").with_datestamp("2024-02-01");
    assert_eq!(step(deleted.clone()).await, counters([(Outcome::Deleted, 1)]));
    assert_eq!(stored().await.datestamp.as_deref(), Some("2024-02-01"));
    assert_eq!(step(deleted).await, counters([(Outcome::Unchanged, 1)]));
    let later = Item::delete("a").with_datestamp("2024-02-02");
    assert_eq!(step(later).await, counters([(Outcome::Unchanged, 1)]));
    let tombstone = stored().await;
    assert_eq!(tombstone.datestamp.as_deref(), Some("2024-02-02"));
    assert!(tombstone.deleted && tombstone.sets.is_empty() && tombstone.metadata.is_none());
    assert_eq!(step(moved).await, counters([(Outcome::Created, 1)]));
    assert_eq!(state(catalogue, "s").await, "a:2");
}

pub(crate) async fn a_deletion_of_something_never_seen_leaves_a_tombstone(
    catalogue: &dyn Catalogue,
) {
    for expected in [Outcome::SkippedDeleted, Outcome::Unchanged] {
        let summary = harvest(catalogue, "s", vec![Item::delete("a")]).await;
        assert_eq!(summary.counters, counters([(expected, 1)]));
        assert_eq!(state(catalogue, "s").await, "a-");
    }
    let live = catalogue.records(Query::all().live_only()).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(live, []);
}

pub(crate) async fn the_last_of_several_versions_in_one_batch_is_kept(catalogue: &dyn Catalogue) {
    let list = || vec![dc("a", "1"), dc("b", "1"), dc("a", "2"), Item::delete("b"), dc("a", "2")];
    let expected = [
        (Outcome::Created, 2),
        (Outcome::Updated, 1),
        (Outcome::Deleted, 1),
        (Outcome::Unchanged, 1),
    ];
    assert_eq!(harvest(catalogue, "s", list()).await.counters, counters(expected));
    assert_eq!(state(catalogue, "s").await, "a:2 b-");
    harvest(catalogue, "s", list()).await;
    assert_eq!(state(catalogue, "s").await, "a:2 b-");
}

pub(crate) async fn everything_about_a_record_is_kept(catalogue: &dyn Catalogue) {
    let item = dc("", "ř").with_sets(["a", "b:c"]).with_abouts(["<x/>", "<y/>"]).with_version("7");
    harvest(catalogue, "s", vec![item]).await;
    let run = last_run(catalogue, "s").await;
    let record = catalogue.find(&"s".into(), "").await.unwrap().unwrap();
    assert_eq!(record, all(catalogue, "s").await.remove(0));
    assert_eq!(record.source, SourceId::new("s"));
    assert_eq!((&*record.identifier, record.format.as_deref()), ("", Some("oai_dc")));
    assert_eq!(record.datestamp.as_deref(), Some("2024-01-31"));
    assert_eq!(
        (record.version.as_deref(), &*record.sets),
        (Some("7"), &["a".into(), "b:c".into()][..])
    );
    assert!(record.metadata.as_ref().unwrap().contains("<dc:title>ř</dc:title>"));
    assert!(record.fields.as_ref().unwrap().contains('ř'));
    assert_eq!(record.abouts, ["<x/>", "<y/>"]);
    assert!(record.harvested.starts_with("20") && record.harvested.ends_with('Z'));
    assert_eq!((record.first_run, record.last_run), (run.0, run.0));
    assert_eq!(catalogue.find(&"s".into(), "other").await.unwrap(), None);
    assert_eq!(catalogue.find(&"nobody".into(), "").await.unwrap(), None);
    let known = Sink::known(catalogue, &"s".into(), &["", "other", "NUL\0"]).await.unwrap();
    assert_eq!(known.len(), 1);
    assert!(known[""].live);
    assert_eq!(known[""].version.as_deref(), Some("7"));
}

pub(crate) async fn records_that_fail_are_kept_until_they_come_through(catalogue: &dyn Catalogue) {
    let broken = || Err(RecordError::new("a", Stage::Source, "broken"));
    // The one kind of record that no database takes.
    let refused = || Ok(dc("c\0", "c"));
    let unnamed = || Err(RecordError::unnamed(Stage::Source, "cut \0 off"));
    let source = SourceId::new("s");
    for tries in 1..=2 {
        let list = vec![broken(), unnamed(), Ok(dc("b", "b")), refused()];
        let summary = harvest_all(catalogue, "s", list).await;
        assert_eq!(summary.state, RunState::SucceededWithErrors);
        assert_eq!(summary.counters.failed, 3);
        let errors = catalogue.errors(&source, false).await.unwrap();
        let [named, unnamed, refused] = &*errors else { panic!("{errors:?}") };
        assert_eq!((&*named.key, &*named.stage, named.tries), ("a", "source", tries));
        assert_eq!((refused.key.starts_with('c'), &*refused.stage), (true, "sink"));
        assert!(refused.message.contains("NUL"), "{}", refused.message);
        assert!(refused.body.as_ref().unwrap().starts_with(b"<oai_dc:dc"));
        assert_eq!((&*unnamed.key, unnamed.tries), ("batch 0, record 1", tries));
    }
    harvest(catalogue, "s", vec![dc("a", "a")]).await;
    let open = catalogue.errors(&source, false).await.unwrap();
    assert_eq!((&*open[0].key, open.len()), ("batch 0, record 1", 2));
    assert_eq!(catalogue.errors(&source, true).await.unwrap().len(), 3);
    let summary = catalogue.summary(&source).await.unwrap().unwrap();
    assert_eq!((summary.live, summary.errors), (2, 2));
    catalogue.dismiss_error(&source, "c\0").await.unwrap();
    assert_eq!(catalogue.errors(&source, false).await.unwrap().len(), 1);
    // Once for each time, in one batch, too.
    harvest_all(catalogue, "s", vec![broken(), broken()]).await;
    assert_eq!(catalogue.errors(&source, false).await.unwrap()[0].tries, 4);
}

pub(crate) async fn a_version_that_cannot_be_parsed_leaves_the_one_before(
    catalogue: &dyn Catalogue,
) {
    harvest(catalogue, "s", vec![dc("a", "1")]).await;
    let broken = Item::put("a", Payload::new("oai_dc", "<mods/>"));
    assert_eq!(harvest(catalogue, "s", vec![broken]).await.counters.failed, 1);
    assert_eq!(state(catalogue, "s").await, "a:1");
}

pub(crate) async fn what_filters_decide_is_kept_to(catalogue: &dyn Catalogue) {
    let items = |count: usize, title: &str| (0..count).map(|n| dc(&n.to_string(), title)).collect();
    harvest(catalogue, "s", items(4, "1")).await;
    let pipeline =
        Pipeline::new(sources::items("s", items(5, "2"))).filter(|it: &Candidate<'_>| {
            match &*it.item().identifier {
                "0" => Decision::Reject("unwanted".to_owned()),
                "1" => Decision::Unchanged,
                "2" => Decision::Delete,
                _ => Decision::Accept,
            }
        });
    let pipeline = pipeline.parse(ByFormat::new()).resume(Resume::Afresh);
    let expected = [
        (Outcome::Filtered, 1),
        (Outcome::Unchanged, 1),
        (Outcome::Deleted, 1),
        (Outcome::Updated, 1),
        (Outcome::Created, 1),
    ];
    assert_eq!(pipeline.run(catalogue).await.unwrap().counters, counters(expected));
    assert_eq!(state(catalogue, "s").await, "0:1 1:1 2- 3:2 4:2");
    let second = last_run(catalogue, "s").await.0;
    // What is left out is there all the same: it must not be taken for gone.
    let seen: Vec<_> = all(catalogue, "s").await.iter().map(|it| it.last_run).collect();
    assert_eq!(seen, [second; 5]);
}

pub(crate) async fn similar_records_are_read_as_they_came(catalogue: &dyn Catalogue) {
    // So many that they are compressed with what they have in common, also by the next run.
    let title = |n: usize| format!("{:x}", n * 7919);
    let items = |range: std::ops::Range<usize>| {
        range.map(|n| dc(&format!("{n:03}"), &title(n))).collect::<Vec<_>>()
    };
    harvest(catalogue, "s", items(0..300)).await;
    harvest(catalogue, "s", items(300..400)).await;
    let expected: Vec<_> = (0..400).map(|n| format!("{n:03}:{}", title(n))).collect();
    assert_eq!(state(catalogue, "s").await, expected.join(" "));
}

pub(crate) async fn a_second_run_of_the_same_source_is_refused_while_the_first_goes_on(
    catalogue: &dyn Catalogue,
) {
    let (_, hold) = begin(catalogue, "s").await;
    let pipeline = |source: &str| {
        Pipeline::new(sources::items(source, vec![dc("a", "1")])).parse(ByFormat::new())
    };
    let error = pipeline("s").run(catalogue).await.unwrap_err();
    assert!(error.to_string().contains("already being harvested"), "{error}");
    assert!(error.is_transient());
    pipeline("t").run(catalogue).await.unwrap();
    // Dropped without an end, as when the process dies.
    let killed = last_run(catalogue, "s").await;
    drop(hold);
    pipeline("s").run(catalogue).await.unwrap();
    let record = catalogue.find(&"s".into(), "a").await.unwrap().unwrap();
    assert!(record.first_run > killed.0);
}

pub(crate) async fn a_run_goes_on_where_the_one_before_was_stopped(catalogue: &dyn Catalogue) {
    let list: Vec<_> = (0..100).map(|n| dc(&format!("{n:02}"), "t")).collect();
    let source = || {
        let size = NonZeroUsize::new(10).unwrap_or(NonZeroUsize::MIN);
        sources::items("s", list.clone()).with_batch_size(size)
    };
    let stop = tokio_util::sync::CancellationToken::new();
    let pipeline = Pipeline::new(source()).parse(ByFormat::new()).cancel_with(stop.clone());
    let pipeline = pipeline.on_progress(move |progress| {
        if progress.batches == 3 {
            stop.cancel();
        }
    });
    assert_eq!(pipeline.run(catalogue).await.unwrap().state, RunState::Cancelled);
    let stored = all(catalogue, "s").await.len();
    assert!((30..100).contains(&stored), "{stored}");
    let rest = Pipeline::new(source()).parse(ByFormat::new()).run(catalogue).await.unwrap();
    assert_eq!(rest.counters, counters([(Outcome::Created, 100 - stored)]));
    assert!(rest.resumed);
    let checkpoint = Sink::<Bibliographic>::checkpoint(catalogue, &"s".into()).await.unwrap();
    assert_eq!(checkpoint, rest.checkpoint);
}
