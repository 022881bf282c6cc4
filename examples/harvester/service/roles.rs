//! What a process does: the one place where roles are started and stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use harvest_pipeline::engine::{Installation, Scheduler, Worker};
use harvest_pipeline::{Registry, targets};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::heartbeat;
use super::installation::{installation, reach, way};
use super::reports::Reporter;
use super::settings::{self, LogFormat, Settings};
use super::stores::Stores;
use crate::accounts::Accounts;
use crate::api::metrics::Tally;
use crate::notices::callback::Callbacks;
use crate::notices::{Keeper, Subscriptions};
use crate::output;
use crate::progress::Console;
use crate::provide::{Holdings, Provide};
use crate::report::Failure;
use crate::serve::hub::Callers;
use crate::serve::listen;
use crate::web::{self, App, Parts, Setup};

/// How often sessions and attempts that are over are forgotten, and what the retention says.
const TIDIED: Duration = Duration::from_secs(600);

/// How often it is looked whether something withheld is still to be made up for.
const MADE_UP: Duration = Duration::from_secs(60);

/// Something that a process does until it is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The admin system's pages.
    Serve,
    /// Doing runs.
    Worker,
    /// Asking for the runs that are due, finding those whose workers are lost, and sending reports.
    Scheduler,
}

impl Role {
    /// All of them: the pages last, so that everything goes on when their address is printed.
    pub(crate) const ALL: [Self; 3] = [Self::Worker, Self::Scheduler, Self::Serve];

    /// As it is called on the command line, and in the keys of words.
    fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
        }
    }
}

/// Does all of these until `stop`; if one of them fails, the others stop, too.
///
/// # Errors
/// The first failure of a role.
pub(crate) async fn run(
    roles: &[Role],
    settings: &Settings,
    setup: Setup,
    stores: &Stores,
    console: &Console,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut running = JoinSet::new();
    let mut setup = Some(setup);
    for role in roles {
        let (accounts, name) = (stores.accounts.clone(), settings.worker.name());
        let beating = heartbeat::beat(accounts, role.as_str(), name, stop.clone());
        running.spawn(async move {
            beating.await;
            Ok(())
        });
        match role {
            Role::Serve => {
                stores.welcome(settings.log.format == LogFormat::Json).await?;
                let listener = listen(settings.web.listen).await?;
                let address = listener.local_addr()?;
                if !address.ip().is_loopback() && !settings.is_secure() {
                    console.warning(
                        "passwords go over the network in clear: put a proxy with TLS in front, and \
                         name its address in web.public-url",
                    );
                }
                output::print(format!("http://{address}/\n"))?;
                let app = app(settings, setup.take().unwrap_or_default(), stores, address).await?;
                let keeper = Keeper {
                    store: Arc::clone(&stores.store),
                    subscriptions: app.callbacks.subscriptions.clone(),
                    way: way(settings, stores, console),
                    heard: Arc::clone(&app.callbacks.heard),
                };
                let keeping = stop.clone();
                running.spawn(async move {
                    keeping.run_until_cancelled(keeper.run()).await;
                    Ok(())
                });
                let grace = Duration::from_secs(settings.web.grace.into());
                running.spawn(tidy(stores.accounts.clone(), stop.clone()));
                running.spawn(make_up(app.provide.clone(), stop.clone()));
                let (provide, publishing) = (app.provide.clone(), stop.clone());
                running.spawn(async move {
                    provide.keep_published(publishing).await;
                    Ok(())
                });
                running.spawn(serve(listener, app, grace, stop.clone()));
            }
            Role::Worker => {
                let worker = worker(&settings.worker, installation(settings, stores, console))
                    .retention(settings.scheduler.retention());
                console.aside(&format!("worker {} waits for runs", settings.worker.name()));
                let stop = stop.clone();
                running.spawn(async move {
                    worker.run(stop).await;
                    Ok(())
                });
            }
            Role::Scheduler => {
                let scheduler = Scheduler::new(installation(settings, stores, console))
                    .most_attempts(settings.scheduler.most_attempts)
                    .retention(settings.scheduler.retention());
                running.spawn(forget(scheduler.clone(), stop.clone()));
                if let Some(reporter) = reporter(settings, stores, console)? {
                    reporter.begin().await?;
                    let stop = stop.clone();
                    running.spawn(async move {
                        reporter.run(stop).await;
                        Ok(())
                    });
                }
                let stop = stop.clone();
                running.spawn(async move {
                    scheduler.run(stop).await;
                    Ok(())
                });
            }
        }
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended =
            ended.unwrap_or_else(|error| Err(Failure::new(format!("a role broke: {error}"))));
        if ended.is_err() {
            stop.cancel();
            outcome = outcome.and(ended);
        }
    }
    outcome
}

