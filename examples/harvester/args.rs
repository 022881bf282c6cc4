//! The command line.

mod groups;
mod manage;
mod network;
mod provide;
mod resync;
mod service;
mod targets;
mod user;
mod values;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use oai_pmh::{Datestamp, Selection, Slice, Window};
use url::Url;

pub(crate) use self::manage::{
    AddFilterSetArgs, FilterSetCommand, ListRunsArgs, ListSourcesArgs, OnOff, RunCommand,
    ShowRunArgs, SourceCommand, SourceSettings, StartArgs,
};
pub(crate) use self::network::NetworkArgs;
pub(crate) use self::provide::ProvideArgs;
pub(crate) use self::resync::{
    CheckArgs, ExploreArgs, FollowArgs, MirrorArgs, PublishArgs, ResyncCommand, ServeArgs,
};
pub(crate) use self::service::{
    ConfigArgs, ConfigCommand, SchedulerArgs, ServeOnlyArgs, ServiceArgs, WorkerArgs,
};
pub(crate) use self::targets::{DeliverArgs, TargetCommand, TargetSettings};
pub(crate) use self::user::UserCommand;
pub(crate) use self::values::duration;
use crate::report::Failure;

const INTRODUCTION: &str = "\
Brings the records of other people's repositories into a database of your own, completely, or says \
what is missing.

A repository is asked over OAI-PMH at its *base URL*, such as https://export.example.org/oai. It \
has items, each with an *identifier*, and gives the metadata of an item as a record, in one or \
more *formats* (oai_dc, Dublin Core, is everywhere; others are marc21, mods, …). Items can be in \
*sets* (collections), and every record has a *datestamp*: when it was created, changed or deleted.";

const EXAMPLES: &str = "\
Examples:
  harvester oai identify https://export.example.org/oai     who is there?
  harvester oai formats https://export.example.org/oai      what can be had?
  harvester harvest https://export.example.org/oai          all of it, into harvest.db
  harvester harvest https://export.example.org/oai          again: only what has changed
  harvester records --format csv --out records.csv          what the database holds now

Exit status:
  0  complete
  1  failed; standard error names the address, the error and what to do next
  2  the command line cannot be understood
  3  finished, but single records could not be had or stored; standard error names each
  4  an audit found differences, or a check found errors";

#[derive(Debug, Parser)]
#[command(name = "harvester", version, about = "Harvests metadata from repositories")]
#[command(long_about = INTRODUCTION, after_help = EXAMPLES)]
#[command(max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl CommandLine {
    /// Reads the command line; ends the process, with a word about it, if it makes no sense.
    pub(crate) fn read() -> Self {
        let matches = groups::grouped(Self::command()).get_matches();
        Self::from(&matches).unwrap_or_else(|error| error.exit())
    }

    fn from(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let mut line = Self::from_arg_matches(matches)?;
        let given = matches.ids().map(clap::Id::as_str).filter(|id| {
            matches.try_contains_id(id).is_ok()
                && matches.value_source(id) == Some(ValueSource::CommandLine)
        });
        line.global.network.given = given.map(str::to_owned).collect();
        Ok(line)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a repository and print what it answers
    #[command(subcommand, long_about = OAI_LONG)]
    Oai(OaiCommand),
    /// Copy, follow, check or publish resources over ResourceSync
    #[command(subcommand, long_about = resync::LONG)]
    Resync(Box<ResyncCommand>),
    /// Bring a repository's records into the database; on later runs, only what has changed
    #[command(after_help = HARVEST_EXAMPLES, long_about = HARVEST_LONG)]
    Harvest(HarvestArgs),
    /// Try it out: the whole system on this machine, with sources of every kind
    #[command(after_help = DEMO_EXAMPLES, long_about = DEMO_LONG)]
    Demo(DemoArgs),
    /// Manage the sources that are harvested
    #[command(subcommand, long_about = manage::SOURCE_LONG)]
    Source(Box<SourceCommand>),
    /// Ask for runs of sources, and manage them
    #[command(subcommand, long_about = manage::RUN_LONG)]
    Run(RunCommand),
    /// Manage filter sets: which records are taken
    #[command(subcommand, long_about = manage::FILTER_SET_LONG)]
    FilterSet(FilterSetCommand),
    /// Manage targets: to whom records are delivered
    #[command(subcommand, long_about = targets::LONG)]
    Target(TargetCommand),
    /// Run the whole system: admin system, scheduler and worker in one process
    #[command(after_help = service::HELP, long_about = service::ALL_LONG)]
    All(ServiceArgs),
    /// Serve the admin system, to browsers
    #[command(after_help = service::HELP, long_about = service::SERVE_LONG)]
    Serve(ServeOnlyArgs),
    /// Do the runs that wait
    #[command(after_help = service::HELP, long_about = service::WORKER_LONG)]
    Worker(WorkerArgs),
    /// Ask for the runs that are due, and find those whose workers are lost
    #[command(after_help = service::HELP, long_about = service::SCHEDULER_LONG)]
    Scheduler(SchedulerArgs),
    /// Say what runs, what failed and what waits
    #[command(long_about = service::STATUS_LONG)]
    Status(ConfigArgs),
    /// Manage who may use the admin system
    #[command(subcommand, long_about = user::LONG)]
    User(UserCommand),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what the database holds
    #[command(after_help = RECORDS_EXAMPLES, long_about = RECORDS_LONG)]
    Records(RecordsArgs),
}

