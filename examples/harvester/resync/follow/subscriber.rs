//! A subscription at the hub of a source, kept alive for as long as the source is followed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use resync_core::notify::{Event, State, Subscription, send};
use resync_core::transport::Transport;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::{anywhere, transport};
use super::Teller;
use super::callback::{Callback, Shared, lock};
use crate::args::{FollowArgs, GlobalArgs};
use crate::network;
use crate::notices::LARGEST;
use crate::notices::found::{Found, Missing, find};
use crate::report::Failure;

/// The wait after the source or the hub could not be asked.
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// How long the hub may take to let us go.
const FAREWELL: Duration = Duration::from_secs(10);
/// The most that is slept at once: clocks are set, and machines sleep as well.
const NAP: Duration = Duration::from_secs(60 * 60);

/// Who listens to the hub.
pub(super) struct Subscriber {
    agent: Arc<Agent>,
    keeper: JoinHandle<()>,
    server: JoinHandle<std::io::Result<()>>,
    closing: CancellationToken,
}

/// Who talks to the hub.
struct Agent {
    subscription: Shared,
    /// Set when the hub has said something.
    turn: Notify,
    transport: Arc<dyn Transport>,
    /// The source.
    url: Url,
    set: Option<String>,
    allowed: Vec<Url>,
    /// Below which the callback is.
    base: Url,
    teller: Teller,
}

impl Subscriber {
    /// Listens, and has the hub looked for. `changed` is set when the hub tells of changes.
    ///
    /// # Errors
    /// When that address cannot be listened at, or nobody can know how to reach it.
    pub(super) async fn start(
        address: SocketAddr,
        args: &FollowArgs,
        global: &GlobalArgs,
        teller: &Teller,
        changed: &Arc<Notify>,
    ) -> Result<Self, Failure> {
        if args.callback_url.is_none() && address.ip().is_unspecified() {
            let problem = format!("{address} is every address of this machine, and no hub's way");
            return Err(Failure::usage(format!("{problem}: say with --callback-url which one is")));
        }
        let cannot = |cause| {
            Failure::new(format!("cannot listen at {address}: {cause}"))
                .with_advice("Name another address with --listen, or end who listens there.")
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let local = listener.local_addr().map_err(cannot)?;
        let base = match &args.callback_url {
            Some(url) => url.clone(),
            None => Url::parse(&format!("http://{local}/")).map_err(|cause| {
                Failure::usage(format!("{local} cannot be part of an address: {cause}"))
            })?,
        };
        let url = network::shown(&args.mirror.url);
        let transport =
            transport(&args.mirror.url, &args.mirror.allow_origin, global, &teller.console)?;
        let agent = Arc::new(Agent {
            subscription: Shared::default(),
            turn: Notify::new(),
            transport: Arc::new(transport),
            url,
            set: args.mirror.set.clone(),
            allowed: args.mirror.allow_origin.clone(),
            base,
            teller: teller.clone(),
        });
        let (hearer, changed) = (Arc::clone(&agent), Arc::clone(changed));
        let heard = move |event: &Event| {
            hearer.tell(event);
            if matches!(event, Event::Changes { .. }) {
                changed.notify_one();
            }
            hearer.turn.notify_one();
        };
        let subscription = Arc::clone(&agent.subscription);
        let callback = Callback { subscription, heard: Arc::new(heard) };
        let closing = CancellationToken::new();
        let server = tokio::spawn(callback.serve(listener, closing.clone().cancelled_owned()));
        let keeper = tokio::spawn(Arc::clone(&agent).keep());
        Ok(Self { agent, keeper, server, closing })
    }

    /// Ends the subscription, if the hub does not take long.
    pub(super) async fn end(self) {
        let Self { agent, keeper, mut server, closing } = self;
        keeper.abort();
        // It was given up, or had nothing to do any more.
        let _ = keeper.await;
        let farewell = async {
            agent.unsubscribe().await;
            closing.cancel();
            // What the hub is told last arrives.
            let _ = (&mut server).await;
        };
        if timeout(FAREWELL, farewell).await.is_err() {
            server.abort();
        }
    }
}

impl Agent {
    /// Subscribes, and sees to it that the subscription does not end.
    async fn keep(self: Arc<Self>) {
        let Some(subscription) = self.find().await else { return };
        *lock(&self.subscription) = Some(subscription);
        loop {
            let request = {
                let now = Utc::now();
                let mut subscription = lock(&self.subscription);
                let due = subscription
                    .as_mut()
                    .filter(|it| *it.state() == State::Idle || it.due(now).is_some());
                due.map(|it| it.start(now))
            };
            if let Some(request) = request
                && let Err(error) = send(&self.transport, &request).await
            {
                if let Some(subscription) = &mut *lock(&self.subscription) {
                    subscription.failed(Utc::now());
                }
                let message = error.to_string();
                let text = format!("the hub cannot be asked: {message}");
                self.teller.warn("hub-failed", json!({"message": message}), &text);
            }
            let wait = self.next_look().unwrap_or(AGAIN).min(NAP);
            tokio::select! {
                () = sleep(wait) => {}
                () = self.turn.notified() => {}
            }
        }
    }

