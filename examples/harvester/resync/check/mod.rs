//! Somebody's documents, checked against the standard.

mod failed;
mod line;
mod sample;
mod step;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, header};
use resync_core::client::{Client, What};
use resync_core::document::Metadata;
use resync_core::document::{Capability, Datetime, Report, Severity, Validator, rel};
use resync_core::sync::Authority;
use resync_core::transport::{Answer, BodyLimits, Request, Transport};
use serde_json::json;
use url::Url;

use self::failed::Failed;
use self::line::{CHANGES_LATE, Line, other, text_of, times};
use self::sample::Sample;
use self::step::{Step, below, head_of, is_document, link, reader};
use super::{LARGEST, anywhere};
use crate::args::{CheckArgs, GlobalArgs};
use crate::output::one_line;
use crate::progress::{Console, Position, count, counted};
use crate::report::{Failure, Status};
use crate::{conformance, network, output};

/// How many documents are checked, and how deep they may lie below the first.
const DOCUMENTS: usize = 100_000;
const DEPTH: u32 = 8;

pub(super) async fn run(
    args: &CheckArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let transport = super::transport(&args.url, &args.allow_origin, global, console)?;
    let transport = Arc::new(transport.limits(BodyLimits::default().max(LARGEST)));
    // Resources are what they are, packed or not.
    let limits = BodyLimits::default().max(sample::LARGEST).sniff(false);
    let resources =
        super::transport(&args.url, &args.allow_origin, global, console)?.limits(limits);
    let mut check = Check {
        transport,
        resources: Arc::new(resources),
        samples: if args.only { 0 } else { args.sample },
        authority: anywhere(&args.url, &args.allow_origin),
        is_json: global.json,
        kinds: HashMap::new(),
        snapshots: HashMap::new(),
        changes: HashMap::new(),
        fixes: BTreeMap::new(),
        totals: Totals::default(),
    };
    let started = Instant::now();
    // Findings are printed on the way.
    let progress = console.progress(network::shown(&args.url), true);
    let (first, answer) = check.begin(args).await?;
    let mut seen = HashSet::from([first.url.clone()]);
    let mut pending = check.document(first, answer).await?;
    if args.only {
        pending.clear();
    }
    // The next one is the last.
    while let Some(step) = pending.pop() {
        if !seen.insert(step.url.clone()) {
            check.again(&step)?;
            continue;
        }
        if seen.len() > DOCUMENTS || step.depth > DEPTH {
            let what = format!("more than {DOCUMENTS} documents, or {DEPTH} levels of them");
            check.missing(&step.url, &format!("not followed: {what}"))?;
            continue;
        }
        match check.fetch(&step.url).await {
            Ok(answer) => pending.extend(check.document(step, answer).await?),
            Err(failed) => check.missing(&step.url, &failed.message())?,
        }
        let Totals { entries, documents, .. } = check.totals;
        progress.show(Position { records: entries, pages: documents, announced: None });
    }
    drop(progress);
    check.finish(started)
}

/// A check under way.
struct Check {
    transport: Arc<dyn Transport>,
    /// The same, for what the documents list.
    resources: Arc<dyn Transport>,
    /// How many resources of each list are looked at.
    samples: usize,
    authority: Authority,
    is_json: bool,
    /// What the documents are that were seen.
    kinds: HashMap<Url, Capability>,
    /// Of each set of resources, by its Capability List: of when its Resource List is.
    snapshots: HashMap<Url, Datetime>,
    /// And since when its changes are listed, with the list that says so.
    changes: HashMap<Url, (Datetime, Url)>,
    /// What there is to do, by rule.
    fixes: BTreeMap<(Reverse<Severity>, &'static str), &'static str>,
    totals: Totals,
}

#[derive(Default)]
struct Totals {
    documents: u64,
    entries: u64,
    /// Resources that were compared.
    resources: u64,
    /// Documents that could not be had.
    missing: u64,
    errors: u64,
    warnings: u64,
    infos: u64,
}

impl Check {
    /// What was given, if it is a document, however broken; or else where the search leads.
    async fn begin(&self, args: &CheckArgs) -> Result<(Step, Answer), Failure> {
        let step = |url| Step {
            url,
            expected: None,
            parent: None,
            is_part: false,
            depth: 0,
            said: Metadata::default(),
        };
        match self.fetch(&args.url).await {
            Ok(answer) if args.only || is_document(&answer.payload) => {
                return Ok((step(args.url.clone()), answer));
            }
            Err(failed) if args.only || failed.is_final() => return Err(failed.into_failure()),
            _ => {}
        }
        let authority = self.authority.clone();
        let client = Client::new(Arc::clone(&self.transport))
            .permit(move |url| authority.check(url).map_err(|error| error.to_string()));
        let found = client.discover(args.url.as_str()).await?;
        let url = match found.description {
            Some(description) if found.found_by != What::Given => description,
            _ => found.document.url().clone(),
        };
        let answer = self.fetch(&url).await.map_err(Failed::into_failure)?;
        Ok((step(url), answer))
    }

