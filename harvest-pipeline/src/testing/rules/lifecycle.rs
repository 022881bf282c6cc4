//! What happens to a run from its claim to its end.

use super::{DAY, HOUR, MINUTE, Shared, add, ask, claim, entry, is_missing, is_stale, running};
use crate::run::{Counters, RunEvent, RunId, RunState, Ticket};
use crate::store::{
    Ending, Failure, Held, ManualClock, Requested, RunKind, RunRequest, Store, StoreError, Wanted,
};

/// What can be done to a run from outside.
#[derive(Clone, Copy, Debug)]
enum Step {
    Cancel,
    Pause,
    Resume,
    Approve,
    Reject,
}

impl Step {
    const ALL: [Self; 5] = [Self::Cancel, Self::Pause, Self::Resume, Self::Approve, Self::Reject];

    fn event(self) -> RunEvent {
        match self {
            Self::Cancel => RunEvent::Cancelled,
            Self::Pause => RunEvent::Paused,
            Self::Resume => RunEvent::Resumed,
            Self::Approve => RunEvent::Approved,
            Self::Reject => RunEvent::Rejected,
        }
    }

    async fn take(self, store: &dyn Store, run: RunId) -> Result<RunState, StoreError> {
        match self {
            Self::Cancel => store.cancel_run(run).await,
            Self::Pause => store.pause_run(run).await,
            Self::Resume => store.resume_run(run).await,
            Self::Reject => store.reject_run(run).await,
            Self::Approve => {
                let ticket = store.approve_run(run, "a person", MINUTE).await?;
                assert_eq!(ticket.run, run);
                Ok(entry(store, run).await.state)
            }
        }
    }
}

/// Ends its worker's part of a run so that it comes into this state; `None` for one that it comes into
/// otherwise.
fn ending(state: RunState) -> Option<Ending> {
    Some(match state {
        RunState::Succeeded | RunState::SucceededWithErrors => Ending::Done,
        RunState::Failed => Ending::Failed(Failure::new("the disk is full")),
        RunState::Cancelled => Ending::Cancelled,
        RunState::Suspended => Ending::Paused,
        RunState::AwaitingApproval => Ending::Held(Held::new(30, 40)),
        RunState::Interrupted => Ending::Interrupted(Failure::new("the database is away")),
        _ => return None,
    })
}

/// A run in this state, by the steps that lead there, and the ticket of the worker that had it last.
async fn run_in(store: &dyn Store, state: RunState) -> (RunId, Ticket) {
    let asked = store.request_run(&RunRequest::new("a", RunKind::Harvest)).await.unwrap();
    let Requested::Queued(run) = asked else { panic!("{asked:?}") };
    if state == RunState::Queued {
        return (run, Ticket::new(run, 0));
    }
    let (ticket, _) = claim(store).await;
    if state == RunState::SucceededWithErrors {
        let counters = Counters { failed: 1, ..Counters::default() };
        store.count(ticket, &counters, 0).await.unwrap();
    }
    if let Some(ending) = ending(state) {
        assert_eq!(store.end_run(ticket, &ending).await.unwrap(), state);
    }
    let run = entry(store, run).await;
    assert_eq!(run.state, state);
    assert_eq!(run.ended.is_some(), !state.is_open(), "{state}");
    assert_eq!(run.worker.is_some(), state == RunState::Running, "{state}");
    (run.id, ticket)
}

async fn close(store: &dyn Store, run: RunId) {
    match entry(store, run).await.state {
        RunState::AwaitingApproval => drop(store.reject_run(run).await.unwrap()),
        // By its first worker, or the person that agreed to its deletions.
        RunState::Running => {
            let mut closed = 0;
            for fence in [1, 2] {
                let ended = store.end_run(Ticket::new(run, fence), &Ending::Cancelled).await;
                closed += usize::from(ended.is_ok());
            }
            assert_eq!(closed, 1);
        }
        RunState::Interrupted => drop(store.sweep_runs(1).await.unwrap()),
        state if state.is_open() => drop(store.cancel_run(run).await.unwrap()),
        _ => {}
    }
}

