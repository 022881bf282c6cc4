use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums)] // there are no others
pub enum Severity {
    /// Something recommended is missing, or something allowed is unusual.
    Info,
    /// Something is understood, but may mislead other readers.
    Warning,
    /// The standard forbids it.
    Error,
}

impl Severity {
    /// In one word: `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $section:literal;)+) => {
        /// What a finding is about. Names are stable; new ones may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// A short name, for programs: `missing-at`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The section of the standard that it is about: `7.2`; `A` is its appendix, and
            /// `XML` and `Sitemaps` are what it builds on.
            #[must_use]
            pub fn section(self) -> &'static str {
                match self {
                    $(Self::$variant => $section,)+
                }
            }
        }
    };
}

codes! {
    /// The source could not be read.
    Source "source-failed" "7";
    /// The document is gzip-compressed, and was to be unpacked first.
    Compressed "compressed" "XML";
    /// It ends before its root element is closed.
    Truncated "truncated" "XML";
    /// It is not well-formed XML.
    Syntax "not-well-formed" "XML";
    /// It asks for more than the reader's limits allow.
    Limit "limit" "7";
    /// It is a web page, or some other XML.
    NotResourceSync "not-resourcesync" "7.1";
    /// It brings a document type definition of its own.
    Doctype "doctype" "XML";
    /// Its bytes are not in the encoding that it is said to be in.
    WrongEncoding "wrong-encoding" "XML";
    /// It is not in UTF-8, which Sitemaps demand.
    NotUtf8 "not-utf-8" "Sitemaps";
    /// It begins with a byte order mark.
    ByteOrderMark "byte-order-mark" "XML";
    /// Bytes that the encoding does not allow.
    InvalidBytes "invalid-bytes" "XML";
    /// A character, or a reference to one, that XML forbids.
    IllegalCharacter "illegal-character" "XML";
    /// An entity that is not declared.
    UndeclaredEntity "undeclared-entity" "XML";
    /// An ampersand that begins no reference.
    BareAmpersand "bare-ampersand" "XML";
    /// Text between elements.
    StrayText "stray-text" "7.1";
    /// An XML declaration inside of the document.
    NestedDeclaration "nested-declaration" "XML";
    /// Something behind the end of the document.
    TrailingGarbage "trailing-garbage" "XML";
    /// An element or attribute is in the wrong namespace.
    WrongNamespace "wrong-namespace" "7.1";
    /// An element that the format does not have here.
    UnknownElement "unknown-element" "7.1";
    /// An element that may be there once is there again.
    RepeatedElement "repeated-element" "7.1";
    /// What belongs to the head behind an entry, or an entry in the other kind of root.
    MisplacedElement "misplaced-element" "7.1";
    /// An attribute without a namespace that the standard does not know.
    UnknownAttribute "unknown-attribute" "7.2";
    /// An attribute of the standard, written with a prefix.
    PrefixedAttribute "prefixed-attribute" "7.2";
    /// White space around an address.
    PaddedValue "padded-value" "7.1";
    /// Another value that is not as the standard has it.
    IllegalValue "illegal-value" "7.2";
    /// A time in none of the forms that are allowed.
    BadDatetime "bad-datetime" "7.2";
    /// A time that is only a date.
    DateOnly "date-only" "7.2";
    /// A digest that is not `algorithm:hexadecimal digits`.
    BadHash "bad-hash" "7.2";
    /// A digest in capital letters.
    UppercaseHash "uppercase-hash" "7.2";
    /// A digest of an algorithm that is not known here.
    UnknownHash "unknown-hash" "7.2";
    /// A length that is no number.
    BadLength "bad-length" "7.2";
    /// A `change` that is neither created, updated nor deleted.
    BadChange "bad-change" "12.1";
    /// A `pri` that is not from 1 to 999 999.
    BadPriority "bad-pri" "7.2";
    /// A media type without a slash.
    BadMediaType "bad-type" "7.2";
    /// The document has no `rs:md`.
    MissingMd "missing-md" "7.2";
    /// `capability` is missing.
    MissingCapability "missing-capability" "7.2";
    /// `capability` is none that is known.
    UnknownCapability "unknown-capability" "7.2";
    /// An entry with a `capability` that does not belong into this document.
    WrongCapability "wrong-capability" "9";
    /// An entry with a `capability` where there is to be none.
    ForbiddenCapability "forbidden-capability" "7.2";
    /// Two entries of a Capability List have the same `capability`.
    DuplicateCapability "duplicate-capability" "9";
    /// A root element that such a document cannot have.
    WrongRoot "wrong-root" "7.1";
    /// What seems to be an index has the root element of a list.
    IndexAsList "index-as-list" "7.1";
    /// `at` is missing.
    MissingAt "missing-at" "A";
    /// `at` where there is to be none.
    ForbiddenAt "forbidden-at" "A";
    /// `completed` where there is to be none.
    ForbiddenCompleted "forbidden-completed" "A";
    /// `from` is missing.
    MissingFrom "missing-from" "A";
    /// `from` where there is to be none.
    ForbiddenFrom "forbidden-from" "A";
    /// `until` where there is to be none.
    ForbiddenUntil "forbidden-until" "A";
    /// A closed part is listed in its index without `until`.
    MissingUntil "missing-until" "12";
    /// An interval that ends before it begins.
    ReversedTimes "reversed-times" "7.2";
    /// `until` is the time at which the document was fetched: a list that is still open.
    UntilNow "until-now" "12";
    /// The address of an entry is missing.
    MissingLoc "missing-loc" "7.1";
    /// The address of an entry is relative.
    RelativeLoc "relative-loc" "7.1";
    /// The address of an entry is none.
    BadLoc "bad-loc" "7.1";
    /// The address of an entry is longer than Sitemaps allow.
    LongLoc "long-loc" "Sitemaps";
    /// An address is in the list twice.
    DuplicateLoc "duplicate-loc" "10";
    /// Too many addresses to look for any that is there twice.
    DuplicatesUnchecked "duplicates-unchecked" "10";
    /// An entry is on another host than the list.
    ForeignHost "foreign-host" "7";
    /// `change` is missing.
    MissingChange "missing-change" "12";
    /// `change` where there is to be none.
    ForbiddenChange "forbidden-change" "7.2";
    /// `datetime` is missing: when the change happened is not said as in 1.1.
    MissingDatetime "missing-datetime" "12.1";
    /// `datetime` where there is to be none.
    ForbiddenDatetime "forbidden-datetime" "12.1";
    /// `datetime` is not between `from` and `until`.
    DatetimeOutside "datetime-outside" "12.1";
    /// `lastmod` is missing, which 1.0 demands of a change.
    MissingLastmod "missing-lastmod" "12.1";
    /// An entry is older than the one in front of it.
    OutOfOrder "out-of-order" "12";
    /// `modified` of `rs:md`, which only the schema has.
    ModifiedMd "modified-md" "7.2";
    /// `path` is missing.
    MissingPath "missing-path" "11.3";
    /// `path` where there is to be none.
    ForbiddenPath "forbidden-path" "11.3";
    /// `path` does not begin with a slash, or ends with one, or leads out of the package.
    BadPath "bad-path" "11.3";
    /// The length, which is recommended, is missing.
    MissingLength "missing-length" "7.2";
    /// The media type, which is recommended or demanded, is missing.
    MissingType "missing-type" "7.2";
    /// A link without a relation.
    MissingRel "missing-rel" "7.2";
    /// A link without an address.
    MissingHref "missing-href" "7.2";
    /// The address of a link is relative.
    RelativeHref "relative-href" "7.2";
    /// The address of a link is none.
    BadHref "bad-href" "7.2";
    /// The link one level up is missing.
    MissingUp "missing-up" "7.2";
    /// The link one level up is there twice.
    RepeatedUp "repeated-up" "7.2";
    /// The link one level up leads to another level.
    WrongUp "wrong-up" "7.2";
    /// A part has no link to its index.
    MissingIndex "missing-index" "7.2";
    /// There is no link to a description.
    MissingDescribedBy "missing-describedby" "8";
    /// A link to a difference where nothing changes.
    ForbiddenPatch "forbidden-patch" "14";
    /// More than 50 000 entries.
    TooManyEntries "too-many-entries" "Sitemaps";
    /// More than 50 MB.
    TooLarge "too-large" "Sitemaps";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
