//! `harvester all`, as its own process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harvest_pipeline::RunId;
use serde_json::Value;

use crate::Result;
use crate::browser::Browser;

/// Who logs in.
const USER: &str = "bench";

/// A running system; it is stopped with this.
#[derive(Debug)]
pub(crate) struct Service {
    process: Child,
    url: String,
    password: String,
}

impl Service {
    /// Starts it over a database, at a port that is free.
    pub(crate) fn start(program: &Path, db: &str) -> Result<Self> {
        let password = user(program, db)?;
        let mut process = Command::new(program)
            .args(["all", "--allow-local", "--listen", "127.0.0.1:0", "--db", db])
            .env_remove("HARVESTER_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut url = String::new();
        let said = process.stdout.take().ok_or("no output")?;
        BufReader::new(said).read_line(&mut url)?;
        let url = url.trim().trim_end_matches('/').to_owned();
        Ok(Self { process, url, password })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn password(&self) -> (&str, &str) {
        (USER, &self.password)
    }

    /// What it has in memory by itself, in MiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() / 1024
    }

    /// Waits until the run stores records.
    pub(crate) async fn wait_for_progress(&self, browser: &Browser, run: RunId) -> Result<()> {
        for _ in 0..600 {
            if self.records(browser, run).await? > 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("run {run} does not begin").into())
    }

    /// How many records a run came by so far; an error if it does not go on.
    pub(crate) async fn records(&self, browser: &Browser, run: RunId) -> Result<u64> {
        let told: Value = serde_json::from_str(&browser.get(&format!("/api/runs/{run}")).await?)?;
        if !matches!(told["state"].as_str(), Some("running" | "queued")) {
            return Err(format!("run {run} is over: {told}").into());
        }
        let counters = told["counters"].as_object().ok_or("a run without counters")?;
        Ok(counters.values().filter_map(Value::as_u64).sum())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // In order, so that the run is not another process's for as long as its lease.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.process.wait();
    }
}

/// A password that is good for one login.
fn user(program: &Path, db: &str) -> Result<String> {
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).args(["--db", db]).env_remove("HARVESTER_CONFIG").output()
    };
    let mut said = ask(&["user", "add", USER, "--role", "administrator"])?;
    if !said.status.success() {
        said = ask(&["user", "reset", USER])?;
    }
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned().into());
    }
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}
