//! A large installation: sources with runs, records, tombstones, failures, events and coverage.

mod made;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use futures_util::future::try_join_all;
use harvest_benches::Corpus;
use harvest_pipeline::filters::{Expression, FilterSet, Match};
use harvest_pipeline::parsers::ByFormat;
use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::store::{
    Coverage, CoverageStore, Ending, Event, EventLevel, EventStore, Failure, FilterSetStore, Held,
    Page, RunKind, RunQuery, RunRequest, RunStore, SourceDefinition, SourceQuery, SourceStatus,
    SourceStore, SqlStore,
};
use harvest_pipeline::{
    Catalogue, Counters, Pipeline, PostgresCatalogue, RunId, SourceId, SqliteCatalogue, Ticket,
};
use serde_json::json;

use self::made::Made;
use crate::Result;

/// A filter set that sources use.
pub(crate) const FILTER_SET: &str = "set-0";
/// The runs that were asked for together.
pub(crate) const GROUP: i64 = 7;

/// What the ids of all sources begin with but of those that are harvested meanwhile.
const ID: &str = "source-";
/// How many runs without records each source has besides the one with them.
const LATER_RUNS: u64 = 2;
/// How many runs are done at once: one is stored while others are read.
const AT_ONCE: usize = 3;
const LEASE: Duration = Duration::from_secs(3600);

/// What the database holds.
#[derive(Debug)]
pub(crate) struct World {
    store: SqlStore,
    catalogue: Arc<dyn Catalogue>,
    corpus: Arc<Corpus>,
    pub(crate) sources: u64,
    records: u64,
}

impl World {
    /// Opens the database, and fills it if it is empty.
    pub(crate) async fn open(db: &str, sources: u64, records: u64) -> Result<Self> {
        let catalogue: Arc<dyn Catalogue> = match db.starts_with("postgres") {
            true => Arc::new(PostgresCatalogue::open(db).await?),
            false => Arc::new(SqliteCatalogue::open(db).await?),
        };
        let store = SqlStore::open(db).await?;
        let corpus = Arc::new(Corpus::new(1));
        let world = Self { store, catalogue, corpus, sources, records };
        let mut query = SourceQuery::default();
        query.text = Some(ID.to_owned());
        match world.store.count_sources(&query).await? {
            0 => world.fill().await?,
            some if some == sources => world.catalogue.index().await?,
            some => {
                return Err(format!("{db} has {some} sources; remove it, or name another").into());
            }
        }
        Ok(world)
    }

    pub(crate) async fn close(self) -> Result<()> {
        self.store.close().await;
        Ok(())
    }

    /// The id of a source; ids are in the order of numbers.
    pub(crate) fn source(&self, nth: u64) -> String {
        format!("{ID}{nth:05}")
    }

    pub(crate) async fn last_run(&self) -> Result<RunId> {
        let mut query = RunQuery::default();
        query.page = Page::first(1);
        let runs = self.store.runs(&query).await?;
        Ok(runs.first().ok_or("no run")?.id)
    }

    /// Asks for a harvest of this repository, which nobody has harvested before.
    pub(crate) async fn request_harvest(&self, url: &str) -> Result<RunId> {
        let source = SourceId::from(format!("harvested-{}", Utc::now().timestamp()));
        let options = json!({"url": url, "format": "oai_dc"});
        let definition = SourceDefinition::new(source.clone(), "oai-pmh", options);
        self.store.add_source(&definition).await?;
        Ok(self.store.request_run(&RunRequest::new(source, RunKind::Harvest)).await?.run())
    }

    async fn fill(&self) -> Result<()> {
        let started = Instant::now();
        let done = |what: &str| println!("{:>5} s: {what}", started.elapsed().as_secs());
        let expressions = ["title exists", "creator not starts-with zzz"];
        let expressions = expressions.map(str::parse::<Expression>).into_iter();
        let expressions = expressions.collect::<std::result::Result<Vec<_>, _>>()?;
        for nth in 0..20 {
            let set = FilterSet::new(format!("set-{nth}"), Match::All, expressions.clone())?;
            self.store.put_filter_set(&set).await?;
        }
        for nth in 0..self.sources {
            let definition = self.definition(nth);
            self.store.add_source(&definition).await?;
            self.request(nth).await?;
        }
        done("sources are set up");
        try_join_all((0..AT_ONCE).map(|_| self.harvest())).await?;
        done("records are stored");
        for round in 0..LATER_RUNS {
            for nth in 0..self.sources {
                self.request(nth).await?;
            }
            try_join_all((0..AT_ONCE).map(|_| self.end(round))).await?;
        }
        done("there were more runs");
        self.catalogue.index().await?;
        done("searches find all");
        Ok(())
    }

