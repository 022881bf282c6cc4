//! What changed, in the order in which it came.

use futures_util::TryStreamExt;
use harvest_pipeline::{Arrival, ArrivalPoint, Catalogue, Item};

use super::{dc, harvest, short};

async fn after(catalogue: &dyn Catalogue, point: Option<&ArrivalPoint>) -> Vec<Arrival> {
    let changes = catalogue.arrivals(&"s".into(), point.cloned());
    let changes: Vec<Arrival> = changes.try_collect().await.unwrap();
    let counted = catalogue.count_arrivals(&"s".into(), point).await.unwrap();
    assert_eq!(counted, changes.len() as u64);
    changes
}

fn in_short(changes: &[Arrival]) -> String {
    changes.iter().map(|it| short(&it.record)).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn what_arrived_is_listed_in_the_order_in_which_it_was_stored(
    catalogue: &dyn Catalogue,
) {
    assert_eq!(after(catalogue, None).await, []);
    // More than are read at a time, and more batches.
    let name = |n: usize| format!("r{n:04}");
    let many = (0..500).map(|n| dc(&name(n), "1"));
    harvest(catalogue, "s", many.collect()).await;
    harvest(catalogue, "other", vec![dc("x", "1")]).await;
    let all = after(catalogue, None).await;
    assert_eq!(all.len(), 500);
    assert!(all.iter().enumerate().all(|(n, it)| it.record.identifier == name(n)));
    assert!(all.is_sorted_by(|one, next| one.at < next.at));
    let middle = after(catalogue, Some(&all[299].at)).await;
    assert_eq!(middle, all[300..]);

    let end = &all[499].at;
    assert_eq!(after(catalogue, Some(end)).await, []);
    let items = vec![dc("r0499", "2"), dc("new", "1"), dc("r0001", "1"), Item::delete("r0000")];
    harvest(catalogue, "s", items).await;
    let changes = after(catalogue, Some(end)).await;
    assert_eq!(in_short(&changes), "new:1 r0000- r0499:2");
    harvest(catalogue, "s", vec![dc("new", "2")]).await;
    let changes = after(catalogue, Some(end)).await;
    assert_eq!(in_short(&changes), "r0000- r0499:2 new:2", "only the last change of each");
    let point = changes[1].at.to_checkpoint().unwrap();
    let point = ArrivalPoint::of_checkpoint(&point).unwrap();
    assert_eq!(in_short(&after(catalogue, Some(&point)).await), "new:2");
}
