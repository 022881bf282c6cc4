//! From a document to those it leads to.

use url::Url;

use super::capabilities::Capabilities;
use super::error::kind_text;
use super::fetch::join;
use super::notice::{Notice, NoticeKind, note};
use super::opened::{Opened, Shape, of_archive, plain};
use super::{Error, ErrorKind, Result};
use crate::document::{Capability, Datetime, Document, Precision};

/// A document that another one leads to.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) url: Url,
    /// What it is said to be.
    pub(super) expected: Option<Capability>,
    /// Up to when it tells of changes, where that is said.
    pub(super) until: Option<Datetime>,
}

/// What is odd about the document itself.
pub(super) fn note_oddities(opened: &Opened, notices: &mut Vec<Notice>) {
    let url = opened.url();
    match opened.head().capability() {
        None => note(notices, NoticeKind::NoCapability, url, || {
            "the document does not say what it is".to_owned()
        }),
        Some(said) => {
            let (understood, _) = plain(said);
            if understood != *said {
                note(notices, NoticeKind::OddCapability, url, || {
                    format!("{:?} was taken for {:?}", said.as_str(), understood.as_str())
                });
            } else if matches!(said, Capability::Other(_)) {
                note(notices, NoticeKind::OddCapability, url, || {
                    format!("{:?} is no capability of the standard", said.as_str())
                });
            }
        }
    }
    if opened.shape() == Shape::IndexAsList {
        // §7 tells lists from indexes by the root element alone.
        note(notices, NoticeKind::IndexAsList, url, || {
            "an index of lists is written as a list".to_owned()
        });
    }
}

/// Compares what a document is with what the one that led to it says.
pub(super) fn note_difference(
    opened: &Opened,
    expected: Option<&Capability>,
    notices: &mut Vec<Notice>,
) {
    let (Some(expected), Some(found)) = (expected, opened.capability()) else { return };
    if expected != found {
        note(notices, NoticeKind::OtherCapability, opened.url(), || {
            format!("it is {}, not {}", kind_text(Some(found)), kind_text(Some(expected)))
        });
    }
}

/// The documents that this one leads to, one level down.
pub(super) async fn children(
    opened: &Opened,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Result<Child>>> {
    Ok(children_in(&opened.whole().await?, opened, notices))
}

fn children_in(
    document: &Document,
    opened: &Opened,
    notices: &mut Vec<Notice>,
) -> Vec<Result<Child>> {
    let url = opened.url();
    if opened.shape() == Shape::CapabilityList {
        let offers = Capabilities::of(document, url);
        let several = offers.notices().iter().filter(|it| it.kind == NoticeKind::SeveralEntries);
        notices.extend(several.cloned());
    }
    let all = document.entries.iter().map(|entry| {
        let (child, is_relative) = join(url, &entry.loc)?;
        if is_relative {
            note(notices, NoticeKind::RelativeUrl, url, || format!("{:?} is relative", entry.loc));
        }
        let said = || entry.md.capability.as_ref().map(|it| plain(it).0);
        let expected = match opened.shape() {
            Shape::Index | Shape::IndexAsList => opened.capability().cloned(),
            Shape::Description => Some(Capability::CapabilityList),
            Shape::Archive => opened.capability().and_then(of_archive),
            Shape::CapabilityList | Shape::List => said(),
        };
        Ok(Child { url: child, expected, until: entry.md.until })
    });
    all.collect()
}

impl Child {
    /// Whether everything it tells was over by then.
    pub(super) fn is_over(&self, since: &Datetime) -> bool {
        self.until.is_some_and(|until| ends_by(&until, since))
    }
}

/// Whether a document that tells of changes up to `until` has none after `since`.
pub(super) fn ends_by(until: &Datetime, since: &Datetime) -> bool {
    // A date may be meant to include the day.
    let spare = match until.precision() {
        Precision::Year => 366,
        Precision::Month => 31,
        Precision::Day => 1,
        _ => 0,
    };
    until.time() + chrono::TimeDelta::days(spare) <= since.time()
}

pub(super) fn circle(url: &Url, within: &Url) -> Error {
    Error::new(ErrorKind::Loop { url: url.clone(), within: within.clone() })
}
