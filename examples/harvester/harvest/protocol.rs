//! Which protocol a repository speaks, and which options fit it.

use std::sync::Arc;
use std::time::Duration;

use resync_core::client::Client;
use resync_core::retry::Retrying;
use resync_core::transport::{BodyLimits, Request, Transport};
use resync_core::xml::{Cursor, Issues, Mode, decode};
use resync_core::{ErrorKind as Net, Result as NetResult};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::args::{GlobalArgs, HarvestArgs, Protocol, SliceUnit, Strategy};
use crate::network;
use crate::progress::Console;
use crate::report::Failure;

/// How long finding out the protocol may take.
const LONGEST: Duration = Duration::from_secs(30);

/// A protocol that a repository speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    OaiPmh,
    ResourceSync,
    HarvestList,
}

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
    /// What it is called on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::OaiPmh => "oai-pmh",
            Self::ResourceSync => "resourcesync",
            Self::HarvestList => "harvest-list",
        }
    }

    /// The name of its kind of source.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::OaiPmh => "oai-pmh",
            Self::ResourceSync => "resync",
            Self::HarvestList => "document-list",
        }
    }

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
    let transport = network::glance(url, &global.network, console)?;
    let looked = timeout(LONGEST, look(url, transport, console)).await;
    Ok(looked.unwrap_or_else(|_| {
        let shown = network::shown(url);
        console.notice(&format!("{shown} does not say what it is: --protocol oai-pmh"));
        Spoken::OaiPmh
    }))
}

async fn look(url: &Url, transport: Retrying<Arc<dyn Transport>>, console: &Console) -> Spoken {
    let shown = network::shown(url);
    let found = |spoken: Spoken, what: &str| {
        console.notice(&format!("{shown} is {what}: --protocol {}", spoken.name()));
        spoken
    };
    match root(url, &transport).await.as_deref() {
        Ok("OAI-PMH" | "Repository") => return Spoken::OaiPmh,
        Ok("harvestList") => return found(Spoken::HarvestList, "a harvest list"),
        Ok("urlset" | "sitemapindex") => {
            return found(Spoken::ResourceSync, "a ResourceSync document");
        }
        Ok(_) => {}
        Err(error) => match error.kind() {
            // Servers that want a verb, and sites with nothing at this place.
            Net::Status(status) if matches!(status.as_u16(), 400 | 404 | 405 | 406 | 410) => {}
            _ => return Spoken::OaiPmh,
        },
    }
    let transport = Arc::new(transport);
    let repository = oai_pmh::Client::with_transport(url.clone(), Arc::clone(&transport));
    if repository.identify().await.is_ok() {
        return Spoken::OaiPmh;
    }
    match Client::new(transport).discover(url.as_str()).await {
        Ok(discovered) => {
            let what = format!("a ResourceSync source ({})", discovered.document.url());
            found(Spoken::ResourceSync, &what)
        }
        Err(error) => {
            console.notice(&format!("{shown} is no harvest list; {error}"));
            Spoken::OaiPmh
        }
    }
}

/// The name of the root element at an address; empty where there is none.
async fn root<T: Transport>(url: &Url, transport: &Retrying<T>) -> NetResult<String> {
    /// As much as a comment and a declaration may take.
    const HEAD: usize = 16 << 10;
    let limits = &BodyLimits::default();
    let request = Request::get(url.clone());
    let head = transport.exchange(&request, async |response| {
        response.success()?;
        let mut body = response.unpack(limits)?;
        let mut head = Vec::new();
        while head.len() < HEAD
            && let Some(piece) = body.next().await?
        {
            head.extend_from_slice(&piece);
        }
        Ok(head)
    });
    let head = head.await?;
    let text = decode(head, None, Mode::Tolerant, &mut Issues::default()).unwrap_or_default();
    Ok(match Cursor::new(&text).next_child() {
        Ok(Some(root)) => root.local().to_owned(),
        _ => String::new(),
    })
}