const OAI_LONG: &str = "\
Asks a repository over OAI-PMH and prints what it answers. Nothing is stored.

Records and identifiers are printed as JSON Lines, one object a line; the rest as text, or as \
JSON with --json.";

#[derive(Debug, Subcommand)]
pub(crate) enum OaiCommand {
    /// What the repository says of itself: name, administrators, granularity of its datestamps
    Identify(AddressArgs),
    /// The formats in which records can be had; of one item if an identifier is given
    Formats(FormatsArgs),
    /// The sets (collections) of the repository, by the names that --set takes
    Sets(AddressArgs),
    /// Identifier, datestamp and sets of the records selected, as JSON Lines
    #[command(after_help = LIST_EXAMPLES)]
    Identifiers(ListArgs),
    /// The records selected, as JSON Lines
    #[command(after_help = LIST_EXAMPLES, long_about = LIST_LONG)]
    Records(ListArgs),
    /// One record, as a line of JSON
    Get(GetArgs),
    /// Check whether a repository is as the standard has it; exit status 4 if not
    #[command(after_help = CHECK_HELP, long_about = CHECK_LONG)]
    Check(OaiCheckArgs),
    /// Serve a database or a folder of XML files as a repository, for others to harvest
    #[command(after_help = provide::HELP, long_about = provide::LONG)]
    Serve(ProvideArgs),
}

const LIST_LONG: &str = "\
Prints the records selected as JSON Lines, one object a line:

  {\"identifier\",\"datestamp\",\"sets\":[…],\"deleted\":bool,\"metadata\":\"<xml…>\"|null,\"about\":[…]}

The metadata is an XML document of its own; that of a deleted record is null.";

const LIST_EXAMPLES: &str = "\
Examples:
  harvester oai records https://export.example.org/oai > records.jsonl
  harvester oai records https://export.example.org/oai --set maps --from 2024-01-01 | head -1
  harvester oai identifiers https://export.example.org/oai | jq -r .identifier";

const CHECK_LONG: &str = "\
Asks a repository everything that harvesters rely on, one request at a time, and reports what is not \
as the standard (OAI-PMH 2.0) has it: answers that do not fit the schema, lists that break off or \
leave records out, resumption tokens, time spans, sets, deletions, and requests that should have \
been refused. Nothing is changed there.";

const CHECK_HELP: &str = "\
Each finding has a severity (error, warning, info), a rule whose name stays the same, the section of \
the standard, a request that shows it, and what to do about it. Exit status 4 if there are errors.

Examples:
  harvester oai check https://export.example.org/oai
  harvester oai check https://export.example.org/oai --quick --json";

#[derive(Debug, Args)]
pub(crate) struct OaiCheckArgs {
    /// Base URL of the repository
    #[arg(value_name = "URL", value_parser = values::web_url)]
    pub(crate) url: Url,
    /// The most records of a list that are read; the rest is not checked
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) max_records: u64,
    /// The beginning of each list only, and one sample of everything
    #[arg(long, conflicts_with = "max_records")]
    pub(crate) quick: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddressArgs {
    /// Base URL of the repository; file:///… for a static repository's file
    #[arg(value_name = "URL", value_parser = values::base_url)]
    pub(crate) url: Url,
}

#[derive(Debug, Args)]
pub(crate) struct FormatsArgs {
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    /// Only the formats of this item
    #[arg(value_name = "ID")]
    pub(crate) identifier: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    /// Identifier of the item, such as oai:export.example.org:1234
    #[arg(value_name = "ID")]
    pub(crate) identifier: String,
    /// Metadata format; `harvester oai formats URL` lists them
    #[arg(long, value_name = "P", default_value = "oai_dc")]
    pub(crate) format: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) address: AddressArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// Which records are wanted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Metadata format; `harvester oai formats URL` lists them, and oai_dc is taken if none is named
    ///
    /// Sources that are not asked over OAI-PMH have records in any format; of these, only those in
    /// this format.
    #[arg(long, value_name = "P")]
    pub(crate) format: Option<String>,
    /// Only records in this set, or in one below it; `harvester oai sets URL` lists them
    #[arg(long, value_name = "S")]
    pub(crate) set: Option<String>,
    /// Only records created, changed or deleted at this time or later
    ///
    /// 2024-01-31, or 2024-01-31T12:00:00Z (UTC) to the second. A repository that tells time to the
    /// day only (its granularity, see `harvester oai identify`) is asked for the whole day.
    #[arg(long, value_name = "T")]
    pub(crate) from: Option<Datestamp>,
    /// Only records created, changed or deleted at this time or earlier; a day includes its end
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<Datestamp>,
}

