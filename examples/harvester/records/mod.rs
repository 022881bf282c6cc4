//! `harvester records`: prints what the database holds.

pub(crate) mod csv;
mod jsonl;
mod xml;

use std::fs::File;
use std::path::Path;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use harvest_pipeline::sinks::{CsvTable, ParquetFile};
use harvest_pipeline::store::Page;
use harvest_pipeline::{Catalogue, Query, RecordQuery, RunError, SourceId, StoredRecord};

use crate::args::{GlobalArgs, RecordsArgs, RecordsFormat};
use crate::database::Records;
use crate::output::Output;
use crate::report::{Failure, Status};

/// How much is written at once.
const WRITE: usize = 1 << 20;

/// How many records of a search are read at a time.
const PAGE: usize = 500;

/// How records are written one behind the other.
enum Text {
    JsonLines,
    Csv(CsvTable),
    Xml,
}

impl Text {
    fn head(&self, out: &mut Vec<u8>) {
        match self {
            Self::JsonLines => {}
            Self::Csv(table) => table.write_head(out),
            Self::Xml => xml::head(out),
        }
    }

    fn record(&self, out: &mut Vec<u8>, record: &StoredRecord) -> serde_json::Result<()> {
        match self {
            Self::JsonLines => jsonl::record(out, record),
            Self::Csv(table) => table.write_row(&record.row(), out)?,
            Self::Xml => xml::record(out, record),
        }
        Ok(())
    }

    fn tail(&self, out: &mut Vec<u8>) {
        match self {
            Self::JsonLines | Self::Csv(_) => {}
            Self::Xml => xml::tail(out),
        }
    }
}

/// What comes out.
enum Form<'a> {
    Text(Text),
    Parquet(&'a Path),
}

impl<'a> Form<'a> {
    fn of(args: &'a RecordsArgs) -> Result<Self, Failure> {
        Ok(match args.format {
            RecordsFormat::Jsonl => Self::Text(Text::JsonLines),
            RecordsFormat::Csv => Self::Text(Text::Csv(csv::table())),
            RecordsFormat::Xml => Self::Text(Text::Xml),
            RecordsFormat::Parquet => Self::Parquet(args.out.as_deref().ok_or_else(|| {
                Failure::usage("Parquet is not for the screen: name a file with --out")
            })?),
        })
    }
}

pub(crate) async fn run(args: &RecordsArgs, global: &GlobalArgs) -> Result<Status, Failure> {
    let form = Form::of(args)?;
    let records = Records::open_existing(global.db()).await?;
    let printed = print(args, &*records.catalogue(), form).await;
    records.close().await?;
    printed
}

async fn print(
    args: &RecordsArgs,
    catalogue: &dyn Catalogue,
    form: Form<'_>,
) -> Result<Status, Failure> {
    match form {
        Form::Text(form) => text(args, catalogue, &form).await,
        Form::Parquet(file) => parquet(args, catalogue, file).await,
    }
}

async fn text(
    args: &RecordsArgs,
    catalogue: &dyn Catalogue,
    form: &Text,
) -> Result<Status, Failure> {
    let mut output = match &args.out {
        Some(path) => {
            let file = File::create(path).map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", path.display()))
            })?;
            Output::to(file)
        }
        None => Output::stdout(),
    };
    let mut lines = output.buffer();
    form.head(&mut lines);
    'sources: for source in sources(args, catalogue).await? {
        let mut records = asked(args, catalogue, source);
        while let Some(record) = records.try_next().await? {
            form.record(&mut lines, &record).map_err(|error| {
                let identifier = &record.identifier;
                Failure::new(format!("what was read from {identifier} is no JSON: {error}"))
            })?;
            if lines.len() >= WRITE {
                if !output.write(lines) {
                    lines = Vec::new();
                    break 'sources;
                }
                lines = output.buffer();
            }
        }
    }
    form.tail(&mut lines);
    output.write(lines);
    output.finish()?;
    Ok(Status::Complete)
}

async fn parquet(
    args: &RecordsArgs,
    catalogue: &dyn Catalogue,
    path: &Path,
) -> Result<Status, Failure> {
    let mut file = ParquetFile::create(path)?;
    for source in sources(args, catalogue).await? {
        let mut records = asked(args, catalogue, source);
        while let Some(record) = records.try_next().await? {
            file.push(&record.row())?;
        }
    }
    file.close()?;
    Ok(Status::Complete)
}

/// The sources that are asked for, one after the other; `None`: all.
async fn sources(
    args: &RecordsArgs,
    catalogue: &dyn Catalogue,
) -> Result<Vec<Option<SourceId>>, Failure> {
    if args.search.is_some() {
        catalogue.index().await?;
    }
    Ok(match &args.source {
        Some(name) => find(name, catalogue).await?.into_iter().map(Some).collect(),
        None => vec![None],
    })
}

/// The records of a source that are asked for.
fn asked<'c>(
    args: &RecordsArgs,
    catalogue: &'c dyn Catalogue,
    source: Option<SourceId>,
) -> BoxStream<'c, Result<StoredRecord, RunError>> {
    match &args.search {
        Some(words) => search(catalogue, source, words, args.live),
        None => {
            let query = source.map_or_else(Query::all, |source| Query::all().of(source));
            catalogue.records(if args.live { query.live_only() } else { query })
        }
    }
}

/// The records that have these words, a page at a time.
fn search<'c>(
    catalogue: &'c dyn Catalogue,
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
async fn find(name: &str, catalogue: &dyn Catalogue) -> Result<Vec<SourceId>, Failure> {
    let all: Vec<_> = catalogue.summaries().await?.into_iter().map(|it| it.source).collect();
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