    /// When something will have to be done, as far as that is known.
    fn next_look(&self) -> Option<Duration> {
        let at: DateTime<Utc> = lock(&self.subscription).as_ref()?.next_check()?;
        // What is due is not asked for more often than this.
        Some((at - Utc::now()).to_std().unwrap_or_default().max(Duration::from_secs(1)))
    }

    /// The subscription there can be; none where the source names no hub.
    async fn find(&self) -> Option<Subscription> {
        let authority = anywhere(&self.url, &self.allowed);
        let Found { topic, hub } = loop {
            let transport = Arc::clone(&self.transport);
            match find(transport, &self.url, self.set.clone(), &authority).await {
                Ok(found) => break found,
                // The run tells of it as well.
                Err(Missing::Unreachable(why)) => {
                    self.teller.console.detail(&why);
                    sleep(AGAIN).await;
                }
                Err(Missing::None(why)) => return self.no_hub(&why),
            }
        };
        match Subscription::unguessable(topic, hub, &self.base) {
            Ok(it) => Some(it.random_secret().max_body(LARGEST)),
            Err(error) => self.no_hub(&error.to_string()),
        }
    }

    fn no_hub(&self, why: &str) -> Option<Subscription> {
        let text = format!("no hub tells of changes, the source is asked --every so often: {why}");
        self.teller.warn("no-hub", json!({"message": why}), &text);
        None
    }

    async fn unsubscribe(&self) {
        let is_known =
            |it: &Subscription| matches!(it.state(), State::Pending { .. } | State::Active { .. });
        let stopping =
            lock(&self.subscription).as_mut().filter(|it| is_known(it)).map(|it| it.stop());
        let Some(request) = stopping else { return };
        if let Err(error) = send(&self.transport, &request).await {
            let message = error.to_string();
            let text = format!("the hub cannot be told of the end: {message}");
            self.teller.warn("hub-failed", json!({"message": message}), &text);
            return;
        }
        let waits = || {
            let subscription = lock(&self.subscription);
            subscription.as_ref().is_some_and(|it| *it.state() == State::Unsubscribing)
        };
        while waits() {
            self.turn.notified().await;
        }
    }

    /// Says what has been heard.
    fn tell(&self, event: &Event) {
        let (hub, topic) = {
            let subscription = lock(&self.subscription);
            let Some(it) = &*subscription else { return };
            (network::shown(it.hub()), it.topic().to_owned())
        };
        let teller = &self.teller;
        match event {
            Event::Subscribed { until } => {
                let until = until.format("%Y-%m-%dT%H:%M:%SZ").to_string();
                let more = json!({"hub": hub.as_str(), "topic": topic, "until": until});
                teller.say("subscribed", more, &format!("subscribed at {hub} until {until}"));
            }
            Event::Unsubscribed => {
                let text = format!("unsubscribed at {hub}");
                teller.say("unsubscribed", json!({"hub": hub.as_str(), "topic": topic}), &text);
            }
            Event::Changes { .. } => {
                teller.say("notified", json!({"topic": topic}), &format!("{hub} tells of changes"));
            }
            Event::Denied { reason } => {
                let why = reason.as_deref().unwrap_or("it does not say why");
                let text = format!("{hub} does not want the subscription: {why}");
                teller.warn("denied", json!({"hub": hub.as_str(), "reason": reason}), &text);
            }
            Event::Rejected { reason } => {
                let reason = reason.to_string();
                let text = format!("a request at the callback was not acted on: {reason}");
                teller.warn("rejected", json!({"reason": reason}), &text);
            }
            _ => {}
        }
    }
}