    async fn fetch(&self, url: &Url) -> Result<Answer, Failed> {
        self.permit(url)?;
        let accept = HeaderValue::from_static("application/xml, text/xml;q=0.9, */*;q=0.5");
        let request = Request::get(url.clone()).header(header::ACCEPT, accept);
        let response = self.transport.send(request).await?;
        response.success()?;
        // A redirect may have led where nobody may go.
        self.permit(&response.url)?;
        Ok(response.collect(&BodyLimits::default().max(LARGEST)).await?)
    }

    fn permit(&self, url: &Url) -> Result<(), Failed> {
        self.authority.check(url).map_err(|why| Failed::Forbidden(why.to_string()))
    }

    /// Checks a document, prints what is found, and gives those it leads to, the next one last.
    async fn document(&mut self, step: Step, answer: Answer) -> Result<Vec<Step>, Failure> {
        let url = network::shown(&answer.url);
        let charset = answer.charset();
        let head = head_of(&answer.payload, charset.as_deref());
        let mut validator = Validator::new().address(url.clone()).fetched(Datetime::now());
        if let Some(charset) = &charset {
            validator = validator.charset(charset);
        }
        if step.is_part {
            validator = validator.part_of_index();
        }
        let up = head.and_then(|head| link(&head, rel::UP, &url));
        if let Some(above) = up.and_then(|up| self.kinds.get(&up)) {
            validator = validator.above(above.clone());
        }
        let (base, depth, wanted) = (url.clone(), step.depth + 1, self.samples);
        let checked = tokio::task::spawn_blocking(move || {
            let report = match reader(&answer.payload) {
                Ok(source) => validator.check(source),
                Err(error) => return Err(error),
            };
            let charset = charset.as_deref();
            let below = below(&answer.payload, charset, &report, &base, depth);
            let lists_what_is = matches!(
                report.head.capability(),
                Some(Capability::ResourceList | Capability::ResourceDump | Capability::ChangeDump)
            ) && !report.head.is_index()
                && below.is_empty();
            let wanted = if lists_what_is { wanted } else { 0 };
            let entries = report.entries;
            let samples = sample::choose(&answer.payload, charset, &base, entries, wanted);
            Ok((report, below, samples))
        });
        let checked = checked.await.map_err(io::Error::from).and_then(|checked| checked);
        let (report, below, samples) = checked.map_err(|error| {
            let advice = "Make room in the folder for temporary files, or name another in TMPDIR.";
            Failure::new(format!("{url}: a temporary file cannot be read: {error}"))
                .with_advice(advice)
        })?;
        if let Some(capability) = report.head.capability() {
            self.kinds.insert(url.clone(), capability.clone());
        }
        self.remember(&url, &report);
        self.tell(&step, &url, &report)?;
        let listed = report.head.md.at.as_ref().map(Datetime::time);
        for sample in samples {
            self.sample(&sample, listed).await?;
        }
        Ok(below)
    }

    /// Keeps of when a snapshot is, and since when changes are listed.
    fn remember(&mut self, url: &Url, report: &Report) {
        let Some(up) = link(&report.head, rel::UP, url) else { return };
        let md = &report.head.md;
        match (report.head.capability(), &md.at, &md.from) {
            (Some(Capability::ResourceList), Some(at), _) => {
                let known = self.snapshots.entry(up).or_insert_with(|| *at);
                if at.time() < known.time() {
                    *known = *at;
                }
            }
            (Some(Capability::ChangeList), _, Some(from)) => {
                let new = || (*from, url.clone());
                let known = self.changes.entry(up).or_insert_with(new);
                if from.time() < known.0.time() {
                    *known = new();
                }
            }
            _ => {}
        }
    }

