//! The system as a service: how it is set up, where it keeps things, and what its processes do.
//!
//! ```text
//! settings      file ◀ environment ◀ flags
//! setup         the same for the page that shows them: what is set, and where
//! stores        the database that they name ── vault   what seals the secrets of sources
//! installation  the engine over it, and how it reaches sources
//! roles         what this process does with them, until it is asked to stop; heartbeat: they live
//! reports       what people are told of runs that are over ── letters  until they have it
//! manage        what the admin system manages, from the command line; users: who may use it
//! clerk         enters in the audit log what is done there
//! ```

mod clerk;
mod config;
mod env;
mod heartbeat;
mod installation;
pub(crate) mod letters;
mod manage;
mod reports;
mod roles;
mod settings;
mod setup;
mod status;
mod stores;
mod users;
mod vault;

use std::path::Path;

use harvest_pipeline::Registry;

use crate::args::{
    FilterSetCommand, GlobalArgs, RunCommand, ServiceArgs, SourceCommand, TargetCommand,
};
use crate::output::print;
use crate::progress::Console;
use crate::provide::output;
use crate::report::{Failure, Status};
use crate::signals::stop_on_signals;

use self::clerk::Clerk;
pub(crate) use self::config::{check as check_config, rotate_key};
use self::installation::installation;
use self::manage::Manager;
pub(crate) use self::roles::{Role, run as run_roles};
pub(crate) use self::settings::{Log, LogFormat, Payloads, Provide as ProvideSettings, Settings};
pub(crate) use self::setup::of as set_up;
pub(crate) use self::stores::{Need, Stores};
pub(crate) use self::users::run as users;

/// `harvester serve`, `worker`, `scheduler` and `all`
///
/// # Errors
/// If the settings make no sense, the database cannot be opened, or a role has failed.
pub(crate) async fn roles(
    args: &ServiceArgs,
    roles: &[Role],
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let mut settings = settings(args.config.config.as_deref(), global)?;
    if let Some(listen) = args.listen {
        settings.web.listen = listen;
    }
    if let Some(name) = &args.worker.name {
        settings.worker.name.clone_from(name);
    }
    if let Some(runs) = args.worker.runs {
        settings.worker.concurrency = runs;
    }
    if let Some(format) = args.log.format {
        settings.log.format = format;
    }
    if let Some(filter) = &args.log.filter {
        settings.log.filter.clone_from(filter);
    }
    let traces = console.log(&settings.log)?;
    let stores = Stores::open(&settings, Need::Any).await?;
    stores.unlock().await?;
    let stop = stop_on_signals(console);
    let setup = set_up(args.config.config.as_deref(), &settings)?;
    let ran = roles::run(roles, &settings, setup, &stores, console, stop).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    ran?;
    stores.close().await?;
    Ok(Status::Complete)
}

/// `harvester status`
///
/// # Errors
/// If the settings make no sense, or the database cannot be read.
pub(crate) async fn status(config: Option<&Path>, global: &GlobalArgs) -> Result<Status, Failure> {
    status::run(&settings(config, global)?, global.json).await
}

/// `harvester source`
///
/// # Errors
/// If the settings make no sense, or it cannot be done.
pub(crate) async fn sources(
    command: &SourceCommand,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let config = match command {
        SourceCommand::Kinds(_) => {
            print(manage::kinds(&Registry::standard(), global.json))?;
            return Ok(Status::Complete);
        }
        SourceCommand::Connect(args) => {
            print(manage::connect(&args.url, global).await?)?;
            return Ok(Status::Complete);
        }
        SourceCommand::Add(args) => &args.config,
        SourceCommand::List(args) => &args.config,
        SourceCommand::Change(args) => &args.config,
        SourceCommand::Show(args)
        | SourceCommand::Pause(args)
        | SourceCommand::Resume(args)
        | SourceCommand::Archive(args)
        | SourceCommand::Remove(args) => &args.config,
    };
    let settings = settings(config.config.as_deref(), global)?;
    let need = match command {
        SourceCommand::Add(_) => Need::Any,
        _ => Need::Existing,
    };
    let stores = Stores::open(&settings, need).await?;
    let installation = installation(&settings, &stores, console);
    let done = manage::sources(command, &installation, Clerk(&stores.accounts), global).await;
    if done.is_ok() && matches!(command, SourceCommand::Change(_)) {
        let (store, catalogue) = (&*stores.store, &*stores.catalogue);
        output::make_up(store, catalogue, stores.accounts.documents()).await?;
    }
    drop(installation);
    stores.close().await?;
    print(done?)?;
    Ok(Status::Complete)
}

