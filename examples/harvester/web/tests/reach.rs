//! Whatever address somebody types, and wherever: nothing leads to this machine or its network.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::header::LOCATION;
use axum::routing::any;
use url::Url;

use super::connect::serve;
use super::*;
use crate::network::LOCAL;

/// A server that must never be asked.
async fn never() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = async move || {
        count.fetch_add(1, Ordering::Relaxed);
        "<OAI-PMH/>"
    };
    (serve(Router::new().fallback(any(answer))).await, asked)
}

/// What pages and answers say of an address, by every way in which it can be typed.
async fn said_of(world: &World, url: &str) -> Vec<(&'static str, Answer)> {
    let name = format!("visitor-{}", world.app.accounts.users(None, 100).await.unwrap().len());
    let operator = world.user(&format!("{name}-o"), Role::Operator).await;
    let contact = world.user(&format!("{name}-c"), Role::SiteContact).await;
    let program = world.program(&format!("{name}-p"), Role::Operator).await;
    let connect = [("kind", "oai-pmh"), ("options.url", url), ("connect", "on")];
    vec![
        ("Connect", world.post(&operator, "/sources/new", &connect).await),
        (
            "Connect by the API",
            world.send(&program, "POST", "/api/connect", &json!({ "url": url })).await,
        ),
        ("the check of a site", world.post(&contact, "/sites/check", &[("list", url)]).await),
        (
            "the editor of lists",
            world.post(&contact, "/sites/list", &[("do", "open"), ("address", url)]).await,
        ),
    ]
}

#[tokio::test]
async fn no_address_that_is_typed_leads_to_the_local_network() {
    let world = World::reaching(Reach::internet()).await;
    let (server, asked) = never().await;
    let port = Url::parse(&server).unwrap().port().unwrap();
    let addresses = LOCAL.map(|host| format!("http://{host}:{port}/list.xml"));
    let metadata = "http://169.254.169.254/latest/meta-data/".to_owned();
    for url in addresses.into_iter().chain([metadata]) {
        for (way, answer) in said_of(&world, &url).await {
            assert!(answer.body.contains("on the local network"), "{way}: {url}: {}", answer.body);
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn no_redirect_leads_there_either() {
    let (server, asked) = never().await;
    let port = Url::parse(&server).unwrap().port().unwrap();
    let to = Arc::new(std::sync::Mutex::new(String::new()));
    let shared = Arc::clone(&to);
    let redirect = async move || {
        let to = shared.lock().unwrap().clone();
        (StatusCode::FOUND, [(LOCATION, to)])
    };
    // This one counts as a server on the Internet.
    let public = serve(Router::new().fallback(any(redirect))).await;
    let own = Url::parse(&public).unwrap();
    let world = World::reaching(Reach::internet().allow(&own)).await;
    // But not by its other names.
    let others = LOCAL.into_iter().filter(|host| {
        Url::parse(&format!("http://{host}/")).unwrap().host_str() != own.host_str()
    });
    for host in others {
        *to.lock().unwrap() = format!("http://{host}:{port}/list.xml");
        for (way, answer) in said_of(&world, &format!("{public}/list.xml")).await {
            assert!(answer.body.contains("on the local network"), "{way}: {host}: {}", answer.body);
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
