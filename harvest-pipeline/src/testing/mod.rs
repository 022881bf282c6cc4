//! What every [`Store`] must do, as tests for those who write their own.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use harvest_pipeline::store::{ManualClock, MemoryStore};
//! use harvest_pipeline::testing::Subject;
//!
//! async fn in_memory(clock: ManualClock) -> Option<Subject> {
//!     Some(Subject::new(Arc::new(MemoryStore::with_clock(clock))))
//! }
//!
//! harvest_pipeline::store_contract!(in_memory);
//! ```
//!
//! Each rule becomes a test of its own, on a store of its own, that is named by what it checks.

pub mod rules;

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::store::{ManualClock, Store};

/// The store that a rule is tried on.
pub struct Subject {
    store: Arc<dyn Store>,
    afterwards: Option<BoxFuture<'static, ()>>,
}

impl Subject {
    /// An empty store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, afterwards: None }
    }

    /// What is to be done when the rule was tried, whether it held or not.
    #[must_use]
    pub fn afterwards(mut self, tidy_up: impl Future<Output = ()> + Send + 'static) -> Self {
        self.afterwards = Some(Box::pin(tidy_up));
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("store", &self.store).finish_non_exhaustive()
    }
}

/// When the rules begin: 2024-03-01, a Friday.
#[must_use]
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_709_251_200, 0).unwrap_or_default()
}

/// Tries a rule on a store that `make` makes, which must go by the clock it is given. If it makes
/// `None`, such as where there is no database, the rule is not tried; saying so is up to `make`.
///
/// # Panics
/// If the rule does not hold.
pub fn check<M, R>(
    make: impl FnOnce(ManualClock) -> M,
    rule: impl FnOnce(Arc<dyn Store>, ManualClock) -> R,
) where
    M: Future<Output = Option<Subject>>,
    R: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("there is no runtime: {error}"));
    runtime.block_on(async {
        let clock = ManualClock::at(start());
        let Some(Subject { store, afterwards }) = make(clock.clone()).await else { return };
        let tried = tokio::spawn(rule(store, clock)).await;
        if let Some(tidy_up) = afterwards {
            tidy_up.await;
        }
        if let Err(error) = tried {
            resume_unwind(error.into_panic());
        }
    });
}

/// Makes a test of each of the [`rules`](crate::testing::rules), on stores that this
/// `async fn(ManualClock) -> Option<Subject>` makes.
#[macro_export]
macro_rules! store_contract {
    ($make:ident) => {
        $crate::store_contract! { $make:
            sources {
                a_source_is_read_as_it_was_set_up
                a_change_does_not_undo_one_that_was_made_meanwhile
                an_id_is_taken_once
                sources_that_harvest_the_same_are_refused_unless_one_is_archived
                another_kind_or_other_options_take_the_checkpoint_away
                a_source_that_was_harvested_stays
                what_a_source_has_for_itself_no_other_gets
                of_sources_that_want_the_same_at_once_one_gets_it
                an_erased_source_leaves_nothing_behind
                a_source_that_is_being_harvested_is_not_erased
                sources_are_found_by_text_status_kind_and_owner_page_by_page
                the_checkpoint_is_set_while_no_run_is_open
            }
            schedule {
                a_source_that_is_due_gets_one_run_and_keeps_its_rhythm
                after_downtime_there_is_one_run
                two_schedulers_ask_for_each_run_once
                no_more_runs_are_asked_for_than_wanted_and_the_longest_due_come_first
                a_schedule_is_over_after_its_last_run
                only_active_sources_come_due
                what_is_only_compared_comes_due_as_an_audit
                a_source_with_an_open_run_is_passed_over_until_that_is_over
                a_changed_schedule_begins_anew
                a_run_that_could_not_take_place_leaves_its_date
                a_date_that_stood_gives_way_to_another_schedule
            }
            queue {
                a_run_is_read_as_it_was_asked_for
                a_run_keeps_the_settings_it_was_asked_for_with
                a_run_begins_where_its_source_stood_when_it_was_asked_for
                a_source_has_one_open_run
                asked_at_once_a_source_still_has_one_open_run
                what_is_not_active_is_not_harvested
                the_oldest_run_is_claimed_first_and_once
                many_workers_at_once_claim_each_run_once
                a_run_is_not_claimed_before_its_time
                runs_are_listed_newest_first_and_page_by_page
                runs_that_are_long_over_are_forgotten
                whoever_waits_hears_of_a_new_run
            }
            lifecycle {
                every_step_leads_where_the_table_says_and_every_other_is_refused
                counters_are_sums_and_failed_records_show_in_the_state
                runs_that_saw_everything_are_counted_backwards
                a_failure_is_kept
                a_stale_ticket_changes_nothing
                a_lost_run_is_given_to_another_worker
                a_run_that_is_interrupted_is_found_without_delay
                a_run_is_given_up_after_so_many_workers
                a_run_that_is_heard_of_is_not_lost
                putting_a_run_down_in_order_is_no_lost_attempt
                a_worker_is_told_what_is_wanted
                a_lost_worker_takes_its_orders_with_it
                a_run_that_is_to_be_cancelled_is_not_put_down
                a_run_that_goes_on_later_is_queued_until_then
                deletions_wait_for_a_person
            }
            staging {
                what_is_staged_comes_back_in_order_until_it_is_forgotten
                what_is_staged_is_counted_and_only_once
                another_worker_goes_on_staging_behind_the_first
                a_dry_run_stages_apart_and_begins_anew
                a_stale_ticket_stages_nothing
                what_dry_runs_fetched_expires_unless_it_is_to_be_stored
            }
            targets {
                a_target_is_read_as_it_was_set_up
                the_last_delivery_of_each_record_is_known
                what_could_not_be_given_is_owed_until_it_is
                a_target_that_cannot_be_served_is_known_until_it_can
                everything_is_offered_once_more_when_somebody_wants_that
                what_was_delivered_of_an_erased_source_is_forgotten
            }
            notes {
                coverage_is_entered_once_and_listed_by_its_end
                events_are_listed_newest_first_by_source_run_and_level
                old_and_surplus_events_are_forgotten
                a_filter_set_is_kept_until_no_source_uses_it
                turns_at_a_host_are_apart
                turns_taken_at_once_are_apart
                a_host_that_wants_to_be_left_alone_is
                time_is_that_of_the_stores_clock
            }
        }
    };
    ($make:ident: $($module:ident { $($rule:ident)+ })+) => {
        $(mod $module {
            $(#[test]
            fn $rule() {
                $crate::testing::check(super::$make, $crate::testing::rules::$module::$rule);
            })+
        })+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_rule_is_in_the_contract() {
        let contract = include_str!("mod.rs");
        let rules = [
            include_str!("rules/lifecycle.rs"),
            include_str!("rules/notes.rs"),
            include_str!("rules/queue.rs"),
            include_str!("rules/schedule.rs"),
            include_str!("rules/sources.rs"),
            include_str!("rules/staging.rs"),
            include_str!("rules/targets.rs"),
        ];
        let named = rules.iter().flat_map(|rules| rules.split("\npub async fn ").skip(1));
        for name in named.filter_map(|rule| rule.split('(').next()) {
            assert!(contract.contains(&format!("                {name}\n")), "{name}");
        }
    }
}
