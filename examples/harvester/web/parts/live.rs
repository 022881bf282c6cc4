//! A part of a page that follows what happens.
//!
//! The server pushes it over a stream of events. Until the first of them comes, the browser asks every
//! three seconds, so that a proxy that holds streams back only makes it slower. Without script there is
//! a link.

use maud::{Markup, html};

use crate::words::Words;

/// The part, and whether it will change.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) markup: Markup,
    pub(crate) goes_on: bool,
}

/// The addresses of a part: of the page that it is in, which answers with the part alone where htmx
/// asks, and of its stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses<'a> {
    pub(crate) page: &'a str,
    pub(crate) stream: &'a str,
}

impl Live {
    /// The part inside its page.
    pub(crate) fn show(&self, words: Words, addresses: Addresses<'_>) -> Markup {
        html! {
            @if self.goes_on {
                div sse-connect=(addresses.stream) sse-close="over" {
                    div #live sse-swap="now" aria-live="polite" {
                        (self.asking(addresses.page))
                    }
                }
                noscript {
                    p { a.button href=(addresses.page) { (words.text("list.refresh")) } }
                }
            } @else { div #live { (self.markup) } }
        }
    }

    /// The part alone, for a browser that asked for it.
    pub(crate) fn asking(&self, page: &str) -> Markup {
        html! {
            @if self.goes_on {
                div hx-get=(page) hx-trigger="every 3s" hx-target="#live" {}
            }
            (self.markup)
        }
    }
}
