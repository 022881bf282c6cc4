use std::fmt;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::{Url, form_urlencoded};

use super::signature::{check, fingerprint};
use super::{HeaderLink, State, Subscription, links};

/// How many deliveries are remembered, so that none is passed on twice.
const REMEMBERED: usize = 64;

/// A request that came in at the callback address.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The query of the address, still encoded.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body as it was sent.
    pub body: &'a [u8],
}

/// What to answer, and what it means.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// The status.
    pub status: StatusCode,
    /// Headers that have to be sent: they keep browsers from running the body (WebSub §8.2).
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What has happened.
    pub event: Option<Event>,
}

/// What a request from the hub means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The hub has verified the subscription, or has done so again.
    Subscribed {
        /// When the lease ends.
        until: DateTime<Utc>,
    },
    /// The hub has ended the subscription, as it was asked to.
    Unsubscribed,
    /// The hub does not want the subscription, or does not want it any more.
    Denied {
        /// Why, where the hub says so.
        reason: Option<String>,
    },
    /// The topic has changed.
    Changes {
        /// What the hub sent: a ResourceSync `urlset`.
        body: Vec<u8>,
        /// Media type, as the hub says.
        content_type: Option<String>,
    },
    /// A delivery that was passed on before, come again.
    Duplicate,
    /// A request that is not acted on.
    Rejected {
        /// Why not.
        reason: Rejection,
    },
}

/// Why a request is not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// It is signed in a way that is not known.
    AlgorithmUnknown,
    /// A delivery without a link to a hub.
    HubMissing,
    /// A delivery although there is no subscription.
    NotSubscribed,
    /// It is about another topic.
    OtherTopic,
    /// It is not signed although the hub knows the secret.
    SignatureMissing,
    /// The signature is not of this body and secret.
    SignatureWrong,
    /// The body is larger than allowed.
    TooLarge,
    /// It is to verify what nobody has asked for.
    Unsolicited,
}

impl Subscription {
    /// Takes a request that came in at the callback address.
    ///
    /// The answer is to be sent as it is, whatever becomes of the event: it says that the request
    /// has arrived, not that the changes have been dealt with (WebSub §7).
    #[must_use = "has what to answer"]
    pub fn handle(&mut self, incoming: Incoming<'_>, now: DateTime<Utc>) -> Outgoing {
        match incoming.method {
            "GET" => self.asked(incoming.query.unwrap_or_default(), now),
            "POST" => self.delivered(incoming, now),
            _ => {
                let mut outgoing = Outgoing::new(StatusCode::METHOD_NOT_ALLOWED, None);
                outgoing.headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
                outgoing
            }
        }
    }

    // Verification (WebSub §5.3) and denial (§5.2).
    fn asked(&mut self, query: &str, now: DateTime<Utc>) -> Outgoing {
        // The hub's arguments come after those of the callback itself (§5.1.1).
        let last = |name: &str| {
            let pairs = form_urlencoded::parse(query.as_bytes());
            pairs.filter(|(own, _)| own == name).last().map(|(_, value)| value.into_owned())
        };
        let refuse = |reason| Outgoing::rejected(StatusCode::NOT_FOUND, reason);
        let Some(mode) = last("hub.mode") else { return refuse(Rejection::Unsolicited) };
        if last("hub.topic").is_none_or(|topic| topic != self.topic) {
            return refuse(Rejection::OtherTopic);
        }
        let challenge = last("hub.challenge").filter(|challenge| !challenge.is_empty());
        match (mode.as_str(), &self.state, challenge) {
            // Hubs may ask again later whether it is still wanted (§5).
            ("subscribe", State::Pending { .. } | State::Active { .. }, Some(challenge)) => {
                let seconds = last("hub.lease_seconds").and_then(|text| text.trim().parse().ok());
                let until = self.activate(seconds, now);
                Outgoing::new(StatusCode::OK, Event::Subscribed { until }).with_body(challenge)
            }
            ("unsubscribe", State::Unsubscribing, Some(challenge)) => {
                self.state = State::Idle;
                self.lease = None;
                Outgoing::new(StatusCode::OK, Event::Unsubscribed).with_body(challenge)
            }
            ("denied", state, _) if *state != State::Idle => {
                let reason = last("hub.reason").filter(|reason| !reason.is_empty());
                self.state = State::Denied { reason: reason.clone() };
                self.lease = None;
                Outgoing::new(StatusCode::OK, Event::Denied { reason })
            }
            _ => refuse(Rejection::Unsolicited),
        }
    }

