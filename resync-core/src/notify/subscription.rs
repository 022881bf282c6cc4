use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use url::{Host, Url, form_urlencoded};

use super::signature::Fingerprint;
use super::{callback, client};
use crate::transport::{Request, without_credentials};
use crate::{Error, ErrorKind, Result};

/// WebSub §5.1: the secret is shorter than this.
const SECRET: usize = 200;

/// How long a hub may take to ask back.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);

/// The least time that is left for a renewal, and the wait after one that failed.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// The longest lease that is believed: safe to add to any point in time.
const MOST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A subscription to a topic at a hub (WebSub §5).
///
/// It is in memory only. A program that starts anew makes it again, with the same callback and
/// secret, and subscribes again; or takes up where it was with [`resume`](Self::resume).
#[derive(Clone)]
pub struct Subscription {
    pub(super) topic: String,
    hub: Url,
    callback: Url,
    secret: Option<String>,
    plain_secret: bool,
    wanted: Duration,
    pub(super) max_body: usize,
    pub(super) any_links: bool,
    pub(super) state: State,
    pub(super) lease: Option<Lease>,
    not_before: Option<DateTime<Utc>>,
    pub(super) seen: VecDeque<Fingerprint>,
}

/// How far a subscription has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Not asked for, or ended.
    Idle,
    /// Asked for; the hub has not asked back yet. A subscription that is being renewed goes on
    /// meanwhile.
    Pending {
        /// When it was asked for.
        since: DateTime<Utc>,
    },
    /// Verified.
    Active {
        /// When the lease ends.
        until: DateTime<Utc>,
    },
    /// The hub does not want it.
    Denied {
        /// Why, where the hub says so.
        reason: Option<String>,
    },
    /// Its end was asked for; the hub has not asked back yet.
    Unsubscribing,
}

/// What is to be done about a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// To subscribe again: the lease comes to its end, or the hub has not asked back.
    Renew,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) until: DateTime<Utc>,
    length: TimeDelta,
}

impl Subscription {
    /// A subscription whose callback is exactly this address.
    ///
    /// It should be https, hard to guess, and for this subscription only (WebSub §5.1). The topic
    /// is what the resource's `self` link says, byte for byte.
    ///
    /// # Errors
    /// `Request` when one of them is not an http or https address.
    pub fn new(topic: impl Into<String>, hub: Url, callback: Url) -> Result<Self> {
        let topic = topic.into();
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
        for (name, good) in [
            ("topic", Url::parse(&topic).is_ok_and(|url| is_web(&url))),
            ("hub", is_web(&hub)),
            ("callback", is_web(&callback)),
        ] {
            if !good {
                let detail = format!("the {name} is not an http or https address");
                return Err(Error::new(ErrorKind::Request, detail));
            }
        }
        Ok(Self {
            topic,
            hub,
            callback,
            secret: None,
            plain_secret: false,
            wanted: Duration::from_secs(10 * 86_400),
            max_body: 50 << 20,
            any_links: false,
            state: State::Idle,
            lease: None,
            not_before: None,
            seen: VecDeque::new(),
        })
    }