/// The worker of this process.
pub(super) fn worker(settings: &settings::Worker, installation: Installation) -> Worker {
    Worker::new(installation, settings.name())
        .lease(settings.lease.0)
        .concurrency(settings.concurrency())
}

/// What sends reports, if the settings name a mail server.
fn reporter(
    settings: &Settings,
    stores: &Stores,
    console: &Console,
) -> Result<Option<Reporter>, Failure> {
    Ok(settings.mail.mailer()?.map(|mailer| Reporter {
        installation: installation(settings, stores, console),
        documents: stores.accounts.documents().clone(),
        mailer,
        style: settings.mail.style(),
        administrators: settings.mail.administrators.clone(),
        retry_delay: settings.mail.retry_delay.0,
    }))
}

async fn app(
    settings: &Settings,
    setup: Setup,
    stores: &Stores,
    address: SocketAddr,
) -> Result<App, Failure> {
    let base = match settings.public_base() {
        Some(url) => url,
        None => Url::parse(&format!("http://{address}/"))
            .map_err(|error| Failure::new(format!("{address} is no address: {error}")))?,
    };
    let tally = Tally::default();
    let holdings = Holdings {
        store: Arc::clone(&stores.store),
        catalogue: Arc::clone(&stores.catalogue),
        documents: stores.accounts.documents().clone(),
        folder: settings.provide.folder(&settings.db),
        callers: match settings.provide.hub {
            true => Some(Callers::within(reach(&settings.network), tally.clone())?),
            false => None,
        },
        tally: tally.clone(),
    };
    let callbacks = Callbacks {
        subscriptions: Subscriptions::new(stores.accounts.documents().clone(), &base).await?,
        tally: tally.clone(),
        heard: Arc::default(),
    };
    let provide = Provide::new(settings.provide.clone(), base, holdings).await?;
    Ok(App::new(Parts {
        provide,
        callbacks,
        tally,
        store: Arc::clone(&stores.store),
        catalogue: Arc::clone(&stores.catalogue),
        registry: Registry::standard(),
        targets: targets::kinds(),
        accounts: stores.accounts.clone(),
        reach: reach(&settings.network),
        setup,
        vault: Some(Arc::new(stores.vault.clone())),
        secure: settings.is_secure(),
    }))
}

async fn serve(
    listener: tokio::net::TcpListener,
    app: App,
    grace: Duration,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let service = web::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone().cancelled_owned();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopped);
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = async { serving.await } => {
            served.map_err(|error| Failure::new(format!("the server has failed: {error}")))
        }
        // Whoever follows a run by events would never let go.
        () = late => Ok(()),
    }
}

/// Forgets what is over, now and then.
async fn tidy(accounts: Accounts, stop: CancellationToken) -> Result<(), Failure> {
    while stop.run_until_cancelled(tokio::time::sleep(TIDIED)).await.is_some() {
        if let Err(error) = accounts.tidy(Utc::now()).await {
            tracing::warn!(%error, "sessions that are over cannot be forgotten");
        }
    }
    Ok(())
}

/// Makes up for what was withheld, should the process that had to do it have ended too early.
async fn make_up(provide: Provide, stop: CancellationToken) -> Result<(), Failure> {
    loop {
        if let Err(error) = provide.make_up().await {
            tracing::warn!(%error, "what was withheld cannot be made up for");
        }
        if stop.run_until_cancelled(tokio::time::sleep(MADE_UP)).await.is_none() {
            return Ok(());
        }
    }
}

/// Forgets what is old, at the beginning and now and then.
async fn forget(scheduler: Scheduler, stop: CancellationToken) -> Result<(), Failure> {
    loop {
        if let Err(error) = scheduler.forget().await {
            tracing::warn!(%error, "what is old cannot be forgotten");
        }
        if stop.run_until_cancelled(tokio::time::sleep(TIDIED)).await.is_none() {
            return Ok(());
        }
    }
}
