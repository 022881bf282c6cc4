//! What keeps others out: sessions, passwords, roles, and what browsers are told.

use chrono::TimeDelta;
use serde_json::Value;

use super::*;
use crate::web::route::Access;
use crate::web::routes;

const PASSWORD: &str = "long enough";

/// Somebody with a password of their own.
async fn person(world: &World, name: &str, role: Role) {
    let accounts = &world.app.accounts;
    let given = accounts.add_user(name, role, Utc::now()).await.unwrap();
    accounts.change_password(name, given.reveal(), PASSWORD, Utc::now()).await.unwrap();
}

async fn log_in(world: &World, name: &str, password: &str) -> Answer {
    world.post(&Browser::default(), "/login", &[("name", name), ("password", password)]).await
}

async fn browser(world: &World, name: &str) -> Browser {
    let answer = log_in(world, name, PASSWORD).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    let mut browser = Browser::default();
    browser.take(&answer);
    let session = world.app.accounts.session(&browser.cookies[0].1, Utc::now()).await.unwrap();
    browser.csrf = session.unwrap().csrf().to_owned();
    browser
}

fn is_out(answer: &Answer) -> bool {
    answer.location().starts_with("/login") || answer.status == StatusCode::UNAUTHORIZED
}

#[tokio::test]
async fn logins_are_limited_by_account_and_by_address_and_others_are_let_in() {
    let world = World::new().await;
    person(&world, "root", Role::Administrator).await;
    person(&world, "vera", Role::Viewer).await;
    for _ in 0..5 {
        assert_eq!(log_in(&world, "root", "wrong").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = log_in(&world, "ROOT", PASSWORD).await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(right.headers.get(SET_COOKIE).is_none());
    assert_eq!(log_in(&world, "vera", PASSWORD).await.location(), "/");
    for n in 0..23 {
        log_in(&world, &format!("nobody{n}"), "wrong").await;
    }
    let from_there = log_in(&world, "vera", PASSWORD).await;
    assert_eq!(from_there.status, StatusCode::TOO_MANY_REQUESTS, "thirty from one address");
}

#[tokio::test]
async fn a_session_gets_a_new_id_at_login_and_at_a_new_password() {
    let world = World::new().await;
    person(&world, "root", Role::Administrator).await;
    let first = browser(&world, "root").await;
    let again = [("name", "root"), ("password", PASSWORD)];
    let mut second = first.clone();
    second.take(&world.post(&first, "/login", &again).await);
    assert_ne!(first.cookies[0].1, second.cookies[0].1);

    let mut changing = browser(&world, "root").await;
    let fields = [("old", PASSWORD), ("new", "another one"), ("again", "another one")];
    let changed = world.post(&changing, "/password", &fields).await;
    assert_eq!(changed.location(), "/");
    let before = changing.clone();
    changing.take(&changed);
    assert_eq!(world.get(&changing, "/sources").await.status, StatusCode::OK);
    for other in [&first, &second, &before] {
        assert!(is_out(&world.get(other, "/sources").await), "all other sessions are over");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_or_old_or_ended_elsewhere() {
    let world = World::new().await;
    person(&world, "root", Role::Administrator).await;
    let (one, other) = (browser(&world, "root").await, browser(&world, "root").await);
    let accounts = &world.app.accounts;
    let token = &one.cookies[0].1;
    let idle = Utc::now() + TimeDelta::hours(13);
    let root = accounts.user("root").await.unwrap().unwrap().body;
    assert_eq!(accounts.sessions(&root, Utc::now()).await.unwrap().len(), 2);
    assert!(accounts.sessions(&root, idle).await.unwrap().is_empty());
    let mut then = Utc::now();
    while then < Utc::now() + TimeDelta::days(6) {
        assert!(accounts.session(token, then).await.unwrap().is_some(), "it is used");
        then += TimeDelta::hours(11);
    }
    let old = Utc::now() + TimeDelta::days(8);
    assert!(accounts.session(token, old).await.unwrap().is_none());

    let page = world.get(&other, "/settings").await;
    assert!(page.body.contains("This session"), "{}", page.body);
    let third = browser(&world, "root").await;
    let page = world.get(&other, "/settings").await.body;
    let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let ended = world.post(&other, "/settings/sessions/end", &[("key", key)]).await;
    assert_eq!(ended.location(), "/settings");
    assert!(is_out(&world.get(&third, "/sources").await));
    assert_eq!(world.get(&other, "/sources").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_ends_the_sessions_or_revokes_the_tokens_of_others() {
    let world = World::new().await;
    for (name, role) in [("root", Role::Administrator), ("vera", Role::Viewer)] {
        person(&world, name, role).await;
    }
    let (root, vera) = (browser(&world, "root").await, browser(&world, "vera").await);
    let key = crate::accounts::fingerprint(&root.cookies[0].1);
    world.post(&vera, "/settings/sessions/end", &[("key", &key)]).await;
    assert_eq!(world.get(&root, "/sources").await.status, StatusCode::OK);
    let user = world.app.accounts.user("root").await.unwrap().unwrap().body;
    let token = world.app.accounts.add_token(&user, for_tests(), Utc::now()).await.unwrap();
    let key = crate::accounts::fingerprint(token.reveal());
    let page = world.get(&vera, "/settings/tokens?user=root").await.body;
    assert!(!page.contains(&key), "{page}");
    let revoke = format!("/settings/tokens/{key}/revoke");
    assert_eq!(world.get(&vera, &revoke).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post(&vera, &revoke, &[]).await.status, StatusCode::NOT_FOUND);
    let meant = vera.clone().with("x-csrf-token", &vera.csrf);
    let api = format!("/api/tokens/{key}");
    let answer = world.send(&meant, "DELETE", &api, &Value::Null).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&vera, "/api/tokens?user=root").await.status, StatusCode::FORBIDDEN);
    let made = json!({ "user": "root", "purpose": "mine" });
    let answer = world.send(&meant, "POST", "/api/tokens", &made).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(world.post(&root, &revoke, &[]).await.location(), "/settings/tokens");
}

#[tokio::test]
async fn whoever_is_locked_or_deleted_is_out_at_once_and_so_are_their_programs() {
    for (way, fields) in [("lock", &[("to", "locked")][..]), ("delete", &[])] {
        let world = World::new().await;
        let root = world.user("root", Role::Administrator).await;
        person(&world, "vera", Role::Viewer).await;
        let vera = browser(&world, "vera").await;
        let user = world.app.accounts.user("vera").await.unwrap().unwrap().body;
        let token = world.app.accounts.add_token(&user, for_tests(), Utc::now()).await.unwrap();
        let bearer = format!("Bearer {}", token.reveal());
        let program = Browser::default().with("authorization", bearer);
        assert_eq!(world.get(&vera, "/sources").await.status, StatusCode::OK);
        assert_eq!(world.get(&program, "/api/sources").await.status, StatusCode::OK);
        let path = format!("/settings/users/vera/{way}");
        assert!(world.post(&root, &path, fields).await.status.is_redirection(), "{way}");
        assert!(is_out(&world.get(&vera, "/sources").await), "{way}");
        assert!(is_out(&world.get(&program, "/api/sources").await), "{way}");
        let refused = log_in(&world, "vera", PASSWORD).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{way}");
        // What was theirs is not given to the next of that name, nor comes back when they are let in.
        if way == "delete" {
            person(&world, "vera", Role::Administrator).await;
            assert!(is_out(&world.get(&program, "/api/sources").await), "{way}");
        } else {
            world.post(&root, &path, &[("to", "unlocked")]).await;
            assert_eq!(log_in(&world, "vera", PASSWORD).await.location(), "/");
        }
        assert!(is_out(&world.get(&vera, "/sources").await), "{way}");
    }
}

#[tokio::test]
async fn another_role_and_another_site_hold_from_the_next_request_on() {
    let world = World::new().await;
    let root = world.user("root", Role::Administrator).await;
    world.owned_source("ours", "GCE").await;
    world.owned_source("theirs", "AND").await;
    let vera = world.user("vera", Role::Viewer).await;
    assert_eq!(world.get(&vera, "/sources/theirs").await.status, StatusCode::OK);
    assert_eq!(world.get(&vera, "/sources/new").await.status, StatusCode::FORBIDDEN);
    let contact = [("role", "site-contact"), ("site", "GCE"), ("mail", "")];
    assert!(world.post(&root, "/settings/users/vera", &contact).await.status.is_redirection());
    assert_eq!(world.get(&vera, "/sources/theirs").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&vera, "/sources/ours/edit").await.status, StatusCode::OK);
    assert_eq!(world.get(&vera, "/settings/users").await.status, StatusCode::FORBIDDEN);
    let administrator = [("role", "administrator"), ("site", ""), ("mail", "")];
    world.post(&root, "/settings/users/vera", &administrator).await;
    assert_eq!(world.get(&vera, "/settings/users").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_may_do_no_more_than_its_role_and_than_its_user_by_now() {
    let world = World::new().await;
    let root = world.user("root", Role::Administrator).await;
    world.owned_source("ours", "olga").await;
    world.owned_source("theirs", "AND").await;
    let olga = world.user("olga", Role::Operator).await;
    let too_much = [("purpose", "x"), ("role", "administrator"), ("expires", "")];
    let refused = world.post(&olga, "/settings/tokens", &too_much).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let program = async |role: &str| {
        let fields = [("purpose", "x"), ("role", role), ("expires", "")];
        let page = world.post(&olga, "/settings/tokens", &fields).await.body;
        let token = page.split("hvt_").nth(1).unwrap().split('<').next().unwrap();
        Browser::default().with("authorization", format!("Bearer hvt_{token}"))
    };
    let status = async |who: &Browser, method: &str, path: &str| {
        let body = json!({ "kind": "harvest" });
        world.send(who, method, path, &body).await.status.as_u16()
    };
    let (all, viewer, contact) =
        (program("").await, program("viewer").await, program("site-contact").await);
    let run = "/api/sources/theirs/runs";
    assert_eq!(status(&all, "POST", run).await, 202);
    assert_eq!(status(&viewer, "POST", run).await, 403);
    assert_eq!(status(&viewer, "GET", "/api/sources/theirs").await, 200);
    assert_eq!(status(&contact, "GET", "/api/sources/theirs").await, 404);
    assert_eq!(status(&contact, "GET", "/api/sources/ours").await, 200);
    // What may do less than its user cannot make what may do more.
    let asked = json!({ "purpose": "more" });
    let made = world.send(&viewer, "POST", "/api/tokens", &asked).await;
    assert_eq!(made.status, StatusCode::FORBIDDEN);
    assert_eq!(world.send(&all, "POST", "/api/tokens", &asked).await.status.as_u16(), 201);

    let viewer_now = [("role", "viewer"), ("site", ""), ("mail", "")];
    world.post(&root, "/settings/users/olga", &viewer_now).await;
    assert_eq!(status(&all, "POST", "/api/sources/ours/runs").await, 403);
    assert_eq!(status(&contact, "POST", "/api/sources/ours/runs").await, 403);
    assert_eq!(status(&contact, "GET", "/api/sources/theirs").await, 404);
}

#[tokio::test]
async fn the_last_administrator_and_oneself_stay_as_they_are() {
    let world = World::new().await;
    let root = world.user("root", Role::Administrator).await;
    let other = world.user("second", Role::Administrator).await;
    for (path, fields) in [
        ("/settings/users/root", &[("role", "viewer")][..]),
        ("/settings/users/root/lock", &[("to", "locked")]),
        ("/settings/users/root/password", &[]),
        ("/settings/users/root/delete", &[]),
    ] {
        let refused = world.post(&root, path, fields).await;
        assert!(refused.body.contains("That is yourself"), "{path}: {}", refused.body);
    }
    assert!(!world.get(&root, "/settings/users/root").await.body.contains("/delete"));
    // Two who remove each other at once are not both gone.
    let (one, two) = tokio::join!(
        world.post(&root, "/settings/users/second/delete", &[]),
        world.post(&other, "/settings/users/root/lock", &[("to", "locked")]),
    );
    let left = world.app.accounts.users(None, 9).await.unwrap();
    let left = left.iter().filter(|user| !user.body.locked).count();
    assert!(left >= 1, "{} {}", one.status, two.status);
}

#[tokio::test]
async fn a_password_is_judged_by_its_length_alone() {
    let world = World::new().await;
    let accounts = &world.app.accounts;
    let mut now = accounts.add_user("root", Role::Administrator, Utc::now()).await.unwrap();
    for (password, is_good) in [
        ("aaaaaaaaa", false),
        ("aaaaaaaaaa", true),
        ("pěkně dlouhé heslo", true),
        ("長い長い合言葉を選ぶ", true),
        (&"x".repeat(200), true),
        (&"x".repeat(201), false),
    ] {
        let changed = accounts.change_password("root", now.reveal(), password, Utc::now()).await;
        assert_eq!(changed.is_ok(), is_good, "{password}");
        if is_good {
            now = password.into();
        }
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let world = World::new().await;
    world.source("one").await;
    let root = world.user("root", Role::Administrator).await;
    for route in routes::table().into_iter().filter(|route| route.method == Method::GET) {
        let path = access::filled(route.path);
        for who in [&root, &Browser::default()] {
            let answer = world.get(who, &path).await;
            let header = |name: &str| {
                let value = answer.headers.get(name).and_then(|it| it.to_str().ok());
                value.unwrap_or_default().to_owned()
            };
            let policy = header("content-security-policy");
            assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
            assert!(policy.contains("base-uri 'none'") && policy.contains("form-action 'self'"));
            assert_eq!(header("x-frame-options"), "DENY", "{path}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(header("referrer-policy"), "same-origin", "{path}");
            // What one may see, the next may not. A stream is asked for anew each time.
            let is_kept = route.path == "/assets/{name}";
            if !is_kept && header("content-type") != "text/event-stream" {
                assert_eq!(header("cache-control"), "no-store", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn no_form_is_taken_from_elsewhere_or_of_another_session() {
    let world = World::new().await;
    let root = world.user("root", Role::Administrator).await;
    let other = world.user("second", Role::Administrator).await;
    let fields = [("name", "vera"), ("role", "viewer")];
    let with = |csrf: &str| [&[("csrf", csrf.to_owned())][..], &fields.map(owned)].concat();
    let send = async |who: &Browser, fields: &[(&str, String)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        world.post_as_it_is(who, "/settings/new-user", &fields).await.status
    };
    for (who, csrf) in [
        (&root, String::new()),
        (&root, other.csrf.clone()),
        (&root.clone().with("origin", "https://evil.example"), root.csrf.clone()),
        (&root.clone().with("sec-fetch-site", "cross-site"), root.csrf.clone()),
        (&root.clone().with("sec-fetch-site", "same-site"), root.csrf.clone()),
    ] {
        assert_eq!(send(who, &with(&csrf)).await, StatusCode::FORBIDDEN);
    }
    assert!(world.app.accounts.user("vera").await.unwrap().is_none());
    let here = root.clone().with("origin", "http://harvest.test");
    assert_eq!(send(&here, &with(&root.csrf)).await, StatusCode::CREATED);
}

fn owned((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

#[tokio::test]
async fn a_password_for_one_login_is_shown_once_and_changed_before_anything_else() {
    let world = World::new().await;
    let root = world.user("root", Role::Administrator).await;
    let fields = [("name", "vera"), ("role", "viewer")];
    let page = world.post(&root, "/settings/new-user", &fields).await;
    assert_eq!(page.headers["cache-control"], "no-store");
    let given = page.body.split("<code class=\"secret\">").nth(1).unwrap();
    let given = given.split('<').next().unwrap().to_owned();
    assert!(!world.get(&root, "/settings/users/vera").await.body.contains(&given));
    let answer = log_in(&world, "vera", &given).await;
    assert_eq!(answer.location(), "/password");
    let mut vera = Browser::default();
    vera.take(&answer);
    for route in routes::table().into_iter().filter(|route| route.method == Method::GET) {
        if let Access::With(_) = route.access {
            let answer = world.get(&vera, &access::filled(route.path)).await;
            let is_kept = answer.location() == "/password"
                || answer.status == StatusCode::FORBIDDEN
                || is_out(&answer);
            assert!(is_kept, "{}: {}", route.path, answer.status);
        }
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_viewer_is_locked() {
    let world = World::new().await;
    world.source("one").await;
    let root = world.user("root", Role::Administrator).await;
    let vera = world.user("vera", Role::Viewer).await;
    let request =
        harvest_pipeline::store::RunRequest::new("one", harvest_pipeline::store::RunKind::Harvest);
    world.store.request_run(&request).await.unwrap();
    let lock = async {
        while world.app.live().viewers() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        world.post(&root, "/settings/users/vera/lock", &[("to", "locked")]).await;
    };
    // They would go on for ten minutes.
    let (page, events, ()) = tokio::time::timeout(std::time::Duration::from_secs(120), async {
        tokio::join!(
            world.stream(&vera, "/runs/1/stream"),
            world.stream(&vera, "/api/events"),
            lock
        )
    })
    .await
    .unwrap();
    assert!(page.status == StatusCode::OK && !page.body.contains("event: over"));
    assert_eq!(events.status, StatusCode::OK);
}
