//! The system as a service: how it is set up, where it keeps things, and what its processes do.
//!
//! ```text
//! settings   file ◀ environment ◀ flags
//! stores     the database that they name
//! roles      what this process does with it, until it is asked to stop
//! ```

mod config;
mod env;
mod roles;
mod settings;
mod stores;
mod users;

use std::path::Path;

use crate::args::{GlobalArgs, ServiceArgs};
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::signals::stop_on_signals;

pub(crate) use self::config::run as config;
use self::roles::Role;
use self::settings::Settings;
use self::stores::Stores;
pub(crate) use self::users::run as users;

/// `harvester serve`
///
/// # Errors
/// If the settings make no sense, the database cannot be opened, or a role has failed.
pub(crate) async fn serve(
    args: &ServiceArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let mut settings = settings(args.config.as_deref(), global)?;
    if let Some(listen) = args.listen {
        settings.web.listen = listen;
    }
    let stores = Stores::open(&settings).await?;
    let stop = stop_on_signals(console);
    roles::run(&[Role::Serve], &settings, &stores, console, stop).await?;
    stores.close().await?;
    Ok(Status::Complete)
}

/// The settings: a file if one is named, the environment over it, flags over both.
fn settings(file: Option<&Path>, global: &GlobalArgs) -> Result<Settings, Failure> {
    let mut settings = Settings::load(file, |name| std::env::var(name).ok())?;
    if let Some(db) = &global.db {
        settings.db.clone_from(db);
    }
    Ok(settings)
}
