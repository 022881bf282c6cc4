//! The whole system over the sources of the demo: set up, scheduled, and harvested until Ctrl-C.

use std::path::Path;
use std::{fs, io};

use harvest_pipeline::schedule::{Rhythm, Schedule};
use harvest_pipeline::store::{RunKind, RunRequest, SourceDefinition, Store, TargetDefinition};
use harvest_pipeline::targets::Withdrawal;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::playground::Playground;
use super::told;
use super::world::{Languages, Work, dublin_core, eml};
use crate::output;
use crate::progress::Console;
use crate::report::Failure;
use crate::service::{Need, Role, Settings, Stores, run_roles, set_up};

/// Everything is harvested once a minute.
const EVERY_MINUTE: &str = "* * * * *";
/// How many works there are in a folder and in a file.
const IN_FILES: u64 = 20;

/// Runs the whole system over these sources until `stop`.
///
/// # Errors
/// If the database cannot be used, or a part of the system fails.
pub(super) async fn run(
    playground: &Playground,
    seed: u64,
    files: &Path,
    settings: &Settings,
    console: &Console,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let stores = Stores::open(settings, Need::Any).await?;
    stores.unlock().await?;
    let sources = sources(playground, seed, files)?;
    register(&*stores.store, &sources).await?;
    let delivered = files.join("delivered");
    deliver(&*stores.store, &sources, &delivered).await?;
    output::print(told::system(&settings.db, &delivered))?;
    let setup = set_up(None, settings)?;
    let moving = super::keep_moving(playground, console, &stop);
    let running = run_roles(&Role::ALL, settings, setup, &stores, console, stop.clone());
    let (ran, moved) = tokio::join!(running, moving);
    ran.and(moved)?;
    stores.close().await
}

/// The sources of the playground, and those of files.
fn sources(
    playground: &Playground,
    seed: u64,
    files: &Path,
) -> Result<Vec<SourceDefinition>, Failure> {
    let written =
        |error: io::Error| Failure::new(format!("{} cannot be written: {error}", files.display()));
    let folder = files.join("deposits");
    fs::create_dir_all(&folder).map_err(written)?;
    let work = |number| Work::new(seed, number, 1, Languages::All);
    for number in 0..IN_FILES {
        let file = folder.join(format!("deposit-{number}.xml"));
        fs::write(file, eml::write(&work(number), "deposit")).map_err(written)?;
    }
    let lines = files.join("export.jsonl");
    let line = |number| {
        let metadata = dublin_core::write(&work(number));
        format!("{}\n", json!({ "identifier": format!("export:{number}"), "metadata": metadata }))
    };
    fs::write(&lines, (0..IN_FILES).map(line).collect::<String>()).map_err(written)?;

    let mut sources = Vec::new();
    let mut add = |title: &str, kind: &str, options| {
        let mut source = SourceDefinition::new(id(title), kind, options);
        title.clone_into(&mut source.title);
        "One of the sources of the demo".clone_into(&mut source.description);
        sources.push(source);
    };
    for site in &playground.sites {
        add(site.name, site.protocol.kind(), site.options());
    }
    add("Folder of deposits", "folder", json!({ "path": folder }));
    add("Export of an old system", "json-lines", json!({ "path": lines }));
    let rhythm = Rhythm::cron(EVERY_MINUTE, "UTC");
    let rhythm = rhythm.map_err(|error| Failure::new(error.to_string()))?;
    for source in &mut sources {
        source.schedule = Schedule::new(rhythm.clone());
    }
    Ok(sources)
}

/// Sets up a target that gets everything: a folder of JSON Lines, as a search index would read them. Each
/// demo has a folder of its own, and delivers there from the beginning.
async fn deliver(
    store: &dyn Store,
    sources: &[SourceDefinition],
    folder: &Path,
) -> Result<(), Failure> {
    let options = json!({ "path": folder, "form": "json-lines" });
    let mut target = TargetDefinition::new("index", "folder", options);
    "Search index".clone_into(&mut target.title);
    target.withdrawal = Withdrawal::ByOperatorOrDeletion;
    store.put_target(&target).await?;
    for source in sources {
        store.offer_again(&target.name, &source.id).await?;
    }
    Ok(())
}

/// The id of a source of this title: `Knihovna v Žďáru` is `knihovna-v-žďáru`.
fn id(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

/// Sets the sources up, or where a database knows them from before, points them to where they are now;
/// and asks for the first run of each.
async fn register(store: &dyn Store, sources: &[SourceDefinition]) -> Result<(), Failure> {
    for source in sources {
        match store.source(&source.id).await? {
            Some(_) => store.change_source(source).await?,
            None => store.add_source(source).await?,
        };
        store.request_run(&RunRequest::new(source.id.clone(), RunKind::Harvest)).await?;
    }
    Ok(())
}
