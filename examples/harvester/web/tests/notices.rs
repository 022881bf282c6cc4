//! Hubs that tell of changes: subscribed, verified, renewed, and each notice followed by a run.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use harvest_pipeline::store::{Ending, RunQuery, Trigger};
use hmac::{Hmac, KeyInit, Mac};
use resync_core::transport::{Body as Content, Method as Way, Payload, Request as Asked};
use resync_core::transport::{Response as Given, Transport};
use sha2::Sha256;

use super::*;
use crate::notices::{Keeper, State};

const SITE: &str = "http://127.0.0.1:9";
const LEASE: Duration = Duration::from_secs(60);

/// A source with a hub, which remembers what it is asked.
#[derive(Clone, Debug, Default)]
struct Source(Arc<Mutex<Vec<String>>>);

impl Source {
    /// What the hub was asked, as `mode` and the other fields.
    fn asked(&self) -> Vec<Vec<(String, String)>> {
        let forms = self.0.lock().unwrap().clone();
        let pairs = |form: &String| form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        forms.iter().map(pairs).collect()
    }

    fn last(&self, name: &str) -> String {
        let asked = self.asked();
        let fields = asked.last().expect("the hub was asked");
        fields.iter().find(|(own, _)| own == name).expect("the field is there").1.clone()
    }
}

#[async_trait]
impl Transport for Source {
    async fn send(&self, asked: Asked) -> resync_core::Result<Given> {
        let frame = |body: &str| {
            format!(
                "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
                 xmlns:rs='http://www.openarchives.org/rs/terms/'>{body}</urlset>"
            )
        };
        let (status, body) = match (&asked.method, asked.url.path()) {
            (Way::PostForm(form), "/hub") => {
                self.0.lock().unwrap().push(form.clone());
                (StatusCode::ACCEPTED, String::new())
            }
            (Way::Get, "/capabilitylist.xml") => (
                StatusCode::OK,
                frame(&format!(
                    "<rs:md capability='capabilitylist'/><url><loc>{SITE}/changelist.xml</loc>\
                     <rs:md capability='changelist'/></url>"
                )),
            ),
            (Way::Get, "/changelist.xml") => (
                StatusCode::OK,
                frame(&format!(
                    "<rs:ln rel='up' href='{SITE}/capabilitylist.xml'/>\
                     <rs:ln rel='hub' href='{SITE}/hub'/>\
                     <rs:ln rel='self' href='{SITE}/changelist.xml'/>\
                     <rs:md capability='changelist' from='2024-01-01T00:00:00Z'/>"
                )),
            ),
            _ => (StatusCode::NOT_FOUND, String::new()),
        };
        let body = Content::Whole(Payload::Memory(body.into_bytes()));
        Ok(Given::new(status, HeaderMap::new(), asked.url, body))
    }
}

/// An installation that has a source whose hub tells of changes.
struct Listening {
    world: World,
    source: Source,
}

impl Listening {
    async fn new() -> Self {
        let world = World::in_one_database().await;
        let options = json!({ "url": format!("{SITE}/capabilitylist.xml") });
        let mut definition = SourceDefinition::new("maps", "resync", options);
        definition.push = true;
        world.store.add_source(&definition).await.unwrap();
        Self { world, source: Source::default() }
    }

    fn keeper(&self) -> Keeper {
        let source = self.source.clone();
        Keeper {
            store: Arc::clone(&self.world.store),
            subscriptions: self.world.app.callbacks.subscriptions.clone(),
            way: Arc::new(move |_| Ok(Arc::new(source.clone()) as Arc<dyn Transport>)),
            heard: Arc::clone(&self.world.app.callbacks.heard),
        }
    }

    /// The path of the callback that the hub was told.
    fn callback(&self) -> String {
        let callback = self.source.last("hub.callback");
        callback.strip_prefix("http://harvest.test").unwrap().to_owned()
    }

    /// The hub asks back.
    async fn verify(&self, mode: &str, lease: u64) -> Answer {
        let topic = self.source.last("hub.topic");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", mode)
            .append_pair("hub.topic", &topic)
            .append_pair("hub.challenge", "say this")
            .append_pair("hub.lease_seconds", &lease.to_string())
            .finish();
        self.world.get(&Browser::default(), &format!("{}?{query}", self.callback())).await
    }

    /// The hub sends what changed, with a signature of this secret.
    async fn tell(&self, body: &str, secret: &str) -> StatusCode {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let digits = mac.finalize().into_bytes();
        let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
        let links =
            format!("<{SITE}/hub>; rel=\"hub\", <{}>; rel=\"self\"", self.source.last("hub.topic"));
        let request = Request::post(self.callback())
            .header("x-hub-signature", format!("sha256={digits}"))
            .header("link", links)
            .header(CONTENT_TYPE, "application/xml");
        let answer = self.world.ask(request.body(Body::from(body.to_owned())).unwrap()).await;
        answer.status
    }

    async fn state(&self) -> Option<State> {
        let kept = self.world.app.callbacks.subscriptions.of(&"maps".into()).await.unwrap();
        kept.map(|document| document.body.state)
    }

    async fn runs(&self) -> Vec<Trigger> {
        let runs = self.world.store.runs(&RunQuery::default()).await.unwrap();
        runs.iter().map(|run| run.request.trigger).collect()
    }

    /// A worker begins what waits.
    async fn begin(&self) -> harvest_pipeline::Ticket {
        self.world.store.claim_run("tests", LEASE).await.unwrap().unwrap().0
    }

    async fn end(&self, ticket: &harvest_pipeline::Ticket) {
        self.world.store.end_run(*ticket, &Ending::Done).await.unwrap();
    }
}

