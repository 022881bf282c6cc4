//! A copy of a source in a folder: baseline, incremental, audit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use resync_core::sync::{DeleteGuard, Event, Mirror, Options, Report};
use serde_json::{Value, json};

use crate::args::{GlobalArgs, MirrorArgs};
use crate::progress::{Console, Position, Progress, count, counted, rate, took};
use crate::report::{Failure, Status};
use crate::{network, output};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Baseline,
    Incremental,
    Audit,
}

impl Mode {
    pub(super) async fn run(
        self,
        mirror: &Mirror,
        args: &MirrorArgs,
    ) -> resync_core::Result<Report> {
        match self {
            Self::Baseline => mirror.baseline(&args.url).await,
            Self::Incremental => mirror.incremental(&args.url).await,
            Self::Audit => mirror.audit(&args.url).await,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Incremental => "incremental",
            Self::Audit => "audit",
        }
    }
}

pub(super) async fn run(
    mode: Mode,
    args: &MirrorArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let progress = Arc::new(console.progress(network::shown(&args.url), global.json));
    let mirror = mirror(args, global, console, &progress)?;
    let ran = tokio::select! {
        ran = mode.run(&mirror, args) => ran,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new("stopped")
                .with_advice("Nothing is lost: run the same command again, it goes on from here."));
        }
    };
    let elapsed = progress.elapsed();
    let report = ran?;
    drop(mirror);
    drop(progress);
    tell(mode, args, global.json, &report, elapsed)
}

/// The copy that the command line speaks of, and tells of what is done.
pub(super) fn mirror(
    args: &MirrorArgs,
    global: &GlobalArgs,
    console: &Console,
    progress: &Arc<Progress>,
) -> Result<Mirror, Failure> {
    // A list and its index may be under way while resources are fetched.
    let concurrency = global.network.concurrency;
    let transport = network::with_allowed(
        &args.url,
        &args.allow_origin,
        &global.network,
        concurrency.saturating_add(2),
        console,
    )?;
    let mut options = options(args);
    options.concurrency = concurrency;
    options.observer = Some(Arc::new(watch(global.json, console, Arc::clone(progress))));
    Ok(Mirror::new(transport, &args.folder, options))
}

/// Says what a run did, and gives its status.
pub(super) fn tell(
    mode: Mode,
    args: &MirrorArgs,
    is_json: bool,
    report: &Report,
    elapsed: Duration,
) -> Result<Status, Failure> {
    if is_json {
        output::print(format!("{}\n", summary_json(mode, args, report, elapsed)))?;
    } else {
        output::print(summary(mode, args, report, elapsed))?;
    }
    Ok(status(mode, report))
}

fn options(args: &MirrorArgs) -> Options {
    let mut options = Options::default();
    options.delete = args.delete;
    options.guard = DeleteGuard::new(args.max_delete / 100.0, args.max_delete_files);
    options.dry_run = args.dry_run;
    options.fsync_each = args.fsync;
    options.check_files = args.content;
    options.check_content = args.content;
    options.base = args.base_url.clone();
    options.allowed = args.allow_origin.clone();
    options.anywhere = args.allow_any_origin;
    options.under = args.under.clone();
    options.set = args.set.clone();
    options.from = args.from;
    options.dumps = !args.no_dumps;
    options
}

fn status(mode: Mode, report: &Report) -> Status {
    match mode {
        _ if report.failed > 0 => Status::RecordErrors,
        Mode::Audit if report.different > 0 => Status::Different,
        _ => Status::Complete,
    }
}