impl SelectionArgs {
    /// The format that a repository is asked for.
    pub(crate) fn oai_format(&self) -> &str {
        self.format.as_deref().unwrap_or("oai_dc")
    }

    /// The selection.
    ///
    /// # Errors
    /// If it ends before it begins.
    pub(crate) fn selection(&self) -> Result<Selection, Failure> {
        let window = Window::new(self.from.clone(), self.until.clone()).map_err(|error| {
            Failure::usage(format!("--until {} is before --from {}", error.until, error.from))
        })?;
        let selection = Selection::prefix(self.oai_format()).window(window);
        Ok(match &self.set {
            Some(set) => selection.set(set),
            None => selection,
        })
    }
}

const HARVEST_LONG: &str = "\
Brings a repository's records into the database, page by page, each page with the place to go on \
from. The repository may speak OAI-PMH or ResourceSync, or be a harvest list (an XML list of \
documents, as Metacat's harvester reads them); what it is, is found out, unless --protocol says it. Whatever happens (a power cut, a server that goes away, Ctrl-C), the same command goes on \
where the last one stopped; after a complete run it asks only for what has changed since.

Deleted records stay in the database as tombstones. Of ResourceSync sources, the metadata that is \
XML is taken.";

const HARVEST_EXAMPLES: &str = "\
Examples:
  harvester harvest https://export.example.org/oai
  harvester harvest https://export.example.org/oai --set maps --format marc21 --db sqlite:maps.db
  harvester harvest https://export.example.org/oai --slice month       for fragile repositories
  harvester harvest https://data.example.org/ --protocol resourcesync
  harvester harvest https://site.example.org/harvestList.xml
  harvester harvest https://export.example.org/oai --to jsonl:all.jsonl";

#[derive(Debug, Args)]
pub(crate) struct HarvestArgs {
    /// Address of the repository; several are harvested at the same time
    ///
    /// The base URL over OAI-PMH, any document or the site of a ResourceSync source, or the harvest
    /// list itself.
    #[arg(value_name = "URL", required = true, value_parser = values::base_url)]
    pub(crate) urls: Vec<Url>,
    /// How the repository is asked; auto finds out
    #[arg(long, value_enum, value_name = "P", default_value_t = Protocol::Auto)]
    pub(crate) protocol: Protocol,
    /// Begin at the beginning, whatever was harvested before; what did not change is recognised
    #[arg(long)]
    pub(crate) full: bool,
    /// Fetch and read everything, store nothing, and say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the records of an OAI-PMH repository are got; list-records unless said otherwise
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) strategy: Option<Strategy>,
    /// Ask for one day or month after the other instead of one long list
    ///
    /// For repositories whose lists break off, or whose resumption tokens expire.
    #[arg(long, value_enum, value_name = "UNIT")]
    pub(crate) slice: Option<SliceUnit>,
    /// With --slice: so many days or months at the same time
    #[arg(long, value_name = "N", default_value_t = 1, requires = "slice",
          value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) parallel: u8,
    /// Where records go: sqlite (the database), jsonl:FILE, csv:FILE, parquet:FILE or xml:DIR
    ///
    /// jsonl:FILE holds one object a line, csv:FILE and parquet:FILE one row a record; they are
    /// written anew each time. xml:DIR holds one file a record and is brought up to date.
    #[arg(long, value_name = "SINK", default_value = "sqlite", value_parser = values::destination)]
    pub(crate) to: Destination,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Auto,
    OaiPmh,
    #[value(name = "resourcesync")]
    ResourceSync,
    HarvestList,
}

/// How records are got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    /// Page by page
    ListRecords,
    /// The headers page by page, then each record by itself: for repositories that fail at long pages
    ListIdentifiers,
    /// All headers every time, and by itself each record that is new or has another datestamp
    Reconcile,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SliceUnit {
    Month,
    Day,
}

impl From<SliceUnit> for Slice {
    fn from(unit: SliceUnit) -> Self {
        match unit {
            SliceUnit::Month => Self::Month,
            SliceUnit::Day => Self::Day,
        }
    }
}

/// Where harvested records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Written `sqlite`, whichever database `--db` names.
    Database,
    JsonLines(std::path::PathBuf),
    Csv(std::path::PathBuf),
    Parquet(std::path::PathBuf),
    XmlFiles(std::path::PathBuf),
}

