//! `harvester source`, `run` and `filter-set`

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use harvest_pipeline::filters::Expression;
use harvest_pipeline::schedule::{Rhythm, Unit};
use harvest_pipeline::store::{EmptyWindow, RunKind, SourceStatus};
use harvest_pipeline::{RunId, RunState};
use url::Url;

use super::service::ConfigArgs;
use super::values;

pub(super) const SOURCE_LONG: &str = "\
Manages the sources that are harvested by schedule or on request: the same that the admin system \
shows.

A source is of a kind, and each kind has options of its own, given as --option NAME=VALUE; \
`harvester source kinds` lists them.";

pub(super) const ADD_EXAMPLES: &str = "\
Examples:
  harvester source add maps --option url=https://export.example.org/oai --option set=maps
  harvester source add data --kind resync --option url=https://data.example.org/ --every '2 weeks'
  harvester source add site --kind document-list --option url=https://site.example.org/list.xml \\
      --cron '30 3 * * mon' --zone Europe/Prague --site-contact keeper@site.example.org";

pub(super) const RUN_LONG: &str = "\
Asks for runs of sources and manages them. A worker does them (`harvester worker`, `harvester all`), \
or this process, with --now.

Exit status of `start --now`, `start --wait` and `wait`: 0 if all runs came to their ends, 3 if \
records failed, 4 if an audit found differences, 1 otherwise.";

pub(super) const START_EXAMPLES: &str = "\
Examples:
  harvester run start maps                 a worker will do it
  harvester run start maps data --wait     the same, and wait until they are over
  harvester run start maps --full --now    done by this process
  harvester run start --now                what is queued, done by this process";

pub(super) const FILTER_SET_LONG: &str = "\
Manages filter sets: named lists of conditions on records, which sources refer to.

A condition is written FIELD [not] OPERATION VALUE; the operations are equals, contains, starts-with, \
ends-with, matches (a regular expression) and exists. Fields are those of the format, such as title \
or 100a, and @identifier, @datestamp, @set and @format.";

pub(super) const FILTER_SET_EXAMPLES: &str = "\
Example:
  harvester filter-set add novels --format marc21 --all \\
      --where '041a equals cze' --where '655a starts-with román'";

#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Set up a source
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddSourceArgs),
    /// The sources there are
    List(ListSourcesArgs),
    /// A source, and what became of it
    Show(SourceArgs),
    /// Change a source; what is not named stays
    Change(ChangeSourceArgs),
    /// Harvest a source only when asked to
    Pause(SourceArgs),
    /// Harvest a source by schedule again
    Resume(SourceArgs),
    /// Harvest a source never again; its records and history stay
    Archive(SourceArgs),
    /// Remove a source that was never harvested
    Remove(SourceArgs),
    /// The kinds of sources, and their options
    Kinds(ConfigArgs),
    /// What can be harvested at an address: its protocol, formats, sets; nothing is kept
    Connect(ConnectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// The source's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The address: of a repository, a document of ResourceSync, a site, or a harvest list
    pub(crate) url: Url,
}

