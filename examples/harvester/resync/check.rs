//! Somebody's documents, checked against the standard.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, header};
use memchr::memmem;
use resync_core::client::{Client, What};
use resync_core::document::{
    Capability, Code, Datetime, Head, ReadError, Reader, Report, Severity, Validator, rel,
};
use resync_core::sync::Authority;
use resync_core::transport::{Answer, BodyLimits, Payload, Request, Transport};
use resync_core::xml::Mode;
use serde_json::json;
use url::Url;

use super::{LARGEST, anywhere};
use crate::args::{CheckArgs, GlobalArgs};
use crate::output::one_line;
use crate::progress::{Console, Position, count, counted, took};
use crate::report::{Failure, Status};
use crate::{network, output};

/// How many findings of one code are shown of one document; --json has more.
const SHOWN: u64 = 20;
/// How many documents are checked, and how deep they may lie below the first.
const DOCUMENTS: usize = 100_000;
const DEPTH: u32 = 8;

pub(super) async fn run(
    args: &CheckArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let transport = network::transport(&args.url, &global.network, console)?;
    let transport = Arc::new(transport.limits(BodyLimits::default().max(LARGEST)));
    let mut check = Check {
        transport,
        authority: anywhere(&args.url, &args.allow_origin),
        is_json: global.json,
        kinds: HashMap::new(),
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
    authority: Authority,
    is_json: bool,
    /// What the documents are that were seen.
    kinds: HashMap<Url, Capability>,
    totals: Totals,
}

#[derive(Default)]
struct Totals {
    documents: u64,
    entries: u64,
    /// Documents that could not be had.
    missing: u64,
    errors: u64,
    warnings: u64,
    infos: u64,
}

/// A document to be checked.
struct Step {
    url: Url,
    /// What the one that leads to it says it is.
    expected: Option<Capability>,
    /// The one that leads to it.
    parent: Option<Url>,
    /// Whether an index lists it.
    is_part: bool,
    depth: u32,
}

/// One line of what is found.
struct Line {
    place: (u64, u64),
    severity: Severity,
    code: &'static str,
    section: &'static str,
    entry: Option<u64>,
    loc: Option<String>,
    detail: String,
}

impl Check {
    /// What was given, if it is a document, however broken; or else where the search leads.
    async fn begin(&self, args: &CheckArgs) -> Result<(Step, Answer), Failure> {
        let step = |url| Step { url, expected: None, parent: None, is_part: false, depth: 0 };
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
        let (base, depth) = (url.clone(), step.depth + 1);
        let checked = tokio::task::spawn_blocking(move || {
            let report = match reader(&answer.payload) {
                Ok(source) => validator.check(source),
                Err(error) => return Err(error),
            };
            let below = below(&answer.payload, charset.as_deref(), &report, &base, depth);
            Ok((report, below))
        });
        let checked = checked.await.map_err(io::Error::from).and_then(|checked| checked);
        let (report, below) = checked.map_err(|error| {
            let advice = "Make room in the folder for temporary files, or name another in TMPDIR.";
            Failure::new(format!("{url}: a temporary file cannot be read: {error}"))
                .with_advice(advice)
        })?;
        if let Some(capability) = report.head.capability() {
            self.kinds.insert(url.clone(), capability.clone());
        }
        self.tell(&step, &url, &report)?;
        Ok(below)
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
        }));
        let (warnings, infos) = (report.total(Severity::Warning), report.total(Severity::Info));
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
        self.totals.errors += 1;
        output::print(match self.is_json {
            true => line.json(&step.url),
            false => format!("{}\n{}", step.url, line.text(0)),
        })
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

    fn finish(self, started: Instant) -> Result<Status, Failure> {
        let Totals { documents, entries, missing, errors, warnings, infos } = self.totals;
        let is_valid = errors + missing == 0;
        let elapsed = started.elapsed();
        if self.is_json {
            let summary = json!({
                "event": "summary",
                "valid": is_valid,
                "documents": documents,
                "entries": entries,
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
            output::print(format!(
                "{} with {} checked in {}: {}, {}, {}{missing}\n",
                counted(documents, "document"),
                if entries == 1 {
                    "1 entry".to_owned()
                } else {
                    format!("{} entries", count(entries))
                },
                took(elapsed),
                counted(errors, "error"),
                counted(warnings, "warning"),
                counted(infos, "info"),
            ))?;
        }
        Ok(if is_valid { Status::Complete } else { Status::Different })
    }
}

impl Line {
    fn position(&self) -> String {
        format!("{}:{}", self.place.0, self.place.1)
    }

    /// For people, with the position in a column of this width.
    fn text(&self, width: usize) -> String {
        let Self { severity, code, section, .. } = self;
        let section = match section.starts_with(|c: char| c.is_ascii_digit() || c == 'A') {
            true => format!("§{section}"),
            false => (*section).to_owned(),
        };
        let (position, detail) = (self.position(), one_line(&self.detail));
        format!("  {position:>width$} {:<7} {code} ({section}) {detail}\n", severity.as_str())
    }

    /// For programs.
    fn json(&self, url: &Url) -> String {
        let line = json!({
            "event": "finding",
            "url": url.as_str(),
            "line": self.place.0,
            "column": self.place.1,
            "severity": self.severity.as_str(),
            "code": self.code,
            "section": self.section,
            "entry": self.entry,
            "loc": self.loc,
            "detail": self.detail,
        });
        format!("{line}\n")
    }
}

/// Whether a document is not what the one that leads to it says.
fn other(step: &Step, found: Option<&Capability>) -> Option<Line> {
    let (expected, found) = (step.expected.as_ref()?, found?);
    let listed = step.parent.as_ref().map(|url| format!(" in {url}")).unwrap_or_default();
    (expected != found).then(|| Line {
        place: (1, 1),
        severity: Severity::Error,
        code: "other-capability",
        section: "9",
        entry: None,
        loc: None,
        detail: format!("it is a {found}, and listed as a {expected}{listed}"),
    })
}

/// The document, and what was found in it, for people.
fn text_of(url: &Url, report: &Report, lines: &[Line]) -> String {
    let kind = report.head.capability().map_or("no capability", Capability::as_str);
    let index = if report.head.is_index() { " index" } else { "" };
    let entries = count(report.entries);
    let mut text = format!("{url}  ({}{index}, entries: {entries})", one_line(kind));
    text += if lines.is_empty() { " ok\n" } else { "\n" };
    let width = lines.iter().map(|line| line.position().len()).max().unwrap_or_default();
    let mut shown: BTreeMap<(&str, Severity), u64> = BTreeMap::new();
    for line in lines {
        let count = shown.entry((line.code, line.severity)).or_default();
        *count += 1;
        if *count > SHOWN {
            continue;
        }
        text += &line.text(width);
        if *count == SHOWN {
            let (code, all) = (line.code, of_code(report, line.code, line.severity));
            if all > SHOWN {
                text +=
                    &format!("  {:>width$} … and {} more {code}\n", "", self::count(all - SHOWN));
            }
        }
    }
    text
}

/// How many findings there were of a code, kept or not.
fn of_code(report: &Report, name: &str, severity: Severity) -> u64 {
    let own = report.counts().filter(|(code, own, _)| code.name() == name && *own == severity);
    own.map(|(_, _, count)| count).sum()
}

/// Whether it may be a document; what is wrong with it, checking it will tell.
fn is_document(payload: &Payload) -> bool {
    let mut start = payload.head(8 << 10).unwrap_or_default();
    // UTF-16 seen as bytes has its ASCII characters apart.
    start.retain(|byte| *byte != 0);
    ["urlset", "sitemapindex"].iter().any(|it| memmem::find(&start, it.as_bytes()).is_some())
}

fn reader(payload: &Payload) -> io::Result<Box<dyn Read + '_>> {
    Ok(match payload {
        Payload::Memory(bytes) => Box::new(&bytes[..]),
        Payload::Spooled(spool) => Box::new(spool.reader()?),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// What a document says of itself, if it can be read at all.
fn head_of(payload: &Payload, charset: Option<&str>) -> Option<Head> {
    let mut reader = Reader::with(reader(payload).ok()?, charset, Mode::Tolerant);
    reader.head().ok().cloned()
}

fn link(head: &Head, rel: &str, base: &Url) -> Option<Url> {
    base.join(head.link(rel)?.trim()).ok()
}

/// The documents that a document leads to, the first one last.
fn below(
    payload: &Payload,
    charset: Option<&str>,
    report: &Report,
    base: &Url,
    depth: u32,
) -> Vec<Step> {
    use Capability::{ChangeDump, ChangeList, ResourceDump, ResourceList};
    let own = report.head.capability();
    let is_index = report.head.is_index();
    // Lists are not read again, unless one of them may be an index.
    let suspicious = [Code::IndexAsList, Code::ForbiddenCapability, Code::WrongCapability];
    let is_list = matches!(own, Some(ResourceList | ResourceDump | ChangeList | ChangeDump) | None);
    if is_list && !is_index && suspicious.iter().all(|code| report.count(*code) == 0) {
        return Vec::new();
    }
    let mut kinds = [ResourceList, ResourceDump, ChangeList, ChangeDump].into_iter();
    let archived = kinds.find(|kind| own.is_some() && kind.archive().as_ref() == own);
    let mut steps = Vec::new();
    let mut collect = || -> Result<(), ReadError> {
        let source = reader(payload).map_err(ReadError::Source)?;
        let mut reader = Reader::with(source, charset, Mode::Tolerant);
        while let Some(part) = reader.next_part()? {
            for entry in part {
                let entry = entry?;
                let said = entry.md.capability;
                let expected = match own {
                    Some(own) if is_index => Some(own.clone()),
                    None if is_index => None,
                    Some(Capability::Description) => Some(Capability::CapabilityList),
                    _ if archived.is_some() => archived.clone(),
                    _ if is_list && said.as_ref() != own => continue,
                    _ if said.is_none() => continue,
                    _ => said,
                };
                let Ok(mut url) = base.join(entry.loc.trim()) else { continue };
                url.set_fragment(None);
                let is_part = is_index || is_list;
                let parent = Some(base.clone());
                steps.push(Step { url, expected, parent, is_part, depth });
            }
        }
        Ok(())
    };
    // Where it cannot be read any further has been told.
    let _ = collect();
    steps.reverse();
    steps
}

/// Why a document could not be had.
enum Failed {
    Net(resync_core::Error),
    Forbidden(String),
}

impl From<resync_core::Error> for Failed {
    fn from(error: resync_core::Error) -> Self {
        Self::Net(error)
    }
}

impl Failed {
    /// Whether there may well be what was meant, which nothing found elsewhere may replace.
    fn is_final(&self) -> bool {
        match self {
            Self::Net(error) => error.is_transient(),
            Self::Forbidden(_) => true,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Net(error) => error.to_string(),
            Self::Forbidden(why) => why.clone(),
        }
    }

    fn into_failure(self) -> Failure {
        match self {
            Self::Net(error) => error.into(),
            Self::Forbidden(why) => {
                Failure::new(why).with_advice("Name its origin with --allow-origin.")
            }
        }
    }
}
