//! A WebSub subscriber, at a desk and against a hub on loopback.

#![cfg(all(feature = "notify", feature = "reqwest"))]
#![allow(clippy::unwrap_used)]

mod transport_support;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use resync_core::notify::{Due, Event, Incoming, Outgoing, Rejection, State, Subscription, send};
use resync_core::transport::HttpTransport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::{Url, form_urlencoded};

use self::transport_support::{Scripted, response};

const TOPIC: &str = "http://a.example/changes?set=1";
const LINK: &str = "<http://a.example/changes?set=1>; rel=\"self\", <http://hub.example/>; rel=hub";
const SECRET: &str = "w0nt t&ll";
const CHANGES: &str = "<urlset><url/></urlset>";

fn now() -> DateTime<Utc> {
    "2024-05-01T00:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

fn plain() -> Subscription {
    let hub = "https://hub.example/".parse().unwrap();
    Subscription::new(TOPIC, hub, "https://me.example/cb".parse().unwrap()).unwrap()
}

fn signed() -> Subscription {
    plain().secret(SECRET).unwrap()
}

fn active(mut subscription: Subscription) -> Subscription {
    let _ = subscription.start(now());
    let outgoing = get(&mut subscription, &question("subscribe", TOPIC, 1000), now());
    assert_eq!(outgoing.event, Some(Event::Subscribed { until: after(1000) }));
    subscription
}

fn question(mode: &str, topic: &str, seconds: u64) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("hub.mode", mode)
        .append_pair("hub.topic", topic)
        .append_pair("hub.challenge", "<c&1>")
        .append_pair("hub.lease_seconds", &seconds.to_string())
        .finish()
}

fn get(subscription: &mut Subscription, query: &str, now: DateTime<Utc>) -> Outgoing {
    let headers = HeaderMap::new();
    let incoming = Incoming { method: "GET", query: Some(query), headers: &headers, body: b"" };
    subscription.handle(incoming, now)
}