pub async fn every_step_leads_where_the_table_says_and_every_other_is_refused(
    store: Shared,
    _: ManualClock,
) {
    add(&*store, "a").await;
    for state in RunState::ALL {
        for step in Step::ALL {
            let (run, ticket) = run_in(&*store, state).await;
            let before = entry(&*store, run).await;
            let taken = step.take(&*store, run).await;
            match state.after(step.event()) {
                // A worker that has the run is told.
                Some(_) if state == RunState::Running => {
                    assert_eq!(taken.unwrap(), RunState::Running, "{step:?}");
                    assert!(entry(&*store, run).await.wanted.is_some());
                }
                Some(after) => {
                    assert_eq!(taken.unwrap(), after, "{state}, {step:?}");
                    let now = entry(&*store, run).await;
                    assert_eq!(now.state, after);
                    assert_eq!(now.ended.is_some(), !after.is_open());
                }
                None => {
                    let error = taken.unwrap_err();
                    let StoreError::Refused { run: refused, state: in_state, .. } = error else {
                        panic!("{state}, {step:?}: {error}");
                    };
                    assert_eq!((refused, in_state), (run, state), "{step:?}");
                    assert_eq!(entry(&*store, run).await, before, "{state}, {step:?}");
                }
            }
            // Only a worker that has the run ends it.
            if state != RunState::Running {
                let ended = store.end_run(ticket, &Ending::Done).await;
                assert!(is_stale(ended), "{state}, {step:?}");
            }
            close(&*store, run).await;
        }
    }
    for step in Step::ALL {
        assert!(is_missing(step.take(&*store, RunId(1_000_000)).await), "{step:?}");
    }
}

pub async fn counters_are_sums_and_failed_records_show_in_the_state(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    let counters = Counters {
        created: 1,
        updated: 2,
        unchanged: 3,
        deleted: 4,
        skipped_deleted: 5,
        filtered: 6,
        failed: 7,
    };
    store.count(ticket, &counters, 1000).await.unwrap();
    store.count(ticket, &counters, 234).await.unwrap();
    let run = entry(&*store, ticket.run).await;
    let mut twice = counters;
    twice += counters;
    assert_eq!((run.counters, run.batches, run.bytes), (twice, 2, 1234));
    let state = store.end_run(ticket, &Ending::Done).await.unwrap();
    assert_eq!(state, RunState::SucceededWithErrors);
    assert_eq!(entry(&*store, ticket.run).await.counters, twice);
}

pub async fn runs_that_saw_everything_are_counted_backwards(store: Shared, clock: ManualClock) {
    running(&*store, "other").await;
    add(&*store, "a").await;
    let mut whole = Vec::new();
    for nth in 0..4 {
        let run = ask(&*store, "a").await;
        let (ticket, claimed) = claim(&*store).await;
        assert!(!claimed.whole);
        if nth != 1 {
            whole.insert(0, run);
            let ago = |runs| store.note_whole(ticket, runs);
            assert_eq!(ago(1).await.unwrap(), Some(run));
            assert_eq!(ago(2).await.unwrap(), whole.get(1).copied());
            assert_eq!(ago(3).await.unwrap(), whole.get(2).copied());
            assert_eq!(ago(4).await.unwrap(), None);
            assert_eq!(ago(0).await.unwrap(), None);
        }
        assert_eq!(entry(&*store, run).await.whole, nth != 1);
        store.end_run(ticket, &Ending::Done).await.unwrap();
        assert!(is_stale(store.note_whole(ticket, 1).await));
        clock.advance(DAY);
    }
}

pub async fn a_failure_is_kept(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    let mut failure = Failure::new("the server answers 503");
    failure.url = Some("https://a.example/oai".to_owned());
    failure.at_source = true;
    failure.transient = true;
    let ended = store.end_run(ticket, &Ending::Failed(failure.clone())).await.unwrap();
    assert_eq!(ended, RunState::Failed);
    assert_eq!(entry(&*store, ticket.run).await.failure, Some(failure));
}

pub async fn a_stale_ticket_changes_nothing(store: Shared, clock: ManualClock) {
    let stale = running(&*store, "a").await;
    clock.advance(2 * MINUTE);
    store.sweep_runs(3).await.unwrap();
    let queued = entry(&*store, stale.run).await;
    for claimed_again in [false, true] {
        if claimed_again {
            let (ticket, run) = store.claim_run("another", MINUTE).await.unwrap().unwrap();
            assert_eq!((ticket.run, run.attempt), (stale.run, 2));
            assert!(ticket.fence > stale.fence);
        }
        let before = entry(&*store, stale.run).await;
        assert!(is_stale(store.renew_run(stale, HOUR, Some(9)).await));
        assert!(is_stale(store.count(stale, &Counters::default(), 1).await));
        for ending in [Ending::Done, Ending::Cancelled, Ending::Paused] {
            assert!(is_stale(store.end_run(stale, &ending).await));
        }
        assert_eq!(entry(&*store, stale.run).await, before);
    }
    assert_eq!(queued.state, RunState::Queued);
    let unknown = Ticket::new(RunId(1_000_000), 1);
    assert!(is_stale(store.renew_run(unknown, HOUR, None).await));
    assert!(is_stale(store.end_run(unknown, &Ending::Done).await));
}

