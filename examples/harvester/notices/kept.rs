//! What is kept of a subscription.
//!
//! The callback's address and the secret are made of a secret of the installation, the hub and the
//! topic, so neither is kept, and both are the same after a restart and in every process.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use harvest_pipeline::SourceId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use resync_core::notify::Subscription;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::Url;

use super::LARGEST;
use super::found::Found;
use crate::accounts::{Document, DocumentError, Documents};
use crate::report::Failure;

/// The collection of subscriptions, by source.
const SUBSCRIPTIONS: &str = "subscriptions";
/// The collection of the names of callbacks, each with its source.
const CALLBACKS: &str = "subscription-callbacks";
/// The secret that callbacks and secrets are made of.
const KEY: &str = "subscriptions";
/// The least time that is left for a renewal.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// What is kept of the subscription to one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The address of the source, and its set: with others, the hub is looked for anew.
    pub(super) of: (String, Option<String>),
    /// What is subscribed to, and where; unknown until the source was asked.
    pub(super) topic: Option<String>,
    pub(super) hub: Option<Url>,
    /// How far it has come.
    pub(crate) state: State,
    /// When the lease that the hub granted last ends.
    pub(crate) until: Option<DateTime<Utc>>,
    /// When something is to be done next.
    pub(super) next: DateTime<Utc>,
    /// How many notices came, and how many of these a run was asked for.
    pub(crate) notices: u64,
    pub(super) served: u64,
    /// When the last notice came.
    pub(crate) last_notice: Option<DateTime<Utc>>,
}

/// How far a subscription has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name", content = "why")]
pub(crate) enum State {
    /// The source is asked whether it has a hub.
    Looking,
    /// It has none.
    NoHub(String),
    /// The hub was asked, and has not asked back yet.
    Pending,
    /// It holds.
    Active,
    /// The hub does not want it.
    Denied(String),
    /// The source or the hub could not be asked; they will be again.
    Failed(String),
    /// Its end was asked for.
    Ending,
}

impl State {
    /// As it is shown, and in the keys of words.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Looking => "looking",
            Self::NoHub(_) => "no-hub",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Denied(_) => "denied",
            Self::Failed(_) => "failed",
            Self::Ending => "ending",
        }
    }

    /// Why, where there is something to say.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::NoHub(why) | Self::Denied(why) | Self::Failed(why) => Some(why),
            _ => None,
        }
    }
}

impl Kept {
    pub(super) fn new(of: (String, Option<String>), next: DateTime<Utc>) -> Self {
        Self {
            of,
            topic: None,
            hub: None,
            state: State::Looking,
            until: None,
            next,
            notices: 0,
            served: 0,
            last_notice: None,
        }
    }

    /// Whether notices came that no run was asked for yet.
    pub(super) fn wants_run(&self) -> bool {
        self.notices > self.served
    }

    /// The hub has granted a lease.
    pub(super) fn granted(&mut self, until: DateTime<Utc>, now: DateTime<Utc>) {
        let length = until - now;
        // Of a very short lease half: to ask all the time would not help.
        let margin = (length / 5).max(MARGIN).min(length / 2);
        (self.state, self.until, self.next) = (State::Active, Some(until), until - margin);
    }
}

/// The subscriptions of an installation.
#[derive(Clone)]
pub(crate) struct Subscriptions {
    documents: Documents,
    /// Below which the callbacks are.
    base: Url,
    key: String,
}

impl Subscriptions {
    /// Those whose callbacks are below `base`.
    ///
    /// # Errors
    /// If the secret that they are made of can neither be read nor made.
    pub(crate) async fn new(documents: Documents, base: &Url) -> Result<Self, Failure> {
        let mut base = base.clone();
        if let Ok(mut path) = base.path_segments_mut() {
            path.pop_if_empty().push("notify");
        }
        let key = documents.secret(KEY).await?;
        Ok(Self { documents, base, key })
    }

    /// What is kept of the subscription to a source.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn of(
        &self,
        source: &SourceId,
    ) -> Result<Option<Document<Kept>>, DocumentError> {
        self.documents.get(SUBSCRIPTIONS, source.as_str()).await
    }

    /// The source whose callback has this name.
    pub(super) async fn source(&self, callback: &str) -> Result<Option<SourceId>, DocumentError> {
        let found = self.documents.get::<String>(CALLBACKS, callback).await?;
        Ok(found.map(|found| SourceId::from(found.body)))
    }

    /// Those behind this key, in the order of their sources.
    pub(super) async fn after(
        &self,
        key: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Document<Kept>>, DocumentError> {
        self.documents.after(SUBSCRIPTIONS, key, limit).await
    }

    /// Enters a new one; whether nobody was faster.
    pub(super) async fn insert(
        &self,
        source: &SourceId,
        kept: &Kept,
        now: DateTime<Utc>,
    ) -> Result<bool, DocumentError> {
        was_first(self.documents.insert(SUBSCRIPTIONS, source.as_str(), kept, now).await)
    }

    /// Keeps what became of one; whether nobody was faster.
    pub(super) async fn replace(
        &self,
        document: &Document<Kept>,
        now: DateTime<Utc>,
    ) -> Result<bool, DocumentError> {
        was_first(self.documents.replace(SUBSCRIPTIONS, document, now).await)
    }

    /// Forgets one.
    pub(super) async fn forget(&self, document: &Document<Kept>) -> Result<(), DocumentError> {
        if let Some(name) = self.subscription(&document.body).as_ref().and_then(callback_name) {
            self.documents.remove(CALLBACKS, name).await?;
        }
        self.documents.remove(SUBSCRIPTIONS, &document.key).await.map(drop)
    }

    /// Enters the name of a callback, before the hub hears of it.
    pub(super) async fn open(
        &self,
        subscription: &Subscription,
        source: &SourceId,
        now: DateTime<Utc>,
    ) -> Result<(), DocumentError> {
        let Some(name) = callback_name(subscription) else { return Ok(()) };
        was_first(self.documents.insert(CALLBACKS, name, &source.as_str(), now).await).map(drop)
    }

    /// The subscription that is kept, as far as its hub is known.
    pub(super) fn subscription(&self, kept: &Kept) -> Option<Subscription> {
        let (topic, hub) = (kept.topic.clone()?, kept.hub.clone()?);
        let found = Found { topic, hub };
        let secret = self.secret(&found);
        let subscription =
            Subscription::derived(found.topic, found.hub, &self.base, self.key.as_bytes()).ok()?;
        let mut subscription = subscription.secret(secret).ok()?.max_body(LARGEST);
        if let Some(until) = kept.until {
            subscription = subscription.resume(until);
        }
        match kept.state {
            // The requests were sent when it came into this state.
            State::Pending => drop(subscription.start(Utc::now())),
            State::Ending => drop(subscription.stop()),
            _ => {}
        }
        Some(subscription)
    }

    /// The secret of one subscription.
    fn secret(&self, found: &Found) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()) else {
            return String::new();
        };
        mac.update(format!("secret\n{}\n{}", found.hub, found.topic).as_bytes());
        mac.finalize().into_bytes().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // to a String: cannot fail
            text
        })
    }
}

impl std::fmt::Debug for Subscriptions {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriptions").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// The last part of a callback's address, which nobody guesses.
fn callback_name(subscription: &Subscription) -> Option<&str> {
    subscription.callback().path_segments()?.next_back()
}

/// Whether it was written, or somebody else has written meanwhile.
fn was_first(written: Result<(), DocumentError>) -> Result<bool, DocumentError> {
    match written {
        Ok(()) => Ok(true),
        Err(DocumentError::Taken { .. } | DocumentError::Changed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