#[tokio::test]
async fn a_hub_is_subscribed_at_verified_and_followed_by_one_run_for_many_notices() {
    let listening = Listening::new().await;
    let keeper = listening.keeper();
    keeper.look().await.unwrap();
    assert_eq!(listening.source.last("hub.mode"), "subscribe");
    assert_eq!(listening.state().await, Some(State::Pending));
    let guessed = listening.world.get(&Browser::default(), "/notify/0123?hub.mode=subscribe").await;
    assert_eq!(guessed.status, StatusCode::NOT_FOUND);
    let answer = listening.verify("subscribe", 3600).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "say this"));
    assert_eq!(listening.state().await, Some(State::Active));
    keeper.look().await.unwrap();
    assert_eq!(listening.source.asked().len(), 1, "the lease has just begun");

    // Not from the hub: nobody learns that, and nothing comes of it.
    assert_eq!(listening.tell("<a/>", "guessed").await, StatusCode::ACCEPTED);
    keeper.look().await.unwrap();
    assert_eq!(listening.runs().await, []);

    let secret = listening.source.last("hub.secret");
    assert_eq!(listening.tell("<a/>", &secret).await, StatusCode::ACCEPTED);
    keeper.look().await.unwrap();
    assert_eq!(listening.runs().await, [Trigger::Push]);
    // What waits will see this one, too.
    assert_eq!(listening.tell("<b/>", &secret).await, StatusCode::ACCEPTED);
    keeper.look().await.unwrap();
    let ticket = listening.begin().await;
    keeper.look().await.unwrap();
    assert_eq!(listening.runs().await.len(), 1);
    // Those that come while a run is under way ask for one more.
    for body in ["<c/>", "<d/>", "<e/>"] {
        assert_eq!(listening.tell(body, &secret).await, StatusCode::ACCEPTED);
        keeper.look().await.unwrap();
    }
    assert_eq!(listening.runs().await.len(), 1);
    listening.end(&ticket).await;
    keeper.look().await.unwrap();
    keeper.look().await.unwrap();
    assert_eq!(listening.runs().await.len(), 2);
    let ticket = listening.begin().await;
    listening.end(&ticket).await;
    keeper.look().await.unwrap();
    assert_eq!(listening.runs().await.len(), 2, "exactly one more");

    // It is shown, on the page and by the API.
    let viewer = listening.world.user("viewer", Role::Viewer).await;
    let page = listening.world.get(&viewer, "/sources/maps").await.body;
    assert!(page.contains("Subscribed"), "{page}");
    let program = listening.world.program("program", Role::Viewer).await;
    let told = listening.world.get(&program, "/api/sources/maps/subscription").await.body;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["state"], &told["notices"]), (&json!("active"), &json!(5)));
    let metrics = listening.world.get(&Browser::default(), "/metrics").await.body;
    assert!(metrics.contains("direction=\"received\",outcome=\"changes\"} 5"), "{metrics}");
    assert!(!page.contains(&secret) && !told.to_string().contains(&secret));
}

#[tokio::test]
async fn several_processes_subscribe_once_and_know_the_callback_after_a_restart() {
    let listening = Listening::new().await;
    let keepers = [listening.keeper(), listening.keeper(), listening.keeper()];
    let [one, two, three] = &keepers;
    let (one, two, three) = tokio::join!(one.look(), two.look(), three.look());
    for looked in [one, two, three] {
        looked.unwrap();
    }
    assert_eq!(listening.source.asked().len(), 1);
    listening.verify("subscribe", 3600).await;
    // Another process, with nothing but the database.
    let documents = listening.world.app.accounts.documents().clone();
    let base = "http://harvest.test/".parse().unwrap();
    let callbacks = Callbacks {
        subscriptions: Subscriptions::new(documents, &base).await.unwrap(),
        tally: Tally::default(),
        heard: Arc::default(),
    };
    let router = callbacks.router();
    let topic = form_urlencoded::byte_serialize(listening.source.last("hub.topic").as_bytes())
        .collect::<String>();
    let path = format!(
        "{}?hub.mode=subscribe&hub.topic={topic}&hub.challenge=again&hub.lease_seconds=60",
        listening.callback()
    );
    let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_lease_is_renewed_before_it_ends_and_given_up_when_nobody_wants_it() {
    let listening = Listening::new().await;
    let keeper = listening.keeper();
    keeper.look().await.unwrap();
    listening.verify("subscribe", 2).await;
    let begun = std::time::Instant::now();
    while listening.source.asked().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it was never renewed");
        tokio::time::sleep(Duration::from_millis(50)).await;
        keeper.look().await.unwrap();
    }
    listening.verify("subscribe", 3600).await;
    let store = &listening.world.store;
    let mut definition = store.source(&"maps".into()).await.unwrap().unwrap().definition;
    definition.push = false;
    store.change_source(&definition).await.unwrap();
    keeper.look().await.unwrap();
    assert_eq!(listening.source.last("hub.mode"), "unsubscribe");
    assert_eq!(listening.verify("unsubscribe", 0).await.body, "say this");
    assert_eq!(listening.state().await, None);
    keeper.look().await.unwrap();
    assert_eq!(listening.source.asked().len(), 3);
}

#[tokio::test]
async fn a_hub_that_refuses_is_shown_with_its_reason() {
    let listening = Listening::new().await;
    listening.keeper().look().await.unwrap();
    let topic = form_urlencoded::byte_serialize(listening.source.last("hub.topic").as_bytes())
        .collect::<String>();
    let denied = format!("{}?hub.mode=denied&hub.topic={topic}", listening.callback());
    let denied = format!("{denied}&hub.reason=not+you");
    let answer = listening.world.get(&Browser::default(), &denied).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(listening.state().await, Some(State::Denied("not you".to_owned())));
}
