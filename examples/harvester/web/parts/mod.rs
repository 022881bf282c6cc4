//! What pages are put together from. Each part is a function that makes a piece of HTML; texts are
//! escaped where they are put in.

mod badge;
mod chart;
pub(crate) mod form;
mod pager;
mod table;
mod time;

use maud::{Markup, html};

pub(crate) use self::badge::{Tone, badge, run_state, source_status};
pub(crate) use self::chart::{Bar, bars, timeline};
pub(crate) use self::pager::Pager;
pub(crate) use self::table::Table;
pub(crate) use self::time::{duration, moment, moment_or};

use super::layout::csrf;
use super::visitor::Visitor;

/// A button that changes something, as a form of its own: what it sends, and where to.
pub(crate) fn action(visitor: &Visitor, address: &str, sends: (&str, &str), label: &str) -> Markup {
    html! {
        form.inline method="post" action=(address) {
            (csrf(visitor))
            button name=(sends.0) value=(sends.1) { (label) }
        }
    }
}

/// Part of a page with a heading of its own.
pub(crate) fn card(title: &str, body: &Markup) -> Markup {
    html! { section.card { h2 { (title) } (body) } }
}

/// What there is instead of a list that is empty, and what to do about it.
pub(crate) fn nothing(what: &str, next: &Markup) -> Markup {
    html! { div.nothing { p { (what) } (next) } }
}

/// Names and what they stand for.
pub(crate) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, fact) in facts { div { dt { (name) } dd { (fact) } } } }
    }
}
