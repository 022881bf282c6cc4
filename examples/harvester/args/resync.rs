//! `harvester resync …`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use resync_core::document::Datetime;
use url::Url;

use super::values;

pub(super) const LONG: &str = "\
Copies, follows and publishes resources over ResourceSync (ANSI/NISO Z39.99).

A source publishes lists of its resources: a *Resource List* (what there is), a *Change List* (what \
was created, updated and deleted), and both as *dumps* (ZIP packages). A *Capability List* names \
them, a *Source Description* (/.well-known/resourcesync) names the Capability Lists. URL may be any \
of these, or just the site.";

#[derive(Debug, Subcommand)]
pub(crate) enum ResyncCommand {
    /// Show what a source offers, as a tree
    #[command(after_help = EXPLORE_HELP)]
    Explore(ExploreArgs),
    /// Check somebody's documents against the standard
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Make a folder hold what the source lists
    #[command(after_help = MIRROR_HELP, long_about = BASELINE_LONG)]
    Baseline(MirrorArgs),
    /// Apply to a folder what has changed at the source since the last run
    #[command(after_help = MIRROR_HELP, long_about = INCREMENTAL_LONG)]
    Incremental(MirrorArgs),
    /// Keep a folder as the source is: wait for changes, and apply them
    #[command(after_help = FOLLOW_HELP, long_about = FOLLOW_LONG)]
    Follow(FollowArgs),
    /// Compare a folder with what the source lists; exit status 4 if they differ
    #[command(after_help = MIRROR_HELP)]
    Audit(MirrorArgs),
    /// Write the lists and dumps of a folder of one's own
    #[command(after_help = PUBLISH_HELP, long_about = PUBLISH_LONG)]
    Publish(PublishArgs),
    /// Serve a folder of one's own, or the records of a database, as a source that follows changes
    #[command(after_help = SERVE_HELP)]
    Serve(ServeArgs),
}

const BASELINE_LONG: &str = "\
Makes a folder hold what the source lists: fetches what is new or changed, and with --delete removes \
what is gone.

A file appears under its name only when all of it has come, with the length and the digests that the \
source lists. What is known of the copy is in DIR/.resync. Whatever happens (a power cut, Ctrl-C), \
the same command goes on where the last one stopped.";

const INCREMENTAL_LONG: &str = "\
Applies what the source's Change List says has happened since the last baseline or incremental run. \
When changes may be missing in between it says so, and does nothing: run baseline again.";

const FOLLOW_LONG: &str = "\
Keeps a folder as the source is, until Ctrl-C: a baseline if nothing was copied yet, then an \
incremental run whenever there is something new.

With --listen, and where the source's documents name a hub (WebSub), the hub tells of changes: the \
subscription is verified and renewed, deliveries are checked, and each is followed by a run. \
Otherwise, and besides, the source is asked again --every so often.

A run that fails for reasons that may pass is told, and tried again later; any other failure is the \
end. So is Ctrl-C, which ends the subscription as well; the exit status is 0 then.";

const FOLLOW_HELP: &str = "\
Examples:
  harvester resync follow https://example.org/ copy --delete --every 10m
  harvester resync follow https://example.org/ copy --listen 0.0.0.0:8080 \\
      --callback-url https://me.example/hooks/

The callback has a name below --callback-url that nobody guesses; a proxy has to pass it on.

With --json, standard output has one object a line: each thing done, a summary after each run, and \
what becomes of the subscription (subscribed, notified, denied, rejected, unsubscribed, hub-failed, \
no-hub), postponed for a run that is tried again, and stopped at the end.";

const MIRROR_HELP: &str = "\
Examples:
  harvester resync baseline https://example.org/.well-known/resourcesync copy
  harvester resync incremental https://example.org/ copy --delete
  harvester resync audit https://example.org/ copy --content

With --json, standard output has one object a line: each thing done, and a summary at the end.";

const EXPLORE_HELP: &str = "\
What could not be had, or is not followed, is told in its place, behind an exclamation mark; exit \
status 3 then. What is not as the standard has it, but was understood, stands behind a tilde.

Examples:
  harvester resync explore https://example.org/
  harvester resync explore https://example.org/resourcelist.xml --full --json";

const CHECK_HELP: &str = "\
Each finding has the line and column, a severity (error, warning, info), a code that stays the same, \
and the section of the standard; what to do about each code is told at the end. What is led to but \
cannot be had is an error as well, and so is a resource of the sample that is not as its list says. \
Exit status 4 if there are errors.

Examples:
  harvester resync check https://example.org/
  harvester resync check https://example.org/changelist.xml --only --json";

const PUBLISH_LONG: &str = "\
Writes, into the folder, the documents by which others can copy and follow it: Resource List, Change \
List, Capability List and Source Description; with --dump also packages. Run it again after changes: \
only what changed is written, and the changes are added to the Change List.";