impl Destination {
    /// Whether it begins at the beginning each time.
    pub(crate) fn is_written_anew(&self) -> bool {
        matches!(self, Self::JsonLines(_) | Self::Csv(_) | Self::Parquet(_))
    }
}

const RECORDS_LONG: &str = "\
Prints what the database holds, ordered by source and identifier. Deleted records are there, too, \
marked as such.";

const RECORDS_EXAMPLES: &str = "\
Formats:
  jsonl    one object a line, as `harvester oai records` prints them, with source, format and fields
  csv      one row a record, the Dublin Core elements in columns, several values separated by \" | \"
  xml      one document, the records as OAI-PMH writes them
  parquet  one row a record, for DuckDB, Spark and pandas; needs --out

Examples:
  harvester records --live | jq -r .identifier
  harvester records --search 'climate archi'
  harvester records --source https://export.example.org/oai --format csv --out records.csv";

#[derive(Debug, Args)]
pub(crate) struct RecordsArgs {
    /// Only the records that have all these words, in their metadata, identifier or sets; of the last
    /// word its beginning will do
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// Only the records of this source: its name, or the URL it was harvested from
    #[arg(long, value_name = "S")]
    pub(crate) source: Option<String>,
    /// How they are printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = RecordsFormat::Jsonl)]
    pub(crate) format: RecordsFormat,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<std::path::PathBuf>,
    /// Leave out deleted records
    #[arg(long)]
    pub(crate) live: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordsFormat {
    Jsonl,
    Csv,
    Xml,
    Parquet,
}

const DEMO_LONG: &str = "\
Starts the whole system on this machine: sources of every kind with made-up records in English, Czech \
and Japanese (four OAI-PMH repositories, one of which fails again and again, a ResourceSync source, a \
harvest list, a folder and a file), a scheduler, a worker, and the admin system. Something changes at \
the sources all the time, and is harvested every minute, until Ctrl-C.

With --once (or --json) there is no admin system: everything is harvested, something changes \
everywhere, and what has changed is harvested. The exit status is 0 only if the numbers are right.

Nothing else is needed, and nothing leaves this machine. Records go to a new database in the folder \
for temporary files, unless --db names another.";

const DEMO_EXAMPLES: &str = "\
Examples:
  harvester demo                                the whole system, until Ctrl-C
  harvester demo --once                         all sources harvested twice, in seconds
  harvester demo --once --records 20000         the same with more of everything
  harvester demo --serve-only --port 9000       sources to try the other commands with
  harvester demo --db sqlite:demo.db            into a database of your own";

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Harvest everything, and once more what has changed since; then end. So it is with --json, too
    #[arg(long, conflicts_with = "serve_only")]
    pub(crate) once: bool,
    /// Only serve the sources, and keep them changing until Ctrl-C
    #[arg(long)]
    pub(crate) serve_only: bool,
    /// How many records each of them has; where they are fetched one by one, 20 000 at most
    #[arg(long, value_name = "N", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=9_000_000))]
    pub(crate) records: u64,
    /// Another world for another number
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Listen at this port and those behind it, not at any that are free
    #[arg(long, value_name = "BASE")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// The database, sqlite:FILE or postgres://… [default: sqlite:harvest.db]
    #[arg(long, global = true, value_name = "URL")]
    #[arg(env = "HARVESTER_DB", hide_env_values = true, help_heading = "Output")]
    pub(crate) db: Option<String>,
    /// Print summaries as JSON
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Name every repair and retry; twice, tell what goes on inside
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Repair nothing: an answer that is not as the standard demands is an error
    #[arg(long, global = true, help_heading = "Network")]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

impl GlobalArgs {
    /// The database, or the one that is used where none is named.
    pub(crate) fn db(&self) -> &str {
        self.db.as_deref().unwrap_or("sqlite:harvest.db")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        groups::grouped(CommandLine::command()).debug_assert();
    }

    #[test]
    fn global_options_may_stand_anywhere() {
        for line in [
            "harvester --retries 2 oai records http://x.org/oai --json",
            "harvester oai --json records http://x.org/oai --retries 2",
        ] {
            let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap();
            assert_eq!((parsed.global.network.retries, parsed.global.json), (2, true));
        }
    }

    #[test]
    fn what_was_given_is_told_from_what_is_usual() {
        let line = "harvester harvest --retries 5 http://x.org/oai --timeout 1m";
        let matches = CommandLine::command().try_get_matches_from(line.split(' ')).unwrap();
        let mut given = CommandLine::from(&matches).unwrap().global.network.given;
        given.sort();
        assert_eq!(given, ["retries", "timeout"]);
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_refused() {
        let line = "harvester oai records http://x.org/ --from 2024-02-01 --until 2024-01-31";
        let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap();
        let Command::Oai(OaiCommand::Records(list)) = parsed.command else { panic!() };
        assert!(list.selection.selection().is_err());
    }
}
