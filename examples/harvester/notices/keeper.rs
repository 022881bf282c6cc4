//! Subscribes to the sources that are to tell of changes, renews that, and asks for the runs that
//! notices ask for.
//!
//! Any number of processes do this at once: who is to do something first moves the time at which it is
//! due, in a document that only one of them can replace.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use harvest_pipeline::store::{
    Requested, RunRequest, SourceDefinition, SourceQuery, SourceStatus, Store, StoreError, Trigger,
};
use harvest_pipeline::{RunError, RunState, SourceId};
use resync_core::notify::send;
use resync_core::sync::Authority;
use resync_core::transport::Transport;
use tokio::sync::Notify;
use url::Url;

use super::found::{Missing, find};
use super::kept::{Kept, State, Subscriptions};
use crate::accounts::{Document, DocumentError};
use crate::network;

/// After so long it is looked what there is to do, unless something is heard before.
const LOOKED: Duration = Duration::from_secs(5);
/// The wait between two looks.
const REST: Duration = Duration::from_millis(500);
/// After so long something is tried again that did not work, or was begun by a process that is gone.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// After so long a source that has no hub is asked once more.
const NO_HUB: TimeDelta = TimeDelta::days(1);
const AT_ONCE: usize = 500;

/// How a source is reached.
pub(crate) type Way =
    Arc<dyn Fn(&SourceDefinition) -> Result<Arc<dyn Transport>, String> + Send + Sync>;

/// What subscribes.
pub(crate) struct Keeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) way: Way,
    /// Told when a hub has said something.
    pub(crate) heard: Arc<Notify>,
}

