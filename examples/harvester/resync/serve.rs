//! A folder of one's own, or a database, served as a source.

use std::path::PathBuf;
use std::sync::Arc;

use harvest_pipeline::SourceId;
use serde_json::json;
use url::Url;

use super::word;
use crate::args::{GlobalArgs, ServeArgs};
use crate::database::{self, Records};
use crate::output;
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::serve::catalogue::CatalogueShelf;
use crate::serve::hub::Callers;
use crate::serve::shelf::{FolderShelf, Shelf};
use crate::serve::source::Source;
use crate::serve::{listen, serve};
use crate::signals::stop_on_signals;

pub(super) async fn run(
    args: &ServeArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let from = shown(args);
    let (shelf, documents) = open(args).await?;
    let unreadable = |error| unreadable(args, &error);
    let listener = listen(args.listen).await?;
    let base = match &args.base_url {
        Some(url) => url.clone(),
        None => {
            let address = listener.local_addr().map_err(unreadable)?;
            Url::parse(&format!("http://{address}/"))
                .map_err(|error| Failure::new(format!("{address} is no address: {error}")))?
        }
    };
    let mut source = Source::new(shelf, &documents, base).dumps(args.dump);
    if args.hub {
        source = source.hub(Callers::here()?);
    }
    source.publish().await.map_err(unreadable)?;
    let start = source.description();
    output::print(match global.json {
        true => format!("{}\n", json!({"event": "serving", "description": start})),
        false => format!(
            "serving {from}; others start at {start}\n  harvester resync explore {}\n",
            word(&start)
        ),
    })?;
    let stop = stop_on_signals(console);
    let publishing = source.keep_published(args.every, |done| match done {
        Ok(done) if done.created + done.updated + done.deleted > 0 => console.notice(&format!(
            "published: {} created, {} updated, {} deleted",
            done.created, done.updated, done.deleted
        )),
        Ok(_) => {}
        Err(error) => console.warning(&format!("{from} cannot be published: {error}")),
    });
    tokio::select! {
        served = serve(listener, source.router(), stop.cancelled_owned()) => served?,
        () = publishing => {}
    }
    Ok(Status::Complete)
}

/// What is served, for people.
fn shown(args: &ServeArgs) -> String {
    database::shown(&args.from.to_string_lossy())
}

/// What is served, and where its documents are kept.
async fn open(args: &ServeArgs) -> Result<(Arc<dyn Shelf>, PathBuf), Failure> {
    let Some(db) = args.from.to_str().filter(|from| database::is_named(from)) else {
        if args.source.is_some() || args.documents.is_some() {
            let message = "--source and --documents are for a database, written sqlite:FILE or \
                           postgres://USER:PASSWORD@HOST/DATABASE";
            return Err(Failure::usage(message));
        }
        let shelf = FolderShelf::open(&args.from).map_err(|error| unreadable(args, &error))?;
        return Ok((Arc::new(shelf), args.from.clone()));
    };
    let records = Records::open_existing(db).await?;
    let catalogue = records.catalogue();
    let only = args.source.as_deref().map(SourceId::from);
    if let Some(source) = &only
        && catalogue.summary(source).await?.is_none()
    {
        return Err(Failure::new(format!("{} has nothing from {source}", shown(args)))
            .with_advice("`harvester records` prints what is there, and from which sources."));
    }
    let documents = match (&args.documents, &records) {
        (Some(folder), _) => folder.clone(),
        (None, Records::Sqlite(catalogue)) => {
            let mut beside = catalogue.file().as_os_str().to_owned();
            beside.push(".resync");
            beside.into()
        }
        (None, Records::Postgres(_)) => {
            let message = "name a folder for the documents with --documents";
            return Err(Failure::usage(message));
        }
    };
    Ok((Arc::new(CatalogueShelf::new(catalogue, only)), documents))
}

fn unreadable(args: &ServeArgs, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be published: {error}", shown(args)))
        .with_advice("The documents need a folder that can be written, and that nobody publishes.")
}
