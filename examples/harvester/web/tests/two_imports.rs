//! Two imports at once, from repositories on loopback.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use axum::extract::{Path, Query};
use axum::routing::get;
use harvest_pipeline::engine::{Installation, Worker};
use harvest_pipeline::{RunId, RunState};
use oai_pmh::transport::{HttpTransport, Transport};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::connect::serve;
use super::*;

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

fn record(number: u32) -> String {
    format!(
        "<record><header><identifier>oai:x:{number}</identifier>\
         <datestamp>2024-01-31</datestamp></header><metadata>\
         <oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>Map {number}</dc:title></oai_dc:dc>\
         </metadata></record>"
    )
}

/// A repository whose second page waits for its gate.
async fn page(gate: &Semaphore, asked: &HashMap<String, String>) -> String {
    let (verb, content) = match asked.get("verb").map(String::as_str) {
        Some("Identify") => (
            "Identify",
            "<repositoryName>X</repositoryName><baseURL>http://x/oai</baseURL>\
             <protocolVersion>2.0</protocolVersion><adminEmail>a@x.example</adminEmail>\
             <earliestDatestamp>2001-02-03</earliestDatestamp><deletedRecord>no</deletedRecord>\
             <granularity>YYYY-MM-DD</granularity>"
                .to_owned(),
        ),
        _ if asked.contains_key("resumptionToken") => {
            gate.acquire().await.unwrap().forget();
            ("ListRecords", record(2))
        }
        _ => ("ListRecords", record(1) + "<resumptionToken>more</resumptionToken>"),
    };
    format!(
        "<OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\">\
         <responseDate>2024-06-01T12:00:00Z</responseDate><request>http://x/oai</request>\
         <{verb}>{content}</{verb}></OAI-PMH>"
    )
}

async fn until(world: &World, run: RunId, state: RunState) {
    let reached = async {
        loop {
            let found = world.store.run(run).await.unwrap().unwrap();
            if found.state == state {
                return;
            }
            assert!(found.state.is_open(), "run {run} is {}: {:?}", found.state, found.failure);
            world.store.changed(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("run {run}: {state}"));
}

#[tokio::test]
async fn a_29_of_two_imports_one_is_cancelled_and_the_other_ends_well() {
    let world = World::in_one_database().await;
    let mut operator = world.user("operator", Role::Operator).await;
    let gates = Arc::new(["one", "two"].map(|name| (name, Semaphore::new(0))));
    let shared = Arc::clone(&gates);
    let answer = async move |Path(name): Path<String>, Query(asked): Query<HashMap<_, _>>| {
        let gate = shared.iter().find(|(known, _)| *known == name).unwrap();
        page(&gate.1, &asked).await
    };
    let site = serve(Router::new().route("/{name}", get(answer))).await;
    for name in ["one", "two"] {
        let options = json!({ "url": format!("{site}/{name}") });
        let definition = SourceDefinition::new(name, "oai-pmh", options);
        world.store.add_source(&definition).await.unwrap();
    }
    let network = |_: &SourceDefinition| {
        let transport = HttpTransport::builder().build().map_err(|error| error.to_string())?;
        Ok(Arc::new(transport) as Arc<dyn Transport>)
    };
    let (store, catalogue) = (Arc::clone(&world.store), Arc::clone(&world.app.catalogue));
    let worker = Worker::new(Installation::new(store, catalogue, network), "tests")
        .concurrency(NonZeroUsize::new(2).unwrap());
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let working = tokio::spawn(async move { worker.run(stopped).await });

    for name in ["one", "two"] {
        let path = format!("/sources/{name}/run");
        let answer = world.post(&operator, &path, &[("ask", "harvest")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        operator.take(&answer);
    }
    let (one, two) = (RunId(1), RunId(2));
    until(&world, one, RunState::Running).await;
    until(&world, two, RunState::Running).await;
    let cancelled = world.post(&operator, "/runs/1/cancel", &[]).await;
    assert_eq!(cancelled.location(), "/runs/1", "{}", cancelled.body);
    until(&world, one, RunState::Cancelled).await;
    gates[1].1.add_permits(1);
    until(&world, two, RunState::Succeeded).await;
    stop.cancel();
    working.await.unwrap();

    let page = world.get(&operator, "/runs/1").await.body;
    assert!(page.contains("Cancelled"), "{page}");
    let page = world.get(&operator, "/runs/2").await.body;
    assert!(page.contains("Succeeded"), "{page}");
    let records = world.app.catalogue.summary(&"two".into()).await.unwrap().unwrap();
    assert_eq!(records.live, 2);
}
