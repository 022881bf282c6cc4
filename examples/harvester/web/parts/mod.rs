//! What pages are put together from. Each part is a function that makes a piece of HTML; texts are
//! escaped where they are put in.

mod badge;
mod chart;
pub(crate) mod form;
mod live;
mod pager;
mod table;
mod time;
mod tree;

use maud::{Markup, html};

pub(crate) use self::badge::{Tone, badge, event_level, run_state, source_status};
pub(crate) use self::chart::{Bar, Share, bars, shares, timeline};
pub(crate) use self::live::{Addresses, Live};
pub(crate) use self::pager::Pager;
pub(crate) use self::table::Table;
pub(crate) use self::time::{duration, exact, moment, moment_or};
pub(crate) use self::tree::tree;

use super::layout::csrf;
use super::visitor::Visitor;
use crate::words::Words;

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

/// How much of something is done, as far as that is known, and in words.
pub(crate) fn progress(label: &str, share: Option<f64>, said: &str) -> Markup {
    let value = share.map(|share| format!("{share:.4}"));
    html! {
        div.progress {
            progress aria-label=(label) max="1" value=[value] {}
            span { (said) }
        }
    }
}

/// A number in a table, where those that are zero step back.
pub(crate) fn count(words: Words, count: u64) -> Markup {
    html! { span.zero[count == 0] { (words.number(count)) } }
}

/// Names and what they stand for.
pub(crate) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, fact) in facts { div { dt { (name) } dd { (fact) } } } }
    }
}
