//! `harvester serve`, `harvester config`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(super) const LONG: &str = "\
Serves the admin system: sources, their runs and records, in a browser.

Only this machine reaches it, unless another address is named; for others, put a proxy with TLS in \
front. In a new database, the administrator's first password is printed once.";

pub(super) const HELP: &str = "\
Settings are taken from flags, then the environment, then the file that --config names: \
`harvester config check` prints them as TOML. Each can be set in the environment: listen in [web] is \
HARVESTER_WEB_LISTEN.

Examples:
  harvester serve
  harvester serve --db sqlite:/var/lib/harvester/harvest.db --listen 127.0.0.1:9000
  harvester serve --config /etc/harvester.toml";

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// Address and port to listen at; port 0 is any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "HARVESTER_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the settings as every role would, and print them; exit status 2 if they make no sense
    Check(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "HARVESTER_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}
