//! Nobody else's forms, and what every answer tells browsers.

use harvest_pipeline::store::{RunKind, RunRequest};

use super::*;

#[tokio::test]
async fn a_form_without_the_sessions_token_changes_nothing() {
    let world = World::new().await;
    world.source("one").await;
    let admin = world.user("admin", Role::Administrator).await;
    let other = world.user("other", Role::Operator).await;
    for route in crate::web::routes::table() {
        if route.method == "GET" || matches!(route.path, "/login" | "/preferences") {
            continue;
        }
        let path = access::filled(route.path);
        for token in [None, Some(""), Some("made-up"), Some(other.csrf.as_str())] {
            let fields: Vec<_> = token.map(|token| ("csrf", token)).into_iter().collect();
            let answer = world.send_as_it_is(&admin, &route.method, &path, &fields).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {token:?}");
            assert!(answer.body.contains("was not sent from here"), "{path} {token:?}");
        }
    }
    assert!(world.store.source(&"one".into()).await.unwrap().is_some());

    let paused = world.post(&admin, "/sources/one/status", &[("to", "paused")]).await;
    assert_eq!(paused.location(), "/sources/one");
    let by_header = admin.clone().with("x-csrf-token", admin.csrf.clone());
    let sent = world.post_as_it_is(&by_header, "/sources/one/status", &[("to", "active")]).await;
    assert_eq!(sent.location(), "/sources/one");
}

#[tokio::test]
async fn a_form_of_another_site_is_refused_even_with_a_token_and_before_login() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://harvest.test.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for browser in [admin.clone(), Browser::default()] {
            let browser = browser.with(name, value);
            for path in ["/logout", "/login", "/preferences"] {
                let answer = world.post(&browser, path, &[("name", "a"), ("password", "b")]).await;
                let refused = answer.status == StatusCode::FORBIDDEN
                    || answer.location().starts_with("/login");
                assert!(refused, "{name}: {value} {path} {}", answer.status);
            }
        }
    }
    let own = admin.with("origin", "http://harvest.test").with("sec-fetch-site", "same-origin");
    assert_eq!(world.post(&own, "/logout", &[]).await.location(), "/login");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    for path in ["/", "/login", "/nothing", "/assets/style.css", "/assets/none", "/healthz"] {
        let answer = world.get(&admin, path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "same-origin", "{path}");
    }
}

#[tokio::test]
async fn pages_have_no_script_or_style_in_them_and_ask_nobody_else() {
    let world = World::new().await;
    world.source("one").await;
    let admin = world.user("admin", Role::Administrator).await;
    let request = RunRequest::new("one", RunKind::Harvest);
    world.store.request_run(&request).await.unwrap();
    for path in [
        "/",
        "/login",
        "/password",
        "/sources",
        "/sources/new",
        "/sources/one",
        "/runs",
        "/runs/1",
        "/runs/1/cancel",
        "/imports",
        "/records",
        "/failures",
        "/filter-sets",
        "/filter-sets/new",
        "/targets",
        "/targets/new",
    ] {
        let page = world.get(&admin, path).await.body;
        for part in ["<style", " style=", " onclick=", "javascript:", "src=\"http", "href=\"http"] {
            assert!(!page.contains(part), "{path}: {part}");
        }
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/assets/"), "{path}: {script:.60}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_a_page_not_a_fault() {
    let world = World::new().await;
    world.source("one").await;
    let admin = world.user("admin", Role::Administrator).await;
    let unknown = world.post(&admin, "/sources/one/run", &[("ask", "explode")]).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert!(unknown.body.contains("This cannot be understood."), "{}", unknown.body);
    let method = world.post(&admin, "/sources", &[]).await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(method.headers["allow"], "GET,HEAD");
    let large = "x".repeat(2 << 20);
    let large = world.post(&admin, "/sources/new", &[("title", &large)]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let part = admin.clone().with("hx-request", "true");
    let part = world.get(&part, "/sources/none").await;
    assert!(part.status == StatusCode::NOT_FOUND && !part.body.contains("<html"));
}

#[tokio::test]
async fn programs_are_told_in_json_what_is_wrong() {
    let world = World::new().await;
    let missing = world.get(&Browser::default(), "/api/nothing").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.headers["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(&missing.body).unwrap();
    assert_eq!(problem["status"], 404);
}

#[tokio::test]
async fn files_of_pages_are_kept_by_browsers_until_they_change() {
    let world = World::new().await;
    let page = world.get(&Browser::default(), "/login").await.body;
    let style = page.split("href=\"").find(|it| it.starts_with("/assets/style.css?v=")).unwrap();
    let answer = world.get(&Browser::default(), style.split('"').next().unwrap()).await;
    assert_eq!(answer.headers["content-type"], "text/css; charset=utf-8");
    assert!(answer.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(world.get(&Browser::default(), "/healthz").await.body, "alive\n");
    assert_eq!(world.get(&Browser::default(), "/readyz").await.body, "ready\n");
}
