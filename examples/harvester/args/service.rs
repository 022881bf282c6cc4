//! `harvester serve`, `worker`, `scheduler`, `all`, `status`, `config`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::service::LogFormat;

pub(super) const ALL_LONG: &str = "\
Runs the whole system in one process: the admin system for browsers, a scheduler that asks for the \
runs that are due, and a worker that does them. With SQLite nothing else is needed. With PostgreSQL, \
`serve`, `worker` and `scheduler` can run apart, several of each, on many machines.

Asked to stop (Ctrl-C, SIGTERM), runs go back into the queue where they are; whoever comes next goes \
on with them.";

pub(super) const SERVE_LONG: &str = "\
Serves the admin system: sources, their runs and records, in a browser.

Only this machine reaches it, unless another address is named; for others, put a proxy with TLS in \
front. In a new database, the administrator's first password is printed once.";

pub(super) const WORKER_LONG: &str = "\
Does the runs that wait, several at once, until it is stopped. Runs that go on then are put back into \
the queue where they are. Those of a worker that is not heard of any more are given to another.";

pub(super) const SCHEDULER_LONG: &str = "\
Asks for the runs that are due, gives those whose workers are lost to others, sends reports, and \
forgets what is old. Several may run at once.";

pub(super) const STATUS_LONG: &str = "\
Says what runs, what failed and what waits, by what the database holds.

Exit status 1 if the last run of a source failed, or a worker was lost.";

const ROTATE_LONG: &str = "\
Seals the passwords and tokens of all sources with a new key.

Where the key is in a file (`key-file` in [secret], or beside SQLite's file), a new one is made and put \
in front of it; nothing need be stopped. The last lines open what was sealed before, in backups too, \
and can be deleted. Where the settings hold the key itself, first put the new one in front of the old, \
with a comma in between, in all processes; then this; then take the old one away.

With PostgreSQL, what was sealed with the old key is in dead rows until VACUUM.";

pub(super) const HELP: &str = "\
Settings are taken from flags, then the environment, then the file that --config names: \
`harvester config check` prints them as TOML. Each can be set in the environment: listen in [web] is \
HARVESTER_WEB_LISTEN.

Sources may be on this machine or its network only with --allow-local, or as `network.local-hosts` \
names them.

Examples:
  harvester all
  harvester all --db sqlite:/var/lib/harvester/harvest.db --listen 127.0.0.1:9000
  harvester worker --config /etc/harvester.toml";

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// Address and port to listen at; port 0 is any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) worker: WorkerSettings,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOnlyArgs {
    /// Address and port to listen at; port 0 is any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) worker: WorkerSettings,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SchedulerArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// How what happens is written to standard error [default: text]
    #[arg(long = "log-format", value_enum, value_name = "text|json", hide_possible_values = true)]
    pub(crate) format: Option<LogFormat>,
    /// What is written: a level, or levels of parts, such as warn,harvest_pipeline=debug
    #[arg(long = "log-filter", value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct WorkerSettings {
    /// What the worker is called [default: the machine and the number of the process]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How many runs it does at once [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: Option<u32>,
}

impl From<ServeOnlyArgs> for ServiceArgs {
    fn from(args: ServeOnlyArgs) -> Self {
        let ServeOnlyArgs { listen, log, config } = args;
        Self { listen, worker: WorkerSettings::default(), log, config }
    }
}

impl From<WorkerArgs> for ServiceArgs {
    fn from(args: WorkerArgs) -> Self {
        let WorkerArgs { worker, log, config } = args;
        Self { listen: None, worker, log, config }
    }
}

impl From<SchedulerArgs> for ServiceArgs {
    fn from(args: SchedulerArgs) -> Self {
        let SchedulerArgs { log, config } = args;
        Self { listen: None, worker: WorkerSettings::default(), log, config }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the settings as every role would, and print them; exit status 2 if they make no sense
    Check(ConfigArgs),
    /// Seal the passwords and tokens of all sources with a new key
    #[command(long_about = ROTATE_LONG)]
    RotateKey(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "HARVESTER_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}
