//! From a query or form to a request, or to all that is wrong with it (§3.1.1, §3.6).

use std::collections::BTreeMap;

use url::Url;

use super::xml;
use crate::{Datestamp, ErrorCode, Granularity, OaiError, Request, Selection, Verb, Window};

/// The arguments of a verb, by name; those in front are required.
struct Form {
    required: &'static [&'static str],
    optional: &'static [&'static str],
    /// Whether a resumption token may stand instead of all of them.
    is_list: bool,
}

const fn form(verb: Verb) -> Form {
    let (required, optional, is_list): (&[_], &[_], _) = match verb {
        Verb::Identify => (&[], &[], false),
        Verb::ListMetadataFormats => (&[], &["identifier"], false),
        Verb::ListSets => (&[], &[], true),
        Verb::ListIdentifiers | Verb::ListRecords => {
            (&["metadataPrefix"], &["from", "until", "set"], true)
        }
        Verb::GetRecord => (&["identifier", "metadataPrefix"], &[], false),
    };
    Form { required, optional, is_list }
}

const VERBS: [Verb; 6] = [
    Verb::Identify,
    Verb::ListMetadataFormats,
    Verb::ListSets,
    Verb::ListIdentifiers,
    Verb::ListRecords,
    Verb::GetRecord,
];

/// The pairs in a query or form. Bytes that are no UTF-8 are kept apart, as `None`.
pub(super) fn pairs(query: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    let text = |part: &[u8]| String::from_utf8(decode(part)).ok();
    let pieces = query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let mut parts = piece.splitn(2, |byte| *byte == b'=');
            let key = parts.next().unwrap_or_default();
            (text(key), text(parts.next().unwrap_or_default()))
        })
        .collect()
}

/// Undoes percent-encoding; what is no encoded byte stands for itself.
fn decode(part: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let mut decoded = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let encoded = match (byte, after) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        decoded.push(match (byte, encoded) {
            (_, Some((high, low))) => {
                rest = &after[2..];
                high << 4 | low
            }
            (b'+', _) => b' ',
            _ => *byte,
        });
    }
    decoded
}

/// Reads a request.
///
/// # Errors
/// All that is wrong with it, each a `badVerb` or `badArgument`: of such a request nothing must be
/// repeated in the answer (§3.2).
pub(super) fn read(
    pairs: Vec<(Option<String>, Option<String>)>,
    granularity: Granularity,
) -> Result<Request, Vec<OaiError>> {
    let mut verbs = Vec::new();
    let mut reading = Reading::default();
    for (key, value) in pairs {
        match key.as_deref() {
            Some("verb") => verbs.push(value),
            Some(key) => reading.take(key, value),
            None => reading.bad("the name of an argument is not UTF-8"),
        }
    }
    let verb = match verbs.as_slice() {
        [] => Err("there is no verb"),
        [verb] => VERBS
            .into_iter()
            .find(|known| verb.as_deref() == Some(known.name()))
            .ok_or("the verb is none of this protocol"),
        _ => Err("there are several verbs"),
    };
    let verb = verb.map_err(|what| {
        let names = VERBS.map(Verb::name).join(", ");
        vec![OaiError::new(ErrorCode::BadVerb, format!("{what}: ask for one of {names}"))]
    })?;
    reading.request(verb, granularity)
}

/// Arguments, and what was found to be wrong so far.
#[derive(Default)]
struct Reading {
    arguments: BTreeMap<String, String>,
    errors: Vec<OaiError>,
}

impl Reading {
    fn bad(&mut self, what: impl Into<String>) {
        self.errors.push(OaiError::new(ErrorCode::BadArgument, what));
    }

    fn take(&mut self, key: &str, value: Option<String>) {
        let name = shown(key);
        match value {
            None => self.bad(format!("the value of {name} is not UTF-8")),
            Some(value) if value.chars().any(|c| !xml::is_allowed(c)) => {
                self.bad(format!("the value of {name} has a character that XML forbids"));
            }
            Some(value) => {
                if self.arguments.insert(key.to_owned(), value).is_some() {
                    self.bad(format!("{name} is there more than once"));
                }
            }
        }
    }

