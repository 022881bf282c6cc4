//! `harvester records`: prints what the database holds.

mod csv;
mod jsonl;
mod xml;

use std::fs::File;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use harvest_pipeline::store::Page;
use harvest_pipeline::{
    Catalogue, Query, RecordQuery, RunError, SourceId, SqliteCatalogue, StoredRecord,
};

use crate::args::{GlobalArgs, RecordsArgs, RecordsFormat};
use crate::database;
use crate::output::Output;
use crate::report::{Failure, Status};

/// How much is written at once.
const WRITE: usize = 1 << 20;

/// How many records of a search are read at a time.
const PAGE: usize = 500;

/// How records are printed.
struct Format {
    head: fn(&mut Vec<u8>),
    record: fn(&mut Vec<u8>, &StoredRecord),
    tail: fn(&mut Vec<u8>),
}

pub(crate) async fn run(args: &RecordsArgs, global: &GlobalArgs) -> Result<Status, Failure> {
    let catalogue = SqliteCatalogue::open_existing(database::sqlite(global.db())?).await?;
    let printed = print(args, &catalogue).await;
    catalogue.close().await?;
    printed
}

async fn print(args: &RecordsArgs, catalogue: &SqliteCatalogue) -> Result<Status, Failure> {
    let sources = match &args.source {
        Some(name) => find(name, catalogue).await?.into_iter().map(Some).collect(),
        None => vec![None],
    };
    let mut output = match &args.out {
        Some(path) => {
            let file = File::create(path).map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", path.display()))
            })?;
            Output::to(file)
        }
        None => Output::stdout(),
    };
    let format = match args.format {
        RecordsFormat::Jsonl => Format { head: |_| {}, record: jsonl::record, tail: |_| {} },
        RecordsFormat::Csv => Format { head: csv::head, record: csv::record, tail: |_| {} },
        RecordsFormat::Xml => Format { head: xml::head, record: xml::record, tail: xml::tail },
    };
    let mut lines = output.buffer();
    (format.head)(&mut lines);
    if args.search.is_some() {
        catalogue.index().await?;
    }
    'sources: for source in sources {
        let mut records = match &args.search {
            Some(words) => search(catalogue, source, words, args.live),
            None => {
                let query = source.map_or_else(Query::all, |source| Query::all().of(source));
                catalogue.records(if args.live { query.live_only() } else { query })
            }
        };
        while let Some(record) = records.try_next().await? {
            (format.record)(&mut lines, &record);
            if lines.len() >= WRITE {
                if !output.write(lines) {
                    lines = Vec::new();
                    break 'sources;
                }
                lines = output.buffer();
            }
        }
    }
    (format.tail)(&mut lines);
    output.write(lines);
    output.finish()?;
    Ok(Status::Complete)
}

/// The records that have these words, a page at a time.
fn search<'c>(
    catalogue: &'c SqliteCatalogue,
    source: Option<SourceId>,
    words: &str,
    live: bool,
) -> BoxStream<'c, Result<StoredRecord, RunError>> {
    let mut query = RecordQuery::default();
    query.source = source;
    query.text = Some(words.to_owned());
    query.deleted = live.then_some(false);
    query.page = Page::first(PAGE);
    let pages = stream::try_unfold(Some(query), async |query| {
        let Some(mut query) = query else { return Ok::<_, RunError>(None) };
        let records = catalogue.list(&query).await?;
        let last = records.last().filter(|_| records.len() == PAGE);
        let next = last.map(|last| {
            query.page.after = Some((last.source.clone(), last.identifier.clone()));
            query
        });
        Ok(Some((stream::iter(records.into_iter().map(Ok)), next)))
    });
    pages.try_flatten().boxed()
}

/// The sources of this name, or harvested from this URL.
async fn find(name: &str, catalogue: &SqliteCatalogue) -> Result<Vec<SourceId>, Failure> {
    let all: Vec<_> = catalogue.sources().await?.into_iter().map(|it| it.source).collect();
    let is_from = |source: &SourceId| {
        // Named after URL, format and set.
        source.as_str().split_once('#').is_some_and(|(url, _)| url == name)
    };
    let exactly = all.iter().find(|source| source.as_str() == name);
    let found: Vec<_> = match exactly {
        Some(source) => vec![source.clone()],
        None => all.iter().filter(|source| is_from(source)).cloned().collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let known: Vec<_> = all.iter().map(|source| format!("\n    {source}")).collect();
    let failure = Failure::new(format!("nothing was harvested from {name}"));
    Err(match known.is_empty() {
        true => failure.with_advice("The database is empty: harvest something first."),
        false => failure.with_advice(format!("The database has:{}", known.concat())),
    })
}
