//! `harvester`: brings the records of repositories into a database, completely, or says what is
//! missing.
//!
//! The command line is read in [`args`]; each command is a module. Results go to standard output
//! ([`output`]), everything else to standard error ([`progress`], [`findings`]), and [`report`] has
//! the exit statuses and what is to be said when something fails.

mod accounts;
mod api;
mod args;
mod conformance;
mod connect;
mod database;
mod deliveries;
mod demo;
mod findings;
mod harvest;
mod json;
mod network;
mod notices;
mod oai;
mod output;
mod progress;
mod provide;
mod records;
mod report;
mod resync;
mod serve;
mod service;
mod signals;
mod traces;
mod web;
mod words;

use std::process::ExitCode;

use crate::args::{Command, CommandLine, ConfigCommand};
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::service::Role;

fn main() -> ExitCode {
    let CommandLine { command, global } = CommandLine::read();
    tame_allocator(&command);
    let console = Console::new(global.quiet, global.verbose);
    let is_service = matches!(
        command,
        Command::All(_) | Command::Serve(_) | Command::Worker(_) | Command::Scheduler(_)
    );
    if !is_service {
        console.listen();
    }

    // Fetching takes little; parsing, formatting and writing have threads of their own. Each thread
    // more keeps memory for itself, which is a good part of what a list needs. A service does many
    // things at once.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    match command {
        Command::Oai(_) => runtime.worker_threads(1),
        _ if is_service => &mut runtime,
        _ => runtime.worker_threads(2),
    };
    let runtime = runtime.enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match command {
                Command::Oai(command) => oai::run(command, &global, &console).await,
                Command::Harvest(args) => harvest::run(&args, &global, &console).await,
                Command::Resync(command) => resync::run(*command, &global, &console).await,
                Command::Demo(args) => demo::run(&args, &global, &console).await,
                Command::Source(command) => service::sources(&command, &global, &console).await,
                Command::Run(command) => service::runs(&command, &global, &console).await,
                Command::Target(command) => service::targets(&command, &global, &console).await,
                Command::FilterSet(command) => service::filter_sets(&command, &global).await,
                Command::All(args) => service::roles(&args, &Role::ALL, &global, &console).await,
                Command::Serve(args) => {
                    service::roles(&args.into(), &[Role::Serve], &global, &console).await
                }
                Command::Worker(args) => {
                    service::roles(&args.into(), &[Role::Worker], &global, &console).await
                }
                Command::Scheduler(args) => {
                    service::roles(&args.into(), &[Role::Scheduler], &global, &console).await
                }
                Command::Status(args) => service::status(args.config.as_deref(), &global).await,
                Command::User(command) => service::users(&command, &global).await,
                Command::Config(ConfigCommand::Check(args)) => {
                    service::check_config(args.config.as_deref(), &global)
                }
                Command::Config(ConfigCommand::RotateKey(args)) => {
                    service::rotate_key(args.config.as_deref(), &global).await
                }
                Command::Records(args) => records::run(&args, &global).await,
            }
        }),
        Err(error) => Err(Failure::new(format!("no threads can be started: {error}"))),
    };
    let status: Status = ended.unwrap_or_else(|failure| {
        if let Some(text) = failure.text() {
            console.error(&text);
        }
        failure.status
    });
    status.into()
}

/// Pages and batches are made on one thread and dropped on another. glibc's allocator would keep an
/// arena for each thread, and give little of it back: 93 MB at the peak of a harvest instead of 70,
/// at the same speed.
///
/// It would also learn from the first pages to keep blocks as large as these, and what is small comes to
/// lie between them. Blocks of a page's size are had from the system each time and given back: a harvest
/// takes 63 MiB at its peak instead of 73, and a twentieth more processor. ResourceSync's commands do so
/// with the pieces of a list, too: planning takes 15.6 MiB for a million entries, not 18 to 19, and an
/// eighth more processor. What only passes pages on, as `oai` does, would pay with a page fault for each
/// 4 KiB and gain little (benches/README.md).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn tame_allocator(command: &Command) {
    const PIECE: libc::c_int = 128 << 10;
    const PAGE: libc::c_int = 1 << 20;
    let large = match command {
        Command::Resync(_) => Some(PIECE),
        Command::Oai(_) => None,
        _ => Some(PAGE),
    };
    // SAFETY: it only sets numbers, and there is no other thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        if let Some(large) = large {
            // Setting it keeps it from growing, and the threshold for trimming at its 128 KiB.
            libc::mallopt(libc::M_MMAP_THRESHOLD, large);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn tame_allocator(_: &Command) {}
