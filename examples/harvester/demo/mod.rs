//! `harvester demo`: sources of every kind on this machine, and what harvesting them is like.
//!
//! A [`world`] of records made from a seed is published by the servers of a [`playground`]: OAI-PMH
//! repositories ([`library`]), one of which is [`flaky`], a ResourceSync source ([`files`]) and a
//! harvest list ([`station`]). The whole [`system`] runs over them; or a [`tour`] harvests all of them
//! twice ([`harvest`]). What is said is in [`told`].

mod files;
mod flaky;
mod harvest;
mod library;
mod playground;
mod station;
mod system;
mod told;
mod tour;
mod world;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::playground::Playground;
use crate::args::{DemoArgs, GlobalArgs};
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::service::Settings;
use crate::signals::stop_on_signals;
use crate::{database, output};

/// How often the world moves on while it is only served.
const STEP: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    args: &DemoArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let no_room = |error| Failure::new(format!("no temporary folder can be made: {error}"));
    let documents = tempfile::tempdir().map_err(no_room)?;
    let stop = stop_on_signals(console);
    let playground =
        Playground::start(args.seed, args.records, args.port, documents.path()).await?;
    let db = || match &global.db {
        Some(db) => Ok(db.clone()),
        None => fresh_database().map_err(no_room),
    };
    let ended = if args.serve_only {
        serve_only(&playground, global, console, &stop).await
    } else if args.once || global.json {
        let db = db()?;
        show(&playground, database::sqlite(&db)?, global, console, &stop).await
    } else {
        let settings = settings(args, global, db()?);
        let files = tempfile::tempdir().map_err(no_room)?;
        system::run(&playground, args.seed, files.path(), &settings, console, stop).await
    };
    playground.stop().await?;
    ended.map(|()| Status::Complete)
}

/// A database in a place of its own, which stays there to be looked at.
fn fresh_database() -> std::io::Result<String> {
    let folder = tempfile::Builder::new().prefix("harvester-demo-").tempdir()?.keep();
    Ok(format!("sqlite:{}", folder.join("demo.db").display()))
}

/// The settings of a system that has its sources on this machine, and nowhere else to go.
fn settings(args: &DemoArgs, global: &GlobalArgs, db: String) -> Settings {
    let mut settings = Settings { db, ..Settings::default() };
    let behind_the_sources = |port: u16| port.saturating_add(6);
    settings.web.listen.set_port(args.port.map_or(0, behind_the_sources));
    settings.network.overlay(&global.network);
    settings.network.local_hosts = vec![settings.web.listen.ip().to_string()];
    settings
}

/// Keeps everything running, and moving, until it is told to stop.
async fn serve_only(
    playground: &Playground,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    output::print(match global.json {
        true => format!("{}\n", told::serving_json(playground)),
        false => told::serving(playground),
    })?;
    keep_moving(playground, console, stop).await
}

/// Lets time pass at the sources until `stop`.
async fn keep_moving(
    playground: &Playground,
    console: &Console,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(STEP) => {}
        }
        playground.step().await?;
        console.detail("the world moved on");
    }
}

/// Harvests everything twice, and says how it went.
async fn show(
    playground: &Playground,
    db: &str,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let tour = tour::tour(playground, db, global, console, stop).await?;
    output::print(match global.json {
        true => format!("{}\n", told::summary_json(playground, &tour, db)),
        false => told::summary(playground, &tour, db),
    })?;
    match tour.as_expected {
        true => Ok(()),
        false => Err(Failure::new("the database does not hold what the sources have")
            .with_advice(format!("This is a fault of harvester; please keep {db} to report it."))),
    }
}
