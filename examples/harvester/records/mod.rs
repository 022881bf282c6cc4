//! `harvester records`: prints what the database holds.

pub(crate) mod csv;
mod jsonl;
mod xml;

use std::fs::File;
use std::path::Path;

use futures_util::TryStreamExt;
use harvest_pipeline::sinks::{CsvTable, ParquetFile};
use harvest_pipeline::{Query, SourceId, SqliteCatalogue, StoredRecord};

use crate::args::{GlobalArgs, RecordsArgs, RecordsFormat};
use crate::database;
use crate::output::Output;
use crate::report::{Failure, Status};

/// How much is written at once.
const WRITE: usize = 1 << 20;

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
    let catalogue = SqliteCatalogue::open_existing(database::sqlite(global.db())?).await?;
    let printed = match form {
        Form::Text(form) => text(args, &catalogue, &form).await,
        Form::Parquet(file) => parquet(args, &catalogue, file).await,
    };
    catalogue.close().await?;
    printed
}

async fn text(
    args: &RecordsArgs,
    catalogue: &SqliteCatalogue,
    form: &Text,
) -> Result<Status, Failure> {
    let queries = queries(args, catalogue).await?;
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
    'queries: for query in queries {
        let mut records = catalogue.records(query);
        while let Some(record) = records.try_next().await? {
            form.record(&mut lines, &record).map_err(|error| {
                let identifier = &record.identifier;
                Failure::new(format!("what was read from {identifier} is no JSON: {error}"))
            })?;
            if lines.len() >= WRITE {
                if !output.write(lines) {
                    lines = Vec::new();
                    break 'queries;
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
    catalogue: &SqliteCatalogue,
    path: &Path,
) -> Result<Status, Failure> {
    let queries = queries(args, catalogue).await?;
    let mut file = ParquetFile::create(path)?;
    for query in queries {
        let mut records = catalogue.records(query);
        while let Some(record) = records.try_next().await? {
            file.push(&record.row())?;
        }
    }
    file.close()?;
    Ok(Status::Complete)
}

/// What is asked of the database, one question after the other.
async fn queries(args: &RecordsArgs, catalogue: &SqliteCatalogue) -> Result<Vec<Query>, Failure> {
    let queries = match &args.source {
        Some(name) => {
            let sources = find(name, catalogue).await?;
            sources.into_iter().map(|source| Query::all().of(source)).collect()
        }
        None => vec![Query::all()],
    };
    let only_live = |query: Query| if args.live { query.live_only() } else { query };
    Ok(queries.into_iter().map(only_live).collect())
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
