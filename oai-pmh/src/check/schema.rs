//! The schema of the answers (OAI-PMH.xsd), element by element.

use crate::{Datestamp, Granularity};

/// What an element holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// Elements, in this order.
    Parts(&'static [Part]),
    /// A value.
    Value(Form),
    /// One element of another namespace.
    Foreign,
}

/// An element inside another.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) occurs: Occurs,
    pub(super) attributes: &'static [(&'static str, Form)],
    pub(super) content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occurs {
    Once,
    AtMostOnce,
    Several,
    Any,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    NotEmpty,
    Uri,
    /// A datestamp of either granularity.
    Datestamp,
    /// A datestamp to the second.
    Second,
    Earliest,
    Version,
    Email,
    Deleted,
    Granularity,
    Prefix,
    SetSpec,
    /// The `status` of a header.
    Status,
    ErrorCode,
    Number,
    PositiveNumber,
    /// An argument of the request, which is judged elsewhere.
    Argument,
    Token,
}

impl Occurs {
    pub(super) fn is_required(self) -> bool {
        matches!(self, Self::Once | Self::Several)
    }

    pub(super) fn is_repeatable(self) -> bool {
        matches!(self, Self::Several | Self::Any)
    }
}

impl Form {
    /// Whether a value has the form.
    pub(super) fn fits(self, value: &str) -> bool {
        let stamp = || value.parse::<Datestamp>().ok();
        match self {
            Self::Text | Self::Argument | Self::Token => true,
            Self::NotEmpty => !value.is_empty(),
            Self::Uri => is_uri(value),
            Self::Datestamp | Self::Earliest => stamp().is_some(),
            Self::Second => stamp().is_some_and(|it| it.granularity() == Granularity::Second),
            Self::Version => value == "2.0",
            Self::Email => is_email(value),
            Self::Deleted => matches!(value, "no" | "transient" | "persistent"),
            Self::Granularity => matches!(value, "YYYY-MM-DD" | "YYYY-MM-DDThh:mm:ssZ"),
            Self::Prefix => is_word(value),
            Self::SetSpec => value.split(':').all(is_word),
            Self::Status => value == "deleted",
            Self::ErrorCode => !matches!(crate::ErrorCode::read(value), crate::ErrorCode::Other(_)),
            Self::Number => value.parse::<u64>().is_ok(),
            Self::PositiveNumber => value.parse::<u64>().is_ok_and(|number| number > 0),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b))
}

/// A scheme, and something behind it without blanks.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let is_clean = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    is_clean(name)
        && !name.starts_with("mailto:")
        && host.contains('.')
        && host.split('.').all(is_clean)
}

const fn part(name: &'static str, occurs: Occurs, content: Content) -> Part {
    Part { name, occurs, attributes: &[], content }
}

const fn value(name: &'static str, occurs: Occurs, form: Form) -> Part {
    part(name, occurs, Content::Value(form))
}

use Occurs::{Any, AtMostOnce, Once, Several};

/// What the root element holds: the errors, or one of the six.
pub(super) const ROOT: &[Part] = &[
    value("responseDate", Once, Form::Second),
    Part {
        name: "request",
        occurs: Once,
        attributes: &[
            ("verb", Form::Argument),
            ("identifier", Form::Argument),
            ("metadataPrefix", Form::Argument),
            ("from", Form::Argument),
            ("until", Form::Argument),
            ("set", Form::Argument),
            ("resumptionToken", Form::Argument),
        ],
        content: Content::Value(Form::Text),
    },
    Part {
        name: "error",
        occurs: Any,
        attributes: &[("code", Form::ErrorCode)],
        content: Content::Value(Form::Text),
    },
    part("Identify", AtMostOnce, Content::Parts(IDENTIFY)),
    part("ListMetadataFormats", AtMostOnce, Content::Parts(LIST_METADATA_FORMATS)),
    part("ListSets", AtMostOnce, Content::Parts(LIST_SETS)),
    part("GetRecord", AtMostOnce, Content::Parts(&[part("record", Once, RECORD)])),
    part("ListIdentifiers", AtMostOnce, Content::Parts(LIST_IDENTIFIERS)),
    part("ListRecords", AtMostOnce, Content::Parts(LIST_RECORDS)),
];

const IDENTIFY: &[Part] = &[
    value("repositoryName", Once, Form::NotEmpty),
    value("baseURL", Once, Form::Uri),
    value("protocolVersion", Once, Form::Version),
    value("adminEmail", Several, Form::Email),
    value("earliestDatestamp", Once, Form::Earliest),
    value("deletedRecord", Once, Form::Deleted),
    value("granularity", Once, Form::Granularity),
    value("compression", Any, Form::NotEmpty),
    part("description", Any, Content::Foreign),
];

const LIST_METADATA_FORMATS: &[Part] = &[part(
    "metadataFormat",
    Several,
    Content::Parts(&[
        value("metadataPrefix", Once, Form::Prefix),
        value("schema", Once, Form::Uri),
        value("metadataNamespace", Once, Form::Uri),
    ]),
)];

const LIST_SETS: &[Part] = &[
    part(
        "set",
        Several,
        Content::Parts(&[
            value("setSpec", Once, Form::SetSpec),
            value("setName", Once, Form::Text),
            part("setDescription", Any, Content::Foreign),
        ]),
    ),
    TOKEN,
];

const LIST_IDENTIFIERS: &[Part] = &[Part { occurs: Several, ..HEADER }, TOKEN];

const LIST_RECORDS: &[Part] = &[part("record", Several, RECORD), TOKEN];

const HEADER: Part = Part {
    name: "header",
    occurs: Once,
    attributes: &[("status", Form::Status)],
    content: Content::Parts(&[
        value("identifier", Once, Form::Uri),
        value("datestamp", Once, Form::Datestamp),
        value("setSpec", Any, Form::SetSpec),
    ]),
};

const RECORD: Content = Content::Parts(&[
    HEADER,
    part("metadata", AtMostOnce, Content::Foreign),
    part("about", Any, Content::Foreign),
]);

const TOKEN: Part = Part {
    name: "resumptionToken",
    occurs: AtMostOnce,
    attributes: &[
        ("expirationDate", Form::Second),
        ("completeListSize", Form::PositiveNumber),
        ("cursor", Form::Number),
    ],
    content: Content::Value(Form::Token),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_the_standard() {
        for (form, good, bad) in [
            (Form::Uri, "oai:x.org:1", "1234"),
            (Form::Uri, "http://x.org/a", "http://x.org/a b"),
            (Form::Second, "2024-01-31T12:00:00Z", "2024-01-31T12:00:00.5Z"),
            (Form::Datestamp, "2024-02-29", "2024-02-30"),
            (Form::Email, "a.b@x.example.org", "root@localhost"),
            (Form::Email, "a@x.org", "mailto:a@x.org"),
            (Form::SetSpec, "a:b:c", "a::c"),
            (Form::Prefix, "oai_dc", "a:b"),
            (Form::PositiveNumber, "1", "0"),
            (Form::ErrorCode, "badVerb", "badverb"),
        ] {
            assert!(form.fits(good), "{form:?} {good}");
            assert!(!form.fits(bad), "{form:?} {bad}");
        }
    }
}
