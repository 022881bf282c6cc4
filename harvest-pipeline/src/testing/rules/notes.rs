//! What was covered, what happened, what is taken, and how soon a host may be asked.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::{DAY, HOUR, MINUTE, Shared, add, conflict, is_missing, source};
use crate::filters::{Expression, FilterSet, Match, Test};
use crate::run::RunId;
use crate::store::{
    Coverage, Event, EventLevel, EventQuery, ManualClock, Page, SourceQuery, StoredEvent,
    WaitingHost,
};
use crate::testing::start;

fn day(nth: u32) -> DateTime<Utc> {
    start() + nth * DAY
}

pub async fn coverage_is_entered_once_and_listed_by_its_end(store: Shared, _: ManualClock) {
    let a = "a".into();
    let whole = Coverage::new(None, day(1), RunId(1)).with_records(10, 2);
    assert!(is_missing(store.cover(&a, &whole).await));
    add(&*store, "a").await;
    add(&*store, "b").await;
    let third = Coverage::new(Some(day(2)), day(3), RunId(3));
    let second = Coverage::new(Some(day(1)), day(2), RunId(2)).with_records(5, 0);
    for coverage in [&third, &whole, &second, &whole] {
        store.cover(&a, coverage).await.unwrap();
    }
    // The same time by another run is another entry.
    let again = Coverage::new(None, day(1), RunId(4));
    store.cover(&a, &again).await.unwrap();
    let all = store.coverage(&a, None).await.unwrap();
    assert_eq!(all, [whole, again, second.clone(), third.clone()]);
    assert_eq!(store.coverage(&a, Some(day(1))).await.unwrap(), [second, third]);
    assert_eq!(store.coverage(&a, Some(day(3))).await.unwrap(), []);
    assert_eq!(store.coverage(&"b".into(), None).await.unwrap(), []);
}

fn messages(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|stored| stored.event.message.as_str()).collect()
}

pub async fn events_are_listed_newest_first_by_source_run_and_level(
    store: Shared,
    clock: ManualClock,
) {
    store.record(&[]).await.unwrap();
    let first = Event::new("HarvesterStartup", EventLevel::Info, "one");
    let run = RunId(7);
    let second = Event::new("GetDocError", EventLevel::Error, "two")
        .in_run("a".into(), run)
        .about("oai:a:1")
        .at("https://a.example");
    let third = Event::new("Noted", EventLevel::Debug, "three").in_run("a".into(), run);
    store.record(&[first.clone(), second.clone(), third]).await.unwrap();
    clock.advance(MINUTE);
    let fourth = Event::new("Noted", EventLevel::Notice, "four").of_source("b".into());
    store.record(&[fourth]).await.unwrap();

    let all = store.events(&EventQuery::default()).await.unwrap();
    assert_eq!(messages(&all), ["four", "three", "two", "one"]);
    assert_eq!((&all[2].event, &all[3].event), (&second, &first));
    assert_eq!((all[0].time, all[1].time), (clock.now(), start()));
    assert!(all.is_sorted_by(|one, other| one.id > other.id));
    let found = async |query: EventQuery| {
        let events = store.events(&query).await.unwrap();
        messages(&events).join(" ")
    };
    let any = EventQuery::default;
    assert_eq!(found(EventQuery { source: Some("a".into()), ..any() }).await, "three two");
    assert_eq!(found(EventQuery { run: Some(run), ..any() }).await, "three two");
    let level = Some(EventLevel::Notice);
    assert_eq!(found(EventQuery { level, ..any() }).await, "four two");
    let page = Page::first(3);
    assert_eq!(found(EventQuery { page: page.clone(), ..any() }).await, "four three two");
    assert_eq!(found(EventQuery { page: page.after(all[2].id), ..any() }).await, "one");
}

