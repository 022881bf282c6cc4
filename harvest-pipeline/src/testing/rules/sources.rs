//! What is harvested.

use futures_util::future::join_all;
use serde_json::json;

use super::{HOUR, Shared, add, ask, checkpoint, claim, conflict, is_missing, running, source};
use crate::batch::{Batch, SourceId};
use crate::run::Counters;
use crate::schedule::{Rhythm, Schedule, Unit};
use crate::store::{
    Coverage, Ending, Event, EventLevel, EventQuery, Harvested, ManualClock, Page, Policies,
    RunKind, RunQuery, RunRequest, SourceQuery, SourceStatus, StoreError, Unique,
};
use crate::targets::Delivery;
use crate::testing::start;

pub async fn a_source_is_read_as_it_was_set_up(store: Shared, clock: ManualClock) {
    let mut definition = source("zürich");
    definition.title = "Zürcher \"Archiv\" 100 %".to_owned();
    definition.description = "one line\nand another".to_owned();
    definition.licence = "CC0".to_owned();
    definition.target = Some("archives".to_owned());
    definition.schedule = Schedule::new(Rhythm::cron("30 3 * * mon", "Europe/Zurich").unwrap());
    definition.contacts = vec!["a@example.org".to_owned()];
    definition.filter_sets = vec!["novels".to_owned()];
    definition.policies =
        Policies { refilter_known: true, most_failures: Some(7), ..Default::default() };
    definition.owner = Some("Eva".to_owned());
    definition.extra = json!({"site": [1, 2.5, null]});
    let added = store.add_source(&definition).await.unwrap();
    assert_eq!(added.definition, definition);
    assert_eq!((added.created, added.updated), (clock.now(), clock.now()));
    assert_eq!(added.next_due, definition.schedule.first(clock.now()));
    assert_eq!((added.scheduled_runs, &added.checkpoint), (0, &None));
    let read = store.source(&definition.id).await.unwrap();
    assert_eq!(read.as_ref(), Some(&added));
    assert_eq!(store.source(&"other".into()).await.unwrap(), None);

    clock.advance(HOUR);
    definition.title = "Archiv".to_owned();
    definition.status = SourceStatus::Paused;
    let changed = store.change_source(&definition).await.unwrap();
    assert_eq!(changed.definition, definition);
    assert_eq!((changed.created, changed.updated), (added.created, clock.now()));
    assert_eq!(store.source(&definition.id).await.unwrap(), Some(changed));
    assert!(is_missing(store.change_source(&source("other")).await));
}

pub async fn a_change_does_not_undo_one_that_was_made_meanwhile(store: Shared, _: ManualClock) {
    let read = source("a");
    store.add_source(&read).await.unwrap();
    let (mut first, mut second) = (read.clone(), read.clone());
    first.title = "first".to_owned();
    second.title = "second".to_owned();
    assert_eq!(store.replace_source(&read, &first).await.unwrap().definition, first);
    let lost = store.replace_source(&read, &second).await;
    assert!(matches!(lost, Err(StoreError::Changed { .. })), "{lost:?}");
    assert_eq!(store.source(&read.id).await.unwrap().unwrap().definition, first);
    store.replace_source(&first, &second).await.unwrap();
    assert!(is_missing(store.replace_source(&read, &source("other")).await));
}

pub async fn an_id_is_taken_once(store: Shared, _: ManualClock) {
    add(&*store, "a").await;
    let mut again = source("a");
    again.kind = "document-list".to_owned();
    let message = conflict(store.add_source(&again).await);
    assert!(message.contains("source a"), "{message}");
    let kept = store.source(&"a".into()).await.unwrap().unwrap();
    assert_eq!(kept.definition, source("a"));
}

