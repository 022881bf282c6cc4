//! `harvester oai serve`

use std::net::SocketAddr;

use clap::Args;
use url::Url;

use super::values;

pub(super) const LONG: &str = "\
Serves a database or a folder as an OAI-PMH repository, for others to harvest.

Each source of a database is served in the format that it was harvested in. Datestamps are the times \
at which records came into the database, so that others get what arrives late; where a record is from \
is told in its provenance. Serving goes on while the database is harvested into.

In a folder, each XML file is a record: theses/a.xml is oai:HOST:theses/a, in the set theses. What is \
new, changed or gone is noticed within half a minute, and has the datestamp of that time.";

pub(super) const HELP: &str = "\
Lists are followed with signed tokens. Their key is made when the server starts; to keep lists alive \
over restarts, put one of 16 characters or more in the environment: HARVESTER_TOKEN_KEY.

Examples:
  harvester oai serve sqlite:harvest.db
  harvester oai serve records/ --format marc21
  harvester oai serve sqlite:harvest.db --listen 0.0.0.0:80 --base-url https://example.org/oai \\
      --name 'Example Archive' --admin archive@example.org";

#[derive(Debug, Args)]
pub(crate) struct ProvideArgs {
    /// What is served: sqlite:FILE, postgres://…, or a folder of XML files
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// Only this source; needed where several were harvested in the same format
    #[arg(long, value_name = "S")]
    pub(crate) source: Option<String>,
    /// What the format of a folder's files is called
    #[arg(long, value_name = "P", default_value = "oai_dc")]
    pub(crate) format: String,
    /// Address and port to listen at; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The address that others use, if it is not that one
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    pub(crate) base_url: Option<Url>,
    /// What the repository is called
    #[arg(long, value_name = "TEXT", default_value = "harvester")]
    pub(crate) name: String,
    /// Whom others write to
    #[arg(long, value_name = "MAIL", default_value = "admin@localhost.localdomain")]
    pub(crate) admin: String,
    /// Records of a page
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) page: u16,
    /// Give out no records: lists are answered with noRecordsMatch, single records as ever
    #[arg(long)]
    pub(crate) output_off: bool,
    /// The key of the tokens
    #[arg(long, env = "HARVESTER_TOKEN_KEY", hide = true, hide_env_values = true)]
    pub(crate) token_key: Option<String>,
}