    // Content distribution (WebSub §7).
    fn delivered(&mut self, incoming: Incoming<'_>, now: DateTime<Utc>) -> Outgoing {
        let holds = self.lease.is_some_and(|lease| now <= lease.until);
        let signed = self.is_signed();
        match self.state {
            State::Idle | State::Denied { .. } => {
                return Outgoing::rejected(StatusCode::GONE, Rejection::NotSubscribed);
            }
            // A signature proves that the subscription is ours: from before a restart, or one that
            // the hub lets live a little longer. Without one only the lease tells. The hub will
            // come again after a 404.
            _ if !signed && !holds => {
                return Outgoing::rejected(StatusCode::NOT_FOUND, Rejection::NotSubscribed);
            }
            _ => {}
        }
        if incoming.body.len() > self.max_body {
            return Outgoing::rejected(StatusCode::PAYLOAD_TOO_LARGE, Rejection::TooLarge);
        }
        let checked = match self.shared_secret() {
            Some(secret) => check(secret.as_bytes(), incoming.headers, incoming.body),
            None => Ok(fingerprint(incoming.body)),
        };
        let fingerprint =
            match checked.and_then(|it| self.check_links(incoming.headers).map(|()| it)) {
                Ok(fingerprint) => fingerprint,
                // §7.1.2: to be ignored, but acknowledged, so that nobody learns what would pass.
                Err(reason) => return Outgoing::rejected(StatusCode::ACCEPTED, reason),
            };
        if self.seen.contains(&fingerprint) {
            return Outgoing::new(StatusCode::ACCEPTED, Event::Duplicate);
        }
        self.seen.truncate(REMEMBERED - 1);
        self.seen.push_front(fingerprint);

        let content_type = incoming.headers.get(header::CONTENT_TYPE);
        let content_type =
            content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let event = Event::Changes { body: incoming.body.to_vec(), content_type };
        Outgoing::new(StatusCode::ACCEPTED, event)
    }

    // §7 requires both links. That they are right proves nothing, since they are not signed: it
    // shows only that the hub has not mixed up subscriptions.
    fn check_links(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        if self.any_links {
            return Ok(());
        }
        let mut links = links(headers);
        links.retain(HeaderLink::is_own);
        let topic = Url::parse(&self.topic).ok();
        let is_topic = |link: &HeaderLink| {
            link.target == self.topic
                || topic.as_ref().is_some_and(|url| url.join(&link.target).as_ref() == Ok(url))
        };
        if !links.iter().any(|link| link.has_rel("self") && is_topic(link)) {
            return Err(Rejection::OtherTopic);
        }
        if !links.iter().any(|link| link.has_rel("hub")) {
            return Err(Rejection::HubMissing);
        }
        Ok(())
    }
}

impl Outgoing {
    fn new(status: StatusCode, event: impl Into<Option<Event>>) -> Self {
        let mut headers = HeaderMap::new();
        let binary = HeaderValue::from_static("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, binary);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Self { status, headers, body: Vec::new(), event: event.into() }
    }

    fn rejected(status: StatusCode, reason: Rejection) -> Self {
        Self::new(status, Event::Rejected { reason })
    }

    fn with_body(self, text: String) -> Self {
        Self { body: text.into_bytes(), ..self }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlgorithmUnknown => "signed in a way that is not known",
            Self::HubMissing => "no link to a hub",
            Self::NotSubscribed => "not subscribed",
            Self::OtherTopic => "about another topic",
            Self::SignatureMissing => "not signed",
            Self::SignatureWrong => "wrong signature",
            Self::TooLarge => "larger than allowed",
            Self::Unsolicited => "verifies what was not asked for",
        })
    }
}
