//! `harvester harvest`: brings repositories into the database, or into files.

mod dry_run;
mod protocol;
mod summary;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use harvest_pipeline::parsers::{DublinCore, DublinCoreRecord, Raw, RawRecord};
use harvest_pipeline::sinks::{Csv, JsonLines, Parquet, XmlFiles};
use harvest_pipeline::{
    Candidate, Decision, Filter, ParseStage, Parser, Pipeline, PostgresCatalogue, Registry, Resume,
    RunError, Sink, Source, SqliteCatalogue, Summary,
};
use tokio_util::sync::CancellationToken;

use self::dry_run::DryRun;
use self::summary::Ended;
use self::watch::{Watch, Watched};
use crate::args::{Destination, GlobalArgs, HarvestArgs};
use crate::connect::Spoken;
use crate::database::Database;
use crate::progress::Console;
use crate::records::csv;
use crate::report::{Failure, Status};
use crate::signals::stop_on_signals;
use crate::{database, network, output};

pub(crate) async fn run(
    args: &HarvestArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    check(args, global)?;
    let sources = sources(args, global, console).await?;
    let stop = stop_on_signals(console);
    let harvest = Harvest { args, global, console, stop };
    match &args.to {
        Destination::Database => match database::named(global.db())? {
            Database::Sqlite(file) if args.dry_run => {
                let known = match database::exists(file) {
                    true => Some(SqliteCatalogue::open_existing(file).await?),
                    false => None,
                };
                harvest.all_into(sources, &DryRun::new(known)).await
            }
            Database::Sqlite(file) => {
                let catalogue = SqliteCatalogue::open(file).await?;
                let status = harvest.all_into(sources, &catalogue).await;
                catalogue.close().await?;
                status
            }
            Database::Postgres(url) if args.dry_run => {
                let known = PostgresCatalogue::open_if_there(url).await?;
                harvest.all_into(sources, &DryRun::new(known)).await
            }
            Database::Postgres(url) => {
                let catalogue = PostgresCatalogue::open(url).await?;
                let status = harvest.all_into(sources, &catalogue).await;
                catalogue.close().await;
                status
            }
        },
        Destination::JsonLines(file) => {
            harvest.all_into(sources, &JsonLines::create(file).await?).await
        }
        Destination::Csv(file) => {
            harvest.all_into(sources, &Csv::create(file, csv::table()).await?).await
        }
        Destination::Parquet(file) => {
            let sink = Parquet::create(file)?;
            let status = harvest.all_into(sources, &sink).await?;
            if status == Status::Failed {
                // Part of the records must not look like all of them.
                console.error(&format!("{} was not written", file.display()));
            } else {
                sink.close().await?;
            }
            Ok(status)
        }
        Destination::XmlFiles(folder) => harvest.all_into(sources, &XmlFiles::new(folder)?).await,
    }
}

/// Refuses what cannot be done, before anything is asked.
fn check(args: &HarvestArgs, global: &GlobalArgs) -> Result<(), Failure> {
    if args.dry_run && args.to != Destination::Database {
        let message = "--dry-run compares with the database; it cannot be combined with --to";
        return Err(Failure::usage(message));
    }
    if args.to == Destination::Database {
        database::named(global.db())?;
    }
    if let Some(url) =
        args.urls.iter().enumerate().find_map(|(number, url)| {
            args.urls[..number].contains(url).then(|| network::shown(url))
        })
    {
        return Err(Failure::usage(format!("{url} is there twice")));
    }
    args.selection.selection()?;
    match args.protocol.spoken() {
        Some(spoken) => protocol::check(spoken, args),
        None => Ok(()),
    }
}

/// A source, and how it is spoken to.
#[derive(Clone, Debug)]
struct Asked {
    source: Arc<dyn Source>,
    spoken: Spoken,
}

