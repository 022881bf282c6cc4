//! What every catalogue must do, whatever database it is in.
//!
//! ```text
//! mod catalogue_contract;
//! use catalogue_contract::catalogue_contract;
//!
//! // A new, empty catalogue and what must live as long as it; `None` where there is no database.
//! async fn maker() -> Option<(MyCatalogue, TempDir)> { … }
//! catalogue_contract!(maker);
//! ```
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

mod absent;
mod arrivals;
mod changes;
mod histories;
mod lists;
mod search;
mod versions;
mod writing;

use std::num::NonZeroUsize;

use futures_util::TryStreamExt;
use harvest_pipeline::parsers::ByFormat;
use harvest_pipeline::{
    Catalogue, Item, Payload, Pipeline, Query, RecordError, Resume, Run, RunId, Sink, StoredRecord,
    Summary, sources,
};

pub(crate) use self::absent::*;
pub(crate) use self::arrivals::*;
pub(crate) use self::changes::*;
pub(crate) use self::histories::*;
pub(crate) use self::lists::*;
pub(crate) use self::search::*;
pub(crate) use self::versions::*;
pub(crate) use self::writing::*;

/// A test of each part of the contract, over the catalogues that `maker` makes.
macro_rules! catalogue_contract {
    ($maker:path) => {
        catalogue_contract!($maker:
            records_pass_through_their_states
            a_deletion_of_something_never_seen_leaves_a_tombstone
            the_last_of_several_versions_in_one_batch_is_kept
            everything_about_a_record_is_kept
            records_that_fail_are_kept_until_they_come_through
            a_version_that_cannot_be_parsed_leaves_the_one_before
            what_filters_decide_is_kept_to
            similar_records_are_read_as_they_came
            a_second_run_of_the_same_source_is_refused_while_the_first_goes_on
            a_run_goes_on_where_the_one_before_was_stopped
            a_list_has_pages_by_source_and_identifier
            a_list_can_be_of_tombstones_or_of_live_records
            a_list_can_be_of_what_a_run_changed
            sources_are_summed_up_as_what_they_hold
            errors_are_forgotten_when_they_are_dismissed
            failures_have_pages_of_sources_and_of_records
            what_changed_is_listed_page_by_page_in_the_order_of_its_coming
            what_changes_back_or_is_put_back_has_changed
            formats_and_sets_are_known_of_tombstones_too
            what_is_touched_has_changed
            what_no_run_has_seen_since_is_absent
            what_is_absent_is_deleted_as_what_the_run_did
            nobody_deletes_without_a_run
            the_next_run_begins_where_the_source_was_rewound_to
            versions_are_numbered_and_kept_with_the_run_that_brought_them
            a_run_that_changes_nothing_makes_no_versions
            what_arrived_is_listed_in_the_order_in_which_it_was_stored
            undoing_a_run_puts_back_what_was_before
            what_a_later_run_changed_stays_when_an_earlier_one_is_undone
            a_run_that_is_undone_twice_is_undone_once
            a_run_of_another_source_is_not_there_to_be_undone
            runs_are_undone_whatever_happened
            every_word_must_be_found_and_the_last_may_be_a_beginning
            identifiers_and_sets_are_found
            what_changed_is_found_as_it_is_now
            no_search_is_a_syntax_error
            what_is_found_has_pages
            japanese_is_found_without_spaces
        );
    };
    ($maker:path: $($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            let Some((catalogue, _kept)) = $maker().await else { return };
            catalogue_contract::$name(&catalogue).await;
        })*
    };
}
pub(crate) use catalogue_contract;

/// A record of source `s`.
fn dc(id: &str, title: &str) -> Item {
    let body = format!(
        "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{title}</dc:title></oai_dc:dc>"
    );
    Item::put(id, Payload::new("oai_dc", body)).with_datestamp("2024-01-31")
}

async fn harvest(catalogue: &dyn Catalogue, source: &str, items: Vec<Item>) -> Summary {
    harvest_all(catalogue, source, items.into_iter().map(Ok).collect()).await
}

/// Harvests this list from its beginning, in batches of 7.
async fn harvest_all(
    catalogue: &dyn Catalogue,
    source: &str,
    items: Vec<Result<Item, RecordError>>,
) -> Summary {
    let source = sources::items(source, items).with_batch_size(NonZeroUsize::new(7).unwrap());
    let pipeline = Pipeline::new(source).parse(ByFormat::new()).resume(Resume::Afresh);
    pipeline.run(catalogue).await.unwrap()
}

/// The last run of a source.
async fn last_run(catalogue: &dyn Catalogue, source: &str) -> RunId {
    RunId(catalogue.summary(&source.into()).await.unwrap().unwrap().last_run.unwrap().id)
}

async fn all(catalogue: &dyn Catalogue, source: &str) -> Vec<StoredRecord> {
    catalogue.records(Query::all().of(source)).try_collect().await.unwrap()
}

/// What there is of a source, in short: `a:title b-`.
async fn state(catalogue: &dyn Catalogue, source: &str) -> String {
    let records = all(catalogue, source).await;
    records.iter().map(short).collect::<Vec<_>>().join(" ")
}

fn short(record: &StoredRecord) -> String {
    assert_eq!(record.deleted, record.metadata.is_none(), "{record:?}");
    assert_eq!(record.deleted, record.fields.is_none(), "{record:?}");
    let title = record.metadata.as_deref().map(|metadata| {
        let title = metadata.split("<dc:title>").nth(1).unwrap();
        title.split('<').next().unwrap()
    });
    match title {
        Some(title) => format!("{}:{title}", record.identifier),
        None => format!("{}-", record.identifier),
    }
}

/// A run that nobody asked a store for, while it goes on.
async fn begin(catalogue: &dyn Catalogue, source: &str) -> (Run, harvest_pipeline::Hold) {
    let run = Run::new(source.into());
    let hold = Sink::begin(catalogue, &run).await.unwrap();
    (run, hold)
}
