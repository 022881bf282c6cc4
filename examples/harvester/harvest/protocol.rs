//! Which protocol a repository speaks, and which options fit it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::args::{GlobalArgs, HarvestArgs, Protocol, SliceUnit, Strategy};
use crate::connect::{Look, Spoken, speaks};
use crate::network;
use crate::progress::Console;
use crate::report::Failure;

/// How long finding out the protocol may take.
const LONGEST: Duration = Duration::from_secs(30);

impl Protocol {
    /// The protocol, unless it is to be found out.
    pub(super) fn spoken(self) -> Option<Spoken> {
        match self {
            Self::Auto => None,
            Self::OaiPmh => Some(Spoken::OaiPmh),
            Self::ResourceSync => Some(Spoken::ResourceSync),
            Self::HarvestList => Some(Spoken::HarvestList),
        }
    }
}

impl Spoken {
    /// The options of the source.
    pub(super) fn options(self, url: &Url, args: &HarvestArgs, global: &GlobalArgs) -> Value {
        let selection = &args.selection;
        let text = |time: &Option<oai_pmh::Datestamp>| time.as_ref().map(ToString::to_string);
        let slice = args.slice.map(|unit| match unit {
            SliceUnit::Month => "month",
            SliceUnit::Day => "day",
        });
        let strategy = match args.strategy.unwrap_or(Strategy::ListRecords) {
            Strategy::ListRecords => "list-records",
            Strategy::ListIdentifiers => "list-identifiers",
            Strategy::Reconcile => "reconcile",
        };
        match self {
            Self::OaiPmh => json!({
                "url": url,
                "format": selection.oai_format(),
                "set": selection.set,
                "from": text(&selection.from),
                "until": text(&selection.until),
                "strategy": strategy,
                "concurrency": global.network.concurrency.get().min(16),
                "slice": slice,
                "parallel": args.parallel,
                "strict": global.strict,
            }),
            Self::ResourceSync => {
                json!({ "url": url, "set": selection.set, "from": text(&selection.from) })
            }
            Self::HarvestList => json!({ "url": url }),
        }
    }
}

/// Refuses options that do not fit the protocol.
///
/// # Errors
/// If there is one.
pub(super) fn check(spoken: Spoken, args: &HarvestArgs) -> Result<(), Failure> {
    let selection = &args.selection;
    let (is_oai, is_list) = (spoken == Spoken::OaiPmh, spoken == Spoken::HarvestList);
    let unfit = [
        ("--set", selection.set.is_some() && is_list),
        ("--from", selection.from.is_some() && is_list),
        ("--until", selection.until.is_some() && !is_oai),
        ("--strategy", args.strategy.is_some() && !is_oai),
        ("--slice", args.slice.is_some() && !is_oai),
    ];
    match unfit.iter().find(|(_, is_unfit)| *is_unfit) {
        Some((option, _)) => {
            let protocol = spoken.name();
            Err(Failure::usage(format!("{option} means nothing to the protocol {protocol}")))
        }
        None => Ok(()),
    }
}

/// Finds out what a repository speaks: by what is at its address, by whether it answers Identify, by
/// looking for ResourceSync documents. One that cannot be reached, or speaks none of these, is taken
/// for an OAI-PMH repository: asking it will tell what is wrong. A look is all that is taken: each
/// request is sent twice at most, and after [`LONGEST`] nothing more is asked.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(super) async fn find_out(
    url: &Url,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Spoken, Failure> {
    if url.scheme() == "file" {
        return Ok(Spoken::OaiPmh);
    }
    let transport = Arc::new(network::glance(url, &global.network, console)?);
    let shown = network::shown(url);
    let spoken = match timeout(LONGEST, speaks(url, &transport)).await {
        Ok(Ok(Look { spoken: Some(Spoken::OaiPmh), .. })) | Ok(Err(_)) => Spoken::OaiPmh,
        Ok(Ok(Look { spoken: Some(spoken), what })) => {
            console.notice(&format!("{shown} is {what}: --protocol {}", spoken.name()));
            spoken
        }
        Ok(Ok(Look { spoken: None, what })) => {
            console.notice(&format!("{shown} is no harvest list; {what}"));
            Spoken::OaiPmh
        }
        Err(_) => {
            console.notice(&format!("{shown} does not say what it is: --protocol oai-pmh"));
            Spoken::OaiPmh
        }
    };
    Ok(spoken)
}
