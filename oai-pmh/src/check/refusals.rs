//! Requests that are to be refused, and the same by other ways.

use super::items::Whole;
use super::query::Query;
use super::{Check, Rule};
use crate::ErrorCode::{
    self, BadArgument, BadResumptionToken, BadVerb, CannotDisseminateFormat, IdDoesNotExist,
    NoRecordsMatch, NoSetHierarchy,
};
use crate::{Header, Request, Selection};

type Provocation = (Rule, &'static [(&'static str, &'static str)], &'static [ErrorCode]);

const LIST: (&str, &str) = ("verb", "ListRecords");
const HEADERS: (&str, &str) = ("verb", "ListIdentifiers");
const DC: (&str, &str) = ("metadataPrefix", "oai_dc");
const NOBODY: (&str, &str) = ("identifier", "oai:nowhere.invalid:none");

/// Shorter answers may be left as they are, in bytes.
const WORTH_PACKING: u64 = 8 << 10;

const PROVOCATIONS: &[Provocation] = &[
    (Rule::BadVerb, &[("junk", "junk")], &[BadVerb]),
    (Rule::BadVerb, &[("verb", "junk")], &[BadVerb]),
    (Rule::BadVerb, &[("verb", "Identify"), ("verb", "Identify")], &[BadVerb]),
    (Rule::ArgumentMissing, &[LIST], &[BadArgument]),
    (Rule::ArgumentMissing, &[HEADERS], &[BadArgument]),
    (Rule::ArgumentMissing, &[("verb", "GetRecord"), DC], &[BadArgument]),
    (Rule::ArgumentMissing, &[("verb", "GetRecord"), NOBODY], &[BadArgument, IdDoesNotExist]),
    (Rule::ArgumentUnknown, &[("verb", "Identify"), ("junk", "1")], &[BadArgument]),
    (Rule::ArgumentUnknown, &[LIST, DC, ("junk", "1")], &[BadArgument]),
    (Rule::ArgumentRepeated, &[HEADERS, DC, DC], &[BadArgument]),
    (Rule::ArgumentDate, &[LIST, DC, ("from", "junk")], &[BadArgument]),
    (Rule::ArgumentDate, &[HEADERS, DC, ("until", "junk")], &[BadArgument]),
    (Rule::ArgumentDate, &[HEADERS, DC, ("from", "2001-02-30")], &[BadArgument]),
    (Rule::TokenJunk, &[LIST, ("resumptionToken", "junk")], &[BadResumptionToken]),
    (Rule::TokenJunk, &[HEADERS, ("resumptionToken", "junk")], &[BadResumptionToken]),
    (
        Rule::TokenExclusive,
        &[HEADERS, ("resumptionToken", "junk"), ("until", "2001-01-01")],
        &[BadArgument, BadResumptionToken],
    ),
    (Rule::UnknownIdentifier, &[("verb", "GetRecord"), NOBODY, DC], &[IdDoesNotExist]),
    (Rule::UnknownIdentifier, &[("verb", "ListMetadataFormats"), NOBODY], &[IdDoesNotExist]),
    (
        Rule::UnknownIdentifier,
        &[("verb", "GetRecord"), ("identifier", "invalid\"id"), DC],
        &[BadArgument, IdDoesNotExist],
    ),
    (Rule::UnknownFormat, &[LIST, ("metadataPrefix", "junk")], &[CannotDisseminateFormat]),
    (Rule::UnknownFormat, &[HEADERS, ("metadataPrefix", "junk")], &[CannotDisseminateFormat]),
];

impl Check {
    /// Everything that is to be refused.
    pub(super) async fn refusals(&mut self, headers: &Whole) {
        for (rule, pairs, codes) in PROVOCATIONS {
            self.expect(*rule, &Query::new(pairs), codes).await;
        }
        if let Some(identifier) = headers.items.keys().next() {
            let pairs =
                [("verb", "GetRecord"), ("identifier", identifier), ("metadataPrefix", "junk")];
            let query = Query::new(&pairs);
            self.expect(Rule::UnknownFormat, &query, &[CannotDisseminateFormat]).await;
        }
        let set = Query::new(&[HEADERS, DC, ("set", "made-up.set")]);
        match self.about.sets {
            Some(_) => {
                let codes = [NoRecordsMatch, NoSetHierarchy, BadArgument];
                self.expect(Rule::UnknownSet, &set, &codes).await;
            }
            None => self.expect(Rule::NoSetHierarchy, &set, &[NoSetHierarchy]).await,
        }
    }

    /// POST does what GET does, and compression is what was asked for.
    pub(super) async fn by_post(&mut self) {
        let identify = Query::from(&Request::Identify);
        let list = Self::query(Selection::prefix("oai_dc"));
        for query in [&identify, &list] {
            let (Some(got), posted) = (self.asker.ask(query).await, self.asker.post(query).await)
            else {
                continue;
            };
            let Some(posted) = posted else { continue };
            let first = |page: Option<crate::Page<Header>>| {
                page.and_then(|page| page.items.into_iter().flatten().next())
            };
            let is_same = got.errors == posted.errors && first(got.page()) == first(posted.page());
            if !is_same {
                let detail = format!("by POST it is another answer: {}", posted.told());
                self.asker.report.add(Rule::Post, &posted.url, detail);
            }
        }
        let url = list.url(&self.asker.shown);
        if let Some((coding, _)) = self.asker.coding(&list, "identity").await
            && coding != "identity"
        {
            let detail = format!("it comes as {coding}");
            self.asker.report.add(Rule::IdentityEncoding, &url, detail);
        }
        let listed = self.about.identify.compressions.iter().any(|it| it == "gzip");
        let Some((coding, length)) = self.asker.coding(&list, "gzip").await else { return };
        match coding.as_str() {
            "gzip" if !listed => {
                let detail = "it comes as gzip, which Identify does not name";
                self.asker.report.add(Rule::CompressionUnlisted, &url, detail);
            }
            "identity" if listed && length >= WORTH_PACKING => {
                let detail = "it comes as it is, though gzip was accepted";
                self.asker.report.add(Rule::CompressionUnused, &url, detail);
            }
            _ => {}
        }
    }
}
