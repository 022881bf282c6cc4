//! The pages, asked through the router as a browser would ask: real stores, no sockets.

mod access;
mod api;
mod api_people;
mod audit;
mod connect;
mod coverage;
mod described;
mod filter_sets;
mod forms;
mod injection;
mod login;
#[allow(clippy::unwrap_in_result, reason = "these are tests")]
#[path = "../../../tests/system/mail.rs"]
mod mail;
mod notices;
mod plant;
mod provide;
mod reach;
mod records;
mod resync;
mod runs;
mod sealed;
mod security;
mod sites;
mod sources;
mod two_imports;
mod weko_runs;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, request};
use chrono::{DateTime, Utc};
use harvest_pipeline::secrets::Secrets;
use harvest_pipeline::store::{
    ManualClock, MemoryStore, SourceDefinition, SqlStore, SqlStoreOptions, Store,
};
use harvest_pipeline::{Catalogue, Registry, SqliteCatalogue};
use oai_pmh::transport::Reach;
use serde_json::json;
use tower::ServiceExt;
use url::form_urlencoded;

use super::{App, Parts, Setup, router};
use crate::accounts::{Accounts, AuditQuery, Caller, Limits, NewToken, Role};
use crate::api::metrics::Tally;
use crate::notices::Subscriptions;
use crate::notices::callback::Callbacks;
use crate::provide::{Holdings, Provide};
use crate::service::ProvideSettings;

/// A small installation, and who visits it.
struct World {
    app: App,
    store: Arc<dyn Store>,
    clock: ManualClock,
    router: Router,
    folder: tempfile::TempDir,
}

/// Somebody with a browser.
#[derive(Clone, Debug, Default)]
struct Browser {
    cookies: Vec<(String, String)>,
    csrf: String,
    headers: Vec<(&'static str, String)>,
}

/// A token that may do what its user may.
fn for_tests() -> NewToken {
    NewToken { purpose: "tests".to_owned(), role: None, expires: None }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// Where it sends a browser.
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    async fn new() -> Self {
        Self::with(async |_| MemoryStore::new()).await
    }

    /// One whose store goes by a clock that stands still.
    async fn at_a_standstill(since: DateTime<Utc>) -> Self {
        let clock = ManualClock::at(since);
        let store = MemoryStore::with_clock(clock.clone());
        Self { clock, ..Self::with(async |_| store).await }
    }

    /// One in which sources, runs and records are in the same database, and secrets are sealed, as it is
    /// in earnest.
    async fn in_one_database() -> Self {
        Self::with(async |db| {
            let (sources, targets) = (Registry::standard(), harvest_pipeline::targets::kinds());
            let secrets = Secrets::new(sources, targets, Arc::new(sealed::Turned));
            let options = SqlStoreOptions::new().with_secrets(secrets);
            SqlStore::open_with(&db, options).await.unwrap()
        })
        .await
    }

    /// One whose pages ask no farther than this.
    async fn reaching(reach: Reach) -> Self {
        Self::over(reach, Setup::default(), async |_| MemoryStore::new()).await
    }

    /// The same, set up like that.
    async fn set_up(setup: Setup) -> Self {
        let open = async |db: String| SqlStore::open(&db).await.unwrap();
        Self::over(Reach::anywhere(), setup, open).await
    }

    async fn with<S: Store + 'static>(open: impl AsyncFnOnce(String) -> S) -> Self {
        // The sites that are tried are on this machine.
        Self::over(Reach::anywhere(), Setup::default(), open).await
    }

