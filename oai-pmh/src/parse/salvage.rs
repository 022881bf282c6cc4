//! Where a broken record ends, so that those behind it can be read.

use memchr::memmem;
use resync_core::xml::text_of;

use crate::RecordError;

/// How much of a broken record is kept.
const KEPT: usize = 64 << 10;

/// The offset behind the item that begins at `start`, whose XML cannot be trusted.
///
/// An end tag of that name may be one of the metadata's own (MARCXML has `record` too), so it only
/// counts where the list goes on, or ends, behind it. Where the end tag is missing, the item ends
/// where the next one begins.
pub(super) fn end_of_item(text: &str, start: usize, name: &str, list: &str) -> Option<usize> {
    let prefix = name.rsplit_once(':').map_or("", |(prefix, _)| prefix);
    let token = match prefix {
        "" => "resumptionToken".to_owned(),
        prefix => format!("{prefix}:resumptionToken"),
    };
    let goes_on = |at: usize| {
        let rest = text[at..].trim_ascii_start();
        begins_tag(rest, "<", &token)
            || begins_tag(rest, "</", list)
            || (begins_tag(rest, "<", name) && begins_item(rest, name, prefix))
    };
    let closing = format!("</{name}");
    let ends = memmem::find_iter(&text.as_bytes()[start..], closing.as_bytes()).filter_map(|at| {
        let at = start + at + closing.len();
        let close = text[at..].find('>')?;
        let end = at + close + 1;
        (text[at..end - 1].trim_ascii().is_empty() && goes_on(end)).then_some(end)
    });
    let opening = format!("<{name}");
    let next = memmem::find_iter(&text.as_bytes()[start + 1..], opening.as_bytes())
        .map(|at| start + 1 + at)
        .find(|at| begins_item(&text[*at..], name, prefix));
    ends.chain(next).min()
}

fn begins_tag(rest: &str, opening: &str, name: &str) -> bool {
    rest.strip_prefix(opening)
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace() || "/>".contains(c)))
}

/// Whether an item of the list begins here: a tag of its name with a header inside, or, where the
/// items are headers or sets, their first child.
fn begins_item(rest: &str, name: &str, prefix: &str) -> bool {
    if !begins_tag(rest, "<", name) {
        return false;
    }
    let Some(close) = rest.find('>') else { return false };
    let inside = rest[close + 1..].trim_ascii_start();
    ["header", "identifier", "setSpec"].iter().any(|child| match prefix {
        "" => begins_tag(inside, "<", child),
        prefix => begins_tag(inside, "<", &format!("{prefix}:{child}")),
    })
}

/// The record that could not be read, named where its identifier can be made out.
pub(super) fn broken(raw: &str, at: u64, message: String) -> RecordError {
    let mut kept = raw.len().min(KEPT);
    while !raw.is_char_boundary(kept) {
        kept -= 1;
    }
    RecordError { identifier: identifier(raw), message, at, raw: raw[..kept].to_owned() }
}

/// The text of the first `identifier` element, read without trusting the rest.
fn identifier(raw: &str) -> Option<String> {
    let at = raw.find("identifier>")?;
    let rest = &raw[at + "identifier>".len()..];
    let value = rest[..rest.find('<')?].trim_ascii();
    let value = text_of(value);
    (!value.is_empty() && value.len() < 4096).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_tag_inside_the_metadata_does_not_end_the_record() {
        let text = "<record><header/><metadata><record></record></metadata></record> \
                    <record><header><identifier>2</identifier></header></record></ListRecords>";
        let end = end_of_item(text, 0, "record", "ListRecords").unwrap();
        assert!(text[end..].trim_start().starts_with("<record><header><identifier>2"));
        let last = end_of_item(text, end + 1, "record", "ListRecords").unwrap();
        assert_eq!(&text[last..], "</ListRecords>");
    }

    #[test]
    fn a_record_without_an_end_ends_where_the_next_begins() {
        let text = "<o:record><o:header>x<o:record>\n<o:header/></o:record></o:ListRecords>";
        let end = end_of_item(text, 0, "o:record", "o:ListRecords").unwrap();
        assert_eq!(&text[end..end + 12], "<o:record>\n<");
    }

    #[test]
    fn a_record_that_is_cut_off_has_no_end() {
        assert_eq!(end_of_item("<record><header>", 0, "record", "ListRecords"), None);
    }

    #[test]
    fn a_broken_record_is_named() {
        let raw = "<record><header><identifier> a&amp;b </identifier><x";
        assert_eq!(broken(raw, 7, String::new()).identifier.unwrap(), "a&b");
        assert_eq!(broken("<record><hea", 7, String::new()).identifier, None);
    }
}
