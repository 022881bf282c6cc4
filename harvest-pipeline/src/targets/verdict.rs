//! What is to be done for a target about one record. Nothing here sends anything.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::deliveries::Delivery;
use super::target::{Offer, Target, Withdrawal};
use crate::batch::{Change, Item};
use crate::error::{RecordError, Stage};
use crate::run::Outcome;
use crate::sink::Entry;

/// What is to be done about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it: a version to be stored, or a deletion to be followed. Then this was delivered last,
    /// and the outcome is this.
    Send(Delivery, Outcome),
    /// Nothing; what was delivered stays. The outcome says why.
    Leave(Outcome),
}

/// Who asks for a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedBy {
    Source,
    Operator,
}

impl<R: Serialize> Target<R> {
    /// Decides about a record, of which this was delivered last.
    ///
    /// The one way to something withdrawn is a deletion: no error, warning or condition leads there.
    pub(super) fn decide(
        &self,
        entry: &Entry<R>,
        last: Option<&Delivery>,
        asked_by: AskedBy,
    ) -> Result<Verdict, RecordError> {
        let last = last.filter(|delivery| !delivery.withdrawn);
        match entry {
            Entry::Put { item, record, issues } => {
                if !self.wants(&Offer { item, record, issues })? {
                    return Ok(Verdict::Leave(Outcome::Filtered));
                }
                let delivery = Delivery::new(version(item, record)?, item.datestamp.clone());
                Ok(match last {
                    Some(last) if last.version == delivery.version => {
                        Verdict::Leave(Outcome::Unchanged)
                    }
                    Some(_) => Verdict::Send(delivery, Outcome::Updated),
                    None => Verdict::Send(delivery, Outcome::Created),
                })
            }
            // A filter that decides for deletion is not the source.
            Entry::Delete { item } if item.change != Change::Delete => {
                Ok(Verdict::Leave(Outcome::Unchanged))
            }
            Entry::Delete { .. } => Ok(match (last, self.withdrawal(), asked_by) {
                (None, _, _) => Verdict::Leave(Outcome::SkippedDeleted),
                (Some(last), Withdrawal::ByOperatorOrDeletion, _)
                | (Some(last), Withdrawal::ByOperator, AskedBy::Operator) => {
                    Verdict::Send(last.clone().withdrawn(), Outcome::Deleted)
                }
                (Some(_), _, _) => Verdict::Leave(Outcome::Unchanged),
            }),
            // No preparer of a receiver is asked, so that this does not come.
            Entry::Prepared { .. } => Ok(Verdict::Leave(Outcome::Filtered)),
            Entry::Unchanged { .. } | Entry::Rejected { .. } | Entry::Failed { .. } => {
                Ok(Verdict::Leave(entry.plain_outcome()))
            }
        }
    }
}

/// A hash of all that was delivered but the datestamp, and of what was read in it, in hexadecimal
/// digits.
fn version<R: Serialize>(item: &Item, record: &R) -> Result<String, RecordError> {
    let record = serde_json::to_string(record).map_err(|error| {
        let message = format!("its fields cannot be JSON: {error}");
        RecordError::new(item.identifier.clone(), Stage::Sink, message)
    })?;
    let mut hash = Sha256::new();
    // With its length before it, no text can be taken for two others.
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    for list in [&item.sets, &item.abouts] {
        add(&list.len().to_string());
        list.iter().for_each(|text| add(text));
    }
    add(item.version.as_deref().unwrap_or_default());
    if let Some(payload) = item.payload() {
        add(&payload.format);
        add(&payload.body);
    }
    add(&record);
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
