//! Who is to have the records, and what they have.

use serde_json::json;

use super::{HOUR, Shared, add, claim, conflict, is_missing, is_stale, running};
use crate::batch::SourceId;
use crate::catalogue::ArrivalPoint;
use crate::error::{RecordError, Stage};
use crate::filters::{Expression, FilterSet, Match, Test};
use crate::store::{
    Ending, Harvested, ManualClock, Offered, Owed, Page, Standing, Store, TargetDefinition,
};
use crate::targets::{Delivery, Tolerance, Withdrawal};

fn target(name: &str) -> TargetDefinition {
    TargetDefinition::new(name, "http-post", json!({"url": "https://index.example/records"}))
}

fn owed(identifier: &str, message: &str, tries: u64) -> Owed {
    Owed { identifier: identifier.to_owned(), message: message.to_owned(), tries }
}

fn failed(identifier: &str, message: &str) -> RecordError {
    RecordError::new(identifier, Stage::Sink, message)
}

fn at(page: i64) -> Option<crate::Checkpoint> {
    let point = ArrivalPoint { page, identifier: "x".to_owned() };
    Some(point.to_checkpoint().unwrap())
}

fn offered(records: &[&str], failures: &[RecordError], page: i64) -> Offered {
    let records = records.iter().map(|record| (*record).to_owned()).collect();
    Offered { records, failures: failures.to_vec(), position: at(page) }
}

async fn standing(store: &dyn Store, target: &str) -> Standing {
    let mut standings = store.standings(target).await.unwrap();
    assert_eq!(standings.len(), 1);
    standings.remove(0)
}

pub async fn a_target_is_read_as_it_was_set_up(store: Shared, _: ManualClock) {
    add(&*store, "a").await;
    let expression = Expression::new("type", Test::Equals("thesis".to_owned()));
    let theses = FilterSet::new("theses", Match::All, [expression]).unwrap();
    let mut ndl = target("NDL");
    ndl.sources = Some(vec!["a".into()]);
    ndl.condition.issues = Tolerance::Warnings;
    ndl.condition.filter_sets = vec!["theses".to_owned()];
    ndl.withdrawal = Withdrawal::Never;
    assert!(is_missing(store.put_target(&ndl).await), "there is no such filter set");
    store.put_filter_set(&theses).await.unwrap();
    store.put_target(&ndl).await.unwrap();
    store.put_target(&target("CiNii")).await.unwrap();
    assert_eq!(store.target("NDL").await.unwrap(), Some(ndl.clone()));
    assert_eq!(store.targets().await.unwrap(), [target("CiNii"), ndl.clone()]);
    assert!(ndl.takes_from(&"a".into()) && !ndl.takes_from(&"b".into()));

    let message = conflict(store.remove_filter_set("theses").await);
    assert!(message.contains("NDL"), "{message}");
    ndl.sources = Some(vec!["nowhere".into()]);
    assert!(is_missing(store.put_target(&ndl).await), "there is no such source");
    store.remove_target("NDL").await.unwrap();
    assert!(is_missing(store.remove_target("NDL").await));
    assert_eq!(store.target("NDL").await.unwrap(), None);
}

pub async fn the_last_delivery_of_each_record_is_known(store: Shared, _: ManualClock) {
    add(&*store, "a").await;
    add(&*store, "b").await;
    let (a, b) = (SourceId::from("a"), SourceId::from("b"));
    let stamp = Some("2024-01-31".to_owned());
    let (first, second) = (Delivery::new("v1", stamp), Delivery::new("v2", None));
    let deliveries = [("1", &first), ("2", &first), ("", &first), ("1", &second)];
    let deliveries = deliveries.map(|(it, delivery)| (it.to_owned(), delivery.clone()));
    store.note("t", &a, deliveries.to_vec()).await.unwrap();
    let versions = async |target: &str, source: &SourceId, wanted: &[&str]| {
        let found = store.last(target, source, wanted).await.unwrap();
        let version = |it: &&str| found.get(*it).map(|it| (it.version.clone(), it.withdrawn));
        wanted.iter().map(version).collect::<Vec<_>>()
    };
    let (v1, v2) = (Some(("v1".to_owned(), false)), Some(("v2".to_owned(), false)));
    assert_eq!(versions("t", &a, &["2", "1", "3", ""]).await, [v1.clone(), v2, None, v1.clone()]);
    assert_eq!(versions("t", &b, &["1"]).await, [None]);
    assert_eq!(versions("u", &a, &["1"]).await, [None]);
    assert_eq!(versions("t", &"nowhere".into(), &["1"]).await, [None]);
    assert_eq!(store.last("t", &a, &["2"]).await.unwrap()["2"].datestamp, first.datestamp);

    store.note("t", &a, vec![("2".to_owned(), first.withdrawn())]).await.unwrap();
    assert_eq!(versions("t", &a, &["2"]).await, [Some(("v1".to_owned(), true))]);
    // More than go into one statement.
    let many: Vec<_> = (0..250).map(|nth| (format!("n{nth}"), second.clone())).collect();
    store.note("t", &b, many).await.unwrap();
    assert_eq!(store.last("t", &b, &["n0", "n99", "n100", "n249"]).await.unwrap().len(), 4);
}