fn post(
    subscription: &mut Subscription,
    headers: &[(&'static str, &str)],
    body: &str,
    now: DateTime<Utc>,
) -> (u16, Event) {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    let body = body.as_bytes();
    let incoming = Incoming { method: "POST", query: None, headers: &headers, body };
    let outgoing = subscription.handle(incoming, now);
    assert!(outgoing.body.is_empty());
    (outgoing.status.as_u16(), outgoing.event.unwrap())
}

fn sign(body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let digest = mac.finalize().into_bytes();
    format!("sha256={}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn changes(body: &str) -> Event {
    Event::Changes { body: body.into(), content_type: Some("application/xml".to_owned()) }
}

fn rejected(reason: Rejection) -> Event {
    Event::Rejected { reason }
}

fn value(form: &[(String, String)], name: &str) -> Option<String> {
    form.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

#[test]
fn only_what_was_asked_for_is_verified() {
    let idle = plain();
    let mut pending = plain();
    let _ = pending.start(now());
    let active = active(plain());
    let mut leaving = active.clone();
    let _ = leaving.stop();
    let mut denied = active.clone();
    let _ = get(&mut denied, &question("denied", TOPIC, 0), now());

    let other = "http://a.example/changes?set=2";
    let cases = [
        ("pending", &pending, "subscribe", TOPIC, None),
        ("again, by the hub itself", &active, "subscribe", TOPIC, None),
        ("leaving", &leaving, "unsubscribe", TOPIC, None),
        ("unsolicited", &idle, "subscribe", TOPIC, Some(Rejection::Unsolicited)),
        ("unsolicited end", &active, "unsubscribe", TOPIC, Some(Rejection::Unsolicited)),
        ("wrong mode", &pending, "unsubscribe", TOPIC, Some(Rejection::Unsolicited)),
        ("wrong mode when leaving", &leaving, "subscribe", TOPIC, Some(Rejection::Unsolicited)),
        ("after a denial", &denied, "subscribe", TOPIC, Some(Rejection::Unsolicited)),
        ("unknown mode", &active, "publish", TOPIC, Some(Rejection::Unsolicited)),
        ("unsolicited denial", &idle, "denied", TOPIC, Some(Rejection::Unsolicited)),
        ("another topic", &pending, "subscribe", other, Some(Rejection::OtherTopic)),
        ("denial of another", &active, "denied", other, Some(Rejection::OtherTopic)),
    ];
    for (name, subscription, mode, topic, reason) in cases {
        let mut subscription = subscription.clone();
        let before = subscription.state().clone();
        let outgoing = get(&mut subscription, &question(mode, topic, 60), now());
        assert_eq!(outgoing.headers["x-content-type-options"], "nosniff");
        assert_eq!(outgoing.headers["content-type"], "application/octet-stream");
        if let Some(reason) = reason {
            assert_eq!(outgoing.status, StatusCode::NOT_FOUND, "{name}");
            assert_eq!((outgoing.body, outgoing.event), (vec![], Some(rejected(reason))), "{name}");
            assert_eq!(*subscription.state(), before, "{name}");
        } else {
            assert_eq!((outgoing.status, &outgoing.body[..]), (StatusCode::OK, &b"<c&1>"[..]));
            let ended = State::Idle;
            let expected =
                if mode == "subscribe" { State::Active { until: after(60) } } else { ended };
            assert_eq!(*subscription.state(), expected, "{name}");
        }
    }
    for query in ["", "hub.mode=subscribe", &question("subscribe", TOPIC, 1).replace("%3C", "x&")] {
        let query = query.replace("hub.challenge", "no.challenge");
        assert_eq!(get(&mut pending.clone(), &query, now()).status, StatusCode::NOT_FOUND);
    }
    // The hub's arguments come after the callback's own.
    let query = format!("hub.topic=mine&hub.mode=x&{}", question("subscribe", TOPIC, 5));
    assert_eq!(get(&mut pending, &query, now()).body, b"<c&1>");
}

#[test]
fn a_random_secret_signs_and_is_another_each_time() {
    let secret = || {
        let subscription = signed().random_secret();
        assert!(subscription.is_signed());
        let resync_core::transport::Method::PostForm(form) =
            subscription.subscribe_request().method
        else {
            panic!()
        };
        let form: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        value(&form, "hub.secret").unwrap()
    };
    let (one, other) = (secret(), secret());
    assert_eq!((one.len(), one == other), (32, false));
}

#[test]
fn the_hub_decides_on_the_lease() {
    let wanted = 864_000;
    for (lease, seconds) in [
        ("60", 60),
        ("", wanted),
        ("0", wanted),
        ("-5", wanted),
        ("soon", wanted),
        ("18446744073709551615", 10 * 365 * 86_400),
    ] {
        let mut subscription = plain();
        let _ = subscription.start(now());
        let query = question("subscribe", TOPIC, 7).replace("_seconds=7", "_seconds=");
        let _ = get(&mut subscription, &(query + lease), now());
        assert_eq!(subscription.until(), Some(after(seconds)), "{lease}");
    }
}

#[test]
fn a_denial_ends_the_subscription() {
    let mut subscription = active(plain());
    let query = format!("{}&hub.reason=not+paid", question("denied", TOPIC, 0));
    let outgoing = get(&mut subscription, &query, now());
    let reason = Some("not paid".to_owned());
    assert_eq!((outgoing.status, outgoing.body), (StatusCode::OK, vec![]));
    assert_eq!(outgoing.event, Some(Event::Denied { reason: reason.clone() }));
    assert_eq!(*subscription.state(), State::Denied { reason });
    assert_eq!((subscription.until(), subscription.next_check()), (None, None));
    let refused = (410, rejected(Rejection::NotSubscribed));
    assert_eq!(post(&mut subscription, &[("link", LINK)], "x", now()), refused);
}

#[test]
fn a_lease_is_renewed_in_time_and_holds_meanwhile() {
    let mut subscription = active(plain());
    let headers = [("link", LINK), ("content-type", "application/xml")];
    let _ = subscription.start(after(800));
    assert_eq!(subscription.due(after(1099)), None);
    assert_eq!(subscription.due(after(1100)), Some(Due::Renew));
    assert_eq!(post(&mut subscription, &headers, "1", after(1000)), (202, changes("1")));
    let refused = (404, rejected(Rejection::NotSubscribed));
    assert_eq!(post(&mut subscription, &headers, "2", after(1001)), refused);

    // A signature shows that it is ours even when the lease has run out, or is not known.
    let signature = sign("2");
    let headers = [headers[0], headers[1], ("x-hub-signature", signature.as_str())];
    let mut subscription = active(signed());
    assert_eq!(post(&mut subscription, &headers, "2", after(1001)), (202, changes("2")));
    assert_eq!(subscription.due(after(1001)), Some(Due::Renew));
    assert_eq!(post(&mut signed(), &headers, "2", now()).0, 410);
}

#[test]
fn a_delivery_is_passed_on_only_if_signature_and_links_are_right() {
    let good = sign(CHANGES);
    let (sha1, wrong) = ("sha1=8a3c", sign("other"));
    let moved = LINK.replace("set=1", "set=2");
    let cases = [
        (LINK, good.as_str(), None),
        ("<?set=1>;rel=self", good.as_str(), Some(Rejection::HubMissing)),
        ("", good.as_str(), Some(Rejection::OtherTopic)),
        (moved.as_str(), good.as_str(), Some(Rejection::OtherTopic)),
        (LINK, "", Some(Rejection::SignatureWrong)),
        (LINK, sha1, Some(Rejection::SignatureWrong)),
        (LINK, wrong.as_str(), Some(Rejection::SignatureWrong)),
        (LINK, "md5=00", Some(Rejection::AlgorithmUnknown)),
    ];
    for (link, signature, reason) in cases {
        let headers =
            [("link", link), ("x-hub-signature", signature), ("content-type", "application/xml")];
        let expected = reason.map_or_else(|| changes(CHANGES), rejected);
        let answer = post(&mut active(signed()), &headers, CHANGES, now());
        assert_eq!(answer, (202, expected), "{link} {signature}");
        if matches!(reason, Some(Rejection::OtherTopic | Rejection::HubMissing)) {
            let answer = post(&mut active(signed().any_links()), &headers, CHANGES, now());
            assert_eq!(answer, (202, changes(CHANGES)), "{link}");
        }
    }
    let missing = post(&mut active(signed()), &[("link", LINK)], CHANGES, now());
    assert_eq!(missing, (202, rejected(Rejection::SignatureMissing)));
}

#[test]
fn an_oversized_body_and_other_methods_are_refused() {
    let mut subscription = active(plain().max_body(4));
    let refused = (413, rejected(Rejection::TooLarge));
    assert_eq!(post(&mut subscription, &[("link", LINK)], "12345", now()), refused);
    assert_eq!(post(&mut subscription, &[("link", LINK)], "1234", now()).0, 202);
    let headers = HeaderMap::new();
    let incoming = Incoming { method: "PUT", query: None, headers: &headers, body: b"" };
    let outgoing = subscription.handle(incoming, now());
    assert_eq!((outgoing.status.as_u16(), outgoing.event), (405, None));
}

#[test]
fn a_replay_is_noticed_among_the_last_64_deliveries() {
    let mut subscription = active(signed());
    let mut deliver = |number: usize| {
        let body = number.to_string();
        let signature = sign(&body);
        let answer = post(
            &mut subscription,
            &[("link", LINK), ("x-hub-signature", &signature)],
            &body,
            now(),
        );
        assert_eq!(answer.0, 202);
        answer.1 == Event::Duplicate
    };
    assert!((0..64).all(|number| !deliver(number)));
    assert!(deliver(0) && deliver(63));
    assert!(!deliver(64));
    assert!(!deliver(0));
}

#[tokio::test]
async fn a_hub_that_does_not_accept_changes_nothing() {
    let answer = |status| Ok(response(status, &[], []));
    for (status, good) in [(202, true), (200, true), (204, true), (400, false), (503, false)] {
        let transport = Scripted::new([answer(status), answer(status)]);
        let mut first = plain();
        assert_eq!(first.subscribe(&transport, now()).await.is_ok(), good, "{status}");
        let expected = if good { State::Pending { since: now() } } else { State::Idle };
        assert_eq!(*first.state(), expected);

        let mut renewed = active(plain());
        let error = renewed.subscribe(&transport, after(900)).await.err();
        assert_eq!(error.is_none(), good);
        if let Some(error) = error {
            assert_eq!(error.url().map(Url::as_str), Some("https://hub.example/"));
            assert_eq!(*renewed.state(), State::Active { until: after(1000) });
            assert_eq!(renewed.next_check(), Some(after(960)));
        }
    }
    let mut subscription = active(plain());
    assert!(subscription.unsubscribe(&Scripted::new([]), now()).await.is_err());
    assert_eq!(*subscription.state(), State::Active { until: after(1000) });
    subscription.unsubscribe(&Scripted::new([answer(202)]), now()).await.unwrap();
    assert_eq!(*subscription.state(), State::Unsubscribing);
}

// One request or answer: its first line, its headers and its body.
async fn read(socket: &mut TcpStream) -> (String, HeaderMap, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let first = lines.next().unwrap().to_owned();
    let fields = lines.map(|line| line.split_once(": ").unwrap());
    let headers: HeaderMap =
        fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let length = headers.get("content-length").map_or("0", |value| value.to_str().unwrap());
    let mut body = vec![0; length.parse().unwrap()];
    socket.read_exact(&mut body).await.unwrap();
    (first, headers, body)
}

async fn write(socket: &mut TcpStream, head: &str, body: &[u8]) {
    let head = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    socket.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
}

// What an application does: hands requests to the subscription, and answers what it says.
async fn listen(listener: TcpListener, subscription: Arc<Mutex<Subscription>>) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < 4 {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (line, headers, body) = read(&mut socket).await;
        let (method, rest) = line.split_once(' ').unwrap();
        let query = rest.trim_end_matches(" HTTP/1.1").split_once('?').map(|(_, query)| query);
        let incoming = Incoming { method, query, headers: &headers, body: &body };
        let outgoing = subscription.lock().unwrap().handle(incoming, now());
        events.extend(outgoing.event);
        write(&mut socket, &format!("HTTP/1.1 {}", outgoing.status), &outgoing.body).await;
    }
    events
}

// A hub that asks back before it answers, and delivers what it has at once, twice.
async fn hub(listener: TcpListener) {
    for mode in ["subscribe", "unsubscribe"] {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (_, headers, body) = read(&mut socket).await;
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        let form: Vec<_> = form_urlencoded::parse(&body).into_owned().collect();
        assert_eq!(value(&form, "hub.mode").as_deref(), Some(mode));
        let callback: Url = value(&form, "hub.callback").unwrap().parse().unwrap();

        let call = async |head: String, body: &[u8]| {
            let address = callback.socket_addrs(|| None).unwrap()[0];
            let mut socket = TcpStream::connect(address).await.unwrap();
            write(&mut socket, &head, body).await;
            read(&mut socket).await
        };
        let question = question(mode, &value(&form, "hub.topic").unwrap(), 3600);
        let head = format!("GET {}?{question} HTTP/1.1", callback.path());
        let (status, _, echo) = call(head, b"").await;
        assert_eq!((status.as_str(), &echo[..]), ("HTTP/1.1 200 OK", &b"<c&1>"[..]));
        write(&mut socket, "HTTP/1.1 202 Accepted", b"").await;

        if mode == "subscribe" {
            assert_eq!(value(&form, "hub.secret").as_deref(), Some(SECRET));
            for _ in 0..2 {
                let head = format!(
                    "POST {} HTTP/1.1\r\nContent-Type: application/xml\r\nLink: {LINK}\r\n\
                     X-Hub-Signature: {}",
                    callback.path(),
                    sign(CHANGES)
                );
                let (status, ..) = call(head, CHANGES.as_bytes()).await;
                assert_eq!(status, "HTTP/1.1 202 Accepted");
            }
        }
    }
}

#[tokio::test]
async fn changes_come_from_a_hub_over_http() {
    let bind = async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        (listener, url.parse::<Url>().unwrap())
    };
    let ((hub_listener, hub_url), (own, base)) = (bind().await, bind().await);
    let subscription = Subscription::unguessable(TOPIC, hub_url, &base).unwrap();
    let subscription = Arc::new(Mutex::new(subscription.secret(SECRET).unwrap()));
    let events = tokio::spawn(listen(own, Arc::clone(&subscription)));
    let hub = tokio::spawn(hub(hub_listener));

    let transport = HttpTransport::builder().build().unwrap();
    let request = subscription.lock().unwrap().start(now());
    send(&transport, &request).await.unwrap();
    assert_eq!(*subscription.lock().unwrap().state(), State::Active { until: after(3600) });
    let request = subscription.lock().unwrap().stop();
    send(&transport, &request).await.unwrap();
    assert_eq!(*subscription.lock().unwrap().state(), State::Idle);

    hub.await.unwrap();
    let until = after(3600);
    let expected =
        [Event::Subscribed { until }, changes(CHANGES), Event::Duplicate, Event::Unsubscribed];
    assert_eq!(events.await.unwrap(), expected);
}