/// Tells what is done while it is done.
fn watch(
    is_json: bool,
    console: &Console,
    progress: Arc<Progress>,
) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
    let console = console.clone();
    let (files, documents) = (AtomicU64::new(0), AtomicU64::new(0));
    move |event| {
        match event {
            Event::Document { .. } | Event::NotModified { .. } => {
                documents.fetch_add(1, Ordering::Relaxed);
            }
            Event::Written { .. } | Event::Same { .. } | Event::Deleted { .. } => {
                files.fetch_add(1, Ordering::Relaxed);
            }
            Event::Failed(failure) => {
                console.error(&format!("{}: {}", failure.uri, failure.message));
            }
            Event::Notice(text) => console.warning(text),
            _ => {}
        }
        let records = files.load(Ordering::Relaxed);
        if records.is_multiple_of(64) {
            let pages = documents.load(Ordering::Relaxed);
            progress.show(Position { records, pages, announced: None });
        }
        if is_json {
            if let Some(line) = line(event) {
                // Whoever does not listen does not want to know.
                let _ = output::print(format!("{line}\n"));
            }
        } else if console.is_verbose() {
            match event {
                Event::Written { uri, place, bytes, .. } => {
                    console.detail(&format!("{uri} -> {place} ({bytes} bytes)"));
                }
                Event::Deleted { uri } => console.detail(&format!("deleted {uri}")),
                Event::Document { url } => console.detail(&format!("reading {url}")),
                Event::NotModified { url } => console.detail(&format!("not modified: {url}")),
                _ => {}
            }
        }
    }
}

/// An event as an object of the stream that --json asks for.
fn line(event: &Event<'_>) -> Option<Value> {
    Some(match event {
        Event::Document { url } => json!({"event": "document", "url": url.as_str()}),
        Event::NotModified { url } => json!({"event": "not-modified", "url": url.as_str()}),
        Event::Written { uri, place, bytes, is_new } => {
            let event = if *is_new { "created" } else { "updated" };
            json!({"event": event, "uri": uri, "path": place, "bytes": bytes})
        }
        Event::Deleted { uri } => json!({"event": "deleted", "uri": uri}),
        Event::Failed(failure) => {
            json!({"event": "failed", "uri": failure.uri, "message": failure.message})
        }
        Event::Different(it) => {
            json!({"event": it.kind.name(), "uri": it.uri, "detail": it.detail})
        }
        Event::Notice(text) => json!({"event": "notice", "message": text}),
        _ => return None,
    })
}

fn summary_json(mode: Mode, args: &MirrorArgs, report: &Report, elapsed: Duration) -> Value {
    json!({
        "event": "summary",
        "mode": mode.name(),
        "url": network::shown(&args.url).as_str(),
        "folder": args.folder,
        "dry_run": args.dry_run,
        "in_sync": report.is_in_sync(),
        "documents": report.documents,
        "not_modified": report.not_modified,
        "listed": report.listed,
        "same": report.same,
        "created": report.created,
        "updated": report.updated,
        "deleted": report.deleted,
        "kept": report.kept,
        "failed": report.failed,
        "different": report.different,
        "bytes": report.bytes,
        "proven": report.proven,
        "checked": report.checked,
        "complete_until": report.complete_until.map(|time| time.to_string()),
        "seconds": elapsed.as_secs_f64(),
    })
}

/// What a person reads at the end.
fn summary(mode: Mode, args: &MirrorArgs, report: &Report, elapsed: Duration) -> String {
    let folder = args.folder.display();
    let would = if args.dry_run { " (nothing was changed: --dry-run)" } else { "" };
    if mode == Mode::Audit {
        let mut text = match report.different {
            0 if report.failed == 0 => format!("{folder} is in sync"),
            different => format!("{folder} differs in {}", counted(different, "resource")),
        };
        text += &format!(": {} compared in {}\n", count(report.listed), took(elapsed));
        for it in report.differences.iter().take(20) {
            text += &format!("  {:<8} {}  {}\n", it.kind.name(), it.uri, it.detail);
        }
        if report.different > 20 {
            text += &format!("  … and {} more; --json has all\n", count(report.different - 20));
        }
        return text;
    }
    let mut text = format!(
        "{folder}: {} created, {} updated, {} deleted, {} unchanged, {} failed{would}\n",
        count(report.created),
        count(report.updated),
        count(report.deleted),
        count(report.same),
        count(report.failed),
    );
    let fetched = report.created + report.updated;
    if fetched > 0 && !args.dry_run {
        text += &format!(
            "{} in {}, {} files/s; {} proven by a digest, {} by less\n",
            size(report.bytes),
            took(elapsed),
            rate(fetched, elapsed),
            count(report.proven),
            count(report.checked),
        );
    }
    if report.kept > 0 {
        let files = counted(report.kept, "file");
        text += &format!("{files} here that the source does not list; --delete removes them\n");
    }
    if let Some(until) = report.complete_until {
        text += &format!("complete up to {until}\n");
    }
    text
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{amount:.1} {}", UNITS[unit]) }
}