pub async fn what_could_not_be_given_is_owed_until_it_is(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    let a = SourceId::from("a");
    store.put_target(&target("t")).await.unwrap();
    store.note("t", &a, vec![("1".to_owned(), Delivery::new("v1", None))]).await.unwrap();
    let failures = [failed("2", "no"), failed("3", "no"), failed("1", "not this one")];
    let first = offered(&["1", "2", "3", "4"], &failures, 5);
    store.note_offered(ticket, "t", &a, &first).await.unwrap();
    let all = async || store.owed("t", &a, &Page::default()).await.unwrap();
    assert_eq!(all().await, [owed("1", "not this one", 1), owed("2", "no", 1), owed("3", "no", 1)]);
    let page = Page::first(1);
    assert_eq!(store.owed("t", &a, &page).await.unwrap(), [owed("1", "not this one", 1)]);
    let page = page.after("1".to_owned());
    assert_eq!(store.owed("t", &a, &page).await.unwrap(), [owed("2", "no", 1)]);
    assert_eq!(store.offered_to("t", &a).await.unwrap(), at(5));
    let stands = standing(&*store, "t").await;
    assert_eq!((stands.delivered, stands.withdrawn, stands.owed), (1, 0, 3));
    // What it had of it, it has still.
    assert_eq!(store.last("t", &a, &["1", "2"]).await.unwrap().len(), 1);

    // One is given, one fails again, of one nothing is wanted any more; nothing else was offered.
    store.note("t", &a, vec![("2".to_owned(), Delivery::new("v1", None))]).await.unwrap();
    let mut again = offered(&["1", "2", "3"], &[failed("3", "still not")], 0);
    again.position = None;
    store.note_offered(ticket, "t", &a, &again).await.unwrap();
    assert_eq!(all().await, [owed("3", "still not", 2)]);
    assert_eq!(store.offered_to("t", &a).await.unwrap(), at(5));
    let stands = standing(&*store, "t").await;
    assert_eq!((stands.delivered, stands.owed), (2, 1));
    assert_eq!(store.owed("other", &a, &Page::default()).await.unwrap(), []);
}

pub async fn a_target_that_cannot_be_served_is_known_until_it_can(
    store: Shared,
    clock: ManualClock,
) {
    let ticket = running(&*store, "a").await;
    let a = SourceId::from("a");
    store.put_target(&target("t")).await.unwrap();
    assert_eq!(store.standings("t").await.unwrap(), []);
    store.note_served(ticket, "t", &a, None).await.unwrap();
    let first = clock.now();
    clock.advance(HOUR);
    // A worker that is not heard of for an hour has lost its run.
    store.sweep_runs(3).await.unwrap();
    assert!(is_stale(store.note_served(ticket, "t", &a, None).await));
    assert!(is_stale(store.note_offered(ticket, "t", &a, &offered(&["1"], &[], 9)).await));
    let (ticket, _) = claim(&*store).await;
    store.note_served(ticket, "t", &a, Some("closed for the day")).await.unwrap();
    let stands = standing(&*store, "t").await;
    assert_eq!(stands.source, a);
    assert_eq!((stands.served, stands.position), (Some(first), None));
    assert_eq!(stands.failure, Some(("closed for the day".to_owned(), clock.now())));
    store.note_served(ticket, "t", &a, None).await.unwrap();
    let stands = standing(&*store, "t").await;
    assert_eq!((stands.served, stands.failure), (Some(clock.now()), None));
    assert!(is_missing(store.note_served(ticket, "t", &"nowhere".into(), None).await));
}

pub async fn everything_is_offered_once_more_when_somebody_wants_that(
    store: Shared,
    _: ManualClock,
) {
    let ticket = running(&*store, "a").await;
    let a = SourceId::from("a");
    store.put_target(&target("t")).await.unwrap();
    store.offer_again("t", &a).await.unwrap();
    assert_eq!(store.standings("t").await.unwrap(), [], "it was offered nothing yet");
    let gone = Delivery::new("v1", None).withdrawn();
    let deliveries = [("1", Delivery::new("v1", None)), ("2", gone)];
    let deliveries = deliveries.map(|(it, delivery)| (it.to_owned(), delivery));
    store.note("t", &a, deliveries.to_vec()).await.unwrap();
    store.note_offered(ticket, "t", &a, &offered(&["3"], &[failed("3", "no")], 5)).await.unwrap();
    store.offer_again("t", &a).await.unwrap();
    assert_eq!(store.offered_to("t", &a).await.unwrap(), None);
    let last = store.last("t", &a, &["1", "2", "3"]).await.unwrap();
    // No version is this one; that it was withdrawn is not forgotten.
    assert_eq!((&*last["1"].version, last["1"].withdrawn), ("", false));
    assert_eq!((&*last["2"].version, last["2"].withdrawn, last.len()), ("", true, 2));
    let stands = standing(&*store, "t").await;
    assert_eq!((stands.delivered, stands.withdrawn, stands.owed), (1, 1, 1));
    assert!(is_missing(store.offer_again("t", &"nowhere".into()).await));

    store.remove_target("t").await.unwrap();
    assert_eq!(store.standings("t").await.unwrap(), []);
    assert_eq!(store.last("t", &a, &["1"]).await.unwrap().len(), 0);
}

pub async fn what_was_delivered_of_an_erased_source_is_forgotten(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    let a = SourceId::from("a");
    store.put_target(&target("t")).await.unwrap();
    store.note("t", &a, vec![("1".to_owned(), Delivery::new("v1", None))]).await.unwrap();
    store.note_offered(ticket, "t", &a, &offered(&["2"], &[failed("2", "no")], 5)).await.unwrap();
    store.end_run(ticket, &Ending::Done).await.unwrap();
    store.erase_source(&a, Harvested::Erase).await.unwrap();
    assert_eq!(store.standings("t").await.unwrap(), []);
    add(&*store, "a").await;
    assert_eq!(store.last("t", &a, &["1"]).await.unwrap().len(), 0);
    assert_eq!(store.owed("t", &a, &Page::default()).await.unwrap(), []);
    assert_eq!(store.offered_to("t", &a).await.unwrap(), None);
}
