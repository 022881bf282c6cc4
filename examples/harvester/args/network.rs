//! The options for everything that is fetched.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::values;

/// How repositories are asked.
#[derive(Args, Clone)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// How often a request that failed is sent again
    #[arg(long, global = true, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    /// How long to wait before the first time; doubles each time, unless the server says how long
    #[arg(long, global = true, value_name = "DUR", default_value = "1s")]
    #[arg(value_parser = values::duration)]
    pub(crate) retry_delay: Duration,
    /// How long to wait for an answer to begin, and for it to go on
    ///
    /// Durations are written 500ms, 30s, 5m or 2h.
    #[arg(long, global = true, value_name = "DUR", default_value = "60s")]
    #[arg(value_parser = values::duration)]
    pub(crate) timeout: Duration,
    /// Send this header with every request; may be given several times
    #[arg(long = "header", global = true, value_name = "K:V")]
    pub(crate) headers: Vec<String>,
    /// Sign in with this name; better give the password in the environment, as HARVESTER_PASSWORD
    #[arg(long, global = true, value_name = "NAME[:PASSWORD]")]
    pub(crate) user: Option<String>,
    /// How this program names itself
    #[arg(long, global = true, value_name = "S", default_value = DEFAULT_USER_AGENT)]
    pub(crate) user_agent: String,
    /// Whom administrators can write to when this program troubles them; sent with every request
    #[arg(long, global = true, value_name = "MAIL")]
    pub(crate) contact: Option<String>,
    /// The least time between two requests to a host
    #[arg(long, global = true, value_name = "DUR", default_value = "0s")]
    #[arg(value_parser = values::duration)]
    pub(crate) interval: Duration,
    /// The most requests to a host at the same time
    #[arg(long, global = true, value_name = "N", default_value = "4")]
    pub(crate) concurrency: NonZeroUsize,
    /// Let a source on the Internet lead to this machine and its network, too
    ///
    /// A source that is on the local network itself may lead to all of it anyway.
    #[arg(long, global = true)]
    pub(crate) allow_local: bool,
    /// Which of these options somebody has given, by their fields' names: settings do not go over them.
    #[arg(skip)]
    pub(crate) given: Vec<String>,
}

const DEFAULT_USER_AGENT: &str = concat!("harvester/", env!("CARGO_PKG_VERSION"));

impl std::fmt::Debug for NetworkArgs {
    /// Without headers and passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkArgs")
            .field("retries", &self.retries)
            .field("retry_delay", &self.retry_delay)
            .field("timeout", &self.timeout)
            .field("user_agent", &self.user_agent)
            .field("contact", &self.contact)
            .field("interval", &self.interval)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
