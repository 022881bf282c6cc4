//! A database as a repository.

use futures_util::TryStreamExt;
use harvest_pipeline::{CatalogueRepository, Query, SourceId, SqliteCatalogue};
use oai_pmh::{Identify, MetadataFormat};

use super::format_shown;
use crate::args::ProvideArgs;
use crate::progress::Console;
use crate::report::Failure;

/// What the catalogue has, each source in its format.
pub(super) async fn publish(
    args: &ProvideArgs,
    catalogue: SqliteCatalogue,
    identify: Identify,
    console: &Console,
) -> Result<CatalogueRepository, Failure> {
    let mut found: Vec<(SourceId, MetadataFormat)> = Vec::new();
    for summary in catalogue.sources().await? {
        let source = summary.source;
        if args.source.as_ref().is_some_and(|wanted| wanted != source.as_str()) {
            continue;
        }
        let Some(format) = format_of(&catalogue, &source).await? else {
            console.warning(&format!("{source} has no records: it is not served"));
            continue;
        };
        if let Some((other, _)) = found.iter().find(|(_, known)| known.prefix == format.prefix) {
            let message = format!("{other} and {source} were both harvested as {}", format.prefix);
            return Err(Failure::usage(format!("{message}: choose one with --source")));
        }
        found.push((source, format));
    }
    if found.is_empty() {
        let message = format!("{} has nothing to serve", args.from);
        return Err(Failure::new(message)
            .with_advice("`harvester records` prints what is there, and from which sources."));
    }
    let repository = CatalogueRepository::new(catalogue, identify);
    Ok(found.into_iter().fold(repository, |all, (source, format)| all.publish(source, format)))
}

/// The format of a source's records, as the first of them shows it.
async fn format_of(
    catalogue: &SqliteCatalogue,
    source: &SourceId,
) -> Result<Option<MetadataFormat>, Failure> {
    let query = Query::all().of(source.clone()).live_only();
    let Some(first) = catalogue.records(query).try_next().await? else { return Ok(None) };
    Ok(first.format.zip(first.metadata).and_then(|(prefix, xml)| format_shown(&prefix, &xml)))
}
