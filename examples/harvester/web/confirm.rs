//! Asking whether somebody means it.

use maud::html;

use super::layout::{self, csrf};
use super::section::Section;
use super::visitor::Visitor;

/// A question before something is done that is not easily undone.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// What is asked.
    pub(super) title: &'a str,
    /// What it means.
    pub(super) what: &'a str,
    /// Where the answer is sent.
    pub(super) action: &'a str,
    /// What the button says.
    pub(super) label: &'a str,
    /// Where to go instead.
    pub(super) back: &'a str,
    pub(super) section: Section,
}

impl Question<'_> {
    /// The page that asks.
    pub(super) fn page(&self, visitor: &Visitor) -> layout::Page {
        let body = html! {
            p.lead { (self.what) }
            form method="post" action=(self.action) {
                (csrf(visitor))
                div.buttons {
                    button.danger { (self.label) }
                    a.button href=(self.back) { (visitor.words.text("form.cancel")) }
                }
            }
        };
        layout::page(visitor, self.title, Some(self.section), &body)
    }
}