    fn request(mut self, verb: Verb, granularity: Granularity) -> Result<Request, Vec<OaiError>> {
        let form = form(verb);
        let is_resumed = form.is_list && self.arguments.contains_key("resumptionToken");
        let known = |key: &str| {
            form.required.contains(&key)
                || form.optional.contains(&key)
                || form.is_list && key == "resumptionToken"
        };
        let keys: Vec<String> = self.arguments.keys().cloned().collect();
        for key in keys {
            if !known(&key) {
                self.bad(format!("{verb} has no argument {}", shown(&key)));
            } else if is_resumed && key != "resumptionToken" {
                self.bad(format!("resumptionToken stands alone, not with {key}"));
            } else if self.arguments.get(&key).is_some_and(String::is_empty) {
                self.bad(format!("{key} is empty"));
                self.arguments.remove(&key);
            }
        }
        if is_resumed {
            let token = self.argument("resumptionToken");
            return self.end(token.map(|token| Request::Resume { verb, token }));
        }
        for key in form.required {
            // An empty one was told of.
            if !self.arguments.contains_key(*key) && !self.errors_name(key) {
                self.bad(format!("{verb} needs {key}"));
            }
        }
        let request = match verb {
            Verb::Identify => Some(Request::Identify),
            Verb::ListSets => Some(Request::ListSets),
            Verb::ListMetadataFormats => {
                Some(Request::ListMetadataFormats { identifier: self.identifier() })
            }
            Verb::GetRecord => {
                self.identifier().zip(self.prefix()).map(|(identifier, metadata_prefix)| {
                    Request::GetRecord { identifier, metadata_prefix }
                })
            }
            Verb::ListIdentifiers => self.selection(granularity).map(Request::ListIdentifiers),
            Verb::ListRecords => self.selection(granularity).map(Request::ListRecords),
        };
        self.end(request)
    }

    fn end(self, request: Option<Request>) -> Result<Request, Vec<OaiError>> {
        match request {
            Some(request) if self.errors.is_empty() => Ok(request),
            _ => Err(self.errors),
        }
    }

    fn errors_name(&self, key: &str) -> bool {
        self.errors.iter().any(|error| error.message.contains(key))
    }

    fn argument(&mut self, key: &str) -> Option<String> {
        self.arguments.remove(key)
    }

    fn identifier(&mut self) -> Option<String> {
        let identifier = self.argument("identifier")?;
        if is_uri(&identifier) {
            return Some(identifier);
        }
        self.bad("identifier is no URI");
        None
    }

    fn prefix(&mut self) -> Option<String> {
        let prefix = self.argument("metadataPrefix")?;
        if is_prefix(&prefix) {
            return Some(prefix);
        }
        self.bad("metadataPrefix has characters that it must not have");
        None
    }

    fn selection(&mut self, granularity: Granularity) -> Option<Selection> {
        let from = self.end_of_window("from", granularity);
        let until = self.end_of_window("until", granularity);
        let window = match (from, until) {
            (Some(from), Some(until)) if from.granularity() != until.granularity() => {
                self.bad("from and until are not told equally finely");
                Window::ALL
            }
            (from, until) => Window::new(from, until).unwrap_or_else(|_| {
                self.bad("until is before from");
                Window::ALL
            }),
        };
        let set = self.argument("set");
        if set.as_deref().is_some_and(|set| !is_set_spec(set)) {
            self.bad("set has characters that it must not have");
        }
        let selection = Selection::prefix(self.prefix()?).window(window);
        Some(match set {
            Some(set) => selection.set(set),
            None => selection,
        })
    }

    fn end_of_window(&mut self, key: &str, granularity: Granularity) -> Option<Datestamp> {
        use chrono::Datelike;
        let stamp = match self.argument(key)?.parse::<Datestamp>() {
            // XML Schema knows no year 0.
            Ok(stamp) if stamp.time().year() > 0 => stamp,
            _ => {
                self.bad(format!("{key} is not a date: write 2024-01-31 or 2024-01-31T12:00:00Z"));
                return None;
            }
        };
        if granularity == Granularity::Day && stamp.granularity() == Granularity::Second {
            self.bad(format!("{key} is told more finely than this repository does: {granularity}"));
        }
        Some(stamp)
    }
}

/// What somebody wrote, cut to what a person wants to read.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// Whether it is a metadata prefix (the standard's schema, `metadataPrefixType`).
pub(super) fn is_prefix(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_name_byte)
}

/// Whether it names a set (the standard's schema, `setSpecType`).
pub(super) fn is_set_spec(text: &str) -> bool {
    text.split(':').all(is_prefix)
}

/// Whether XML Schema takes it for a URI: hardly anything is none. Blanks are, percent signs that
/// encode nothing, and hosts that cannot be.
pub(super) fn is_uri(text: &str) -> bool {
    let is_scheme = |first: &str| {
        first.starts_with(|c: char| c.is_ascii_alphabetic())
            && first.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match first.split_once(':') {
        Some((scheme, _)) => (Some(scheme), &text[scheme.len() + 1..]),
        None => (None, text),
    };
    let percents_encode = text.match_indices('%').all(|(at, _)| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && scheme.is_none_or(is_scheme)
        && percents_encode
        && text.matches('#').count() < 2
        && (!rest.starts_with("//") || Url::parse(&format!("http:{rest}")).is_ok())
}