pub async fn sources_that_harvest_the_same_are_refused_unless_one_is_archived(
    store: Shared,
    _: ManualClock,
) {
    let mut first = source("first");
    first.options = json!({"url": "https://example.org/oai", "set": "a"});
    store.add_source(&first).await.unwrap();
    let mut second = source("second");
    second.options = json!({"set": "a", "url": "https://example.org/oai"});
    let message = conflict(store.add_source(&second).await);
    assert!(message.contains("first"), "{message}");
    assert_eq!(store.source(&second.id).await.unwrap(), None);

    // Another kind, or other options, is something else.
    let mut other = second.clone();
    other.kind = "resync".to_owned();
    other.id = "other".into();
    store.add_source(&other).await.unwrap();
    other.kind.clone_from(&first.kind);
    let message = conflict(store.change_source(&other).await);
    assert!(message.contains("first"), "{message}");

    // An archived source leaves its address to others, and cannot come back while one has it.
    first.status = SourceStatus::Archived;
    store.change_source(&first).await.unwrap();
    store.add_source(&second).await.unwrap();
    first.status = SourceStatus::Active;
    let message = conflict(store.change_source(&first).await);
    assert!(message.contains("second"), "{message}");
}

pub async fn another_kind_or_other_options_take_the_checkpoint_away(store: Shared, _: ManualClock) {
    let mut definition = source("a");
    store.add_source(&definition).await.unwrap();
    let stands = checkpoint("token");
    store.set_checkpoint(&definition.id, Some(&stands)).await.unwrap();
    definition.title = "another title".to_owned();
    let kept = store.change_source(&definition).await.unwrap();
    assert_eq!(kept.checkpoint.as_ref(), Some(&stands));

    definition.options = json!({"url": "https://a.example/oai", "set": "b"});
    assert_eq!(store.change_source(&definition).await.unwrap().checkpoint, None);
    store.set_checkpoint(&definition.id, Some(&stands)).await.unwrap();
    definition.kind = "resync".to_owned();
    assert_eq!(store.change_source(&definition).await.unwrap().checkpoint, None);
    assert_eq!(store.source(&definition.id).await.unwrap().unwrap().checkpoint, None);
}

pub async fn a_source_that_was_harvested_stays(store: Shared, _: ManualClock) {
    add(&*store, "new").await;
    store.remove_source(&"new".into()).await.unwrap();
    assert_eq!(store.source(&"new".into()).await.unwrap(), None);
    assert!(is_missing(store.remove_source(&"new".into()).await));

    let ticket = running(&*store, "used").await;
    store.end_run(ticket, &Ending::Done).await.unwrap();
    let message = conflict(store.remove_source(&"used".into()).await);
    assert!(message.contains("archive"), "{message}");
    assert!(store.source(&"used".into()).await.unwrap().is_some());
}

pub async fn what_a_source_has_for_itself_no_other_gets(store: Shared, _: ManualClock) {
    let with = |id: &str, occupies: Option<&str>| {
        let mut definition = source(id);
        definition.occupies = occupies.map(str::to_owned);
        definition
    };
    let refused = |result| match result {
        Err(StoreError::Taken { what: Unique::Place(place), of, by }) => (place, of, by),
        other => panic!("{other:?}"),
    };
    let taken = |of: &str, by: &str| ("index 5".to_owned(), of.into(), by.into());
    for free in [with("a", Some("index 5")), with("b", None), with("c", None)] {
        store.add_source(&free).await.unwrap();
    }
    let added = store.add_source(&with("d", Some("index 5"))).await;
    assert_eq!(refused(added), taken("d", "a"));
    assert_eq!(store.source(&"d".into()).await.unwrap(), None);
    let changed = store.change_source(&with("b", Some("index 5"))).await;
    assert_eq!(refused(changed), taken("b", "a"));
    store.change_source(&with("a", Some("index 5"))).await.unwrap();

    // Archived, it leaves its place to others, and cannot come back while one has it.
    let mut archived = with("a", Some("index 5"));
    archived.status = SourceStatus::Archived;
    store.change_source(&archived).await.unwrap();
    store.change_source(&with("b", Some("index 5"))).await.unwrap();
    let back = store.change_source(&with("a", Some("index 5"))).await;
    assert_eq!(refused(back), taken("a", "b"));
}