    /// Compares a resource with what a list of this time says of it.
    async fn sample(
        &mut self,
        sample: &Sample,
        listed: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<(), Failure> {
        let lines = sample.compare(&*self.resources, &self.authority, listed).await;
        self.totals.resources += 1;
        self.found(&network::shown(&sample.url), &lines)
    }

    /// Prints what was found beside what single documents show.
    fn found(&mut self, url: &Url, lines: &[Line]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = if self.is_json { String::new() } else { format!("{url}\n") };
        for line in lines {
            let totals = &mut self.totals;
            *match line.severity {
                Severity::Error => &mut totals.errors,
                Severity::Warning => &mut totals.warnings,
                Severity::Info => &mut totals.infos,
            } += 1;
            self.fixes.insert((Reverse(line.severity), line.code), line.fix);
            text += &if self.is_json { line.json(url) } else { line.text(0) };
        }
        output::print(text)
    }

    /// Changes that are listed only since after the snapshot are lost to those who copied it.
    fn compare_times(&mut self) -> Result<(), Failure> {
        let mut late = Vec::new();
        for (set, at) in &self.snapshots {
            if let Some((from, url)) = self.changes.get(set)
                && from.time() > at.time()
            {
                let detail =
                    format!("changes are listed from {from}, the Resource List is of {at}");
                late.push((url.clone(), Line::of(&CHANGES_LATE, detail)));
            }
        }
        late.into_iter().try_for_each(|(url, line)| self.found(&url, &[line]))
    }

    /// Prints what was found in a document.
    fn tell(&mut self, step: &Step, url: &Url, report: &Report) -> Result<(), Failure> {
        let mut lines = Vec::new();
        let found = report.head.capability();
        let mut errors = report.total(Severity::Error);
        if let Some(line) = other(step, found) {
            errors += 1;
            lines.push(line);
        }
        lines.extend(report.findings.iter().map(|it| Line {
            place: (it.line, it.column),
            severity: it.severity,
            code: it.code.name(),
            section: it.code.section(),
            entry: it.entry,
            loc: it.loc.clone(),
            detail: it.detail.clone(),
            fix: it.code.fix(),
        }));
        let fixes = lines.iter().map(|line| ((Reverse(line.severity), line.code), line.fix));
        self.fixes.extend(fixes);
        let (mut warnings, infos) = (report.total(Severity::Warning), report.total(Severity::Info));
        if let Some(line) = times(step, &report.head) {
            warnings += 1;
            lines.push(line);
        }
        let totals = &mut self.totals;
        totals.documents += 1;
        totals.entries += report.entries;
        totals.errors += errors;
        totals.warnings += warnings;
        totals.infos += infos;
        if !self.is_json {
            return output::print(text_of(url, report, &lines));
        }
        let mut text: String = lines.iter().map(|line| line.json(url)).collect();
        let document = json!({
            "event": "document",
            "url": url.as_str(),
            "capability": found.map(Capability::as_str),
            "index": report.head.is_index(),
            "entries": report.entries,
            "bytes": report.bytes,
            "errors": errors,
            "warnings": warnings,
            "infos": infos,
        });
        text += &format!("{document}\n");
        output::print(text)
    }

    /// A document that was checked before is listed once more, maybe as something else.
    fn again(&mut self, step: &Step) -> Result<(), Failure> {
        let Some(line) = other(step, self.kinds.get(&step.url)) else { return Ok(()) };
        self.found(&step.url, &[line])
    }

    /// Tells of a document that could not be had.
    fn missing(&mut self, url: &Url, message: &str) -> Result<(), Failure> {
        self.totals.missing += 1;
        let url = network::shown(url);
        if self.is_json {
            let line = json!({"event": "failed", "url": url.as_str(), "message": message});
            return output::print(format!("{line}\n"));
        }
        output::print(format!("{url}\n  error could not be had: {}\n", one_line(message)))
    }

    fn finish(mut self, started: Instant) -> Result<Status, Failure> {
        self.compare_times()?;
        let Totals { documents, entries, resources, missing, errors, warnings, infos } =
            self.totals;
        let is_valid = errors + missing == 0;
        let elapsed = started.elapsed();
        if self.is_json {
            let summary = json!({
                "event": "summary",
                "valid": is_valid,
                "documents": documents,
                "entries": entries,
                "resources": resources,
                "missing": missing,
                "errors": errors,
                "warnings": warnings,
                "infos": infos,
                "seconds": elapsed.as_secs_f64(),
            });
            output::print(format!("{summary}\n"))?;
        } else {
            let missing = match missing {
                0 => String::new(),
                n => format!(", {} not had", counted(n, "document")),
            };
            let entries = match entries {
                1 => "1 entry".to_owned(),
                n => format!("{} entries", count(n)),
            };
            let resources = match resources {
                0 => String::new(),
                n => format!(" and {}", counted(n, "resource")),
            };
            let checked =
                format!("{} with {entries}{resources} checked", counted(documents, "document"));
            let closing = conformance::closing(&checked, elapsed, [errors, warnings, infos]);
            let to_do = conformance::to_do(&self.fixes);
            output::print(format!("{to_do}{closing}{missing}\n"))?;
        }
        Ok(if is_valid { Status::Complete } else { Status::Different })
    }
}
