//! What is seen of harvests while they run.

use std::sync::{Mutex, PoisonError};

use harvest_pipeline::{NoticeLevel, Progress as RunProgress};

use crate::findings::Findings;
use crate::progress::{Console, Position, Progress};

/// One bar for all harvests that go on.
#[derive(Debug)]
pub(super) struct Watch(Mutex<(Option<Progress>, Vec<Position>)>);

impl Watch {
    pub(super) fn new(progress: Progress, harvests: usize) -> Self {
        Self(Mutex::new((Some(progress), vec![Position::default(); harvests])))
    }

    pub(super) fn show(&self, number: usize, run: &RunProgress<'_>, pages: u64) {
        let (progress, positions) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        positions[number] =
            Position { records: run.counters.total(), pages, announced: run.total_hint };
        let all = positions.iter().fold(
            Position { announced: Some(0), ..Position::default() },
            |all, one| Position {
                records: all.records + one.records,
                pages: all.pages + one.pages,
                // Known only when it is known of each.
                announced: all.announced.zip(one.announced).map(|(all, one)| all + one),
            },
        );
        if let Some(progress) = progress {
            progress.show(all);
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
    }
}

/// What was found wrong in one harvest.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) findings: Findings,
    /// Why the list may be incomplete.
    pub(super) suspicions: Vec<String>,
    /// How many pages brought records.
    pub(super) pages: u64,
    records: u64,
    console: Console,
}

impl Watched {
    pub(super) fn new(console: &Console) -> Self {
        Self {
            findings: Findings::new(console),
            suspicions: Vec::new(),
            pages: 0,
            records: 0,
            console: console.clone(),
        }
    }

    pub(super) fn take(&mut self, run: &RunProgress<'_>) {
        // A source also hands over batches that only move the checkpoint.
        let records = run.counters.total();
        self.pages += u64::from(records > self.records);
        self.records = records;
        for failure in run.failures {
            self.findings.failed(failure);
        }
        for notice in run.notices {
            match (notice.level, &notice.identifier) {
                (NoticeLevel::Warning, None) => {
                    self.console.warning(&notice.message);
                    self.suspicions.push(notice.message.clone());
                }
                (NoticeLevel::Repair | NoticeLevel::Warning, identifier) => {
                    let (kind, detail) =
                        notice.message.split_once(": ").unwrap_or(("other", &notice.message));
                    let place = match identifier {
                        Some(identifier) => format!("{detail} in {identifier}"),
                        None => detail.to_owned(),
                    };
                    self.findings.repair(kind, place);
                }
                _ => self.console.detail(&notice.to_string()),
            }
        }
    }
}
