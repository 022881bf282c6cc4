use std::borrow::Cow;
use std::fmt;

use url::Url;

use crate::{Datestamp, Window};

/// What a repository can be asked (OAI-PMH §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(clippy::exhaustive_enums)] // the protocol knows these six and no others
#[allow(missing_docs)] // their names are the standard's
pub enum Verb {
    Identify,
    ListMetadataFormats,
    ListSets,
    ListIdentifiers,
    ListRecords,
    GetRecord,
}

/// A request. Arguments that exclude each other cannot be written together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Describes the repository (§4.2).
    Identify,
    /// The formats of the repository, or of one item (§4.4).
    ListMetadataFormats {
        /// The item.
        identifier: Option<String>,
    },
    /// The sets (§4.6).
    ListSets,
    /// The headers of the records selected (§4.3).
    ListIdentifiers(Selection),
    /// The records selected (§4.5).
    ListRecords(Selection),
    /// One record (§4.1).
    GetRecord {
        /// The item.
        identifier: String,
        /// The format.
        metadata_prefix: String,
    },
    /// The next part of a list. A resumption token stands alone: it carries all other arguments in
    /// itself (§3.5).
    Resume {
        /// The verb of the list: `ListSets`, `ListIdentifiers` or `ListRecords`.
        verb: Verb,
        /// The token, as the repository gave it.
        token: String,
    },
}

/// Which records are wanted (§2.7): one format, and if wished a set and a time span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    metadata_prefix: String,
    set: Option<String>,
    window: Window,
}

impl Verb {
    /// The verb as the protocol writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identify => "Identify",
            Self::ListMetadataFormats => "ListMetadataFormats",
            Self::ListSets => "ListSets",
            Self::ListIdentifiers => "ListIdentifiers",
            Self::ListRecords => "ListRecords",
            Self::GetRecord => "GetRecord",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Selection {
    /// All records in this format. Every repository has `oai_dc`.
    pub fn prefix(metadata_prefix: impl Into<String>) -> Self {
        Self { metadata_prefix: metadata_prefix.into(), set: None, window: Window::ALL }
    }

    /// Only those in this set, or in a set below it.
    #[must_use]
    pub fn set(mut self, set: impl Into<String>) -> Self {
        self.set = Some(set.into());
        self
    }

    /// Only those created, changed or deleted in this time span.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The format.
    #[must_use]
    pub fn metadata_prefix(&self) -> &str {
        &self.metadata_prefix
    }

    /// The set.
    #[must_use]
    pub fn set_spec(&self) -> Option<&str> {
        self.set.as_deref()
    }

    /// The time span.
    #[must_use]
    pub fn time_span(&self) -> &Window {
        &self.window
    }

    fn arguments(&self) -> Vec<Argument<'_>> {
        let stamp = |stamp: &Datestamp| Cow::Owned(stamp.to_string());
        let mut arguments = vec![("metadataPrefix", Cow::Borrowed(self.metadata_prefix.as_str()))];
        arguments.extend(self.window.from().map(|from| ("from", stamp(from))));
        arguments.extend(self.window.until().map(|until| ("until", stamp(until))));
        arguments.extend(self.set_spec().map(|set| ("set", Cow::Borrowed(set))));
        arguments
    }
}

type Argument<'a> = (&'static str, Cow<'a, str>);

impl Request {
    /// The verb.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Self::Identify => Verb::Identify,
            Self::ListMetadataFormats { .. } => Verb::ListMetadataFormats,
            Self::ListSets => Verb::ListSets,
            Self::ListIdentifiers(_) => Verb::ListIdentifiers,
            Self::ListRecords(_) => Verb::ListRecords,
            Self::GetRecord { .. } => Verb::GetRecord,
            Self::Resume { verb, .. } => *verb,
        }
    }

    /// The arguments besides the verb, unencoded.
    #[must_use]
    pub fn arguments(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        match self {
            Self::Identify | Self::ListSets => Vec::new(),
            Self::ListMetadataFormats { identifier } => {
                identifier.iter().map(|id| ("identifier", Cow::Borrowed(id.as_str()))).collect()
            }
            Self::ListIdentifiers(selection) | Self::ListRecords(selection) => {
                selection.arguments()
            }
            Self::GetRecord { identifier, metadata_prefix } => vec![
                ("identifier", Cow::Borrowed(identifier)),
                ("metadataPrefix", Cow::Borrowed(metadata_prefix)),
            ],
            Self::Resume { token, .. } => vec![("resumptionToken", Cow::Borrowed(token))],
        }
    }

    /// The arguments as a query or form. Everything but unreserved characters is percent-encoded
    /// (§3.1.1.3): a token may hold any character, and must come back as it was given.
    ///
    /// ```
    /// use oai_pmh::{Request, Verb};
    ///
    /// let next = Request::Resume { verb: Verb::ListRecords, token: "a+b/c d%20é".to_owned() };
    /// assert_eq!(next.query(), "verb=ListRecords&resumptionToken=a%2Bb%2Fc%20d%2520%C3%A9");
    /// ```
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = format!("verb={}", self.verb());
        for (name, value) in self.arguments() {
            query.extend(["&", name, "="]);
            encode(&value, &mut query);
        }
        query
    }

    /// The URL of the request. The base URL's own query is kept.
    #[must_use]
    pub fn url(&self, base: &Url) -> Url {
        append(base, &self.query())
    }

    /// The same, with the resumption token encoded only where a URL cannot do without.
    #[cfg(feature = "client")]
    pub(crate) fn verbatim_url(&self, base: &Url) -> Url {
        let Self::Resume { verb, token } = self else { return self.url(base) };
        let mut query = format!("verb={verb}&resumptionToken=");
        for c in token.chars() {
            match c {
                '!'..='~' if !matches!(c, '"' | '#' | '%' | '&' | '+' | '<' | '>') => query.push(c),
                c => encode(c.encode_utf8(&mut [0; 4]), &mut query),
            }
        }
        append(base, &query)
    }
}

/// The base URL with these arguments behind its own.
pub(crate) fn append(base: &Url, query: &str) -> Url {
    let mut url = base.clone();
    let query = match base.query().filter(|query| !query.is_empty()) {
        Some(own) => format!("{}&{query}", own.trim_end_matches('&')),
        None => query.to_owned(),
    };
    url.set_query(Some(&query));
    url.set_fragment(None);
    url
}

/// Appends a value, percent-encoded.
pub(crate) fn encode(value: &str, query: &mut String) {
    use fmt::Write;
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                query.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            byte => drop(write!(query, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_names_only_what_it_selects_by() {
        let window = Window::new("2024-01-01".parse().ok(), None).unwrap();
        let selection = Selection::prefix("oai_dc").set("a:b").window(window);
        assert_eq!(
            Request::ListRecords(selection).query(),
            "verb=ListRecords&metadataPrefix=oai_dc&from=2024-01-01&set=a%3Ab"
        );
        assert_eq!(Request::Identify.query(), "verb=Identify");
    }

    #[test]
    fn the_base_urls_own_query_is_kept() {
        for (base, url) in [
            ("http://x.org/oai", "http://x.org/oai?verb=Identify"),
            ("http://x.org/oai?", "http://x.org/oai?verb=Identify"),
            ("http://x.org/?repo=7&m=o%20i#top", "http://x.org/?repo=7&m=o%20i&verb=Identify"),
        ] {
            assert_eq!(Request::Identify.url(&base.parse().unwrap()).as_str(), url);
        }
    }
}