const PUBLISH_HELP: &str = "\
Example:
  harvester resync publish /srv/www/data --base-url https://example.org/data/";

const SERVE_HELP: &str = "\
The documents are written into the folder, as `harvester resync publish` does. Those of a database \
are kept beside it, in FILE.resync; each of its live records is at records/SOURCE/IDENTIFIER.xml, \
read from the database when it is asked for. Ctrl-C ends it.

What was published before but is not any more, as with another --source, stands as deleted in the \
Change List: give each selection --documents of its own.

Examples:
  harvester resync serve /srv/www/data --listen 127.0.0.1:8080 --hub
  harvester resync serve sqlite:harvest.db --source https://example.org/oai --every 1m";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder, or a database: sqlite:FILE or postgres://…
    #[arg(value_name = "FROM")]
    pub(crate) from: PathBuf,
    /// Only records of this source; with a database
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// The folder for the documents, with a database; for sqlite:FILE it is FILE.resync unless given
    #[arg(long, value_name = "DIR")]
    pub(crate) documents: Option<PathBuf>,
    /// Where to listen: an address of this machine, and a port (0 for any that is free)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The address under which others reach it, if not the one where it listens
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) base_url: Option<Url>,
    /// Look for changes so often
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = values::duration)]
    pub(crate) every: Duration,
    /// Offer a Resource Dump and a Change Dump, too
    #[arg(long)]
    pub(crate) dump: bool,
    /// Tell programs on this machine of changes (WebSub)
    #[arg(long)]
    pub(crate) hub: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExploreArgs {
    /// Address of a document, or of the site
    #[arg(value_name = "URL", value_parser = values::web_url)]
    pub(crate) url: Url,
    /// Read every part of long indexes, too
    #[arg(long)]
    pub(crate) full: bool,
    /// Follow addresses of this origin on the local network, too; may be given several times
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) allow_origin: Vec<Url>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Address of a document, or of the site
    #[arg(value_name = "URL", value_parser = values::web_url)]
    pub(crate) url: Url,
    /// Only this document, not those it leads to
    #[arg(long)]
    pub(crate) only: bool,
    /// How many resources of each list are fetched and compared with what the list says
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) sample: usize,
    /// Follow addresses of this origin on the local network, too; may be given several times
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) allow_origin: Vec<Url>,
}

#[derive(Debug, Args)]
pub(crate) struct MirrorArgs {
    /// Address of a list, or of anything that leads to one
    #[arg(value_name = "URL", value_parser = values::web_url)]
    pub(crate) url: Url,
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Delete here what the source does not have any more
    #[arg(long)]
    pub(crate) delete: bool,
    /// With --delete: the most that may go at once, in percent of what is known
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    pub(crate) max_delete: f64,
    /// With --delete: so many files may go whatever their share
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_delete_files: u64,
    /// Change nothing, and say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Which set, where the source has several: the address of its Capability List
    #[arg(long, value_name = "URL")]
    pub(crate) set: Option<String>,
    /// The address whose folder is the root of the copy; that of the source unless given
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) base_url: Option<Url>,
    /// Fetch from this origin (scheme, host and port) as well; may be given several times
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) allow_origin: Vec<Url>,
    /// Fetch from wherever the source's lists lead, but not from this machine or network
    #[arg(long)]
    pub(crate) allow_any_origin: bool,
    /// Only addresses under this one belong to the source
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) under: Option<Url>,
    /// incremental: where to begin if nothing was copied before
    #[arg(long, value_name = "T", value_parser = values::datetime)]
    pub(crate) from: Option<Datetime>,
    /// Look at every file, not only at those listed as changed; audit: read them, too
    #[arg(long)]
    pub(crate) content: bool,
    /// Make each file durable by itself; slow
    #[arg(long)]
    pub(crate) fsync: bool,
    /// Fetch single resources even where dumps are offered
    #[arg(long)]
    pub(crate) no_dumps: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
    /// Look for changes at least so often, whether or not a hub tells of them
    #[arg(long, value_name = "DUR", default_value = "1h", value_parser = values::duration)]
    pub(crate) every: Duration,
    /// Where to listen for what a hub tells, such as 0.0.0.0:8080
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The address under which a hub reaches that; http://ADDR/ unless given
    #[arg(long, value_name = "URL", value_parser = values::web_url, requires = "listen")]
    pub(crate) callback_url: Option<Url>,
    /// Make a baseline also when changes may be missing in between
    #[arg(long)]
    pub(crate) baseline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The address under which the folder can be reached
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) base_url: Url,
    /// Write a Resource Dump and a Change Dump, too
    #[arg(long)]
    pub(crate) dump: bool,
}
