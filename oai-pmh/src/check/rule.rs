use std::fmt;

use resync_core::document::Severity;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $severity:ident $section:literal
       $fix:literal;)+) => {
        /// What a finding is about. Names are stable; new ones may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// A short name, for programs: `token-end`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// How bad it is when it is broken.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// The section of the standard that it is from: `3.5`; `XML` is what the standard
            /// builds on.
            #[must_use]
            pub fn section(self) -> &'static str {
                match self {
                    $(Self::$variant => $section,)+
                }
            }

            /// What the people who run the repository can do about it.
            #[must_use]
            pub fn fix(self) -> &'static str {
                match self {
                    $(Self::$variant => $fix,)+
                }
            }
        }
    };
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

rules! {
    /// A request got no answer that can be judged.
    NoAnswer "no-answer" Error "3.1.2"
        "Look into the server's log for this request; what it cannot do must be an OAI-PMH error.";
    /// The answer is something else than an OAI-PMH document.
    NotOai "not-oai" Error "3.2"
        "Answer every request with an OAI-PMH document, and what is refused with its <error>.";
    /// An HTTP status other than 200 with an OAI-PMH answer.
    HttpStatus "http-status" Error "3.1.2"
        "Send OAI-PMH answers with the status 200, errors of the protocol too.";
    /// The media type is not `text/xml`.
    ContentType "content-type" Error "3.1.2.1"
        "Send the header `Content-Type: text/xml; charset=utf-8`.";
    /// The base URL leads somewhere else.
    Redirected "redirected" Warning "3.1.2.2"
        "Publish the address that answers, and name it in Identify's baseURL.";
    /// A 503 without a `Retry-After` that says how long to wait.
    RetryAfter "retry-after" Warning "3.1.2.2"
        "With status 503 send `Retry-After` and a number of seconds, an hour at most.";
    /// POST does not do what GET does.
    Post "post" Error "3.1.1.2"
        "Accept POST with `application/x-www-form-urlencoded` arguments as well as GET.";
    /// The answer is compressed though only `identity` was accepted.
    IdentityEncoding "identity-encoding" Error "3.1.3"
        "Compress only for clients whose Accept-Encoding allows it.";
    /// Identify names a compression that is not used when it is asked for.
    CompressionUnused "compression-unused" Warning "3.1.3"
        "Honour Accept-Encoding, or take the compression out of Identify.";
    /// A compression is used that Identify does not name.
    CompressionUnlisted "compression-unlisted" Info "3.1.3"
        "Name it in Identify: <compression>gzip</compression>.";

    /// The XML declaration is missing.
    XmlDeclaration "xml-declaration" Warning "3.2"
        "Begin every answer with <?xml version=\"1.0\" encoding=\"UTF-8\"?>.";
    /// The answer is not in UTF-8, or not in the encoding it is said to be in.
    XmlEncoding "xml-encoding" Error "3.2"
        "Convert everything to UTF-8 before it is put in an answer.";
    /// A character, or a reference to one, that XML forbids.
    XmlCharacter "xml-character" Error "XML"
        "Leave out control characters and lone surrogates when records are stored or written.";
    /// The answer is not well-formed XML.
    XmlSyntax "xml-syntax" Error "XML"
        "Write answers with an XML library rather than by joining strings.";
    /// The answer has a document type declaration.
    XmlDoctype "xml-doctype" Warning "3.2"
        "Leave it out: the schema is named by xsi:schemaLocation.";
    /// White space around a value.
    PaddedValue "padded-value" Info "3.2"
        "Write values without line breaks and blanks around them.";

    /// An element is in the wrong namespace.
    Namespace "namespace" Error "3.2"
        "Put the protocol's elements in http://www.openarchives.org/OAI/2.0/, and what stands in \
         <metadata>, <about> and descriptions in its own namespace.";
    /// The root does not say where its schema is.
    SchemaLocation "schema-location" Error "3.2"
        "Add xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/ \
         http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd\" to <OAI-PMH>.";
    /// An element that must be there is missing.
    SchemaMissing "schema-missing" Error "3.2"
        "Validate the answer against OAI-PMH.xsd.";
    /// Elements are in the wrong order.
    SchemaOrder "schema-order" Error "3.2"
        "Write the elements in the order of OAI-PMH.xsd.";
    /// An element, attribute or text that the schema does not have there.
    SchemaUnknown "schema-unknown" Error "3.2"
        "Validate the answer against OAI-PMH.xsd; extensions belong in descriptions and <about>.";
    /// An element that may be there once is there again.
    SchemaRepeated "schema-repeated" Error "3.2"
        "Validate the answer against OAI-PMH.xsd.";
    /// A value that the schema does not allow.
    SchemaValue "schema-value" Error "3.2"
        "Validate the answer against OAI-PMH.xsd.";
    /// `responseDate` is not written as the standard demands.
    ResponseDate "response-date" Error "3.2"
        "Write the UTC time of the answer as 2024-01-31T12:00:00Z, whatever the granularity.";
    /// The text of `request` is not the base URL.
    RequestUrl "request-url" Warning "3.2"
        "Write the base URL in <request>, as in Identify, without the arguments.";
    /// The attributes of `request` are not the arguments.
    RequestAttributes "request-attributes" Error "3.2"
        "Repeat the arguments of the request as attributes; for badVerb and badArgument, none.";
    /// An error without a word of explanation.
    ErrorText "error-text" Info "3.6"
        "Say in the <error> what is wrong with the request.";

    /// Identify has another base URL than the one that was asked.
    IdentifyBaseUrl "identify-base-url" Error "4.2"
        "Set baseURL to the address that harvesters are to use.";
    /// The protocol version is not 2.0.
    IdentifyVersion "identify-version" Error "4.2" "Set protocolVersion to 2.0.";
    /// An administrator's address that nobody can write to.
    IdentifyEmail "identify-email" Error "4.2"
        "Name an e-mail address that somebody reads: name@example.org, without mailto:.";
    /// `earliestDatestamp` is no date, or not in the repository's granularity.
    IdentifyEarliest "identify-earliest" Error "4.2"
        "Write earliestDatestamp in the granularity that Identify names.";
    /// `granularity` is none.
    IdentifyGranularity "identify-granularity" Error "4.2"
        "Write YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ.";
    /// `deletedRecord` has an unknown value.
    IdentifyDeleted "identify-deleted" Error "4.2" "Write no, transient or persistent.";
    /// The description of the identifiers is wrong.
    IdentifyScheme "identify-scheme" Warning "2.4"
        "Describe oai: identifiers once, with a domain name as repositoryIdentifier and a sample \
         that exists.";

    /// `oai_dc` is not offered.
    FormatsOaiDc "formats-oai-dc" Error "4.4" "Offer oai_dc: every repository must.";
    /// `oai_dc` is listed with another namespace.
    FormatsNamespace "formats-namespace" Error "4.4"
        "oai_dc has the namespace http://www.openarchives.org/OAI/2.0/oai_dc/ and the schema \
         http://www.openarchives.org/OAI/2.0/oai_dc.xsd.";
    /// A metadata prefix with characters that are not allowed.
    FormatsPrefix "formats-prefix" Error "4.4"
        "Use letters, digits and -_.!~*'() in metadata prefixes.";
    /// A format is listed twice.
    FormatsRepeated "formats-repeated" Warning "4.4" "List each metadataPrefix once.";
    /// An item does not list a format that it has.
    FormatsOfItem "formats-of-item" Error "4.4"
        "List for an item all formats that GetRecord has it in, oai_dc among them.";
    /// Metadata in another namespace than the format's.
    MetadataNamespace "metadata-namespace" Error "4.4"
        "Make metadataNamespace that of the metadata's root element.";
    /// A live record without metadata.
    MetadataMissing "metadata-missing" Error "2.5"
        "Give metadata with every record, or mark it as deleted.";
    /// Something in oai_dc that does not belong there.
    OaiDcContent "oai-dc-content" Error "4.4"
        "oai_dc holds only the fifteen elements of http://purl.org/dc/elements/1.1/; offer a \
         format of your own for more.";
    /// An item that cannot be had in oai_dc.
    OaiDcMissing "oai-dc-missing" Error "2.5"
        "Give every item in oai_dc, however little there is to say of it.";

    /// A setSpec with characters that are not allowed.
    SetSpec "set-spec" Error "2.6"
        "Use letters, digits and -_.!~*'() in setSpecs, with colons between levels only.";
    /// A set is listed twice.
    SetRepeated "set-repeated" Error "4.6" "List each set once.";
    /// A set above a listed one is not listed.
    SetAncestor "set-ancestor" Error "2.6" "List a for a:b as well.";
    /// A header names a set that is not listed.
    SetUnlisted "set-unlisted" Error "2.6" "List in ListSets every set that headers name.";
    /// Sets in headers, though there is no set hierarchy.
    SetUnannounced "set-unannounced" Error "4.6"
        "Answer ListSets with the sets, or leave them out of headers.";
    /// A record that is not in the set that was asked for.
    SetMembership "set-membership" Error "2.6"
        "Select by set in the whole list, behind resumption tokens too; name the set in headers.";
    /// A record of a set that its list leaves out.
    SetIncomplete "set-incomplete" Error "2.6" "List for a set all records whose headers name it.";
    /// A record of a set below that the list of the set leaves out.
    SetHierarchy "set-hierarchy" Error "2.6" "List for a the records of a:b as well.";

    /// An identifier that is no URI.
    IdentifierUri "identifier-uri" Error "2.4"
        "Make identifiers URIs, such as oai:example.org:1234.";
    /// A record is in one list twice.
    RecordRepeated "record-repeated" Warning "3.5"
        "Order lists by datestamp and identifier, and go on behind the last one rather than at a \
         number.";
    /// A datestamp that is none, or in another granularity than Identify says.
    DatestampGranularity "datestamp-granularity" Error "3.3"
        "Write all datestamps in the granularity that Identify names.";
    /// A datestamp earlier than `earliestDatestamp`.
    DatestampEarly "datestamp-early" Error "4.2"
        "Set earliestDatestamp to the earliest datestamp there is, or earlier.";
    /// A datestamp in the future.
    DatestampFuture "datestamp-future" Warning "2.7.1"
        "Use UTC, and the time at which the record changed: harvesters may never see it.";
    /// ListIdentifiers and ListRecords do not list the same.
    ListsDiffer "lists-differ" Error "4.3"
        "Make ListIdentifiers and ListRecords from the same query.";
    /// The same record has different headers.
    HeaderDiffers "header-differs" Error "2.5"
        "Make headers from the same data in GetRecord, ListRecords and ListIdentifiers.";
    /// A record that is listed cannot be had by itself.
    GetRecord "get-record" Error "4.1" "Answer GetRecord for every record that is listed.";
    /// A deleted record that not every request tells of.
    DeletedDiffer "deleted-differ" Error "2.5.1"
        "Tell of deleted records in ListRecords, ListIdentifiers and GetRecord alike.";
    /// A deleted record is told of though `deletedRecord` is `no`.
    DeletedPolicy "deleted-policy" Error "2.5.1"
        "Set deletedRecord to transient or persistent.";
    /// A deleted record with metadata or `about`.
    DeletedContent "deleted-content" Error "2.5.1"
        "Give only the header of a deleted record.";

    /// The list was not read to its end.
    Sampled "sampled" Info "3.5"
        "Nothing to do; ask for more records to have all of it checked.";
    /// A list breaks off.
    ListCut "list-cut" Error "3.5"
        "Make every page of the list answer; look into the server's log for this request.";
    /// An empty token on a list that fits on one page.
    TokenEmpty "token-empty" Error "3.5"
        "Leave resumptionToken out where the list is complete on its first page.";
    /// The last page has no empty token.
    TokenEnd "token-end" Error "3.5"
        "End the last page of a list in several pages with an empty resumptionToken.";
    /// A token that came before: the list goes in circles.
    TokenRepeated "token-repeated" Error "3.5"
        "Give a token that stands for the next page.";
    /// The repository rejects its own token.
    TokenRejected "token-rejected" Error "3.5"
        "Accept tokens as they were given, percent-decoded, for some minutes at least.";
    /// The same token gives another page the second time.
    TokenIdempotent "token-idempotent" Error "3.5"
        "Give the same page again for the latest token: it is how harvesters recover.";
    /// A token is accepted together with other arguments.
    TokenExclusive "token-exclusive" Error "3.5"
        "Answer badArgument where there is more than verb and resumptionToken.";
    /// A token of one verb is accepted with another.
    TokenVerb "token-verb" Warning "3.5"
        "Bind tokens to the verb that they were given for, or answer badResumptionToken.";
    /// A token that is made up is accepted.
    TokenJunk "token-junk" Error "3.6"
        "Answer badResumptionToken for a token that was never given.";
    /// `cursor` is not the number of items before the page.
    TokenCursor "token-cursor" Warning "3.5"
        "Count in cursor the items of the pages before: 0 on the first.";
    /// `completeListSize` is not what came.
    TokenSize "token-size" Warning "3.5"
        "Count in completeListSize all items of the list, or leave it out.";
    /// A token that has expired when it is given.
    TokenExpired "token-expired" Warning "3.5"
        "Write expirationDate in UTC, some minutes ahead.";

    /// Records outside of the time span that was asked for.
    WindowOutside "window-outside" Error "2.7.1"
        "Select by from and until in the whole list, behind resumption tokens too.";
    /// Records of a time span are left out of its list.
    WindowIncomplete "window-incomplete" Error "2.7.1"
        "List all records whose datestamp is between from and until.";
    /// `from` leaves out the records of that very time.
    FromInclusive "from-inclusive" Error "2.7.1" "Compare with from by >=.";
    /// `until` leaves out the records of that very time.
    UntilInclusive "until-inclusive" Error "2.7.1" "Compare with until by <=.";
    /// `from` and `until` that are equal find nothing.
    FromEqualsUntil "from-equals-until" Error "2.7.1"
        "Accept a from that equals until; both ends belong to the time span.";
    /// Days are refused, or do not reach to the end of the day.
    DayGranularity "day-granularity" Error "2.7.1"
        "Accept YYYY-MM-DD in from and until; until means the end of that day.";
    /// `from` and `until` in different granularities are accepted.
    GranularityMixed "granularity-mixed" Error "2.7.1"
        "Answer badArgument where from and until are not of the same form.";
    /// Seconds are accepted, though the granularity is days.
    GranularityFiner "granularity-finer" Error "2.7.1"
        "Answer badArgument where from or until is finer than the granularity in Identify.";
    /// `from` later than `until` is accepted.
    FromAfterUntil "from-after-until" Error "2.7.1"
        "Answer badArgument where from is later than until.";
    /// `from` in the future is not answered with `noRecordsMatch`.
    FromFuture "from-future" Error "2.7.1"
        "Answer noRecordsMatch where nothing is in the time span.";
    /// `until` before everything is not answered with `noRecordsMatch`.
    UntilEarly "until-early" Error "2.7.1"
        "Answer noRecordsMatch where nothing is in the time span.";

    /// A verb that is missing, unknown or repeated is not answered with `badVerb`.
    BadVerb "bad-verb" Error "3.6" "Answer badVerb.";
    /// A missing argument is not answered with `badArgument`.
    ArgumentMissing "argument-missing" Error "3.6"
        "Answer badArgument where a required argument is missing.";
    /// An unknown argument is not answered with `badArgument`.
    ArgumentUnknown "argument-unknown" Error "3.6"
        "Answer badArgument where the verb does not have the argument.";
    /// A repeated argument is not answered with `badArgument`.
    ArgumentRepeated "argument-repeated" Error "3.6"
        "Answer badArgument where an argument is there twice.";
    /// A date that is none is not answered with `badArgument`.
    ArgumentDate "argument-date" Error "3.6"
        "Answer badArgument where from or until is not a date of the calendar.";
    /// An identifier that does not exist is not answered with `idDoesNotExist`.
    UnknownIdentifier "unknown-identifier" Error "3.6" "Answer idDoesNotExist.";
    /// A format that does not exist is not answered with `cannotDisseminateFormat`.
    UnknownFormat "unknown-format" Error "3.6" "Answer cannotDisseminateFormat.";
    /// A set that does not exist is not answered with `noRecordsMatch`.
    UnknownSet "unknown-set" Warning "3.6" "Answer noRecordsMatch.";
    /// `set`, or ListSets, without sets is not answered with `noSetHierarchy`.
    NoSetHierarchy "no-set-hierarchy" Error "3.6"
        "Answer noSetHierarchy where the repository has no sets.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_have_names_of_their_own_and_say_what_to_do() {
        let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(rule.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{rule}");
            assert!(rule.fix().ends_with('.'), "{rule}: {}", rule.fix());
        }
    }
}
