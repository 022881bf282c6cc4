//! `harvester target`

use clap::{Args, Subcommand, ValueEnum};
use harvest_pipeline::targets::{Tolerance, Withdrawal};

use super::manage::option;
use super::service::ConfigArgs;

pub(super) const LONG: &str = "\
Manages targets: those downstream to whom records are delivered when a run has changed them, such as a \
search index, a national library, a folder.

A target is of a kind, and each kind has options of its own, given as --option NAME=VALUE; `harvester \
target kinds` lists them. Nothing that was delivered is ever withdrawn because of an error or a warning.";

pub(super) const ADD_EXAMPLES: &str = "\
Examples:
  harvester target add index --kind http-post --option url=https://index.example.org/records
  harvester target add theses --kind folder --option path=/srv/theses --from university \\
      --filter-set theses --issues warnings --withdraw never";

pub(super) const DELIVER_EXAMPLES: &str = "\
Examples:
  harvester target deliver index                    what it is owed; a worker will do it
  harvester target deliver index --again --now      everything once more, done by this process";

#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// Set up a target
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddTargetArgs),
    /// The targets there are
    List(ConfigArgs),
    /// A target, and what it has of each source
    Show(TargetArgs),
    /// Change a target; what is not named stays
    #[command(alias = "change")]
    Edit(EditTargetArgs),
    /// Remove a target; what it has stays there
    Remove(TargetArgs),
    /// Ask for deliveries: of what is owed, or of everything again
    #[command(after_help = DELIVER_EXAMPLES)]
    Deliver(DeliverArgs),
    /// The kinds of targets, and their options
    Kinds(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// The target's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddTargetArgs {
    /// What its deliveries are noted under; it cannot be changed
    pub(crate) name: String,
    /// Its kind; `harvester target kinds` lists them
    #[arg(long, value_name = "KIND", default_value = "http-post")]
    pub(crate) kind: String,
    #[command(flatten)]
    pub(crate) settings: TargetSettings,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EditTargetArgs {
    /// The target's name
    pub(crate) name: String,
    /// Make it one of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) settings: TargetSettings,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What can be said of a target.
#[derive(Debug, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetSettings {
    /// An option of its kind; of a list, one item each time. An empty value takes the option away
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    pub(crate) options: Vec<(String, String)>,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// It gets the records of this source, or of another that is named; without, of all sources
    #[arg(long = "from", value_name = "SOURCE", conflicts_with = "all_sources")]
    pub(crate) sources: Vec<String>,
    /// It gets the records of all sources
    #[arg(long)]
    pub(crate) all_sources: bool,
    /// What may be wrong with a record that it gets
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) issues: Option<IssuesArg>,
    /// It gets only records that this filter set accepts, or another that is named
    #[arg(long = "filter-set", value_name = "NAME")]
    pub(crate) filter_sets: Vec<String>,
    /// When what was delivered may be withdrawn
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(crate) withdraw: Option<WithdrawArg>,
    /// Deliver nothing for now; what it is owed it gets later
    #[arg(long, value_name = "BOOL")]
    pub(crate) paused: Option<bool>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum IssuesArg {
    /// Warnings, and errors in fields, which are left out
    FieldErrors,
    /// Warnings
    Warnings,
    /// Nothing
    Nothing,
}

impl From<IssuesArg> for Tolerance {
    fn from(issues: IssuesArg) -> Self {
        match issues {
            IssuesArg::FieldErrors => Self::FieldErrors,
            IssuesArg::Warnings => Self::Warnings,
            IssuesArg::Nothing => Self::Nothing,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WithdrawArg {
    /// Not from here
    Never,
    /// When an operator asks for it
    Operator,
    /// Besides, when the source says that the record is deleted
    Deletion,
}

impl From<WithdrawArg> for Withdrawal {
    fn from(policy: WithdrawArg) -> Self {
        match policy {
            WithdrawArg::Never => Self::Never,
            WithdrawArg::Operator => Self::ByOperator,
            WithdrawArg::Deletion => Self::ByOperatorOrDeletion,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DeliverArgs {
    /// The target's name
    pub(crate) name: String,
    /// Only of this source, or of another that is named
    #[arg(long = "from", value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Everything, whatever it has
    #[arg(long)]
    pub(crate) again: bool,
    /// Do it in this process, unless a worker is faster
    #[arg(long)]
    pub(crate) now: bool,
    /// Wait until it is over
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}
