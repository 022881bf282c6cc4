//! An HTTP server that misbehaves as real repositories do.
//!
//! Every scenario is a repository of its own under `/s/<name>`: usually three records, two on the
//! first page and one on the second, with one fault. [`SCENARIOS`] names them all and says what a
//! careful client makes of each. A server keeps its own state (how often was this asked, which
//! tokens were used), so a test that starts its own server disturbs no other.
//!
//! ```ignore
//! let server = FaultServer::start().await;
//! harvest(&server.url("token_whitespace")).await;
//! assert_eq!(server.requests("token_whitespace").len(), 2);
//! ```

// Every test binary includes the whole server and uses some of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod exchange;
mod http;
mod pages;
mod reply;
mod scenarios;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::exchange::{Exchange, State};
pub use self::http::SeenRequest;
use self::reply::Reply;
pub use self::scenarios::{Ask, Expect, Failure, Repair, SCENARIOS, Scenario, scenario};

/// The server; dropping it closes its ports.
#[derive(Debug)]
pub struct FaultServer {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the connections of one server share.
#[derive(Debug)]
struct Shared {
    /// The port of [`FaultServer::url`], and a second one: another origin on the same host.
    ports: [u16; 2],
    /// Locked one by one: a scenario that takes its time holds up no other.
    scenarios: HashMap<&'static str, Mutex<State>>,
}

impl FaultServer {
    /// Starts listening on two free ports of the loopback address.
    pub async fn start() -> Self {
        let listeners = [listen().await, listen().await];
        let ports = listeners.each_ref().map(|l| l.local_addr().expect("bound").port());
        let scenarios = SCENARIOS.iter().map(|row| (row.name, Mutex::default())).collect();
        let shared = Arc::new(Shared { ports, scenarios });
        let accept = |listener| tokio::spawn(http::accept(listener, Arc::clone(&shared)));
        let tasks = listeners.map(accept).into();
        Self { shared, tasks }
    }

    /// The base URL of a scenario.
    ///
    /// # Panics
    /// If there is no scenario of this name.
    pub fn url(&self, name: &str) -> String {
        let query = scenario(name).map(|scenario| scenario.query);
        let query = query.unwrap_or_else(|| panic!("no scenario is called {name}"));
        format!("{}/s/{name}{query}", self.shared.origin(0))
    }

    /// The port of [`Self::url`].
    pub fn port(&self) -> u16 {
        self.shared.ports[0]
    }

    /// The port that `redirect_other_port` leads to.
    pub fn other_port(&self) -> u16 {
        self.shared.ports[1]
    }

    /// All requests a scenario has seen, in order, on both ports.
    pub fn requests(&self, name: &str) -> Vec<SeenRequest> {
        self.shared.state(name).seen.clone()
    }

    /// Those of [`Self::requests`] with this verb.
    pub fn requests_of(&self, name: &str, verb: &str) -> Vec<SeenRequest> {
        let mut requests = self.requests(name);
        requests.retain(|request| request.argument("verb") == Some(verb));
        requests
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn origin(&self, nth: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[nth])
    }

    fn state(&self, name: &str) -> MutexGuard<'_, State> {
        let state =
            self.scenarios.get(name).unwrap_or_else(|| panic!("no scenario is called {name}"));
        state.lock().expect("no handler panicked")
    }

    fn answer(&self, request: &SeenRequest) -> Reply {
        let name = request.path.strip_prefix("/s/").and_then(|rest| rest.split('/').next());
        let Some(scenario) = name.and_then(scenario) else {
            return Reply::text(404, "no such scenario\n");
        };
        let state = &mut *self.state(scenario.name);
        state.seen.push(request.clone());
        let origins = [self.origin(0), self.origin(1)];
        (scenario.serve)(&mut Exchange { request, state, origins, name: scenario.name })
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on loopback")
}
