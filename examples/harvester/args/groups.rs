//! The commands in the groups in which people look for them.

use std::fmt::Write;

use clap::Command;

/// The commands, by what somebody wants.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Ask and copy", &["oai", "resync", "harvest", "records"]),
    ("Manage what is harvested by schedule", &["source", "run", "filter-set", "target", "status"]),
    ("Run the system", &["all", "serve", "worker", "scheduler", "user", "config"]),
    ("Try it out", &["demo"]),
];

/// The command line with its commands in groups.
pub(super) fn grouped(command: Command) -> Command {
    let mut groups = String::new();
    for (title, names) in GROUPS {
        // Writing to a text cannot fail.
        let _ = writeln!(groups, "{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(groups, "  {name:<11} {about}");
        }
        groups.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{options}}{{after-help}}"
    );
    command.help_template(template)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::CommandLine;

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter()).collect();
        let command = CommandLine::command();
        let mut all: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort();
        all.sort_unstable();
        assert_eq!(grouped.into_iter().copied().collect::<Vec<_>>(), all);
    }
}
