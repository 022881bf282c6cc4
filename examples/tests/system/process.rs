//! A role of the system as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Ran, harvester};

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// An installation: a folder, and a database.
pub(crate) struct Site<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) db: &'a str,
}

impl Site<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = harvester(self.folder);
        command.env("USER", "clerk").env_remove("HARVESTER_CONFIG").args(args).args([
            "--db",
            self.db,
            "--allow-local",
        ]);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// The same, and it must succeed.
    pub(crate) fn do_(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Starts a role.
    pub(crate) fn start(&self, args: &[&str]) -> Process {
        let mut command = self.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Process(child)
    }

    /// Starts a command that has a database of its own.
    pub(crate) fn start_plain(&self, args: &[&str]) -> Process {
        let mut command = harvester(self.folder);
        let child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Process(child.unwrap())
    }

    /// The runs of a source, newest first.
    pub(crate) fn runs(&self, source: &str) -> Vec<Value> {
        self.do_(&["run", "list", "--json", "--source", source]).lines()
    }

    /// The newest run of a source, as soon as it is as it is wanted.
    pub(crate) fn run_that(&self, source: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        until(|| self.runs(source).into_iter().next().filter(&is_wanted))
    }

    /// The codes and messages of what happened in a run.
    pub(crate) fn events(&self, run: &Value) -> Vec<(String, String)> {
        let number = run["id"].to_string();
        let shown = self.do_(&["run", "show", &number, "--json", "--events", "500"]).json();
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let events = shown["events"].as_array().unwrap();
        events.iter().map(|event| (text(event, "code"), text(event, "message"))).collect()
    }
}

/// What there is, as soon as it is there.
pub(crate) fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A role that runs; killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// The first line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let mut said = BufReader::new(self.0.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        // Nobody must be kept waiting, or end, who has more to say.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        line
    }

    /// Asks it to stop, and says what it left behind.
    pub(crate) fn stop(mut self) -> Ran {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut said = String::new();
        let mut stderr = BufReader::new(self.0.stderr.take().unwrap());
        std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
        let status = self.0.wait().unwrap().code().unwrap_or(-1);
        Ran { status, stdout: String::new(), stderr: said }
    }

    /// Ends it at once, as the system does when there is no memory left.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