#[derive(Debug, Args)]
pub(crate) struct ListSourcesArgs {
    /// Only those that have this text in title, id or URL
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only those of this status: draft, active, paused or archived; without, archived are left out
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<SourceStatus>,
    /// Only those of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddSourceArgs {
    /// What its records are kept under; it cannot be changed
    pub(crate) id: String,
    /// Its kind; `harvester source kinds` lists them
    #[arg(long, value_name = "KIND", default_value = "oai-pmh")]
    pub(crate) kind: String,
    /// Only set it up: it is not harvested until `harvester source resume`
    #[arg(long)]
    pub(crate) draft: bool,
    #[command(flatten)]
    pub(crate) settings: SourceSettings,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeSourceArgs {
    /// The source's id
    pub(crate) id: String,
    /// Make it one of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SourceSettings,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What can be said of a source.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceSettings {
    /// An option of its kind; of a list, one item each time. An empty value takes the option away
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    pub(crate) options: Vec<(String, String)>,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// What else there is to say about it
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Under which terms its records may be used
    #[arg(long, value_name = "TEXT")]
    pub(crate) licence: Option<String>,
    /// Where its records belong here: a collection, an index
    #[arg(long, value_name = "TEXT")]
    pub(crate) target: Option<String>,
    /// Give its records out to those who harvest from here, or answer their lists as if nothing had
    /// changed
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    pub(crate) output: Option<OnOff>,
    /// Have its hub, if it names one, tell of changes, each of which starts a run
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    pub(crate) push: Option<OnOff>,
    /// The user of the admin system whose source it is
    #[arg(long, value_name = "USER")]
    pub(crate) owner: Option<String>,
    /// Mail address of somebody who looks after it; several times for several people
    #[arg(long = "site-contact", value_name = "MAIL")]
    pub(crate) contacts: Vec<String>,
    /// Take only records that this filter set accepts, or another that is named
    #[arg(long = "filter-set", value_name = "NAME")]
    pub(crate) filter_sets: Vec<String>,
    /// Harvest it at this distance: '6 hours', '1 day', '2 weeks', '1 month' (of 30 days)
    #[arg(long, value_name = "DISTANCE", value_parser = every, group = "rhythm")]
    pub(crate) every: Option<Rhythm>,
    /// Harvest it by the calendar: minute, hour, day of the month, month, day of the week
    #[arg(long, value_name = "EXPRESSION", group = "rhythm")]
    pub(crate) cron: Option<String>,
    /// With --cron: the time zone, such as Europe/Prague [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "cron")]
    pub(crate) zone: Option<String>,
    /// Harvest it only when asked to
    #[arg(long, group = "rhythm")]
    pub(crate) manual: bool,
    /// How long from now the first run comes
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(crate) start_delay: Option<Duration>,
    /// Its schedule is over after so many runs
    #[arg(long, value_name = "N")]
    pub(crate) most_runs: Option<NonZeroU32>,
    /// What a run means that found nothing: advance (nothing changed), hold (the source may be off) or
    /// backfill (harvest that time again when it has something)
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(crate) empty_window: Option<EmptyWindowArg>,
    /// Records that are missing in so many complete lists count as deleted; 0: never
    #[arg(long, value_name = "N")]
    pub(crate) absent_after: Option<u32>,
    /// Keep records that the source reports as deleted
    #[arg(long, value_name = "BOOL")]
    pub(crate) ignore_deletions: Option<bool>,
    /// Ask a person before more records than this are deleted,
    #[arg(long, value_name = "N")]
    pub(crate) guard_records: Option<u64>,
    /// and more than this share, in percent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) guard_share: Option<u8>,
    /// So many failed records end a run
    #[arg(long, value_name = "N")]
    pub(crate) most_failures: Option<u64>,
    /// Whether filters also judge records that are known already
    #[arg(long, value_name = "BOOL")]
    pub(crate) refilter_known: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EmptyWindowArg {
    Advance,
    Hold,
    Backfill,
}

impl From<EmptyWindowArg> for EmptyWindow {
    fn from(policy: EmptyWindowArg) -> Self {
        match policy {
            EmptyWindowArg::Advance => Self::Advance,
            EmptyWindowArg::Hold => Self::Hold,
            EmptyWindowArg::Backfill => Self::Backfill,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// Ask for runs of sources, or do what is queued
    #[command(after_help = START_EXAMPLES)]
    Start(StartArgs),
    /// The runs there are, newest first
    List(ListRunsArgs),
    /// A run, and what happened in it
    Show(ShowRunArgs),
    /// Stop a run: what is stored stays
    Cancel(RunArgs),
    /// Pause a run that goes on
    Pause(RunArgs),
    /// Let a paused run go on where it was
    Resume(RunArgs),
    /// Agree to the deletions that a run waits for; this process does them
    Approve(RunArgs),
    /// Do not agree to the deletions that a run waits for: the records stay
    Reject(RunArgs),
    /// Wait until runs are over
    Wait(WaitArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The sources; without, and with --now, the runs that are queued
    #[arg(value_name = "SOURCE", required_unless_present = "now")]
    pub(crate) sources: Vec<String>,
    /// What is done: harvest, collect, import, audit, reprocess, replay or deliver
    #[arg(long, value_name = "KIND", default_value = "harvest")]
    pub(crate) kind: RunKind,
    /// Begin at the beginning, whatever was harvested before
    #[arg(long)]
    pub(crate) full: bool,
    /// Fetch and read everything, store nothing, and keep what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --kind import: the run whose records are stored
    #[arg(long, value_name = "RUN", value_parser = run)]
    pub(crate) parent: Option<RunId>,
    /// Do it in this process, unless a worker is faster
    #[arg(long)]
    pub(crate) now: bool,
    /// Wait until it is over
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListRunsArgs {
    /// Only those of this source
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// Only those in this state; several times for several states
    #[arg(long = "state", value_name = "STATE")]
    pub(crate) states: Vec<RunState>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowRunArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// How many events, newest last
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) events: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The number of the run
    #[arg(value_parser = run)]
    pub(crate) run: RunId,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The numbers of the runs
    #[arg(value_name = "RUN", required = true, value_parser = run)]
    pub(crate) runs: Vec<RunId>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FilterSetCommand {
    /// Enter a filter set, in place of the one that has its name
    #[command(after_help = FILTER_SET_EXAMPLES)]
    Add(AddFilterSetArgs),
    /// The filter sets there are
    List(ConfigArgs),
    /// A filter set as JSON, as --file takes it
    Show(FilterSetArgs),
    /// Remove a filter set that no source uses
    Remove(FilterSetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddFilterSetArgs {
    /// Its name
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub(crate) name: Option<String>,
    /// Only for records of this format
    #[arg(long, value_name = "P", conflicts_with = "file")]
    pub(crate) format: Option<String>,
    /// A condition; several times for several
    #[arg(long = "where", value_name = "CONDITION", conflicts_with = "file")]
    pub(crate) conditions: Vec<Expression>,
    /// All conditions must hold, not any of them
    #[arg(long, conflicts_with = "file")]
    pub(crate) all: bool,
    /// `A` and `a` are different letters
    #[arg(long, conflicts_with = "file")]
    pub(crate) case_sensitive: bool,
    /// Take it from this file, as `harvester filter-set show` prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FilterSetArgs {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

fn run(text: &str) -> Result<RunId, String> {
    text.parse().map(RunId).map_err(|_| "write the number of a run".to_owned())
}

pub(super) fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write NAME=VALUE, such as url=https://export.example.org/oai".to_owned()),
    }
}

fn every(text: &str) -> Result<Rhythm, String> {
    let written =
        || "write a distance such as '6 hours', '1 day', '2 weeks' or '1 month'".to_owned();
    let (count, unit) = text.trim().split_once(' ').ok_or_else(written)?;
    let unit = match unit.trim() {
        "hour" | "hours" => Unit::Hours,
        "day" | "days" => Unit::Days,
        "week" | "weeks" => Unit::Weeks,
        "month" | "months" => Unit::Months,
        _ => return Err(written()),
    };
    Rhythm::every(count.parse().map_err(|_| written())?, unit).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_a_number_and_a_unit() {
        assert_eq!(every("2 weeks"), Ok(Rhythm::Every { count: 2, unit: Unit::Weeks }));
        for text in ["", "2", "weeks", "0 days", "10000 days", "2 years"] {
            assert!(every(text).is_err(), "{text}");
        }
    }

    #[test]
    fn options_have_a_name_and_their_values_may_have_anything() {
        assert_eq!(option("url=http://x/?a=b"), Ok(("url".into(), "http://x/?a=b".into())));
        assert!(option("url").is_err() && option("=x").is_err());
    }
}
