//! The first page: what is running, what failed, what waits, what was never harvested.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::store::{Page, RunEntry, RunQuery, SourceEntry, SourceQuery, SourceStatus};
use harvest_pipeline::{RunState, SourceId};
use maud::{Markup, html};

use super::app::App;
use super::parts::{
    Addresses, Bar, Live, Share, Table, bars, card, duration, moment_or, run_state, shares,
};
use super::problem::Problem;
use super::route::Route;
use super::section::Section;
use super::sources::address;
use super::visitor::Visitor;
use super::{layout, runs, stream as events};
use crate::accounts::Permission;

/// So many of each are shown.
const SHOWN: usize = 6;
/// So many runs make the charts.
const CHARTED: usize = 40;
/// So many sources are looked at to find some that were never harvested.
const LOOKED_AT: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/", Permission::View, page), Route::get("/stream", Permission::View, stream)]
}

async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let words = visitor.words;
    let live = look(&app, &visitor).await?;
    if visitor.wants_part {
        return Ok(live.asking("/").into_response());
    }
    let body = live.show(words, Addresses { page: "/", stream: "/stream" });
    let title = words.text("section.start");
    Ok(layout::page(&visitor, title, Some(Section::Start), &body).into_response())
}

async fn stream(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let (watched, watcher) = (app.clone(), visitor.clone());
    let look = move || {
        let (app, visitor) = (app.clone(), visitor.clone());
        async move { look(&app, &visitor).await }
    };
    events::follow(&watched, &watcher, None, look).await
}

/// Everything at a glance. It goes on as long as something runs.
async fn look(app: &App, visitor: &Visitor) -> Result<Live, Problem> {
    let words = visitor.words;
    let shows = Shows { app, visitor };
    let running = shows.runs(&[RunState::Running, RunState::Queued, RunState::Suspended]).await?;
    let waiting = shows.runs(&[RunState::AwaitingApproval]).await?;
    let failed = shows.runs(&[RunState::Failed, RunState::Interrupted]).await?;
    let ended: Vec<_> = RunState::ALL.into_iter().filter(|state| !state.is_open()).collect();
    let recent = shows.some_runs(&ended, CHARTED).await?;
    let uncovered = shows.uncovered().await?;
    let markup = html! {
        div.cards.glance {
            (shows.card("start.running", &running, ("start.nothing-running", "?state=open")))
            (shows.card("start.failed", &failed, ("start.nothing-failed", "?state=failed")))
            (shows.card("start.waiting", &waiting,
                ("start.nothing-waiting", "?state=awaiting+approval")))
            (card(words.text("start.uncovered"), &html! {
                @if uncovered.is_empty() { p.quiet { (words.text("start.nothing-uncovered")) } }
                ul.plain {
                    @for source in &uncovered {
                        li { a href=(address(&source.definition.id)) { (source.definition.title) } }
                    }
                }
            }))
        }
        @if !recent.is_empty() {
            div.cards {
                (card(words.text("start.recent"), &shows.records(&recent)))
                (card(words.text("start.durations"), &shows.durations(&recent)))
            }
            (card(words.text("start.error-share"), &shows.errors(&recent)))
        }
    };
    Ok(Live { markup, goes_on: !running.is_empty() })
}

struct Shows<'a> {
    app: &'a App,
    visitor: &'a Visitor,
}

