//! What can be set of an OAI-PMH repository, by name.

use std::num::NonZeroUsize;
use std::sync::Arc;

use ::oai_pmh::xml::Mode;
use ::oai_pmh::{Client, Datestamp, Selection, Slice, Window};
use resync_core::transport::Transport;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{OaiPmhSource, Strategy};

/// The options of an OAI-PMH repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// Base URL of the repository.
    url: Url,
    /// Metadata format.
    #[serde(default = "oai_dc")]
    format: String,
    /// Only records in this set, or in one below it.
    set: Option<String>,
    /// Only records of this time or later, such as 2024-01-31.
    from: Option<String>,
    /// Only records of this time or earlier.
    until: Option<String>,
    /// How the records are got.
    #[serde(default)]
    strategy: Strategy,
    /// Ask for one month or day after the other.
    slice: Option<Unit>,
    /// So many of them at the same time.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    parallel: u8,
    /// So many records at the same time, where they are got one by one.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 16))]
    concurrency: u8,
    /// Repair nothing: an answer that is not as the standard demands is an error.
    #[serde(default)]
    strict: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    Month,
    Day,
}

fn oai_dc() -> String {
    "oai_dc".to_owned()
}

fn one() -> u8 {
    1
}

fn four() -> u8 {
    4
}

impl Options {
    pub(super) fn source(self, transport: Arc<dyn Transport>) -> Result<OaiPmhSource, String> {
        let time = |text: Option<String>| -> Result<Option<Datestamp>, String> {
            let time = text.map(|text| text.parse().map_err(|error| format!("{text}: {error}")));
            time.transpose()
        };
        let window = Window::new(time(self.from)?, time(self.until)?);
        let mut selection =
            Selection::prefix(&self.format).window(window.map_err(|error| error.to_string())?);
        if let Some(set) = &self.set {
            selection = selection.set(set);
        }
        let mode = if self.strict { Mode::Strict } else { Mode::Tolerant };
        let client = Client::with_transport(self.url, transport).mode(mode);
        let concurrency = usize::from(self.concurrency.clamp(1, 16));
        let source = OaiPmhSource::new(client, selection)
            .strategy(self.strategy)
            .concurrency(NonZeroUsize::MIN.saturating_add(concurrency - 1));
        let slice = match self.slice {
            Some(Unit::Month) => Slice::Month,
            Some(Unit::Day) => Slice::Day,
            None => return Ok(source),
        };
        Ok(source.slices(slice, self.parallel.clamp(1, 16).into()))
    }
}
