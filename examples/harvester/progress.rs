//! What a person sees while a command runs: a bar on a terminal, and lines above it.
//!
//! All of it goes to standard error. Where that is no terminal, only what is wrong is said.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use oai_pmh::retry::RetryEvent;
use resync_core::ErrorKind;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::report::Failure;
use crate::service::{Log, LogFormat};
use crate::traces::{Spans, Traces};

/// Standard error, shared by all who have something to say.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    /// The bar at the bottom of the screen; a hidden one where there is none.
    bar: Arc<Mutex<ProgressBar>>,
    retries: Arc<AtomicU64>,
    quiet: bool,
    verbose: u8,
    is_terminal: bool,
    /// Whether records scroll over the same screen.
    is_busy: bool,
    /// Whether all there is to say goes into a log of events.
    as_events: Arc<AtomicBool>,
}

/// How far a list is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    pub(crate) records: u64,
    pub(crate) pages: u64,
    /// How long the list is, by what the server says.
    pub(crate) announced: Option<u64>,
}

/// A bar that shows how far a list is; gone when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    console: Console,
    bar: ProgressBar,
    started: Instant,
    label: String,
}

impl Console {
    pub(crate) fn new(quiet: bool, verbose: u8) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_busy = io::stdout().is_terminal();
        let bar = Arc::new(Mutex::new(ProgressBar::hidden()));
        let (retries, as_events) = (Arc::default(), Arc::default());
        Self { bar, retries, quiet, verbose, is_terminal, is_busy, as_events }
    }

    /// Shows a progress bar, where there is somebody to look at it. `prints` tells that the command
    /// prints records meanwhile.
    pub(crate) fn progress(&self, label: impl Into<String>, prints: bool) -> Progress {
        let is_shown = self.is_terminal && !self.quiet && !(prints && self.is_busy);
        let bar = if is_shown { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if is_shown {
            bar.set_style(style("{spinner:.cyan} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        self.replace_bar(bar.clone());
        let console = self.clone();
        let progress = Progress { console, bar, started: Instant::now(), label: label.into() };
        progress.show(Position::default());
        progress
    }

    fn replace_bar(&self, bar: ProgressBar) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    /// Something that must be heard.
    pub(crate) fn error(&self, text: &str) {
        if self.is_log() {
            return tracing::error!("{text}");
        }
        self.line(&format!("error: {text}"));
    }

    /// Something that may be wrong.
    pub(crate) fn warning(&self, text: &str) {
        if self.is_log() {
            return tracing::warn!("{text}");
        }
        if !self.quiet {
            self.line(&format!("warning: {text}"));
        }
    }

    /// Something that a reader of a log wants to know as well.
    pub(crate) fn notice(&self, text: &str) {
        if self.is_log() {
            return tracing::info!("{text}");
        }
        if !self.quiet {
            self.line(text);
        }
    }

    /// Something for whoever looks on.
    pub(crate) fn aside(&self, text: &str) {
        if self.is_log() {
            return tracing::info!("{text}");
        }
        if !self.quiet && (self.is_terminal || self.verbose > 0) {
            self.line(text);
        }
    }

    /// Something for those who want to know everything.
    pub(crate) fn detail(&self, text: &str) {
        if self.is_log() {
            return tracing::debug!("{text}");
        }
        if self.verbose > 0 {
            self.line(text);
        }
    }

    /// Tells of a retry: `HTTP 503, waiting 30 s (try 2 of 6)`; with -v, of which request.
    pub(crate) fn retry(&self, event: &RetryEvent<'_>) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        if self.is_log() {
            // The retry has an event of its own.
            return;
        }
        let text = event.to_string();
        self.aside(&match event.error.kind() {
            _ if self.is_verbose() => text,
            ErrorKind::Status(status) => {
                let rest = text.rfind(", waiting").map_or("", |at| &text[at..]);
                format!("HTTP {}{rest}", status.as_u16())
            }
            _ => text.replace(&format!(": {}", event.url), ""),
        });
    }

    /// How many retries were told so far.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    fn line(&self, text: &str) {
        self.write(format!("{text}\n").as_bytes());
    }

    /// Writes above the bar. Nothing can be done for those who do not listen.
    fn write(&self, text: &[u8]) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.suspend(|| drop(io::stderr().write_all(text)));
    }

    /// Shows what the libraries tell about themselves: with -v, and where somebody looks on.
    pub(crate) fn listen(&self) {
        if !self.quiet && (self.is_terminal || self.verbose > 0) {
            self.show_text(None, None);
        }
    }

    /// The log of a service, and its traces.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub(crate) fn log(&self, log: &Log) -> Result<Option<Traces>, Failure> {
        let targets = log.targets()?;
        let (traces, spans) = match log.otlp.as_str() {
            "" => (None, None),
            collector => Traces::begin(collector).map(|(it, spans)| (Some(it), Some(spans)))?,
        };
        match log.format {
            LogFormat::Text if self.quiet && targets.is_none() => {
                tracing_subscriber::registry().with(spans).init();
            }
            LogFormat::Text => self.show_text(targets, spans),
            LogFormat::Json => self.show_json(targets, spans),
        }
        Ok(traces)
    }

    /// Events as lines for people. Retries are told in our own words.
    fn show_text(&self, targets: Option<Targets>, spans: Option<Spans>) {
        let own = || {
            let level = match self.verbose {
                0 => LevelFilter::WARN,
                1 => LevelFilter::INFO,
                2 => LevelFilter::DEBUG,
                // What our crates are built on has its say, too.
                _ => {
                    let targets = ours(LevelFilter::TRACE).with_default(LevelFilter::TRACE);
                    return targets.with_target("resync_core::retry", LevelFilter::OFF);
                }
            };
            ours(level).with_target("resync_core::retry", LevelFilter::OFF)
        };
        let console = self.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || Lines { console: console.clone(), text: Vec::new() })
            .with_ansi(self.is_terminal)
            .with_target(self.verbose > 1)
            .without_time()
            .compact();
        let layer = layer.with_filter(targets.unwrap_or_else(own));
        tracing_subscriber::registry().with(spans).with(layer).init();
    }

    /// Events, and everything else that there is to say, as JSON: an object a line, with the run and
    /// the source that it is about among its `spans`.
    fn show_json(&self, targets: Option<Targets>, spans: Option<Spans>) {
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_writer(io::stderr);
        let targets = targets.unwrap_or_else(|| ours(LevelFilter::INFO));
        tracing_subscriber::registry().with(spans).with(layer.with_filter(targets)).init();
        self.as_events.store(true, Ordering::Relaxed);
    }

    fn is_log(&self) -> bool {
        self.as_events.load(Ordering::Relaxed)
    }
}

