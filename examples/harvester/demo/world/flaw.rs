//! What is wrong with some of the records of an institutional repository, as an aggregator sees it.

use super::{Rng, Stream};

/// A fault of a JPCOAR record under the rules of IRDB, the Japanese aggregator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// No title.
    NoTitle,
    /// Two titles in the same language.
    TwoTitles,
    /// A reading in kana of a title that is not there.
    ReadingAlone,
    /// A resource type that is not in the vocabulary.
    UnknownType,
    /// A date that does not say of what.
    DateOfNothing,
    /// A number of the Nippon Decimal Classification with letters in it.
    Classification,
    /// Two names in one language of one affiliation.
    TwoAffiliations,
    /// A first page such as `e12`.
    PageName,
    /// Elements in another order than the schema's.
    Order,
}

impl Flaw {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::NoTitle,
        Self::TwoTitles,
        Self::ReadingAlone,
        Self::UnknownType,
        Self::DateOfNothing,
        Self::Classification,
        Self::TwoAffiliations,
        Self::PageName,
        Self::Order,
    ];

    /// That of a work: of one in 16, in its first version only. Whoever was told has put it right
    /// in the second.
    pub(crate) fn of(seed: u64, number: u64, version: u32) -> Option<Self> {
        let mut rng = Rng::new(seed, Stream::Flaw, number);
        (rng.one_in(16) && version == 1).then(|| *rng.pick(&Self::ALL))
    }
}