    fn definition(&self, nth: u64) -> SourceDefinition {
        let kind = if nth % 100 == 99 { "resync" } else { "oai-pmh" };
        let url = format!("https://archive-{nth}.example.org/server/oai/request");
        let options = match kind {
            "resync" => json!({"url": url}),
            _ => json!({"url": url, "format": "oai_dc"}),
        };
        let mut definition = SourceDefinition::new(self.source(nth), kind, options);
        let subject = ["Science", "Medicine", "History", "Law", "Music"][nth as usize % 5];
        definition.title = format!("Archive of the Faculty of {subject}, Town {nth}");
        definition.description = "Theses, journals and data".to_owned();
        definition.schedule = Schedule::new(Rhythm::every(1, Unit::Weeks).expect("a week"))
            // Nothing comes due while pages are asked for.
            .with_start_delay(Duration::from_secs(30 * 24 * 3600));
        if nth % 50 == 1 {
            definition.filter_sets = vec![FILTER_SET.to_owned()];
        }
        if nth % 30 == 29 {
            definition.status = SourceStatus::Paused;
        }
        definition
    }

    async fn request(&self, nth: u64) -> Result<()> {
        let mut request = RunRequest::new(self.source(nth), RunKind::Harvest);
        request.group = (nth < 50).then_some(GROUP);
        self.store.request_run(&request).await?;
        Ok(())
    }

    /// Does the runs that wait, with records.
    async fn harvest(&self) -> Result<()> {
        while let Some((ticket, run)) = self.store.claim_run("bench", LEASE).await? {
            let source = run.request.source;
            let nth = number(&source)?;
            let made = Made::new(source.clone(), Arc::clone(&self.corpus), self.part(nth), nth);
            let parser = ByFormat::new().keep_others();
            let pipeline = Pipeline::new(made).parse(parser).claimed(ticket);
            let counters = pipeline.run(&*self.catalogue).await?.counters;
            self.note(ticket, &source, &counters).await?;
            self.store.end_run(ticket, &Ending::Done).await?;
        }
        Ok(())
    }

    /// Which records a source has: the first a fifth of all, the others equal parts of the rest.
    fn part(&self, nth: u64) -> std::ops::Range<u64> {
        let first = self.records / 5;
        let rest = self.records - first;
        let others = self.sources.saturating_sub(1).max(1);
        let start = |nth: u64| first + rest * nth / others;
        if nth == 0 { 0..first } else { start(nth - 1)..start(nth) }
    }

    /// Ends the runs that wait, in different ways.
    async fn end(&self, round: u64) -> Result<()> {
        while let Some((ticket, run)) = self.store.claim_run("bench", LEASE).await? {
            let source = run.request.source;
            let ending = match (round + 1 == LATER_RUNS, number(&source)? % 100) {
                (true, 10 | 11) => Ending::Failed(Failure::new("the repository did not answer")),
                (true, 12) => Ending::Held(Held::new(50, 80)),
                _ => Ending::Done,
            };
            self.note(ticket, &source, &Counters::default()).await?;
            self.store.end_run(ticket, &ending).await?;
        }
        Ok(())
    }

    async fn note(&self, ticket: Ticket, source: &SourceId, counters: &Counters) -> Result<()> {
        let now = Utc::now();
        let covered = Coverage::new(Some(now - TimeDelta::weeks(1)), now, ticket.run);
        let covered = covered.with_records(counters.total(), counters.failed);
        self.store.cover(source, &covered).await?;
        let mut events = Vec::from(
            [("RunStarted", "harvest asked for"), ("RunEnded", "read to its end")]
                .map(|(code, message)| Event::new(code, EventLevel::Info, message)),
        );
        if ticket.run.0 % 50 == 0 {
            events.push(Event::new("ReplayFailed", EventLevel::Error, "it did not answer"));
        }
        let events: Vec<_> =
            events.into_iter().map(|event| event.in_run(source.clone(), ticket.run)).collect();
        self.store.record(&events).await?;
        Ok(())
    }
}

fn number(source: &SourceId) -> Result<u64> {
    let digits = source.as_str().rsplit('-').next().unwrap_or_default();
    Ok(digits.parse()?)
}