impl Keeper {
    /// Does what is due, again and again.
    pub(crate) async fn run(&self) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "subscriptions cannot be kept");
            }
            tokio::time::sleep(REST).await;
            tokio::select! {
                () = self.heard.notified() => {}
                () = self.store.changed(LOOKED) => {}
            }
        }
    }

    /// Does what is due now.
    pub(crate) async fn look(&self) -> Result<(), RunError> {
        let mut query = SourceQuery::default();
        query.status = Some(SourceStatus::Active);
        query.page.limit = AT_ONCE;
        let mut told = Vec::new();
        loop {
            let page = self.store.sources(&query).await?;
            let is_last = page.len() < AT_ONCE;
            query.page.after = page.last().map(|entry| entry.definition.id.clone());
            for entry in page.into_iter().filter(|it| is_to_tell(&it.definition)) {
                told.push(entry.definition.id.clone());
                let definition = entry.definition;
                // One source in trouble is none of the others'.
                if let Err(error) = self.attend(&definition).await {
                    let source = &definition.id;
                    tracing::warn!(%error, %source, "a subscription cannot be kept");
                }
            }
            if is_last {
                break;
            }
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.subscriptions.after(after.as_deref(), 100).await.map_err(unkept)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for kept in page.into_iter().filter(|it| told.iter().all(|id| id.as_str() != it.key)) {
                self.end(kept).await.map_err(unkept)?;
            }
        }
    }

    /// Does what is due about one source.
    async fn attend(&self, definition: &SourceDefinition) -> Result<(), RunError> {
        let id = &definition.id;
        let now = Utc::now();
        let Some(mut kept) = self.subscriptions.of(id).await.map_err(unkept)? else {
            let kept = Kept::new(described(definition), now + AGAIN);
            if self.subscriptions.insert(id, &kept, now).await.map_err(unkept)? {
                self.find(definition).await?;
            }
            return Ok(());
        };
        if kept.body.of != described(definition) {
            // The old one runs out by itself.
            self.subscriptions.forget(&kept).await.map_err(unkept)?;
            return Ok(());
        }
        if kept.body.wants_run() {
            self.ask(definition, &mut kept).await?;
            return Ok(());
        }
        if kept.body.next > now || !self.claim(&mut kept, now).await.map_err(unkept)? {
            return Ok(());
        }
        match kept.body.hub {
            None => self.find(definition).await,
            Some(_) => self.subscribe(definition).await,
        }
    }

    /// Moves the time at which something is due; whether nobody else did.
    async fn claim(
        &self,
        kept: &mut Document<Kept>,
        now: DateTime<Utc>,
    ) -> Result<bool, DocumentError> {
        kept.body.next = now + AGAIN;
        self.subscriptions.replace(kept, now).await
    }

    /// Asks the source for its hub, and the hub for a subscription.
    async fn find(&self, definition: &SourceDefinition) -> Result<(), RunError> {
        let found = match self.reach(definition) {
            Ok((transport, url)) => {
                let authority = Authority::of(&url).anywhere();
                let (_, set) = described(definition);
                find(transport, &url, set, &authority).await
            }
            Err(why) => Err(Missing::None(why)),
        };
        let (state, wait) = match &found {
            Ok(_) => (State::Looking, AGAIN),
            Err(Missing::None(why)) => (State::NoHub(why.clone()), NO_HUB),
            Err(Missing::Unreachable(why)) => (State::Failed(why.clone()), AGAIN),
        };
        self.change(&definition.id, |kept| {
            if let Ok(found) = &found {
                (kept.topic, kept.hub) = (Some(found.topic.clone()), Some(found.hub.clone()));
            }
            kept.state = state.clone();
            kept.next = Utc::now() + wait;
        })
        .await?;
        if found.is_ok() { self.subscribe(definition).await } else { Ok(()) }
    }

    /// Asks the hub for the subscription, or for a longer one.
    async fn subscribe(&self, definition: &SourceDefinition) -> Result<(), RunError> {
        let id = &definition.id;
        // It may ask back before it answers: so it is told of only when that is expected.
        let kept = self.change(id, |kept| kept.state = State::Pending).await?;
        let subscription = kept.and_then(|kept| self.subscriptions.subscription(&kept.body));
        let Some(subscription) = subscription else { return Ok(()) };
        self.subscriptions.open(&subscription, id, Utc::now()).await.map_err(unkept)?;
        let asked = match self.reach(definition) {
            Ok((transport, _)) => {
                let request = subscription.subscribe_request();
                send(&transport, &request).await.map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        if let Err(why) = asked {
            tracing::warn!(source = %id, %why, "the hub of a source cannot be asked");
            self.change(id, |kept| {
                if kept.state == State::Pending {
                    kept.state = State::Failed(why.clone());
                    kept.next = Utc::now() + AGAIN;
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Asks for the run that notices ask for; while one is under way, it is put off until that is over.
    async fn ask(
        &self,
        definition: &SourceDefinition,
        kept: &mut Document<Kept>,
    ) -> Result<(), RunError> {
        let mut request = RunRequest::new(definition.id.clone(), definition.scheduled());
        request.trigger = Trigger::Push;
        let is_asked = match self.store.request_run(&request).await {
            Ok(Requested::Queued(run)) => {
                tracing::info!(source = %definition.id, %run, "a notice asks for a run");
                true
            }
            // What has not begun will see it.
            Ok(Requested::AlreadyOpen(run)) => {
                let run = self.store.run(run).await?;
                run.is_some_and(|run| run.state == RunState::Queued)
            }
            // It was switched off meanwhile.
            Err(StoreError::Conflict(_)) => false,
            Err(error) => return Err(error.into()),
        };
        if is_asked {
            let served = kept.body.notices;
            self.change(&definition.id, |kept| kept.served = kept.served.max(served)).await?;
        }
        Ok(())
    }

    /// Ends a subscription to a source that is not to tell of changes any more.
    async fn end(&self, mut kept: Document<Kept>) -> Result<(), DocumentError> {
        let now = Utc::now();
        let is_known = matches!(kept.body.state, State::Active | State::Pending);
        if kept.body.state == State::Ending || !is_known {
            // The hub has had its time to ask back.
            let is_over = !is_known && kept.body.state != State::Ending || kept.body.next <= now;
            return if is_over { self.subscriptions.forget(&kept).await } else { Ok(()) };
        }
        (kept.body.state, kept.body.next) = (State::Ending, now + AGAIN);
        if !self.subscriptions.replace(&kept, now).await? {
            return Ok(());
        }
        let source = self.store.source(&SourceId::from(kept.key.as_str())).await.ok().flatten();
        let way = source.and_then(|source| self.reach(&source.definition).ok());
        if let (Some((transport, _)), Some(subscription)) =
            (way, self.subscriptions.subscription(&kept.body))
            && let Err(error) = send(&transport, &subscription.unsubscribe_request()).await
        {
            tracing::debug!(%error, "a hub cannot be told of the end");
        }
        Ok(())
    }

    fn reach(&self, definition: &SourceDefinition) -> Result<(Arc<dyn Transport>, Url), String> {
        let url = definition.url().unwrap_or_default();
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        Ok(((self.way)(definition)?, network::shown(&url)))
    }

    /// Changes what is kept, whoever else does so at the same time.
    async fn change(
        &self,
        id: &SourceId,
        change: impl Fn(&mut Kept) + Send + Sync,
    ) -> Result<Option<Document<Kept>>, RunError> {
        loop {
            let kept = self.subscriptions.of(id).await.map_err(unkept)?;
            let Some(mut kept) = kept else { return Ok(None) };
            let before = kept.body.clone();
            change(&mut kept.body);
            if kept.body == before {
                return Ok(Some(kept));
            }
            if self.subscriptions.replace(&kept, Utc::now()).await.map_err(unkept)? {
                return self.subscriptions.of(id).await.map_err(unkept);
            }
        }
    }
}

/// Whether the hub of a source is to be asked to tell of changes.
fn is_to_tell(definition: &SourceDefinition) -> bool {
    definition.push && definition.kind == "resync"
}

/// The address and the set that a source is harvested from.
fn described(definition: &SourceDefinition) -> (String, Option<String>) {
    let set = definition.options.get("set").and_then(serde_json::Value::as_str);
    let url = definition.url().and_then(|url| Url::parse(url).ok());
    (url.map(|url| network::shown(&url).into()).unwrap_or_default(), set.map(str::to_owned))
}

fn unkept(error: DocumentError) -> RunError {
    RunError::new(harvest_pipeline::Stage::Sink, error.to_string()).with_source(error)
}
