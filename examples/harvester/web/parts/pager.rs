//! Going on through a list, by the key of its last row: as fast at the end as at the beginning.

use maud::{Markup, html};
use url::form_urlencoded;

use crate::words::Words;

/// The addresses of a list's pages.
#[derive(Debug)]
pub(crate) struct Pager<'a> {
    path: &'a str,
    filters: Vec<(&'a str, &'a str)>,
}

impl<'a> Pager<'a> {
    /// The list at this path.
    pub(crate) fn new(path: &'a str) -> Self {
        Self { path, filters: Vec::new() }
    }

    /// The list is one of what has this; nothing if empty.
    pub(crate) fn filter(mut self, name: &'a str, value: &'a str) -> Self {
        if !value.is_empty() {
            self.filters.push((name, value));
        }
        self
    }

    fn address(&self, after: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        let query = query.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}{separator}{query}", self.path)
    }

    /// Links to the first page, if this is not it, and to the next, if there is one.
    pub(crate) fn show(&self, words: Words, is_first: bool, next: Option<&str>) -> Markup {
        html! {
            @if !is_first || next.is_some() {
                nav.pager aria-label=(words.text("list.pages")) {
                    @if !is_first { a.button href=(self.address(None)) { (words.text("list.first")) } }
                    @if let Some(next) = next {
                        a.button href=(self.address(Some(next))) rel="next" {
                            (words.text("list.next"))
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_stays_from_page_to_page() {
        let pager = Pager::new("/sources").filter("text", "a&b").filter("status", "");
        let shown = pager.show(Words::default(), false, Some("x y")).into_string();
        assert!(shown.contains(r#"href="/sources?text=a%26b""#), "{shown}");
        assert!(shown.contains("/sources?text=a%26b&amp;after=x+y"), "{shown}");
        let only = Pager::new("/sources").show(Words::default(), true, None);
        assert_eq!(only.into_string(), "");
    }
}
