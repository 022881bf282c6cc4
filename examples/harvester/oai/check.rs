//! Somebody's repository, checked against the standard.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use oai_pmh::check::{Checker, Finding, Report, Rule, Severity};
use serde_json::json;

use crate::args::{GlobalArgs, OaiCheckArgs};

use crate::output::{self, one_line};
use crate::progress::{Console, Position, count, counted};
use crate::report::{Failure, Status};
use crate::{conformance, network};

/// How many findings of a rule are shown; --json has more.
const SHOWN: usize = 3;

pub(super) async fn run(
    args: &OaiCheckArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let transport =
        network::with_concurrency(&args.url, &global.network, NonZeroUsize::MIN, console)?;
    let started = Instant::now();
    let progress = console.progress(network::shown(&args.url), false);
    let mut checker = Checker::new(args.url.clone(), transport).records(args.max_records);
    if args.quick {
        checker = checker.records(1).samples(1);
    }
    let watched = checker.on_progress(move |report| {
        progress.show(Position {
            records: report.records,
            pages: report.requests,
            announced: None,
        });
    });
    let report = watched.run().await?;
    output::print(match global.json {
        true => lines(&report, started.elapsed()),
        false => text(&report, started.elapsed()),
    })?;
    Ok(if report.is_conformant() { Status::Complete } else { Status::Different })
}

/// For people: the worst first, rule by rule.
fn text(report: &Report, elapsed: Duration) -> String {
    let mut rules: BTreeMap<(std::cmp::Reverse<Severity>, Rule), Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        let key = (std::cmp::Reverse(finding.rule.severity()), finding.rule);
        rules.entry(key).or_default().push(finding);
    }
    let mut text = String::new();
    for ((severity, rule), findings) in rules {
        let all = report.count(rule);
        let times = if all > 1 { format!(", {} ×", count(all)) } else { String::new() };
        text += &format!(
            "{:<7} {rule} ({}{times})\n",
            severity.0.as_str(),
            conformance::section(rule.section())
        );
        for finding in findings.into_iter().take(SHOWN) {
            text += &format!("    {}\n      {}\n", one_line(&finding.detail), finding.url);
        }
        text += &format!("    To do: {}\n", rule.fix());
    }
    let checked = format!(
        "{} checked with {}",
        counted(report.records, "record"),
        counted(report.requests, "request")
    );
    text + &conformance::closing(&checked, elapsed, totals(report)) + "\n"
}

/// For programs: an object a finding, and a summary.
fn lines(report: &Report, elapsed: Duration) -> String {
    let findings = report.findings.iter().map(|Finding { rule, url, detail, .. }| {
        json!({
            "event": "finding",
            "url": url.as_str(),
            "severity": rule.severity().as_str(),
            "code": rule.name(),
            "section": rule.section(),
            "detail": detail,
            "fix": rule.fix(),
        })
    });
    let [errors, warnings, infos] = totals(report);
    let summary = json!({
        "event": "summary",
        "valid": report.is_conformant(),
        "requests": report.requests,
        "pages": report.pages,
        "records": report.records,
        "errors": errors,
        "warnings": warnings,
        "infos": infos,
        "seconds": elapsed.as_secs_f64(),
    });
    findings.chain([summary]).map(|line| format!("{line}\n")).collect()
}

fn totals(report: &Report) -> [u64; 3] {
    [Severity::Error, Severity::Warning, Severity::Info].map(|severity| report.total(severity))
}
