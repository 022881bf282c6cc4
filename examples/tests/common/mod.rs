//! What the tests share: a small repository on loopback, and running the binary.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

pub(crate) mod lists;
mod provider;
mod random;
mod repository;
mod server;
mod source;
mod tree;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) use self::provider::{Serving, serve};
pub(crate) use self::random::Random;
pub(crate) use self::repository::{DAY, Repository};
pub(crate) use self::server::{Reply, Request, Server};
pub(crate) use self::source::Source;
pub(crate) use self::tree::{differences, tree};

/// The binary, in a folder of its own and without the settings of whoever runs the tests.
pub(crate) fn harvester(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harvester"));
    command
        .current_dir(folder)
        .env_remove("HARVESTER_DB")
        .env_remove("HARVESTER_PASSWORD")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null());
    command
}

/// What a run of the binary said.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The lines of standard output, each a JSON value.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Standard output, which is one JSON value; the run must have succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
