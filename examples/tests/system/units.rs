//! The sample units start roles that there are, with what the sites have today (C-009).

use std::collections::HashMap;

use crate::common::{Ran, harvester};

const SUPERVISOR: [&str; 2] = [
    include_str!("../../harvester/service/units/supervisor-all.conf"),
    include_str!("../../harvester/service/units/supervisor-roles.conf"),
];
const SYSTEMD: [&str; 2] = [
    include_str!("../../harvester/service/units/harvester-all.service"),
    include_str!("../../harvester/service/units/harvester@.service"),
];

/// The settings of a section of a file.
fn settings(section: &str) -> HashMap<&str, &str> {
    section.lines().filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn supervisor_starts_each_role_again_and_gives_it_a_log_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let programs = SUPERVISOR.iter().flat_map(|file| file.split("[program:").skip(1));
    let mut logs = Vec::new();
    for program in programs {
        let set = settings(program);
        for (name, value) in [
            ("numprocs", "1"),
            ("autostart", "true"),
            ("autorestart", "true"),
            ("startsecs", "10"),
            ("stopsignal", "TERM"),
        ] {
            assert_eq!(set.get(name), Some(&value), "{program}");
        }
        let mut words = set["command"].split(' ').skip(1).collect::<Vec<_>>();
        let role = words[0];
        words.push("--help");
        assert_eq!(Ran::of(harvester(folder.path()).args(words)).status, 0, "{program}");
        assert_eq!(set["stdout_logfile"], set["stderr_logfile"]);
        assert!(set["stdout_logfile"].ends_with(&format!("/{role}.log")), "{program}");
        logs.push(set["stdout_logfile"]);
    }
    logs.sort_unstable();
    logs.dedup();
    assert_eq!(logs.len(), 4);
}

#[test]
fn systemd_starts_each_role_again_and_lets_it_put_its_runs_back() {
    for unit in SYSTEMD {
        let set = settings(unit);
        assert_eq!((set["Restart"], set["StartLimitIntervalSec"]), ("always", "0"));
        assert_eq!((set["KillSignal"], set["RestartSec"]), ("SIGTERM", "10"));
        assert!(set["ExecStart"].starts_with("/usr/local/bin/harvester "));
    }
}