pub async fn a_lost_run_is_given_to_another_worker(store: Shared, clock: ManualClock) {
    let first = running(&*store, "a").await;
    let counters = Counters { created: 5, ..Counters::default() };
    store.count(first, &counters, 10).await.unwrap();
    let started = entry(&*store, first.run).await.started;
    clock.advance(MINUTE);
    assert_eq!(store.sweep_runs(3).await.unwrap(), [], "the lease ends now, it is not over");
    clock.advance(MINUTE);
    let swept = store.sweep_runs(3).await.unwrap();
    assert_eq!(swept, [(first.run, RunState::Queued)]);
    assert_eq!(store.sweep_runs(3).await.unwrap(), [], "once");
    let (_, run) = store.claim_run("another", MINUTE).await.unwrap().unwrap();
    assert_eq!((run.id, run.worker.as_deref()), (first.run, Some("another")));
    assert_eq!((run.started, run.counters), (started, counters), "it is the same run");
}

pub async fn a_run_that_is_interrupted_is_found_without_delay(store: Shared, _: ManualClock) {
    let first = running(&*store, "a").await;
    let away = Ending::Interrupted(Failure::new("the database is away"));
    assert_eq!(store.end_run(first, &away).await.unwrap(), RunState::Interrupted);
    assert_eq!(store.sweep_runs(2).await.unwrap(), [(first.run, RunState::Queued)]);
    let (second, run) = claim(&*store).await;
    assert_eq!((run.id, run.attempt), (first.run, 2));
    // Whoever wants something of it gets it.
    store.pause_run(run.id).await.unwrap();
    assert_eq!(store.end_run(second, &away).await.unwrap(), RunState::Suspended);
    store.resume_run(run.id).await.unwrap();
    let (third, _) = claim(&*store).await;
    store.end_run(third, &away).await.unwrap();
    assert_eq!(store.sweep_runs(2).await.unwrap(), [(first.run, RunState::Failed)]);
}

pub async fn a_run_is_given_up_after_so_many_workers(store: Shared, clock: ManualClock) {
    let run = running(&*store, "a").await.run;
    for attempt in 1..=3 {
        assert_eq!(entry(&*store, run).await.attempt, attempt);
        clock.advance(HOUR);
        let expected = if attempt < 3 { RunState::Queued } else { RunState::Failed };
        assert_eq!(store.sweep_runs(3).await.unwrap(), [(run, expected)]);
        if attempt < 3 {
            claim(&*store).await;
        }
    }
    let failed = entry(&*store, run).await;
    assert_eq!(failed.ended, Some(clock.now()));
    let failure = failed.failure.unwrap();
    assert!(failure.message.contains("3 workers"), "{}", failure.message);
    assert!(!failure.at_source);
}

pub async fn a_run_that_is_heard_of_is_not_lost(store: Shared, clock: ManualClock) {
    let ticket = running(&*store, "a").await;
    for hint in [Some(500), None, None] {
        clock.advance(MINUTE - std::time::Duration::from_secs(1));
        assert_eq!(store.renew_run(ticket, MINUTE, hint).await.unwrap(), None);
        assert_eq!(store.sweep_runs(3).await.unwrap(), []);
    }
    let run = entry(&*store, ticket.run).await;
    assert_eq!((run.leased_until, run.total_hint), (Some(clock.now() + MINUTE), Some(500)));
    // Nobody took it yet, though it could have been: it is still this worker's.
    clock.advance(HOUR);
    store.renew_run(ticket, MINUTE, None).await.unwrap();
    assert_eq!(store.sweep_runs(3).await.unwrap(), []);
}

pub async fn putting_a_run_down_in_order_is_no_lost_attempt(store: Shared, clock: ManualClock) {
    let mut ticket = running(&*store, "a").await;
    for _ in 0..3 {
        assert_eq!(store.end_run(ticket, &Ending::Paused).await.unwrap(), RunState::Suspended);
        assert_eq!(store.resume_run(ticket.run).await.unwrap(), RunState::Queued);
        ticket = claim(&*store).await.0;
        let later = Ending::Later(clock.now());
        assert_eq!(store.end_run(ticket, &later).await.unwrap(), RunState::Queued);
        ticket = claim(&*store).await.0;
    }
    clock.advance(HOUR);
    assert_eq!(store.sweep_runs(2).await.unwrap(), [(ticket.run, RunState::Queued)]);
}

