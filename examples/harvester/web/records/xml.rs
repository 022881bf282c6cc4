//! XML laid out in lines, for people to read and to compare.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The document with each element on a line of its own; as it is if it cannot be read.
pub(in crate::web) fn pretty(xml: &str) -> String {
    laid_out(xml).unwrap_or_else(|| xml.to_owned())
}

/// What stands before, and so whether a new line may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Start,
    Text,
    End,
}

fn laid_out(xml: &str) -> Option<String> {
    let mut reader = Reader::from_str(xml);
    let mut out = String::with_capacity(xml.len() * 2);
    let (mut depth, mut before, mut text) = (0_usize, Before::Nothing, 0);
    loop {
        let from = usize::try_from(reader.buffer_position()).ok()?;
        let event = reader.read_event().ok()?;
        let until = usize::try_from(reader.buffer_position()).ok()?;
        if matches!(event, Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)) {
            continue;
        }
        // Space between elements goes; in a text it may mean something.
        let between = xml.get(text..from)?;
        if !between.trim().is_empty() {
            out.push_str(between);
            before = Before::Text;
        }
        text = until;
        if matches!(event, Event::End(_)) {
            depth = depth.saturating_sub(1);
        }
        let goes_on = match event {
            Event::Eof => return (depth == 0).then_some(out),
            Event::End(_) => before != Before::End,
            _ => before == Before::Text || before == Before::Nothing,
        };
        if !goes_on {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push_str(xml.get(from..until)?);
        before = if matches!(event, Event::Start(_)) { Before::Start } else { Before::End };
        depth += usize::from(before == Before::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_has_a_line() {
        let xml = "<a x=\"1\"><b>text</b><c><d/></c></a>";
        assert_eq!(pretty(xml), "<a x=\"1\">\n  <b>text</b>\n  <c>\n    <d/>\n  </c>\n</a>");
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for broken in ["<a><b></a>", "<a", "no xml", ""] {
            assert_eq!(pretty(broken), broken);
        }
    }

    #[test]
    fn references_stay_in_the_text() {
        for xml in ["<a>Smith &amp; Sons &#x41; &lt;x&gt;</a>", "<a>of <i>mixed</i> content</a>"] {
            assert_eq!(pretty(xml), xml);
        }
    }
}
