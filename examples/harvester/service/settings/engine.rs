//! How workers and schedulers do their work.

use std::num::NonZeroUsize;
use std::time::Duration;

use harvest_pipeline::engine::Retention;
use serde::{Deserialize, Serialize};

use super::span::Span;
use crate::args::NetworkArgs;
use crate::report::Failure;

/// How sources are asked. Options of the command line go over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Network {
    /// How often a request that failed is sent again.
    pub(crate) retries: u32,
    /// How long to wait before the first time; doubles each time, unless the server says how long.
    pub(crate) retry_delay: Span,
    /// How long to wait for an answer to begin, and for it to go on.
    pub(crate) timeout: Span,
    /// The least time between two requests to a host, counting those of all workers.
    pub(crate) interval: Span,
    /// The most requests of a process to a host at the same time.
    pub(crate) concurrency: u32,
    /// How this program names itself.
    pub(crate) user_agent: String,
    /// Whom administrators can write to when this program troubles them.
    pub(crate) contact: String,
    /// Whether sources may be on this machine and its network, or lead there.
    pub(crate) allow_local: bool,
    /// If not: these hosts on it may be harvested all the same, `archive.internal` or `10.0.0.7`.
    pub(crate) local_hosts: Vec<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            retries: 5,
            retry_delay: Span::seconds(1),
            timeout: Span::seconds(60),
            interval: Span::seconds(0),
            concurrency: 4,
            user_agent: concat!("harvester/", env!("CARGO_PKG_VERSION")).to_owned(),
            contact: String::new(),
            allow_local: false,
            local_hosts: Vec::new(),
        }
    }
}

impl Network {
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.concurrency == 0 {
            return Err(Failure::usage("network.concurrency is 0; it must be at least 1"));
        }
        let wrong = self.local_hosts.iter().find(|host| url::Host::parse(host).is_err());
        wrong.map_or(Ok(()), |host| {
            Err(Failure::usage(format!(
                "network.local-hosts: {host:?} is no host; write names or addresses without a port"
            )))
        })
    }

    /// Takes over what the command line says.
    pub(crate) fn overlay(&mut self, args: &NetworkArgs) {
        let given = |name: &str| args.given.iter().any(|it| it == name);
        if given("retries") {
            self.retries = args.retries;
        }
        if given("retry_delay") {
            self.retry_delay = Span(args.retry_delay);
        }
        if given("timeout") {
            self.timeout = Span(args.timeout);
        }
        if given("interval") {
            self.interval = Span(args.interval);
        }
        if given("concurrency") {
            self.concurrency = u32::try_from(args.concurrency.get()).unwrap_or(u32::MAX);
        }
        if given("user_agent") {
            self.user_agent.clone_from(&args.user_agent);
        }
        if let Some(contact) = &args.contact {
            self.contact.clone_from(contact);
        }
        self.allow_local |= args.allow_local;
    }

    /// The same as options of the command line, without anybody's secrets.
    pub(crate) fn args(&self) -> NetworkArgs {
        NetworkArgs {
            retries: self.retries,
            retry_delay: self.retry_delay.0,
            timeout: self.timeout.0,
            headers: Vec::new(),
            user: None,
            user_agent: self.user_agent.clone(),
            contact: Some(self.contact.clone()).filter(|contact| !contact.is_empty()),
            // All workers take turns; see the installation.
            interval: Duration::ZERO,
            concurrency: at_least_one(self.concurrency),
            allow_local: self.allow_local,
            given: Vec::new(),
        }
    }
}

/// How a worker does runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Worker {
    /// What people see beside its runs; no other worker may be called the same. Empty: the machine and
    /// the number of the process.
    pub(crate) name: String,
    /// How many runs it does at once.
    pub(crate) concurrency: u32,
    /// After how long without a sign of life its runs are given to another.
    pub(crate) lease: Span,
}

impl Default for Worker {
    fn default() -> Self {
        Self { name: String::new(), concurrency: 4, lease: Span::seconds(60) }
    }
}

impl Worker {
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.concurrency == 0 {
            return Err(Failure::usage("worker.concurrency is 0; it must be at least 1"));
        }
        match self.lease.0 < Duration::from_secs(2) {
            true => {
                Err(Failure::usage("worker.lease is shorter than 2s; a busy machine needs more"))
            }
            false => Ok(()),
        }
    }

    pub(crate) fn concurrency(&self) -> NonZeroUsize {
        at_least_one(self.concurrency)
    }

    /// What the worker of this process is called.
    pub(crate) fn name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .or_else(|| std::env::var("HOSTNAME").ok())
            .or_else(|| std::env::var("COMPUTERNAME").ok())
            .unwrap_or_default();
        let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("localhost");
        format!("{host}-{}", std::process::id())
    }
}

/// What a scheduler does besides asking for runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scheduler {
    /// How many workers may lose a run before it is given up.
    pub(crate) most_attempts: u32,
    /// For how many days events are kept,
    pub(crate) events_days: u32,
    /// and how many at most.
    pub(crate) most_events: u64,
    /// For how many days runs are kept that are over.
    pub(crate) runs_days: u32,
    /// How many runs of each source are kept however old they are.
    pub(crate) least_runs: u32,
    /// For how many days what a dry run fetched can still be stored.
    pub(crate) dry_runs_days: u32,
}

impl Default for Scheduler {
    fn default() -> Self {
        let Retention { most_events, least_runs, .. } = Retention::default();
        Self {
            most_attempts: 3,
            events_days: 90,
            most_events,
            runs_days: 400,
            least_runs,
            dry_runs_days: 30,
        }
    }
}

impl Scheduler {
    pub(super) fn check(&self) -> Result<(), Failure> {
        let least = [
            ("most-attempts", self.most_attempts),
            ("events-days", self.events_days),
            ("runs-days", self.runs_days),
            ("dry-runs-days", self.dry_runs_days),
        ];
        match least.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => {
                Err(Failure::usage(format!("scheduler.{name} is 0; it must be at least 1")))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn retention(&self) -> Retention {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 3600);
        let mut retention = Retention::default();
        retention.events = days(self.events_days);
        retention.most_events = self.most_events;
        retention.runs = days(self.runs_days);
        retention.least_runs = self.least_runs;
        retention.dry_runs = days(self.dry_runs_days);
        retention
    }
}

fn at_least_one(number: u32) -> NonZeroUsize {
    NonZeroUsize::new(number as usize).unwrap_or(NonZeroUsize::MIN)
}
