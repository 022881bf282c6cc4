//! The servers of the demo, all on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use chrono::Utc;
use oai_pmh::provider::Provider;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::files::Files;
use super::flaky::Flaky;
use super::harvest::Went;
use super::library::{Format, Library, Shared};
use super::station;
use super::world::{Holdings, Languages};
use crate::report::Failure;
use crate::serve::hub::Callers;
use crate::serve::source::Source;
use crate::serve::{listen, serve};

/// The most bytes of a request's form.
const FORM: usize = 64 * 1024;

/// Where records are fetched one by one there are so many at most.
const ONE_BY_ONE: u64 = 20_000;

/// What is spoken at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    OaiPmh,
    ResourceSync,
    HarvestList,
}

/// A source that runs.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) protocol: Protocol,
    /// Where it is harvested.
    pub(super) url: Url,
    /// The format that is worth harvesting.
    pub(super) format: &'static str,
    flaky: Option<Flaky>,
    holdings: Shared,
}

/// How many records a harvest makes, changes and deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
}

/// All servers, until they are told to stop.
pub(super) struct Playground {
    pub(super) sites: Vec<Site>,
    source: Source,
    stop: CancellationToken,
    servers: Vec<JoinHandle<Result<(), Failure>>>,
}

impl Protocol {
    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OaiPmh => "OAI-PMH",
            Self::ResourceSync => "ResourceSync",
            Self::HarvestList => "harvest list",
        }
    }

    /// The kind of source that it is harvested by.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::OaiPmh => "oai-pmh",
            Self::ResourceSync => "resync",
            Self::HarvestList => "document-list",
        }
    }
}

impl Changes {
    /// What a harvest did.
    pub(super) fn of(went: &Went) -> Self {
        let counted = &went.counters;
        Self { created: counted.created, updated: counted.updated, deleted: counted.deleted }
    }
}

impl Site {
    /// The options of its source.
    pub(super) fn options(&self) -> Value {
        match self.protocol {
            Protocol::OaiPmh => json!({"url": self.url, "format": self.format}),
            Protocol::ResourceSync | Protocol::HarvestList => json!({"url": self.url}),
        }
    }

    /// How often it has failed on purpose.
    pub(super) fn faults(&self) -> u64 {
        self.flaky.as_ref().map_or(0, Flaky::faults)
    }

    /// How many records there are.
    pub(super) fn live(&self) -> u64 {
        let holdings = self.holdings.read().unwrap_or_else(PoisonError::into_inner);
        holdings.total() - holdings.deleted()
    }

    /// How many there were that are gone.
    pub(super) fn deleted(&self) -> u64 {
        self.holdings.read().unwrap_or_else(PoisonError::into_inner).deleted()
    }

    /// Lets time pass; what a harvest will find.
    fn step(&self) -> Changes {
        let mut holdings = self.holdings.write().unwrap_or_else(PoisonError::into_inner);
        let moved = holdings.step(Utc::now());
        let tells_deletions = self.protocol != Protocol::HarvestList;
        Changes {
            created: moved.created.len() as u64,
            updated: moved.updated.len() as u64,
            deleted: if tells_deletions { moved.deleted.len() as u64 } else { 0 },
        }
    }
}

/// A repository that is to be.
struct Plan {
    name: &'static str,
    namespace: &'static str,
    languages: Languages,
    formats: &'static [Format],
    is_flaky: bool,
}

const PLANS: [Plan; 4] = [
    Plan {
        name: "Northmoor Library",
        namespace: "northmoor.example",
        languages: Languages::EnglishAndCzech,
        formats: &[Format::DublinCore],
        is_flaky: false,
    },
    Plan {
        name: "Knihovna v Žďáru",
        namespace: "zdar.example",
        languages: Languages::All,
        formats: &[Format::Marc, Format::DublinCore],
        is_flaky: false,
    },
    Plan {
        name: "Kitano University",
        namespace: "kitano.example",
        languages: Languages::MostlyJapanese,
        formats: &[Format::Jpcoar2, Format::Jpcoar1, Format::DublinCore],
        is_flaky: false,
    },
    Plan {
        name: "Flaky Archive",
        namespace: "flaky.example",
        languages: Languages::All,
        formats: &[Format::DublinCore],
        is_flaky: true,
    },
];

/// Where the next server is, and the seed of its world.
struct Place {
    seed: u64,
    port: Option<u16>,
}

