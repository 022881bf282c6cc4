//! How it goes, for Prometheus (text format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, FORWARDED};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::RunState;
use harvest_pipeline::store::{Page, RunQuery, SourceQuery, SourceStatus};

use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::route::{Access, Route};
use crate::web::visitor::Visitor;

/// The upper ends of the buckets, in seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// How many open runs are counted.
const MOST_COUNTED: usize = 10_000;
/// So many of them at a time.
const AT_ONCE: usize = 500;
/// Records are counted again after so long: with many sources that takes a while.
const RECORDS_LIFE: Duration = Duration::from_secs(30);

/// `/metrics`: open to this machine; others need a token of somebody who may look at things.
pub(super) fn route() -> Route {
    Route::get("/metrics", Access::Open, show)
}

/// What was counted since the process began.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Asked, Durations>>,
    records: tokio::sync::Mutex<Option<(Instant, Records)>>,
}

/// What else is counted, by whoever does it; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<Counted, u64>>>);

/// A counter: its name, and two labels with their values.
type Counted = (&'static str, [(&'static str, &'static str); 2]);

/// What the counters of a [`Tally`] count.
const COUNTERS: [(&str, &str); 2] = [
    ("harvester_provided_requests_total", "Requests of those who harvest from here."),
    ("harvester_notifications_total", "Notices of changes that came or went."),
];

impl Tally {
    /// A request of somebody who harvests from here.
    pub(crate) fn provided(&self, endpoint: &'static str, outcome: &'static str) {
        self.count((COUNTERS[0].0, [("endpoint", endpoint), ("outcome", outcome)]));
    }

    /// A notice of changes, `received` from a hub or `sent` to a subscriber.
    pub(crate) fn notice(&self, direction: &'static str, outcome: &'static str) {
        self.count((COUNTERS[1].0, [("direction", direction), ("outcome", outcome)]));
    }

    fn count(&self, what: Counted) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }
}

/// Requests that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    method: &'static str,
    route: String,
    status: u16,
}

/// How long they took.
#[derive(Clone, Debug, Default)]
struct Durations {
    /// How many took no longer than each of [`BUCKETS`].
    within: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Records {
    live: u64,
    deleted: u64,
    failed: u64,
}

impl Metrics {
    fn took(&self, asked: Asked, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = requests.entry(asked).or_default();
        durations.count += 1;
        durations.sum += seconds;
        for (within, end) in durations.within.iter_mut().zip(BUCKETS) {
            *within += u64::from(seconds <= end);
        }
    }

    async fn records(&self, app: &App) -> Result<Records, Problem> {
        let mut known = self.records.lock().await;
        if let Some((counted, records)) = &*known
            && counted.elapsed() < RECORDS_LIFE
        {
            return Ok(*records);
        }
        let mut records = Records::default();
        for summary in app.catalogue.summaries().await? {
            records.live += summary.live;
            records.deleted += summary.deleted;
            records.failed += summary.errors;
        }
        *known = Some((Instant::now(), records));
        Ok(records)
    }
}

/// Measures how long answers take; streams, until they begin.
pub(crate) async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    let route = route.unwrap_or_else(|| "none".to_owned());
    let asked = Asked { method, route, status: response.status().as_u16() };
    app.metrics().took(asked, began.elapsed());
    response
}

async fn show(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Behind a proxy everybody comes from this machine.
    let is_forwarded = headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for");
    let is_here = visitor.address.is_loopback() && !is_forwarded;
    if !is_here && !visitor.may(Permission::View) {
        return Err(Problem::unauthorized());
    }
    // A site contact sees nothing of others, not even how many there are.
    if !is_here && visitor.confined_to().is_some() {
        return Err(Problem::forbidden());
    }
    let mut text = Text::default();
    text.installation(&app).await?;
    text.requests(&app);
    text.counted(&app.tally);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text.0).into_response())
}

/// What is shown, as it grows.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    async fn installation(&mut self, app: &App) -> Result<(), Problem> {
        self.begin("harvester_build_info", "gauge", "Which version this is.");
        let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
        self.value("harvester_build_info", &version, 1);

        self.begin("harvester_runs", "gauge", "Runs that are not over, by state.");
        for (state, count) in open_runs(app).await? {
            self.value("harvester_runs", &format!("state=\"{state}\""), count);
        }

        self.begin("harvester_sources", "gauge", "Sources, by status.");
        for status in SourceStatus::ALL {
            let mut query = SourceQuery::default();
            query.status = Some(status);
            let count = app.store.count_sources(&query).await?;
            let labels = format!("status=\"{}\"", status.as_str());
            self.value("harvester_sources", &labels, count);
        }
        if let Some(wait) = app.store.next_due().await? {
            let name = "harvester_next_due_seconds";
            self.begin(name, "gauge", "How long until a run is due by a schedule; 0: now.");
            self.value(name, "", wait.as_secs_f64());
        }

        let records = app.metrics().records(app).await?;
        self.begin("harvester_records", "gauge", "Records that are kept, by what became of them.");
        let Records { live, deleted, failed } = records;
        for (outcome, count) in [("live", live), ("deleted", deleted), ("failed", failed)] {
            self.value("harvester_records", &format!("outcome=\"{outcome}\""), count);
        }

        self.begin("harvester_viewers", "gauge", "Streams of changes that are watched.");
        self.value("harvester_viewers", "", app.live().viewers());
        let name = "harvester_live_reads_total";
        self.begin(name, "counter", "How often the store was read for those who watch.");
        self.value(name, "", app.live().reads());
        Ok(())
    }

    fn counted(&mut self, tally: &Tally) {
        let counted = tally.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, help) in COUNTERS {
            self.begin(name, "counter", help);
            for ((_, labels), count) in counted.iter().filter(|((it, _), _)| *it == name) {
                let [one, other] = labels.map(|(label, value)| format!("{label}=\"{value}\""));
                self.value(name, &format!("{one},{other}"), count);
            }
        }
    }

    fn requests(&mut self, app: &App) {
        let name = "harvester_http_request_duration_seconds";
        self.begin(name, "histogram", "How long requests took.");
        let requests =
            app.metrics().requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (Asked { method, route, status }, durations) in requests {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            for (end, count) in BUCKETS.iter().zip(durations.within) {
                self.value(&format!("{name}_bucket"), &format!("{labels},le=\"{end}\""), count);
            }
            self.value(
                &format!("{name}_bucket"),
                &format!("{labels},le=\"+Inf\""),
                durations.count,
            );
            self.value(&format!("{name}_sum"), &labels, durations.sum);
            self.value(&format!("{name}_count"), &labels, durations.count);
        }
    }
}

/// How many runs there are in each state that is not an end.
async fn open_runs(app: &App) -> Result<Vec<(RunState, usize)>, Problem> {
    let mut counts = Vec::new();
    for state in RunState::ALL.into_iter().filter(|state| state.is_open()) {
        let mut query = RunQuery::default();
        query.states = vec![state];
        query.page = Page::first(AT_ONCE);
        let mut count = 0;
        loop {
            let page = app.store.runs(&query).await?;
            count += page.len();
            match page.last() {
                Some(last) if page.len() == AT_ONCE && count < MOST_COUNTED => {
                    query.page.after = Some(last.id);
                }
                _ => break,
            }
        }
        counts.push((state, count));
    }
    Ok(counts)
}
