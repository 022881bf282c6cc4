//! How a harvest ended, for people or as JSON.

use std::error::Error;

use harvest_pipeline::{RunError, RunState, Summary};
use oai_pmh::ErrorKind;
use serde_json::json;

use super::watch::Watched;
use super::{Asked, Spoken};
use crate::args::HarvestArgs;
use crate::progress::{count, counted, rate, took};
use crate::report::{Failure, Status};

/// A harvest that has ended in one way or another.
#[derive(Debug)]
pub(super) struct Ended {
    asked: Asked,
    ran: Result<Summary, RunError>,
    pub(super) found: Watched,
}

/// What is to be said of the list's completeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Complete,
    Suspicious,
    Truncated,
    /// It broke off before anything could be said.
    Failed,
    Stopped,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Suspicious => "suspicious",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl Ended {
    pub(super) fn new(asked: Asked, ran: Result<Summary, RunError>, found: Watched) -> Self {
        Self { asked, ran, found }
    }

    pub(super) fn status(&self) -> Status {
        match &self.ran {
            Ok(summary) if summary.state == RunState::Cancelled => Status::Failed,
            Ok(summary) if summary.counters.failed > 0 => Status::RecordErrors,
            Ok(_) => Status::Complete,
            Err(_) => Status::Failed,
        }
    }

    /// What is to be said when it did not come to its end.
    pub(super) fn failure(self) -> Option<Failure> {
        match self.ran {
            Ok(summary) if summary.state == RunState::Cancelled => {
                let message = format!("{} was stopped before its end", summary.source);
                Some(Failure::new(message).with_advice("The same command goes on from there."))
            }
            Ok(_) => None,
            Err(error) => Some(error.into()),
        }
    }

    fn summary(&self) -> Option<&Summary> {
        match &self.ran {
            Ok(summary) => Some(summary),
            Err(error) => error.summary(),
        }
    }

    fn verdict(&self) -> Verdict {
        match &self.ran {
            Ok(summary) if summary.state == RunState::Cancelled => Verdict::Stopped,
            Ok(_) if self.found.suspicions.is_empty() => Verdict::Complete,
            Ok(_) => Verdict::Suspicious,
            Err(error) => {
                let cause = error.source().and_then(|it| it.downcast_ref::<oai_pmh::Error>());
                match cause.map(oai_pmh::Error::kind) {
                    Some(ErrorKind::Truncated) => Verdict::Truncated,
                    _ => Verdict::Failed,
                }
            }
        }
    }

    /// From when on the next run will ask, if it will not ask for everything.
    fn next_from(&self) -> Option<String> {
        let checkpoint = self.summary()?.checkpoint.as_ref()?;
        self.asked.source.next_from(checkpoint)
    }

    pub(super) fn text(&self, args: &HarvestArgs) -> String {
        let Some(summary) = self.summary() else { return String::new() };
        let verdict = self.verdict();
        let records = summary.counters.total();
        // The error says it all.
        if records == 0 && self.ran.is_err() {
            return String::new();
        }
        let elapsed = took(summary.elapsed);
        let amount = match records {
            0 => format!("0 records in {elapsed}"),
            _ => format!(
                "{} on {} in {elapsed} ({} a second)",
                counted(records, "record"),
                counted(self.found.pages, "page"),
                rate(records, summary.elapsed),
            ),
        };
        let mut text = format!("{}\n  {}: {amount}\n", self.asked.source.id(), verdict.name());
        let would = if args.dry_run { "would be " } else { "" };
        let outcomes: Vec<_> = outcomes(summary)
            .map(|(number, what)| format!("{} {would}{what}", count(number)))
            .collect();
        if !outcomes.is_empty() {
            text.extend(["  ", &outcomes.join(", "), "\n"]);
        }
        let next = match (verdict, &args.to) {
            _ if args.dry_run => "nothing was stored: this was a dry run".to_owned(),
            (_, to) if to.is_written_anew() => "next run: everything anew".to_owned(),
            (Verdict::Complete | Verdict::Suspicious, _) => match self.next_from() {
                Some(from) => format!("next run: what has changed, from={from}"),
                None if self.asked.spoken == Spoken::HarvestList => {
                    "next run: documents that are new, or of a newer revision".to_owned()
                }
                None => "next run: everything".to_owned(),
            },
            _ => "next run: goes on from here".to_owned(),
        };
        text.extend(["  ", next.as_str(), "\n"]);
        text
    }

    pub(super) fn json(&self, args: &HarvestArgs) -> String {
        let summary = self.summary();
        let counters = summary.map(|summary| summary.counters).unwrap_or_default();
        let seconds = summary.map_or(0.0, |summary| summary.elapsed.as_secs_f64());
        let object = json!({
            "source": self.asked.source.id().as_str(),
            "verdict": self.verdict().name(),
            "reasons": self.found.suspicions,
            "error": self.ran.as_ref().err().map(ToString::to_string),
            "records": counters.total(),
            "created": counters.created,
            "updated": counters.updated,
            "unchanged": counters.unchanged,
            "deleted": counters.deleted,
            "already_deleted": counters.skipped_deleted,
            "filtered": counters.filtered,
            "failed": counters.failed,
            "pages": self.found.pages,
            "bytes": summary.map_or(0, |summary| summary.bytes),
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "repairs": self.found.findings.repairs(),
            "resumed": summary.is_some_and(|summary| summary.resumed),
            "dry_run": args.dry_run,
            "next_from": self.next_from(),
        });
        format!("{object}\n")
    }
}

/// The outcomes that there were.
fn outcomes(summary: &Summary) -> impl Iterator<Item = (u64, &'static str)> {
    let counters = summary.counters;
    let all = [
        (counters.created, "created"),
        (counters.updated, "updated"),
        (counters.unchanged, "unchanged"),
        (counters.deleted, "deleted"),
        (counters.skipped_deleted, "already deleted at the source"),
        (counters.filtered, "left out"),
        (counters.failed, "failed"),
    ];
    all.into_iter().filter(|(number, _)| *number > 0)
}
