//! The servers of the demo, all on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use chrono::Utc;
use oai_pmh::provider::Provider;
use resync_core::publish::{self, Resource};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::flaky::Flaky;
use super::library::{Format, Library, Shared};
use super::world::{Holdings, Languages, Moved, Work, dublin_core};
use crate::report::Failure;
use crate::serve::shelf::{Content, Representation, Resources, Shelf};
use crate::serve::source::Source;
use crate::serve::{listen, serve};

/// The most bytes of a request's form.
const FORM: usize = 64 * 1024;

/// A repository that runs.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) url: Url,
    /// The format that is worth harvesting.
    pub(super) format: &'static str,
    pub(super) flaky: Option<Flaky>,
    pub(super) holdings: Shared,
}

/// All servers, until they are told to stop.
pub(super) struct Playground {
    pub(super) sites: Vec<Site>,
    pub(super) source: Source,
    source_holdings: Shared,
    stop: CancellationToken,
    servers: Vec<JoinHandle<Result<(), Failure>>>,
}

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
        let address = |number: u16| {
            let port = port.map_or(0, |port| port.saturating_add(number));
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let mut next = 0;
        for plan in PLANS {
            let listener = listen(address(next)).await?;
            let url = local_url(listener.local_addr(), "oai")?;
            let seed = seed.wrapping_add(u64::from(next));
            next += 1;
            let holdings: Shared = Arc::new(RwLock::new(Holdings::new(seed, records)));
            let library = Library {
                name: plan.name,
                namespace: plan.namespace,
                base_url: url.to_string(),
                languages: plan.languages,
                formats: plan.formats,
                holdings: Arc::clone(&holdings),
            };
            let provider = Provider::new(library, b"a key that nobody needs to keep secret")
                .map_err(|error| Failure::new(error.to_string()))?
                .page_records(usize::try_from(records / 12).unwrap_or(500).clamp(10, 500));
            let flaky = plan.is_flaky.then(Flaky::default);
            let router = Router::new().fallback(answer).with_state((provider, flaky.clone()));
            servers.push(tokio::spawn(serve(listener, router, stop.clone().cancelled_owned())));
            let format = plan.formats.first().map_or("oai_dc", |format| format.prefix());
            sites.push(Site { name: plan.name, url, format, flaky, holdings });
        }
        let listener = listen(address(next)).await?;
        let base = local_url(listener.local_addr(), "")?;
        let seed = seed.wrapping_add(u64::from(next));
        let source_holdings: Shared = Arc::new(RwLock::new(Holdings::new(seed, records)));
        let shelf = WorldShelf(Arc::clone(&source_holdings));
        let source = Source::new(Arc::new(shelf), documents, base).hub();
        source.publish().await.map_err(|error| Failure::new(error.to_string()))?;
        let router = source.router();
        servers.push(tokio::spawn(serve(listener, router, stop.clone().cancelled_owned())));
        Ok(Self { sites, source, source_holdings, stop, servers })
    }

    /// Lets time pass everywhere; what happened, site by site.
    ///
    /// # Errors
    /// If the changes cannot be published.
    pub(super) async fn step(&self) -> Result<Vec<Moved>, Failure> {
        let step = |holdings: &Shared| {
            holdings.write().unwrap_or_else(PoisonError::into_inner).step(Utc::now())
        };
        let moved = self.sites.iter().map(|site| step(&site.holdings)).collect();
        step(&self.source_holdings);
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

fn local_url(address: io::Result<SocketAddr>, path: &str) -> Result<Url, Failure> {
    let address = address.map_err(|error| Failure::new(error.to_string()))?;
    let url = Url::parse(&format!("http://{address}/{path}"));
    url.map_err(|error| Failure::new(format!("{address}: {error}")))
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

/// The works as resources, one file each.
struct WorldShelf(Shared);

fn resource(seed: u64, number: u64, version: u32) -> Vec<u8> {
    dublin_core::write(&Work::new(seed, number, version, Languages::All)).into_bytes()
}

#[async_trait]
impl Shelf for WorldShelf {
    fn resources(&self, base: &str) -> io::Result<Resources> {
        let holdings = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let base = format!("{base}records/");
        Ok(Box::new((0..holdings.total()).filter_map(move |number| {
            let held = holdings.get(number).filter(|held| !held.deleted)?;
            let bytes = resource(holdings.seed(), number, held.version);
            let uri = format!("{base}{number:07}.xml");
            let mut resource = Resource::new(uri, publish::Content::Bytes(bytes));
            resource.modified = Some(held.datestamp.into());
            resource.media_type = Some("application/xml".to_owned());
            Some(Ok(resource))
        })))
    }

    async fn open(&self, path: &str) -> io::Result<Option<Representation>> {
        let number = path.strip_prefix("records/").and_then(|it| it.strip_suffix(".xml"));
        let number = number.filter(|number| number.len() == 7).and_then(|it| it.parse().ok());
        let holdings = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = number.and_then(|number| holdings.get(number)).filter(|held| !held.deleted);
        let seed = holdings.seed();
        Ok(held.map(|held| {
            let bytes = resource(seed, held.number, held.version);
            let tag =
                Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Representation {
                content: Content::Bytes(bytes),
                media_type: "application/xml".to_owned(),
                modified: Some(held.datestamp.into()),
                tag,
                may_be_packed: false,
            }
        }))
    }
}
