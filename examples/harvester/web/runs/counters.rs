//! What became of the records of a run: as numbers, as a bar, as a sentence.

use harvest_pipeline::Counters;
use harvest_pipeline::store::RunEntry;
use maud::{Markup, html};

use crate::web::parts::{Share, facts, progress, shares};
use crate::words::Words;

/// The counters, each with its part of a key and of a class.
pub(super) fn named(counters: &Counters) -> [(&'static str, u64); 7] {
    [
        ("created", counters.created),
        ("updated", counters.updated),
        ("unchanged", counters.unchanged),
        ("deleted", counters.deleted),
        ("skipped-deleted", counters.skipped_deleted),
        ("filtered", counters.filtered),
        ("failed", counters.failed),
    ]
}

/// The numbers, with a bar of their shares above.
pub(super) fn show(words: Words, counters: &Counters) -> Markup {
    let named = named(counters).map(|(class, count)| {
        (words.find(&format!("run.counter.{class}")).unwrap_or(class), class, count)
    });
    let parts = named.map(|(name, class, count)| Share { class, count, name });
    let numbers = named.map(|(name, class, count)| {
        let number = html! { span class={ "key share-" (class) } {} (words.number(count)) };
        (name, number)
    });
    html! {
        (shares(words.text("run.counters"), &parts))
        div.numbers { (facts(&numbers)) }
    }
}

/// How much of a run is done: a bar, and a sentence.
pub(in crate::web) fn processed(words: Words, run: &RunEntry) -> Markup {
    let done = words.number(run.counters.total());
    let said = match run.total_hint {
        Some(total) => words.fill(
            "run.processed-of",
            &[("done", &done), ("total", &words.number(total.max(run.counters.total())))],
        ),
        None => words.fill("run.processed", &[("done", &done)]),
    };
    let share = if run.state.is_success() { Some(1.0) } else { run.progress() };
    let share = share.or_else(|| (!run.state.is_open() || run.started.is_none()).then_some(0.0));
    progress(words.text("run.progress"), share, &said)
}