pub async fn of_sources_that_want_the_same_at_once_one_gets_it(store: Shared, _: ManualClock) {
    for round in 0..5 {
        let wanted = (0..6).map(|nth| {
            let mut definition = source(&format!("{round}-{nth}"));
            definition.occupies = Some(format!("index {round}"));
            let store = Shared::clone(&store);
            async move {
                // Half of them want the same id besides.
                if nth % 2 == 0 {
                    definition.id = format!("{round}").as_str().into();
                }
                store.add_source(&definition).await
            }
        });
        let outcomes = join_all(wanted).await;
        let (got, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(got.len(), 1, "{refused:?}");
        for error in refused.into_iter().map(Result::unwrap_err) {
            assert!(matches!(error, StoreError::Taken { .. }), "{error:?}");
        }
    }
}

pub async fn an_erased_source_leaves_nothing_behind(store: Shared, _: ManualClock) {
    for id in ["a", "b"] {
        let mut definition = source(id);
        definition.occupies = Some(format!("index {id}"));
        store.add_source(&definition).await.unwrap();
        let asked = RunRequest::new(id, RunKind::Collect);
        let run = store.request_run(&asked).await.unwrap().run();
        let (ticket, _) = claim(&*store).await;
        let batch = Batch::new(0, checkpoint("token"));
        store.stage(ticket, &batch, &Counters::default()).await.unwrap();
        let event = Event::new("Noted", EventLevel::Info, "so it was");
        store.record(&[event.in_run(id.into(), run)]).await.unwrap();
        let coverage = Coverage::new(None, start(), run);
        store.cover(&id.into(), &coverage).await.unwrap();
        let delivery = Delivery::new("1", None);
        store.note("t", &id.into(), vec![("x".to_owned(), delivery)]).await.unwrap();
        store.note_served(ticket, "t", &id.into(), None).await.unwrap();
        store.end_run(ticket, &Ending::Done).await.unwrap();
    }
    let (a, b) = (SourceId::from("a"), SourceId::from("b"));
    let other = store.source(&a).await.unwrap().unwrap();
    let last = store.source(&b).await.unwrap().unwrap().last_run.unwrap();
    for id in [&b, &a] {
        assert_eq!(store.source(&a).await.unwrap().as_ref(), Some(&other));
        assert!(store.staged(&a, None, 0).await.unwrap().is_some());
        let erased = store.erase_source(id, Harvested::Erase).await.unwrap();
        assert_eq!((erased.runs, erased.events, erased.records), (1, 1, 0));
        assert_eq!(store.source(id).await.unwrap(), None);
        let runs = RunQuery { source: Some(id.clone()), ..Default::default() };
        assert_eq!(store.runs(&runs).await.unwrap(), []);
        let events = EventQuery { source: Some(id.clone()), ..Default::default() };
        assert_eq!(store.events(&events).await.unwrap(), []);
        assert_eq!(store.coverage(id, None).await.unwrap(), []);
        assert!(store.staged(id, None, 0).await.unwrap().is_none());
        assert!(store.last("t", id, &["x"]).await.unwrap().is_empty());
        assert!(store.standings("t").await.unwrap().iter().all(|it| it.source != *id));
        assert!(is_missing(store.erase_source(id, Harvested::Erase).await));
    }
    // Its name and its place are free, it begins anew, and no number is given twice.
    let mut again = source("b");
    again.occupies = Some("index b".to_owned());
    let entry = store.add_source(&again).await.unwrap();
    assert_eq!((entry.checkpoint, entry.last_run), (None, None));
    assert!(ask(&*store, "b").await > last);
}

pub async fn a_source_that_is_being_harvested_is_not_erased(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    for harvested in [Harvested::Keep, Harvested::Erase] {
        let message = conflict(store.erase_source(&"a".into(), harvested).await);
        assert!(message.contains(&format!("run {}", ticket.run)), "{message}");
    }
    assert!(store.source(&"a".into()).await.unwrap().is_some());
    store.end_run(ticket, &Ending::Done).await.unwrap();
    store.erase_source(&"a".into(), Harvested::Keep).await.unwrap();
    assert_eq!(store.source(&"a".into()).await.unwrap(), None);
}

pub async fn sources_are_found_by_text_status_kind_and_owner_page_by_page(
    store: Shared,
    _: ManualClock,
) {
    for (id, title, kind, owner, status) in [
        ("c", "Čeština", "oai-pmh", None, SourceStatus::Active),
        ("a", "100%_Archive", "oai-pmh", Some("eva"), SourceStatus::Active),
        ("B", "Papers", "resync", Some("eva"), SourceStatus::Paused),
        ("d", "Old papers", "resync", None, SourceStatus::Archived),
    ] {
        let mut definition = source(id);
        definition.title = title.to_owned();
        definition.kind = kind.to_owned();
        definition.owner = owner.map(str::to_owned);
        definition.status = status;
        store.add_source(&definition).await.unwrap();
    }
    let found = async |query: SourceQuery| {
        let found = store.sources(&query).await.unwrap();
        assert_eq!(store.count_sources(&query).await.unwrap(), found.len() as u64);
        found.iter().map(|it| it.definition.id.to_string()).collect::<String>()
    };
    let text = |text: &str| SourceQuery { text: Some(text.to_owned()), ..Default::default() };
    assert_eq!(found(SourceQuery::default()).await, "Bac");
    assert_eq!(found(text("ČEŠ")).await, "c");
    assert_eq!(found(text("0%_a")).await, "a");
    assert_eq!(found(text("%")).await, "a");
    assert_eq!(found(text("\\")).await, "");
    assert_eq!(found(text("PAPERS")).await, "B");
    assert_eq!(found(text("c.example/OAI")).await, "c");
    let status = Some(SourceStatus::Archived);
    assert_eq!(found(SourceQuery { status, ..Default::default() }).await, "d");
    let kind = Some("oai-pmh".to_owned());
    assert_eq!(found(SourceQuery { kind, ..Default::default() }).await, "ac");
    let owner = Some("eva".to_owned());
    assert_eq!(found(SourceQuery { owner, ..text("rch") }).await, "a");

    let mut page: Page<SourceId> = Page::first(2);
    let first = store.sources(&SourceQuery { page: page.clone(), ..Default::default() }).await;
    assert_eq!(first.unwrap().len(), 2);
    page = page.after("a".into());
    let query = SourceQuery { page, ..Default::default() };
    let rest = store.sources(&query).await.unwrap();
    assert_eq!(rest.iter().map(|it| it.definition.id.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(store.count_sources(&query).await.unwrap(), 3, "whatever the page");
}

pub async fn the_checkpoint_is_set_while_no_run_is_open(store: Shared, _: ManualClock) {
    let id = SourceId::from("a");
    assert!(is_missing(store.set_checkpoint(&id, None).await));
    add(&*store, "a").await;
    let stands = checkpoint("token");
    store.set_checkpoint(&id, Some(&stands)).await.unwrap();
    assert_eq!(store.source(&id).await.unwrap().unwrap().checkpoint, Some(stands));
    let run = ask(&*store, "a").await;
    let message = conflict(store.set_checkpoint(&id, None).await);
    assert!(message.contains(&run.to_string()), "{message}");
    let (ticket, _) = claim(&*store).await;
    store.end_run(ticket, &Ending::Done).await.unwrap();
    store.set_checkpoint(&id, None).await.unwrap();
    assert_eq!(store.source(&id).await.unwrap().unwrap().checkpoint, None);
}

/// Every two days.
pub(super) fn every_two_days() -> Schedule {
    Schedule::new(Rhythm::every(2, Unit::Days).unwrap())
}
