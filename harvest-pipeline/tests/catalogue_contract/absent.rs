//! Records that the source does not have any more, and where runs begin.

use harvest_pipeline::{Catalogue, Checkpoint, Counters, Outcome, Run, Sink, SourceId};

use super::{begin, dc, harvest, last_run, state};

pub(crate) async fn what_no_run_has_seen_since_is_absent(catalogue: &dyn Catalogue) {
    let source = SourceId::new("s");
    let all = ["", "a", "b", "c", "d"].map(|id| dc(id, "t")).to_vec();
    harvest(catalogue, "s", all.clone()).await;
    harvest(catalogue, "other", all.clone()).await;
    let first = last_run(catalogue, "s").await;
    harvest(catalogue, "s", vec![dc("b", "t"), dc("c", "changed")]).await;
    let second = last_run(catalogue, "s").await;
    assert_eq!(catalogue.count_absent(&source, first).await.unwrap(), 0);
    assert_eq!(catalogue.count_absent(&source, second).await.unwrap(), 3);
    assert_eq!(catalogue.count_absent(&"nobody".into(), second).await.unwrap(), 0);
    let absent =
        async |after, limit| catalogue.absent(&source, second, after, limit).await.unwrap();
    assert_eq!(absent(None, 9).await, ["", "a", "d"]);
    assert_eq!(absent(None, 2).await, ["", "a"]);
    assert_eq!(absent(Some(""), 1).await, ["a"]);
    assert_eq!(absent(Some("a"), 9).await, ["d"]);
    assert_eq!(absent(Some("d"), 9).await, Vec::<String>::new());
}

pub(crate) async fn what_is_absent_is_deleted_as_what_the_run_did(catalogue: &dyn Catalogue) {
    let source = SourceId::new("s");
    let all: Vec<_> = (0..5).map(|n| dc(&n.to_string(), "t").with_sets(["set"])).collect();
    harvest(catalogue, "s", all.clone()).await;
    harvest(catalogue, "other", all.clone()).await;
    harvest(catalogue, "s", all[..2].to_vec()).await;
    let since = last_run(catalogue, "s").await;

    let (run, hold) = begin(catalogue, "s").await;
    let counters = catalogue.delete_absent(&run, since).await.unwrap();
    assert_eq!(counters, [Outcome::Deleted; 3].into_iter().collect::<Counters>());
    assert_eq!(catalogue.delete_absent(&run, since).await.unwrap(), Counters::default());
    drop(hold);
    assert_eq!(state(catalogue, "s").await, "0:t 1:t 2- 3- 4-");
    assert_eq!(state(catalogue, "other").await, "0:t 1:t 2:t 3:t 4:t");
    let tombstone = catalogue.find(&source, "2").await.unwrap().unwrap();
    assert_eq!((&*tombstone.sets, tombstone.format), (&["set".to_owned()][..], None));
    let summary = catalogue.summary(&source).await.unwrap().unwrap();
    assert_eq!((summary.live, summary.deleted), (2, 3));
    let deleting = last_run(catalogue, "s").await;
    let versions = catalogue.versions(&source, "2").await.unwrap();
    let last = versions.last().unwrap();
    assert_eq!((last.number, last.run, last.deleted), (2, deleting, true));

    // They can come back.
    let back = harvest(catalogue, "s", all).await.counters;
    assert_eq!((back.created, back.unchanged), (3, 2));
    assert_eq!(state(catalogue, "s").await, "0:t 1:t 2:t 3:t 4:t");
}

pub(crate) async fn nobody_deletes_without_a_run(catalogue: &dyn Catalogue) {
    harvest(catalogue, "s", vec![dc("a", "t")]).await;
    let since = last_run(catalogue, "s").await;
    harvest(catalogue, "s", vec![dc("b", "t")]).await;
    let run = Run::new("s".into());
    catalogue.delete_absent(&run, since).await.unwrap_err();
    catalogue.rewind(&run, None).await.unwrap_err();
    assert_eq!(state(catalogue, "s").await, "a:t b:t");
}

pub(crate) async fn the_next_run_begins_where_the_source_was_rewound_to(catalogue: &dyn Catalogue) {
    let source = SourceId::new("s");
    harvest(catalogue, "s", vec![dc("a", "t")]).await;
    let (run, hold) = begin(catalogue, "s").await;
    let wanted = Checkpoint::new(7, "there").unwrap();
    for checkpoint in [Some(&wanted), None] {
        catalogue.rewind(&run, checkpoint).await.unwrap();
        assert_eq!(Sink::checkpoint(catalogue, &source).await.unwrap().as_ref(), checkpoint);
    }
    drop(hold);
}