pub async fn old_and_surplus_events_are_forgotten(store: Shared, clock: ManualClock) {
    // More than go into one statement.
    let event = |nth| Event::new("Noted", EventLevel::Info, format!("{nth}"));
    store.record(&(0..1000).map(event).collect::<Vec<_>>()).await.unwrap();
    clock.advance(DAY);
    store.record(&(1000..1010).map(event).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(store.purge_events(start(), 5000).await.unwrap(), 0);
    assert_eq!(store.purge_events(start(), 20).await.unwrap(), 990);
    let left = store.events(&EventQuery::default()).await.unwrap();
    assert_eq!((left.len(), messages(&left)[19]), (20, "990"));
    assert_eq!(store.purge_events(clock.now(), 5000).await.unwrap(), 10);
    assert_eq!(store.purge_events(clock.now() + DAY, 5000).await.unwrap(), 10);
    assert_eq!(store.events(&EventQuery::default()).await.unwrap(), []);
    // Numbers are not given twice.
    store.record(&[event(0)]).await.unwrap();
    assert!(store.events(&EventQuery::default()).await.unwrap()[0].id > left[0].id);
}

pub async fn a_filter_set_is_kept_until_no_source_uses_it(store: Shared, _: ManualClock) {
    let set = |name, value: &str| {
        let expression = Expression::new("type", Test::Equals(value.to_owned()));
        FilterSet::new(name, Match::All, [expression]).unwrap()
    };
    store.put_filter_set(&set("novels", "novel")).await.unwrap();
    store.put_filter_set(&set("b", "b")).await.unwrap();
    store.put_filter_set(&set("novels", "román")).await.unwrap();
    assert_eq!(store.filter_set("novels").await.unwrap(), Some(set("novels", "román")));
    assert_eq!(store.filter_set("other").await.unwrap(), None);
    assert_eq!(store.filter_sets().await.unwrap(), [set("b", "b"), set("novels", "román")]);

    let mut definition = source("library");
    definition.filter_sets = vec!["novels".to_owned()];
    store.add_source(&definition).await.unwrap();
    let message = conflict(store.remove_filter_set("novels").await);
    assert!(message.contains("library"), "{message}");
    store.add_source(&source("museum")).await.unwrap();
    let users = async |set: &str| {
        let query = SourceQuery { filter_set: Some(set.to_owned()), ..SourceQuery::default() };
        let users = store.sources(&query).await.unwrap();
        assert_eq!(store.count_sources(&query).await.unwrap(), users.len() as u64);
        users.into_iter().map(|it| it.definition.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(users("novels").await, ["library"]);
    assert_eq!(users("b").await, [""; 0]);
    store.remove_filter_set("b").await.unwrap();
    assert!(is_missing(store.remove_filter_set("b").await));
    definition.filter_sets.clear();
    store.change_source(&definition).await.unwrap();
    assert_eq!(users("novels").await, [""; 0]);
    store.remove_filter_set("novels").await.unwrap();
    assert_eq!(store.filter_sets().await.unwrap(), []);
}

pub async fn turns_at_a_host_are_apart(store: Shared, clock: ManualClock) {
    let apart = Duration::from_millis(1500);
    let turn = async || store.take_turn("a.example", apart).await.unwrap();
    assert_eq!(turn().await, Duration::ZERO);
    assert_eq!(turn().await, apart);
    assert_eq!(turn().await, 2 * apart);
    assert_eq!(store.take_turn("b.example", apart).await.unwrap(), Duration::ZERO);
    clock.advance(4 * apart);
    assert_eq!(turn().await, Duration::ZERO, "turns that nobody took are not saved up");
    assert_eq!(turn().await, apart);
    assert_eq!(store.take_turn("c.example", Duration::ZERO).await.unwrap(), Duration::ZERO);
    assert_eq!(store.take_turn("c.example", Duration::ZERO).await.unwrap(), Duration::ZERO);
}

pub async fn turns_taken_at_once_are_apart(store: Shared, _: ManualClock) {
    let turns = join_all((0..8).map(|_| store.take_turn("a.example", MINUTE))).await;
    let mut turns: Vec<_> = turns.into_iter().map(Result::unwrap).collect();
    turns.sort();
    assert_eq!(turns, (0..8).map(|nth| nth * MINUTE).collect::<Vec<_>>());
}

pub async fn a_host_that_wants_to_be_left_alone_is(store: Shared, clock: ManualClock) {
    assert_eq!(store.left_alone("a.example").await.unwrap(), Duration::ZERO);
    store.leave_alone("a.example", DAY).await.unwrap();
    store.leave_alone("a.example", HOUR).await.unwrap();
    assert_eq!(store.left_alone("a.example").await.unwrap(), DAY);
    assert_eq!(store.left_alone("b.example").await.unwrap(), Duration::ZERO);
    clock.advance(HOUR);
    assert_eq!(store.left_alone("a.example").await.unwrap(), DAY - HOUR);
    assert_eq!(store.take_turn("a.example", MINUTE).await.unwrap(), DAY - HOUR);
    assert_eq!(store.take_turn("a.example", MINUTE).await.unwrap(), DAY - HOUR + MINUTE);
    assert_eq!(store.take_turn("b.example", MINUTE).await.unwrap(), Duration::ZERO);
    let a = WaitingHost::new("a.example", DAY - HOUR + 2 * MINUTE, DAY - HOUR);
    let b = WaitingHost::new("b.example", MINUTE, Duration::ZERO);
    assert_eq!(store.waiting_hosts(9).await.unwrap(), [a.clone(), b]);
    assert_eq!(store.waiting_hosts(1).await.unwrap(), [a]);
    clock.advance(2 * DAY);
    assert_eq!(store.left_alone("a.example").await.unwrap(), Duration::ZERO);
    assert_eq!(store.waiting_hosts(9).await.unwrap(), []);
    assert_eq!(store.take_turn("a.example", MINUTE).await.unwrap(), Duration::ZERO);
}

pub async fn time_is_that_of_the_stores_clock(store: Shared, clock: ManualClock) {
    assert_eq!(store.now().await.unwrap(), start());
    clock.advance(DAY);
    assert_eq!(store.now().await.unwrap(), start() + DAY);
}