    async fn over<S: Store + 'static>(
        reach: Reach,
        setup: Setup,
        open: impl AsyncFnOnce(String) -> S,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = format!("sqlite:{}", folder.path().join("harvest.db").display());
        let catalogue = SqliteCatalogue::open(&db).await.unwrap();
        let accounts = Accounts::open(&db, Limits::default()).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(open(db).await);
        let catalogue: Arc<dyn Catalogue> = Arc::new(catalogue);
        let tally = Tally::default();
        let holdings = Holdings {
            store: Arc::clone(&store),
            catalogue: Arc::clone(&catalogue),
            documents: accounts.documents().clone(),
            tally: tally.clone(),
            folder: Some(folder.path().join("provided")),
            callers: None,
        };
        let base = "http://harvest.test/".parse().unwrap();
        let subscriptions = Subscriptions::new(accounts.documents().clone(), &base).await.unwrap();
        let heard = Arc::default();
        let callbacks = Callbacks { subscriptions, tally: tally.clone(), heard };
        let provide = Provide::new(ProvideSettings::default(), base, holdings).await.unwrap();
        let app = App::new(Parts {
            provide,
            callbacks,
            tally,
            store: Arc::clone(&store),
            catalogue,
            registry: Registry::standard(),
            accounts,
            reach,
            setup,
            vault: Some(Arc::new(sealed::Turned)),
            secure: false,
        });
        let clock = ManualClock::at(Utc::now());
        Self { router: router(app.clone()), app, store, clock, folder }
    }

    /// Adds a user and logs them in.
    async fn user(&self, name: &str, role: Role) -> Browser {
        let accounts = &self.app.accounts;
        accounts.add_user(name, role, Utc::now()).await.unwrap();
        let mut user = accounts.user(name).await.unwrap().unwrap();
        user.body.must_change = false;
        if role != Role::Administrator && accounts.user("admin").await.unwrap().is_none() {
            accounts.add_user("admin", Role::Administrator, Utc::now()).await.unwrap();
        }
        accounts.change_user(&user, Utc::now()).await.unwrap();
        let token =
            accounts.begin_session(&user.body, &Caller::default(), Utc::now()).await.unwrap();
        let session = accounts.session(token.reveal(), Utc::now()).await.unwrap().unwrap();
        Browser {
            cookies: vec![("harvester-session".to_owned(), token.reveal().to_owned())],
            csrf: session.csrf().to_owned(),
            headers: Vec::new(),
        }
    }

    async fn source(&self, id: &str) {
        let options = json!({ "url": format!("https://{id}.example/oai") });
        let definition = SourceDefinition::new(id, "oai-pmh", options);
        self.store.add_source(&definition).await.unwrap();
    }

    async fn owned_source(&self, id: &str, owner: &str) {
        let options = json!({ "url": format!("https://{id}.example/oai") });
        let mut definition = SourceDefinition::new(id, "oai-pmh", options);
        definition.owner = Some(owner.to_owned());
        self.store.add_source(&definition).await.unwrap();
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let content_type = response.headers().get(CONTENT_TYPE).map(|it| it.as_bytes());
        // A stream does not end.
        let is_stream = content_type == Some(b"text/event-stream");
        Self::read(if is_stream { response.map(|_| Body::empty()) } else { response }).await
    }

    /// Reads a stream that ends.
    async fn stream(&self, browser: &Browser, path: &str) -> Answer {
        let request = browser.request("GET", path).body(Body::empty()).unwrap();
        Self::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn read(response: Response<Body>) -> Answer {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, browser: &Browser, path: &str) -> Answer {
        self.ask(browser.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form of a page of theirs.
    async fn post(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = [("csrf", browser.csrf.as_str())];
        self.post_as_it_is(browser, path, &[&csrf, fields].concat()).await
    }

    async fn post_as_it_is(
        &self,
        browser: &Browser,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        self.send_as_it_is(browser, &Method::POST, path, fields).await
    }

    async fn send_as_it_is(
        &self,
        browser: &Browser,
        method: &Method,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = browser.request(method.as_str(), path);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(body)).unwrap()).await
    }
}

impl Browser {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn request(&self, method: &str, path: &str) -> request::Builder {
        let mut request =
            Request::builder().method(method).uri(path).header("host", "harvest.test");
        for (name, value) in &self.cookies {
            request = request.header(COOKIE, format!("{name}={value}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }

    /// Keeps the cookies of an answer.
    fn take(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(other, _)| other != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