impl Shows<'_> {
    async fn runs(&self, states: &[RunState]) -> Result<Vec<RunEntry>, Problem> {
        self.some_runs(states, SHOWN).await
    }

    /// The last runs in these states, of sources that the visitor may see.
    async fn some_runs(&self, states: &[RunState], most: usize) -> Result<Vec<RunEntry>, Problem> {
        let mut query = RunQuery::default();
        query.owner = self.visitor.confined_to().map(str::to_owned);
        query.states = states.to_vec();
        query.page = Page::first(most);
        Ok(self.app.store.runs(&query).await?)
    }

    /// Active sources that no run was ever asked for.
    async fn uncovered(&self) -> Result<Vec<SourceEntry>, Problem> {
        let mut query = SourceQuery::default();
        query.status = Some(SourceStatus::Active);
        query.owner = self.visitor.confined_to().map(str::to_owned);
        query.page = Page::first(LOOKED_AT);
        let sources = self.app.store.sources(&query).await?;
        let never = sources.into_iter().filter(|source| source.last_run.is_none());
        Ok(never.take(SHOWN).collect())
    }

    /// Runs, or that there are none, and the way to all of them.
    fn card(&self, title: &str, runs: &[RunEntry], (nothing, all): (&str, &str)) -> Markup {
        let words = self.visitor.words;
        let body = html! {
            @if runs.is_empty() { p.quiet { (words.text(nothing)) } }
            ul.plain {
                @for run in runs {
                    li {
                        a id={ "run-" (run.id) } href=(runs::address(run.id)) {
                            (run.request.source)
                        } " "
                        (run_state(words, run.state))
                        div.detail {
                            (runs::kind(words, run)) " · "
                            (moment_or(run.ended.or(run.started).or(Some(run.queued)), ""))
                        }
                        @if run.state == RunState::Running { (runs::processed(words, run)) }
                        @if let Some(failure) = &run.failure {
                            div.detail.short { (failure.message) }
                        }
                    }
                }
            }
            @if runs.len() == SHOWN {
                p.below { a href={ "/runs" (all) } { (words.text("start.all")) } }
            }
        };
        card(words.text(title), &body)
    }

    /// Records of each run, the newest to the right.
    fn records(&self, runs: &[RunEntry]) -> Markup {
        let words = self.visitor.words;
        self.bars("start.recent", runs, |run| {
            let total = run.counters.total();
            (total, run.counters.failed, words.number(total))
        })
    }

    /// How long each run took, in milliseconds; all of it is bad if the run failed.
    fn durations(&self, runs: &[RunEntry]) -> Markup {
        let words = self.visitor.words;
        self.bars("start.durations", runs, |run| {
            let length = run.started.zip(run.ended).map(|(from, until)| until - from);
            let length = length.unwrap_or_default();
            let took = u64::try_from(length.num_milliseconds()).unwrap_or_default();
            let bad = if run.state == RunState::Failed { took } else { 0 };
            (took, bad, duration(words, length))
        })
    }

    /// A bar for each run, and in words how much the highest is.
    fn bars(
        &self,
        key: &str,
        runs: &[RunEntry],
        measure: impl Fn(&RunEntry) -> (u64, u64, String),
    ) -> Markup {
        let words = self.visitor.words;
        let label = words.text(key);
        let measured = runs.iter().rev().map(|run| (run, measure(run)));
        let measured: Vec<_> = measured.collect();
        let highest = measured.iter().map(|(_, it)| it).max_by_key(|(total, ..)| *total);
        let all: Vec<_> = measured
            .iter()
            .map(|(run, (total, bad, said))| Bar {
                total: *total,
                bad: *bad,
                title: format!(
                    "{} {}, {}: {said}",
                    words.text("run.number"),
                    run.id,
                    run.request.source
                ),
                href: Some(runs::address(run.id)),
            })
            .collect();
        html! {
            (bars(label, &all))
            @if let Some((_, _, said)) = highest {
                p.hint { (words.fill("start.most", &[("most", said)])) }
            }
        }
    }

    /// Of each source, how many of the records of its last runs failed; the worst first.
    fn errors(&self, runs: &[RunEntry]) -> Markup {
        let words = self.visitor.words;
        let mut by_source: BTreeMap<&SourceId, (u64, u64)> = BTreeMap::new();
        for run in runs {
            let (failed, all) = by_source.entry(&run.request.source).or_default();
            *failed += run.counters.failed;
            *all += run.counters.total();
        }
        let mut worst: Vec<_> =
            by_source.into_iter().filter(|(_, (failed, _))| *failed > 0).collect();
        worst.sort_by(|(_, a), (_, b)| (b.0 * a.1.max(1)).cmp(&(a.0 * b.1.max(1))));
        let mut table = Table::new(words.text("start.error-share"))
            .column(words.text("run.source"))
            .column(words.text("start.error-share"))
            .number(words.text("run.counter.failed"))
            .number(words.text("run.records"));
        for (source, (failed, all)) in worst.into_iter().take(SHOWN) {
            let share = |class, count, key| Share { class, count, name: words.text(key) };
            table.row(vec![
                html! { a href=(address(source)) { (source) } },
                html! { div.share { (shares(words.text("start.error-share"), &[
                    share("failed", failed, "run.counter.failed"),
                    share("none", all - failed, "run.records"),
                ])) } },
                html! { (words.number(failed)) },
                html! { (words.number(all)) },
            ]);
        }
        html! {
            @if table.is_empty() { p.quiet { (words.text("start.no-errors")) } }
            @else { (table.show()) }
        }
    }
}