impl Place {
    /// Takes this place, and goes on to the next.
    async fn take(&mut self, records: u64) -> Result<(TcpListener, Url, Shared), Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.unwrap_or(0)));
        let listener = listen(address).await?;
        let base = base_url(listener.local_addr())?;
        let holdings = Arc::new(RwLock::new(Holdings::new(self.seed, records)));
        self.seed = self.seed.wrapping_add(1);
        self.port = self.port.map(|port| port.saturating_add(1));
        Ok((listener, base, holdings))
    }
}

impl Plan {
    fn open(&self, url: Url, holdings: Shared, records: u64) -> Result<(Site, Router), Failure> {
        let library = Library {
            name: self.name,
            namespace: self.namespace,
            base_url: url.to_string(),
            languages: self.languages,
            formats: self.formats,
            holdings: Arc::clone(&holdings),
        };
        let provider = Provider::new(library, b"a key that nobody needs to keep secret")
            .map_err(|error| Failure::new(error.to_string()))?
            .page_records(usize::try_from(records / 12).unwrap_or(500).clamp(10, 500));
        let flaky = self.is_flaky.then(Flaky::default);
        let router = Router::new().fallback(answer).with_state((provider, flaky.clone()));
        let format = self.formats.first().map_or("oai_dc", |format| format.prefix());
        let (name, protocol) = (self.name, Protocol::OaiPmh);
        Ok((Site { name, protocol, url, format, flaky, holdings }, router))
    }
}

impl Playground {
    /// Starts all servers, at `port` and the ports behind it, or where there is room.
    ///
    /// # Errors
    /// If a port is taken.
    pub(super) async fn start(
        seed: u64,
        records: u64,
        port: Option<u16>,
        documents: &Path,
    ) -> Result<Self, Failure> {
        let stop = CancellationToken::new();
        let (mut sites, mut servers) = (Vec::new(), Vec::new());
        let mut run = |site, listener, router| {
            sites.push(site);
            servers.push(tokio::spawn(serve(listener, router, stop.clone().cancelled_owned())));
        };
        let mut place = Place { seed, port };
        for plan in PLANS {
            let (listener, base, holdings) = place.take(records).await?;
            let (site, router) = plan.open(join(&base, "oai")?, holdings, records)?;
            run(site, listener, router);
        }
        let records = records.min(ONE_BY_ONE);

        let (listener, base, holdings) = place.take(records).await?;
        let shelf = Arc::new(Files(Arc::clone(&holdings)));
        let source = Source::new(shelf, documents, base).hub(Callers::here()?);
        source.publish().await.map_err(|error| Failure::new(error.to_string()))?;
        let description = source.description();
        let site = Site {
            name: "Weald Archive",
            protocol: Protocol::ResourceSync,
            url: Url::parse(&description)
                .map_err(|error| Failure::new(format!("{description}: {error}")))?,
            format: "oai_dc",
            flaky: None,
            holdings,
        };
        run(site, listener, source.router());

        let (listener, base, holdings) = place.take(records).await?;
        let router = station::router(Arc::clone(&holdings), base.clone());
        let site = Site {
            name: "Šumava Station",
            protocol: Protocol::HarvestList,
            url: join(&base, station::LIST)?,
            format: "eml",
            flaky: None,
            holdings,
        };
        run(site, listener, router);
        Ok(Self { sites, source, stop, servers })
    }

    /// Lets time pass everywhere; what happened, site by site.
    ///
    /// # Errors
    /// If the changes cannot be published.
    pub(super) async fn step(&self) -> Result<Vec<Changes>, Failure> {
        let moved = self.sites.iter().map(Site::step).collect();
        let published = self.source.publish().await;
        published.map_err(|error| Failure::new(error.to_string()))?;
        Ok(moved)
    }

    /// Ends all servers.
    ///
    /// # Errors
    /// If one of them failed.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        for server in self.servers {
            server.await.unwrap_or_else(|cause| Err(Failure::new(cause.to_string())))?;
        }
        Ok(())
    }
}

fn base_url(address: io::Result<SocketAddr>) -> Result<Url, Failure> {
    let address = address.map_err(|error| Failure::new(error.to_string()))?;
    let url = Url::parse(&format!("http://{address}/"));
    url.map_err(|error| Failure::new(format!("{address}: {error}")))
}

fn join(base: &Url, path: &str) -> Result<Url, Failure> {
    base.join(path).map_err(|error| Failure::new(format!("{base}{path}: {error}")))
}

async fn answer(
    State((provider, flaky)): State<(Provider, Option<Flaky>)>,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, FORM).await.unwrap_or_default();
    let answer = provider.handle(&Request::from_parts(head, body)).await;
    match flaky {
        Some(flaky) => flaky.spoil(&query, answer),
        None => answer.map(Into::into),
    }
}
