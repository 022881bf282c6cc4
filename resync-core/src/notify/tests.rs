use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use url::{Url, form_urlencoded};

use super::{Due, Subscription};
use crate::ErrorKind;
use crate::transport::{Method, Request};

const TOPIC: &str = "http://a.example/changes?set=1";
const SECRET: &str = "w0nt t&ll";

fn plain() -> Subscription {
    let hub = "https://hub.example/".parse().unwrap();
    Subscription::new(TOPIC, hub, "https://me.example/cb".parse().unwrap()).unwrap()
}

fn signed() -> Subscription {
    plain().secret(SECRET).unwrap()
}

fn form(request: &Request) -> Vec<(String, String)> {
    let Method::PostForm(form) = &request.method else { panic!("{request:?}") };
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

fn value(form: &[(String, String)], name: &str) -> Option<String> {
    form.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

#[test]
fn the_hub_is_asked_with_topic_callback_lease_and_secret() {
    let asked = form(&signed().lease(Duration::from_secs(3600)).subscribe_request());
    let expected = [
        ("hub.mode", "subscribe"),
        ("hub.topic", TOPIC),
        ("hub.callback", "https://me.example/cb"),
        ("hub.lease_seconds", "3600"),
        ("hub.secret", SECRET),
    ];
    assert_eq!(asked, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let asked = form(&plain().subscribe_request());
    assert_eq!(value(&asked, "hub.lease_seconds").as_deref(), Some("864000"));

    let asked = form(&signed().unsubscribe_request());
    assert_eq!(value(&asked, "hub.mode").as_deref(), Some("unsubscribe"));
    assert_eq!(value(&asked, "hub.secret"), None);
}

#[test]
fn the_secret_is_told_only_where_nobody_listens_in() {
    let callback: Url = "https://me.example/cb".parse().unwrap();
    for (hub, told) in [
        ("https://hub.example/", true),
        ("http://hub.example/", false),
        ("http://127.0.0.1:8080/", true),
        ("http://[::1]/", true),
        ("http://localhost/", true),
        ("http://localhost.example/", false),
        ("http://10.0.0.1/", false),
    ] {
        let new = || Subscription::new(TOPIC, hub.parse().unwrap(), callback.clone()).unwrap();
        let subscription = new().secret(SECRET).unwrap();
        assert_eq!(subscription.is_signed(), told, "{hub}");
        let asked = form(&subscription.subscribe_request());
        assert_eq!(value(&asked, "hub.secret").is_some(), told, "{hub}");
        assert!(subscription.allow_plain_secret().is_signed());
        assert!(!new().allow_plain_secret().is_signed());
    }
}

#[test]
fn neither_secret_nor_callback_is_shown() {
    let subscription = signed();
    for shown in [format!("{subscription:?}"), format!("{subscription:#?}")] {
        assert!(!shown.contains(SECRET) && !shown.contains("/cb"), "{shown}");
        assert!(shown.contains(TOPIC), "{shown}");
    }
    let error = plain().secret(vec![0xC3; 3]).unwrap_err();
    assert!(!format!("{error:?}").contains("195"), "{error:?}");
}

#[test]
fn unusable_settings_are_refused() {
    for secret in [vec![], vec![b'x'; 200], vec![0xFF]] {
        assert_eq!(plain().secret(secret).unwrap_err().kind(), ErrorKind::Request);
    }
    assert!(plain().secret(vec![b'x'; 199]).is_ok());
    let url = |text: &str| text.parse::<Url>().unwrap();
    let (web, mail) = (url("https://x.example/"), url("mailto:me@x.example"));
    assert!(Subscription::new("urn:x", web.clone(), web.clone()).is_err());
    assert!(Subscription::new("changes", web.clone(), web.clone()).is_err());
    assert!(Subscription::new(TOPIC, mail.clone(), web.clone()).is_err());
    assert!(Subscription::new(TOPIC, web.clone(), mail.clone()).is_err());
    assert!(Subscription::unguessable(TOPIC, web, &mail).is_err());
}

#[test]
fn callbacks_are_hard_to_guess_and_keep_their_query() {
    let hub: Url = "https://hub.example/".parse().unwrap();
    let base: Url = "https://me.example/cb/?a=1".parse().unwrap();
    let random = || Subscription::unguessable(TOPIC, hub.clone(), &base).unwrap();
    let derived = |topic, key: &str| {
        let it = Subscription::derived(topic, hub.clone(), &base, key.as_bytes()).unwrap();
        it.callback().clone()
    };
    let (one, other) = (random().callback().clone(), random().callback().clone());
    let (three, four) = (derived(TOPIC, "k"), derived("http://a.example/", "k"));
    let five = derived(TOPIC, "l");
    assert_eq!(derived(TOPIC, "k"), three);
    let all = [one, other, three, four, five];
    for (at, url) in all.iter().enumerate() {
        let token = url.path().strip_prefix("/cb/").unwrap();
        assert!(token.len() == 32 && token.bytes().all(|b| b.is_ascii_hexdigit()), "{url}");
        assert_eq!(url.query(), Some("a=1"));
        assert!(!all[..at].contains(url), "{url}");
    }
}

#[test]
fn a_renewal_is_due_a_fifth_of_the_lease_before_its_end() {
    let after = |seconds: i64| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
    for (length, due_at) in [(1000, 800), (864_000, 691_200), (120, 60), (90, 45)] {
        let lease = Duration::from_secs(length);
        let subscription = plain().lease(lease).resume(DateTime::UNIX_EPOCH + lease);
        assert_eq!(subscription.next_check(), Some(after(due_at)), "{length}");
        assert_eq!(subscription.due(after(due_at - 1)), None);
        assert_eq!(subscription.due(after(due_at)), Some(Due::Renew));
    }
    assert_eq!(plain().due(after(0)), None);
}
