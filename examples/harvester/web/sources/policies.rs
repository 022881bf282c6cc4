//! The part of a source's form that says what is done where opinions differ.

use std::num::NonZeroU32;

use harvest_pipeline::store::{EmptyWindow, Policies};
use maud::{Markup, html};

use super::schedule::whole;
use super::typed::Typed;
use crate::web::parts::form::{Errors, Field};
use crate::words::Words;

const EMPTY_WINDOWS: [(EmptyWindow, &str); 3] = [
    (EmptyWindow::Advance, "advance"),
    (EmptyWindow::Hold, "hold"),
    (EmptyWindow::Backfill, "backfill"),
];

/// Policies, as if they had been typed.
pub(super) fn fill(policies: &Policies, typed: &mut Typed) {
    let window = EMPTY_WINDOWS.iter().find(|(window, _)| *window == policies.empty_window);
    typed.put("empty_window", window.map_or("advance", |(_, name)| name));
    typed.tick("ignore_reported", policies.deletions.ignore_reported);
    if let Some(lists) = policies.deletions.absent_after {
        typed.put("absent_after", lists.to_string());
    }
    typed.put("guard_records", policies.guard.records.to_string());
    typed.put("guard_share", (policies.guard.share * 100.0).round().to_string());
    typed.tick("refilter_known", policies.refilter_known);
    if let Some(most) = policies.most_failures {
        typed.put("most_failures", most.to_string());
    }
}

/// The fields.
pub(super) fn show(words: Words, typed: &Typed, errors: &Errors) -> Markup {
    let label = |name: &str| words.text(&format!("source.{name}")).to_owned();
    let named =
        |name: &str| (name.to_owned(), words.text(&format!("empty-window.{name}")).to_owned());
    let tick = |name, key| Field::tick(name, &label(key)).value(typed.get(name));
    let number =
        |name, key, most| Field::number(name, &label(key), Some(0), most).value(typed.get(name));
    let windows = EMPTY_WINDOWS.map(|(_, name)| named(name)).into();
    let fields = [
        Field::choice("empty_window", &label("empty-window"), windows)
            .value(typed.get("empty_window")),
        number("absent_after", "absent-after", None).hint(label("absent-after-hint")),
        number("guard_records", "guard-records", None),
        number("guard_share", "guard-share", Some(100)),
        number("most_failures", "most-failures", None),
        tick("ignore_reported", "ignore-reported"),
        tick("refilter_known", "refilter-known"),
    ];
    html! { div.row { @for field in &fields { (field.show(words, errors)) } } }
}

/// The policies that were typed.
pub(super) fn read(words: Words, typed: &Typed, errors: &mut Errors) -> Policies {
    let mut policies = Policies::default();
    let window = EMPTY_WINDOWS.iter().find(|(_, name)| *name == typed.get("empty_window"));
    policies.empty_window = window.map_or(EmptyWindow::default(), |(window, _)| *window);
    policies.deletions.ignore_reported = typed.is_ticked("ignore_reported");
    policies.refilter_known = typed.is_ticked("refilter_known");
    let mut number = |name, label| whole(words, typed, name, label, errors);
    let lists = number("absent_after", "source.absent-after");
    policies.deletions.absent_after =
        lists.and_then(|lists| NonZeroU32::new(lists.try_into().unwrap_or(u32::MAX)));
    policies.most_failures = number("most_failures", "source.most-failures");
    if let Some(records) = number("guard_records", "source.guard-records") {
        policies.guard.records = records;
    }
    match number("guard_share", "source.guard-share") {
        Some(share @ 0..=100) => policies.guard.share = share as f64 / 100.0,
        Some(_) => {
            let label = words.text("source.guard-share");
            let field = ("field", &label as &dyn std::fmt::Display);
            let message = words.fill("form.range", &[field, ("least", &0), ("most", &100)]);
            errors.add("guard_share", message);
        }
        None => {}
    }
    policies
}