/// What our own crates say, from this level on.
pub(crate) fn ours(level: LevelFilter) -> Targets {
    let names = ["oai_pmh", "harvest_pipeline", "harvester", "resync_core"];
    Targets::new().with_targets(names.map(|name| (name, level)))
}

/// An event of the libraries on its way to the console.
struct Lines {
    console: Console,
    text: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.console.write(&self.text);
    }
}

impl Progress {
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn show(&self, position: Position) {
        if self.bar.is_hidden() {
            return;
        }
        let Position { records, pages, announced } = position;
        // Servers guess: a length that was passed is none.
        match announced.filter(|announced| *announced > 0 && records <= *announced) {
            Some(announced) if self.bar.length() != Some(announced) => {
                self.bar.set_length(announced);
                self.bar.set_style(style("{spinner:.cyan} [{bar:24.cyan/blue}] {percent} % {msg}"));
            }
            None if self.bar.length().is_some() => {
                self.bar.unset_length();
                self.bar.set_style(style("{spinner:.cyan} {msg}"));
            }
            _ => {}
        }
        self.bar.set_position(records);
        let rate = rate(records, self.elapsed());
        let text = if records + pages == 0 {
            format!("{}: waiting for the first answer", self.label)
        } else {
            format!("{} records, {} pages, {rate} records/s", count(records), count(pages))
        };
        self.bar.set_message(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.console.replace_bar(ProgressBar::hidden());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("━╸─")
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun: `1 page`, `2 pages`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// How many a second.
pub(crate) fn rate(number: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    count((number as f64 / seconds).round() as u64)
}

/// A duration as people say it.
pub(crate) fn took(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    match elapsed.as_secs() {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{seconds:.0} s"),
        whole @ 60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "page"), "1 page");
        assert_eq!(counted(0, "page"), "0 pages");
        assert_eq!(rate(10, Duration::from_secs(2)), "5");
        for (seconds, text) in
            [(0.25, "0.2 s"), (12.0, "12 s"), (75.0, "1 min 15 s"), (7260.0, "2 h 1 min")]
        {
            assert_eq!(took(Duration::from_secs_f64(seconds)), text);
        }
    }
}