    /// A subscription whose callback is below this address, at a random name.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn unguessable(topic: impl Into<String>, hub: Url, base: &Url) -> Result<Self> {
        let callback = callback::random(base)?;
        Self::new(topic, hub, callback)
    }

    /// A subscription whose callback is below this address, at a name made of the key, the hub and
    /// the topic: hard to guess without the key, and the same after a restart.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn derived(topic: impl Into<String>, hub: Url, base: &Url, key: &[u8]) -> Result<Self> {
        let topic = topic.into();
        let callback = callback::derived(base, key, &hub, &topic)?;
        Self::new(topic, hub, callback)
    }

    /// Sets a secret that nobody guesses, another each time; see [`secret`](Self::secret).
    #[must_use]
    pub fn random_secret(self) -> Self {
        Self { secret: Some(callback::token()), ..self }
    }

    /// Sets the secret that deliveries are signed with: text, hard to guess, used nowhere else.
    ///
    /// A hub that is asked over plain http is not told, unless it is on this machine or
    /// [`allow_plain_secret`](Self::allow_plain_secret) is set; its deliveries are then not signed.
    /// [`is_signed`](Self::is_signed) tells.
    ///
    /// # Errors
    /// `Request` when it is empty, has 200 bytes or more (WebSub §5.1), or is not UTF-8: a form
    /// carries nothing else unharmed.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Result<Self> {
        // The cause would show the bytes.
        let secret = String::from_utf8(secret.into())
            .ok()
            .filter(|secret| !secret.is_empty() && secret.len() < SECRET)
            .ok_or_else(|| {
                let detail = format!("the secret is not UTF-8 of 1 to {} bytes", SECRET - 1);
                Error::new(ErrorKind::Request, detail)
            })?;
        self.secret = Some(secret);
        Ok(self)
    }

    /// Tells the secret even to a hub that is asked over plain http, where others can read it.
    #[must_use]
    pub fn allow_plain_secret(mut self) -> Self {
        self.plain_secret = true;
        self
    }

    /// Sets how long a lease to ask for. 10 days unless said otherwise; the hub decides.
    #[must_use]
    pub fn lease(mut self, wanted: Duration) -> Self {
        self.wanted = wanted.clamp(Duration::from_secs(1), MOST);
        self
    }

    /// Sets the most bytes of a delivery that are accepted. 50 MiB unless said otherwise.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Accepts deliveries whatever their `Link` headers say, for hubs that leave them out or name
    /// another topic, as after a move (WebSub §7).
    #[must_use]
    pub fn any_links(mut self) -> Self {
        self.any_links = true;
        self
    }

    /// Takes up a subscription that the hub has verified before, until then.
    #[must_use]
    pub fn resume(mut self, until: DateTime<Utc>) -> Self {
        self.lease = Some(Lease { until, length: delta(self.wanted) });
        self.state = State::Active { until };
        self
    }

    /// What is subscribed to.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Who tells of changes.
    #[must_use]
    pub fn hub(&self) -> &Url {
        &self.hub
    }

    /// Where the hub tells them. Who knows it can pretend to be the hub, as far as nothing is
    /// signed.
    #[must_use]
    pub fn callback(&self) -> &Url {
        &self.callback
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When the lease that the hub last granted ends, also while it is being renewed.
    #[must_use]
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.lease.map(|lease| lease.until)
    }

    /// Whether deliveries have to be signed: there is a secret, and the hub may be told.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.shared_secret().is_some()
    }

    /// The request that asks the hub for the subscription (WebSub §5.1).
    #[must_use]
    pub fn subscribe_request(&self) -> Request {
        let mut form = self.form("subscribe");
        form.append_pair("hub.lease_seconds", &self.wanted.as_secs().to_string());
        if let Some(secret) = self.shared_secret() {
            form.append_pair("hub.secret", secret);
        }
        self.request(form.finish())
    }

    /// The request that asks the hub to end the subscription (WebSub §5.1).
    #[must_use]
    pub fn unsubscribe_request(&self) -> Request {
        self.request(self.form("unsubscribe").finish())
    }

    /// Waits for the hub to ask back, and gives the request to be sent.
    ///
    /// Where sending it fails, [`failed`](Self::failed) is to be called.
    pub fn start(&mut self, now: DateTime<Utc>) -> Request {
        self.state = State::Pending { since: now };
        self.not_before = None;
        self.subscribe_request()
    }

    /// Waits for the hub to ask whether this is the end, and gives the request to be sent.
    ///
    /// Where sending it fails, [`failed`](Self::failed) is to be called.
    pub fn stop(&mut self) -> Request {
        self.state = State::Unsubscribing;
        self.unsubscribe_request()
    }

    /// Does not wait for the hub any longer, since the request did not reach it.
    ///
    /// A subscription with a lease is [`Active`](State::Active) again and its renewal due after a
    /// minute; another is [`Idle`](State::Idle). Nothing changes if the hub has asked back all the
    /// same.
    pub fn failed(&mut self, now: DateTime<Utc>) {
        if matches!(self.state, State::Pending { .. } | State::Unsubscribing) {
            self.state = match self.lease {
                Some(lease) => State::Active { until: lease.until },
                None => State::Idle,
            };
            self.not_before = now.checked_add_signed(MARGIN);
        }
    }

    /// What is to be done now.
    #[must_use]
    pub fn due(&self, now: DateTime<Utc>) -> Option<Due> {
        self.next_check().is_some_and(|at| at <= now).then_some(Due::Renew)
    }

    /// When something will be due: a fifth of the lease before its end, though at least a minute;
    /// five minutes after a request about which the hub has not asked back.
    #[must_use]
    pub fn next_check(&self) -> Option<DateTime<Utc>> {
        match (&self.state, self.lease) {
            (State::Pending { since }, _) => since.checked_add_signed(PATIENCE),
            (State::Active { .. }, Some(Lease { until, length })) => {
                // Of a very short lease half: to ask all the time would not help.
                let margin = (length / 5).max(MARGIN).min(length / 2);
                until.checked_sub_signed(margin).max(self.not_before)
            }
            _ => None,
        }
    }

    /// The hub has verified the subscription. Hubs must say for how long (WebSub §5.3); with those
    /// that do not, it is what was asked for.
    pub(super) fn activate(&mut self, seconds: Option<u64>, now: DateTime<Utc>) -> DateTime<Utc> {
        let granted = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let length = delta(granted.unwrap_or(self.wanted));
        let until = now.checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.lease = Some(Lease { until, length });
        self.state = State::Active { until };
        self.not_before = None;
        until
    }

    /// The secret, if the hub is told (WebSub §5.1: only over https; §8.2).
    pub(super) fn shared_secret(&self) -> Option<&str> {
        let safe = self.hub.scheme() == "https" || is_loopback(&self.hub) || self.plain_secret;
        self.secret.as_deref().filter(|_| safe)
    }

    fn form(&self, mode: &str) -> form_urlencoded::Serializer<'static, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("hub.mode", mode)
            .append_pair("hub.topic", &self.topic)
            .append_pair("hub.callback", self.callback.as_str());
        form
    }

    fn request(&self, form: String) -> Request {
        let hub = self.hub.clone();
        Request::post_form(self.hub.clone(), form)
            .accept_if(move |answer| client::accepted(answer, &hub))
    }
}

impl fmt::Debug for Subscription {
    /// Shows neither the secret nor the callback's path, which is as good as one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topic", &self.topic)
            .field("hub", &without_credentials(&self.hub).as_str())
            .field("callback", &self.callback.origin().ascii_serialization())
            .field("state", &self.state)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

fn delta(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time.min(MOST)).unwrap_or(TimeDelta::MAX)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
