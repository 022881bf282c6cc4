//! A database as a repository.

use std::sync::Arc;

use harvest_pipeline::{Catalogue, CatalogueRepository, Shelf, Shelves, SourceId};
use oai_pmh::Identify;

use crate::args::ProvideArgs;
use crate::progress::Console;
use crate::report::Failure;

/// What the catalogue has, each source in its formats.
pub(super) async fn publish(
    args: &ProvideArgs,
    catalogue: Arc<dyn Catalogue>,
    identify: Identify,
    console: &Console,
) -> Result<CatalogueRepository, Failure> {
    let mut found: Vec<Shelf> = Vec::new();
    let is_wanted =
        |source: &SourceId| args.source.as_ref().is_none_or(|wanted| wanted == source.as_str());
    for shelf in Shelves::new(Arc::clone(&catalogue)).all(is_wanted).await? {
        let source = &shelf.source;
        if shelf.formats.is_empty() {
            console.warning(&format!("{source} has no records: it is not served"));
            continue;
        }
        for format in &shelf.formats {
            let has_it = |other: &&Shelf| other.formats.iter().any(|it| it.prefix == format.prefix);
            if let Some(other) = found.iter().find(has_it) {
                let message = format!(
                    "{} and {source} were both harvested as {}",
                    other.source, format.prefix
                );
                return Err(Failure::usage(format!("{message}: choose one with --source")));
            }
        }
        found.push(shelf);
    }
    if found.is_empty() {
        let message = "the database has nothing to serve";
        return Err(Failure::new(message)
            .with_advice("`harvester records` prints what is there, and from which sources."));
    }
    let repository = CatalogueRepository::new(catalogue, identify);
    Ok(found.into_iter().fold(repository, CatalogueRepository::publish))
}
