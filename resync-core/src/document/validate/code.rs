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
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $section:literal $fix:literal;)+) => {
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

            /// What the people who publish the document can do about it.
            #[must_use]
            pub fn fix(self) -> &'static str {
                match self {
                    $(Self::$variant => $fix,)+
                }
            }
        }
    };
}

codes! {
    /// The source could not be read.
    Source "source-failed" "7"
        "Try again; if it happens every time, look into the server's log for this address.";
    /// The document is gzip-compressed, and was to be unpacked first.
    Compressed "compressed" "XML"
        "Send `Content-Encoding: gzip` with it, or serve it unpacked.";
    /// It ends before its root element is closed.
    Truncated "truncated" "XML"
        "Write the document under another name, and rename it when it is whole.";
    /// It is not well-formed XML.
    Syntax "not-well-formed" "XML"
        "Write documents with an XML library rather than by joining strings.";
    /// It asks for more than the reader's limits allow.
    Limit "limit" "7"
        "Divide the document and list the parts in an index.";
    /// It is a web page, or some other XML.
    NotResourceSync "not-resourcesync" "7.1"
        "Serve a ResourceSync document at this address, or take the address out of what leads here.";
    /// It brings a document type definition of its own.
    Doctype "doctype" "XML"
        "Leave the document type declaration out.";
    /// Its bytes are not in the encoding that it is said to be in.
    WrongEncoding "wrong-encoding" "XML"
        "Write UTF-8, and name it in the XML declaration and the Content-Type.";
    /// It is not in UTF-8, which Sitemaps demand.
    NotUtf8 "not-utf-8" "Sitemaps"
        "Write UTF-8.";
    /// It begins with a byte order mark.
    ByteOrderMark "byte-order-mark" "XML"
        "Leave the byte order mark out.";
    /// Bytes that the encoding does not allow.
    InvalidBytes "invalid-bytes" "XML"
        "Convert addresses and values to UTF-8 before they are written.";
    /// A character, or a reference to one, that XML forbids.
    IllegalCharacter "illegal-character" "XML"
        "Leave control characters out; in addresses, percent-encode them.";
    /// An entity that is not declared.
    UndeclaredEntity "undeclared-entity" "XML"
        "Use only &amp; &lt; &gt; &quot; &apos; and numeric references.";
    /// An ampersand that begins no reference.
    BareAmpersand "bare-ampersand" "XML"
        "Write &amp; for an ampersand, in addresses too.";
    /// Text between elements.
    StrayText "stray-text" "7.1"
        "Write documents with an XML library rather than by joining strings.";
    /// An XML declaration inside of the document.
    NestedDeclaration "nested-declaration" "XML"
        "Write documents with an XML library rather than by joining strings.";
    /// Something behind the end of the document.
    TrailingGarbage "trailing-garbage" "XML"
        "End the document with its root element; look for what the server adds.";
    /// An element or attribute is in the wrong namespace.
    WrongNamespace "wrong-namespace" "7.1"
        "Use http://www.sitemaps.org/schemas/sitemap/0.9 and http://www.openarchives.org/rs/terms/.";
    /// An element that the format does not have here.
    UnknownElement "unknown-element" "7.1"
        "Put extensions into a namespace of their own.";
    /// An element that may be there once is there again.
    RepeatedElement "repeated-element" "7.1"
        "Write the element once.";
    /// What belongs to the head behind an entry, or an entry in the other kind of root.
    MisplacedElement "misplaced-element" "7.1"
        "Write rs:md and rs:ln of the document before its first entry.";
    /// An attribute without a namespace that the standard does not know.
    UnknownAttribute "unknown-attribute" "7.2"
        "Check the attribute's name; extensions belong into a namespace of their own.";
    /// An attribute of the standard, written with a prefix.
    PrefixedAttribute "prefixed-attribute" "7.2"
        "Write the attribute without a prefix.";
    /// White space around an address.
    PaddedValue "padded-value" "7.1"
        "Write the address without line breaks and blanks around it.";
    /// Another value that is not as the standard has it.
    IllegalValue "illegal-value" "7.2"
        "Write the value as the section of the standard has it.";
    /// A time in none of the forms that are allowed.
    BadDatetime "bad-datetime" "7.2"
        "Write times in UTC, such as 2024-01-31T12:00:00Z.";
    /// A time that is only a date.
    DateOnly "date-only" "7.2"
        "Write the time of day as well, such as 2024-01-31T12:00:00Z.";
    /// A digest that is not `algorithm:hexadecimal digits`.
    BadHash "bad-hash" "7.2"
        "Write `md5:`, `sha-1:` or `sha-256:` and the digest in hexadecimal digits.";
    /// A digest in capital letters.
    UppercaseHash "uppercase-hash" "7.2"
        "Write digests in small letters.";
    /// A digest of an algorithm that is not known here.
    UnknownHash "unknown-hash" "7.2"
        "Add a digest by sha-256.";
    /// A length that is no number.
    BadLength "bad-length" "7.2"
        "Write the number of bytes in digits.";
    /// A `change` that is neither created, updated nor deleted.
    BadChange "bad-change" "12.1"
        "Write created, updated or deleted.";
    /// A `pri` that is not from 1 to 999 999.
    BadPriority "bad-pri" "7.2"
        "Write a number from 1 to 999999, or leave pri out.";
    /// A media type without a slash.
    BadMediaType "bad-type" "7.2"
        "Write a media type, such as text/plain.";
    /// The document has no `rs:md`.
    MissingMd "missing-md" "7.2"
        "Add <rs:md capability=\"…\"/> to the root element.";
    /// `capability` is missing.
    MissingCapability "missing-capability" "7.2"
        "Say with capability what the document is.";
    /// `capability` is none that is known.
    UnknownCapability "unknown-capability" "7.2"
        "Use a capability of the standard, spelled as there.";
    /// An entry with a `capability` that does not belong into this document.
    WrongCapability "wrong-capability" "9"
        "List documents of this capability where they belong.";
    /// An entry with a `capability` where there is to be none.
    ForbiddenCapability "forbidden-capability" "7.2"
        "Leave capability out of the entries; an index is told by its root <sitemapindex>.";
    /// Two entries of a Capability List have the same `capability`.
    DuplicateCapability "duplicate-capability" "9"
        "List one document of each capability; several parts belong in an index.";
    /// A root element that such a document cannot have.
    WrongRoot "wrong-root" "7.1"
        "Use <urlset> for lists and <sitemapindex> for indexes.";
    /// What seems to be an index has the root element of a list.
    IndexAsList "index-as-list" "7.1"
        "Use <sitemapindex> with <sitemap> as the root of an index.";
    /// `at` is missing.
    MissingAt "missing-at" "A"
        "Say in at when the snapshot began.";
    /// `at` where there is to be none.
    ForbiddenAt "forbidden-at" "A"
        "Leave at out here.";
    /// `completed` where there is to be none.
    ForbiddenCompleted "forbidden-completed" "A"
        "Leave completed out here.";
    /// `from` is missing.
    MissingFrom "missing-from" "A"
        "Say in from since when all changes are listed.";
    /// `from` where there is to be none.
    ForbiddenFrom "forbidden-from" "A"
        "Leave from out here.";
    /// `until` where there is to be none.
    ForbiddenUntil "forbidden-until" "A"
        "Leave until out here, or while the list is open.";
    /// A closed part is listed in its index without `until`.
    MissingUntil "missing-until" "12"
        "Give until for every part that is closed.";
    /// An interval that ends before it begins.
    ReversedTimes "reversed-times" "7.2"
        "Check both times, and that they are in UTC.";
    /// `until` is the time at which the document was fetched: a list that is still open.
    UntilNow "until-now" "12"
        "Leave until out while the list may still grow.";
    /// The address of an entry is missing.
    MissingLoc "missing-loc" "7.1"
        "Give each entry its address in <loc>.";
    /// The address of an entry is relative.
    RelativeLoc "relative-loc" "7.1"
        "Write addresses whole, with scheme and host.";
    /// The address of an entry is none.
    BadLoc "bad-loc" "7.1"
        "Write a URL, percent-encoded where it must be.";
    /// The address of an entry is longer than Sitemaps allow.
    LongLoc "long-loc" "Sitemaps"
        "Use addresses of at most 2048 characters.";
    /// An address is in the list twice.
    DuplicateLoc "duplicate-loc" "10"
        "List each resource once.";
    /// Too many addresses to look for any that is there twice.
    DuplicatesUnchecked "duplicates-unchecked" "10"
        "Nothing to do; check the parts of the list one by one.";
    /// An entry is on another host than the list.
    ForeignHost "foreign-host" "7"
        "Make sure that the resources are meant to be there: harvesters may refuse other hosts.";
    /// `change` is missing.
    MissingChange "missing-change" "12"
        "Say in change whether it was created, updated or deleted.";
    /// `change` where there is to be none.
    ForbiddenChange "forbidden-change" "7.2"
        "Leave change out: it belongs in Change Lists and Change Dump Manifests.";
    /// `datetime` is missing: when the change happened is not said as in 1.1.
    MissingDatetime "missing-datetime" "12.1"
        "Say in datetime when the change happened.";
    /// `datetime` where there is to be none.
    ForbiddenDatetime "forbidden-datetime" "12.1"
        "Leave datetime out here.";
    /// `datetime` is not between `from` and `until`.
    DatetimeOutside "datetime-outside" "12.1"
        "Widen from and until, or list the change in the list of its time.";
    /// `lastmod` is missing, which 1.0 demands of a change.
    MissingLastmod "missing-lastmod" "12.1"
        "Add lastmod, or datetime as in version 1.1.";
    /// An entry is older than the one in front of it.
    OutOfOrder "out-of-order" "12"
        "List changes in the order they happened, oldest first.";
    /// `modified` of `rs:md`, which only the schema has.
    ModifiedMd "modified-md" "7.2"
        "Use <lastmod> instead of modified.";
    /// `path` is missing.
    MissingPath "missing-path" "11.3"
        "Say in path where in the package the file is.";
    /// `path` where there is to be none.
    ForbiddenPath "forbidden-path" "11.3"
        "Leave path out here.";
    /// `path` does not begin with a slash, or ends with one, or leads out of the package.
    BadPath "bad-path" "11.3"
        "Write path from the root of the package, such as /a/b.txt.";
    /// The length, which is recommended, is missing.
    MissingLength "missing-length" "7.2"
        "Add length in bytes: copies can then be checked.";
    /// The media type, which is recommended or demanded, is missing.
    MissingType "missing-type" "7.2"
        "Add the media type.";
    /// A link without a relation.
    MissingRel "missing-rel" "7.2"
        "Say in rel what the link is.";
    /// A link without an address.
    MissingHref "missing-href" "7.2"
        "Give the link its address in href.";
    /// The address of a link is relative.
    RelativeHref "relative-href" "7.2"
        "Write addresses whole, with scheme and host.";
    /// The address of a link is none.
    BadHref "bad-href" "7.2"
        "Write a URL, percent-encoded where it must be.";
    /// The link one level up is missing.
    MissingUp "missing-up" "7.2"
        "Add <rs:ln rel=\"up\" href=\"…\"/> with the document one level up.";
    /// The link one level up is there twice.
    RepeatedUp "repeated-up" "7.2"
        "Keep one link with rel=\"up\".";
    /// The link one level up leads to another level.
    WrongUp "wrong-up" "7.2"
        "Let up lead from lists to the Capability List, and from there to the Source Description.";
    /// A part has no link to its index.
    MissingIndex "missing-index" "7.2"
        "Add <rs:ln rel=\"index\" href=\"…\"/> with the index that lists this part.";
    /// There is no link to a description.
    MissingDescribedBy "missing-describedby" "8"
        "Add <rs:ln rel=\"describedby\" href=\"…\"/> with a description for people.";
    /// A link to a difference where nothing changes.
    ForbiddenPatch "forbidden-patch" "14"
        "Leave links to patches out of snapshots.";
    /// More than 50 000 entries.
    TooManyEntries "too-many-entries" "Sitemaps"
        "Divide the list into parts of at most 50 000 entries, and list them in an index.";
    /// More than 50 MB.
    TooLarge "too-large" "Sitemaps"
        "Divide the list into parts of at most 50 MB, and list them in an index.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