pub async fn a_worker_is_told_what_is_wanted(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    assert_eq!(store.renew_run(ticket, MINUTE, None).await.unwrap(), None);
    store.pause_run(ticket.run).await.unwrap();
    assert_eq!(store.renew_run(ticket, MINUTE, None).await.unwrap(), Some(Wanted::Pause));
    assert_eq!(store.end_run(ticket, &Ending::Paused).await.unwrap(), RunState::Suspended);
    assert_eq!(entry(&*store, ticket.run).await.wanted, None);

    store.resume_run(ticket.run).await.unwrap();
    let (ticket, _) = claim(&*store).await;
    assert_eq!(store.renew_run(ticket, MINUTE, None).await.unwrap(), None);
    store.pause_run(ticket.run).await.unwrap();
    store.cancel_run(ticket.run).await.unwrap();
    store.pause_run(ticket.run).await.unwrap();
    assert_eq!(store.renew_run(ticket, MINUTE, None).await.unwrap(), Some(Wanted::Cancel));
    // One that was done meanwhile is done.
    assert_eq!(store.end_run(ticket, &Ending::Done).await.unwrap(), RunState::Succeeded);
    assert_eq!(entry(&*store, ticket.run).await.wanted, None);
}

pub async fn a_lost_worker_takes_its_orders_with_it(store: Shared, clock: ManualClock) {
    let cancelled = running(&*store, "a").await.run;
    let paused = running(&*store, "b").await.run;
    store.cancel_run(cancelled).await.unwrap();
    store.pause_run(paused).await.unwrap();
    clock.advance(HOUR);
    let mut swept = store.sweep_runs(1).await.unwrap();
    swept.sort();
    assert_eq!(swept, [(cancelled, RunState::Cancelled), (paused, RunState::Suspended)]);
    assert_eq!(entry(&*store, cancelled).await.ended, Some(clock.now()));
    assert_eq!(entry(&*store, paused).await.wanted, None);
}

pub async fn a_run_that_is_to_be_cancelled_is_not_put_down(store: Shared, clock: ManualClock) {
    for (id, ending) in [
        ("a", Ending::Paused),
        ("b", Ending::Held(Held::new(5, 5))),
        ("c", Ending::Later(clock.now() + DAY)),
    ] {
        let ticket = running(&*store, id).await;
        store.cancel_run(ticket.run).await.unwrap();
        let state = store.end_run(ticket, &ending).await.unwrap();
        assert_eq!(state, RunState::Cancelled, "{ending:?}");
    }
    let ticket = running(&*store, "d").await;
    store.pause_run(ticket.run).await.unwrap();
    let later = Ending::Later(clock.now() + DAY);
    assert_eq!(store.end_run(ticket, &later).await.unwrap(), RunState::Suspended);
}

pub async fn a_run_that_goes_on_later_is_queued_until_then(store: Shared, clock: ManualClock) {
    let ticket = running(&*store, "a").await;
    let later = clock.now() + DAY;
    assert_eq!(store.end_run(ticket, &Ending::Later(later)).await.unwrap(), RunState::Queued);
    let run = entry(&*store, ticket.run).await;
    assert_eq!((run.request.not_before, run.worker), (Some(later), None));
    clock.advance(DAY - MINUTE);
    assert_eq!(store.claim_run("worker", MINUTE).await.unwrap(), None);
    assert_eq!(store.sweep_runs(1).await.unwrap(), []);
    clock.advance(MINUTE);
    assert_eq!(claim(&*store).await.0.run, ticket.run);
}

pub async fn deletions_wait_for_a_person(store: Shared, clock: ManualClock) {
    for (id, approves) in [("a", true), ("b", false)] {
        let worker = running(&*store, id).await;
        let held = Held::new(30, 40);
        let state = store.end_run(worker, &Ending::Held(held)).await.unwrap();
        assert_eq!(state, RunState::AwaitingApproval);
        let run = entry(&*store, worker.run).await;
        assert_eq!((run.held, run.ended, run.worker), (Some(held), None, None));
        // It waits for as long as it takes.
        clock.advance(100 * DAY);
        assert_eq!(store.sweep_runs(1).await.unwrap(), []);
        if approves {
            let ticket = store.approve_run(worker.run, "Eva", MINUTE).await.unwrap();
            let run = entry(&*store, worker.run).await;
            assert_eq!((run.state, run.worker.as_deref()), (RunState::Running, Some("Eva")));
            assert_eq!(run.leased_until, Some(clock.now() + MINUTE));
            assert_eq!(run.held.unwrap().approved, Some(true));
            assert!(is_stale(store.end_run(worker, &Ending::Done).await));
            assert_eq!(store.end_run(ticket, &Ending::Done).await.unwrap(), RunState::Succeeded);
        } else {
            let state = store.reject_run(worker.run).await.unwrap();
            assert_eq!(state, RunState::SucceededWithErrors);
            let run = entry(&*store, worker.run).await;
            assert_eq!(run.held.unwrap().approved, Some(false));
            assert_eq!(run.ended, Some(clock.now()));
        }
    }
    ask(&*store, "a").await;
}