/// `harvester run`
///
/// # Errors
/// If the settings make no sense, or it cannot be done.
pub(crate) async fn runs(
    command: &RunCommand,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let config = match command {
        RunCommand::Start(args) => &args.config,
        RunCommand::List(args) => &args.config,
        RunCommand::Show(args) => &args.run.config,
        RunCommand::Wait(args) => &args.config,
        RunCommand::Cancel(args)
        | RunCommand::Pause(args)
        | RunCommand::Resume(args)
        | RunCommand::Approve(args)
        | RunCommand::Reject(args) => &args.config,
    };
    let settings = settings(config.config.as_deref(), global)?;
    let stores = Stores::open(&settings, Need::Existing).await?;
    let manager = Manager {
        store: &*stores.store,
        clerk: Clerk(&stores.accounts),
        worker: roles::worker(&settings.worker, installation(&settings, &stores, console)),
        most_attempts: settings.scheduler.most_attempts,
        console,
        as_json: global.json,
    };
    let done = manage::runs(command, &manager).await;
    drop(manager);
    stores.close().await?;
    done
}

/// `harvester filter-set`
///
/// # Errors
/// If the settings make no sense, or it cannot be done.
pub(crate) async fn filter_sets(
    command: &FilterSetCommand,
    global: &GlobalArgs,
) -> Result<Status, Failure> {
    let config = match command {
        FilterSetCommand::Add(args) => &args.config,
        FilterSetCommand::List(config) => config,
        FilterSetCommand::Show(args) | FilterSetCommand::Remove(args) => &args.config,
    };
    let settings = settings(config.config.as_deref(), global)?;
    let need = match command {
        FilterSetCommand::Add(_) => Need::Any,
        _ => Need::Existing,
    };
    let stores = Stores::open(&settings, need).await?;
    let done =
        manage::filter_sets(command, &*stores.store, Clerk(&stores.accounts), global.json).await;
    stores.close().await?;
    print(done?)?;
    Ok(Status::Complete)
}

/// `harvester target`
///
/// # Errors
/// If the settings make no sense, or it cannot be done.
pub(crate) async fn targets(
    command: &TargetCommand,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let config = match command {
        TargetCommand::Add(args) => &args.config,
        TargetCommand::Edit(args) => &args.config,
        TargetCommand::List(config) | TargetCommand::Kinds(config) => config,
        TargetCommand::Show(args) | TargetCommand::Remove(args) => &args.config,
        TargetCommand::Deliver(args) => &args.config,
    };
    let settings = settings(config.config.as_deref(), global)?;
    let need = match command {
        TargetCommand::Add(_) => Need::Any,
        TargetCommand::Kinds(_) => {
            print(manage::target_kinds(global.json))?;
            return Ok(Status::Complete);
        }
        _ => Need::Existing,
    };
    let stores = Stores::open(&settings, need).await?;
    let installation = installation(&settings, &stores, console);
    let manager = Manager {
        store: &*stores.store,
        clerk: Clerk(&stores.accounts),
        worker: roles::worker(&settings.worker, installation.clone()),
        most_attempts: settings.scheduler.most_attempts,
        console,
        as_json: global.json,
    };
    let done = manage::targets(command, &installation, &manager).await;
    drop((manager, installation));
    stores.close().await?;
    done
}

/// The settings: a file if one is named, the environment over it, flags over both.
fn settings(file: Option<&Path>, global: &GlobalArgs) -> Result<Settings, Failure> {
    let mut settings = Settings::load(file, |name| std::env::var(name).ok())?;
    if let Some(db) = &global.db {
        settings.db.clone_from(db);
    }
    settings.network.overlay(&global.network);
    Ok(settings)
}