async fn sources(
    args: &HarvestArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Vec<Asked>, Failure> {
    let registry = Registry::standard();
    let mut sources: Vec<Asked> = Vec::new();
    for url in &args.urls {
        let spoken = match args.protocol.spoken() {
            Some(spoken) => spoken,
            None => protocol::find_out(url, global, console).await?,
        };
        protocol::check(spoken, args)?;
        let transport = network::transport(url, &global.network, console)?;
        let options = spoken.options(url, args, global);
        let source = registry
            .create(spoken.kind(), options, Arc::new(transport))
            .map_err(|error| Failure::usage(error.to_string()))?;
        if sources.iter().any(|other| other.source.id() == source.id()) {
            let url = network::shown(url);
            return Err(Failure::usage(format!("{url} is there twice")));
        }
        sources.push(Asked { source: source.into(), spoken });
    }
    Ok(sources)
}

/// Takes records in this format only.
fn only(format: &str) -> impl Filter + use<> {
    let wanted = format.to_owned();
    move |candidate: &Candidate<'_>| match candidate.item().payload() {
        Some(payload) if *payload.format != *wanted => {
            Decision::Reject(format!("its format is {}, not {wanted}", payload.format))
        }
        _ => Decision::Accept,
    }
}

struct Harvest<'a> {
    args: &'a HarvestArgs,
    global: &'a GlobalArgs,
    console: &'a Console,
    stop: CancellationToken,
}

impl Harvest<'_> {
    /// Harvests all sources, at the same time, and says how it went.
    async fn all_into<K: Sink<RawRecord> + Sink<DublinCoreRecord>>(
        &self,
        sources: Vec<Asked>,
        sink: &K,
    ) -> Result<Status, Failure> {
        let progress = self.console.progress("harvest", false);
        let watch = Arc::new(Watch::new(progress, sources.len()));
        let runs = sources.into_iter().enumerate().map(async |(number, asked)| {
            let findings = Arc::new(Mutex::new(Watched::new(self.console)));
            let pipeline = Pipeline::new(Arc::clone(&asked.source));
            let format = match asked.spoken {
                Spoken::OaiPmh => Some(self.args.selection.oai_format()),
                Spoken::ResourceSync | Spoken::HarvestList => self.args.selection.format.as_deref(),
            };
            let pipeline = match format {
                Some(format) => pipeline.filter(only(format)),
                None => pipeline,
            };
            let ran = if format == Some(DublinCore.format()) {
                self.one(pipeline.parse(DublinCore), sink, number, &watch, &findings).await
            } else {
                self.one(pipeline.parse(Raw), sink, number, &watch, &findings).await
            };
            let found = std::mem::replace(
                &mut *findings.lock().unwrap_or_else(PoisonError::into_inner),
                Watched::new(self.console),
            );
            Ended::new(asked, ran, found)
        });
        let ended = join_all(runs).await;
        watch.finish();
        self.tell(ended)
    }

    async fn one<S, K>(
        &self,
        pipeline: Pipeline<S>,
        sink: &K,
        number: usize,
        watch: &Arc<Watch>,
        findings: &Arc<Mutex<Watched>>,
    ) -> Result<Summary, RunError>
    where
        S: ParseStage,
        K: Sink<<S::Parser as Parser>::Record>,
    {
        let resume = if self.args.full { Resume::Afresh } else { Resume::FromSink };
        let (watch, findings) = (Arc::clone(watch), Arc::clone(findings));
        pipeline
            .resume(resume)
            .cancel_with(self.stop.clone())
            .on_progress(move |progress| {
                let mut findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
                findings.take(progress);
                watch.show(number, progress, findings.pages);
            })
            .run(sink)
            .await
    }

    /// Says how the runs ended.
    fn tell(&self, ended: Vec<Ended>) -> Result<Status, Failure> {
        let mut status = Status::Complete;
        for ended in ended {
            ended.found.findings.summarise();
            status = status.max(ended.status());
            let text = match self.global.json {
                true => ended.json(self.args),
                false if self.global.quiet => String::new(),
                false => ended.text(self.args),
            };
            output::print(text)?;
            if let Some(text) = ended.failure().and_then(|failure| failure.text()) {
                self.console.error(&text);
            }
        }
        Ok(status)
    }
}
