//! Which protocol is spoken at an address.

use std::sync::Arc;

use resync_core::client::Client;
use resync_core::retry::Retrying;
use resync_core::transport::{BodyLimits, Request, Transport};
use resync_core::xml::{Cursor, Issues, Mode, decode};
use resync_core::{ErrorKind as Net, Result as NetResult};
use url::Url;

/// A protocol that a repository speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    OaiPmh,
    ResourceSync,
    HarvestList,
}

impl Spoken {
    /// What it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OaiPmh => "oai-pmh",
            Self::ResourceSync => "resourcesync",
            Self::HarvestList => "harvest-list",
        }
    }

    /// The name of its kind of source.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::OaiPmh => "oai-pmh",
            Self::ResourceSync => "resync",
            Self::HarvestList => "document-list",
        }
    }
}

/// What came of a look at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// What is spoken there, if anything that is known.
    pub(crate) spoken: Option<Spoken>,
    /// What it is, in words, or else why it is nothing.
    pub(crate) what: String,
}

/// Looks what is at an address, whether it answers Identify, and whether documents of ResourceSync are
/// to be found from there, in this order.
///
/// # Errors
/// If it cannot be reached.
pub(crate) async fn speaks<T>(url: &Url, transport: &Arc<Retrying<T>>) -> NetResult<Look>
where
    T: Transport + 'static,
{
    let is = |spoken: Spoken, what: &str| Look { spoken: Some(spoken), what: what.to_owned() };
    let root = match root(url, transport).await {
        Ok(root) => root,
        // Servers that want a verb, and sites with nothing at this place.
        Err(error) if is_nothing_here(error.kind()) => String::new(),
        Err(error) => return Err(error),
    };
    match root.as_str() {
        "OAI-PMH" | "Repository" => return Ok(is(Spoken::OaiPmh, "an OAI-PMH repository")),
        "harvestList" => return Ok(is(Spoken::HarvestList, "a harvest list")),
        "urlset" | "sitemapindex" => {
            return Ok(is(Spoken::ResourceSync, "a ResourceSync document"));
        }
        _ => {}
    }
    let repository = oai_pmh::Client::with_transport(url.clone(), Arc::clone(transport));
    if repository.identify().await.is_ok() {
        return Ok(is(Spoken::OaiPmh, "an OAI-PMH repository"));
    }
    Ok(match Client::new(Arc::clone(transport)).discover(url.as_str()).await {
        Ok(found) => {
            let what = format!("a ResourceSync source ({})", found.document.url());
            is(Spoken::ResourceSync, &what)
        }
        Err(error) => Look { spoken: None, what: error.to_string() },
    })
}

fn is_nothing_here(kind: Net) -> bool {
    matches!(kind, Net::Status(status) if matches!(status.as_u16(), 400 | 404 | 405 | 406 | 410))
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
