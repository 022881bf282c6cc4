//! The API, asked as programs ask it.

use std::net::SocketAddr;
use std::time::Duration;

use harvest_pipeline::RunState;
use harvest_pipeline::filters::{Expression, FilterSet, Match, Test};
use harvest_pipeline::store::{Ending, Event, EventLevel, Held, RunKind, RunRequest};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::*;

impl World {
    /// A program that has a token of a user.
    pub(super) async fn program(&self, name: &str, role: Role) -> Browser {
        self.user(name, role).await;
        let user = self.app.accounts.user(name).await.unwrap().unwrap().body;
        let token = self.app.accounts.add_token(&user, for_tests(), Utc::now()).await.unwrap();
        Browser::default().with("authorization", format!("Bearer {}", token.reveal()))
    }

    pub(super) async fn send(
        &self,
        browser: &Browser,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let request = browser.request(method, path).header(CONTENT_TYPE, "application/json");
        self.ask(request.body(Body::from(body.to_string())).unwrap()).await
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What a problem says more of itself.
    pub(super) fn problem(&self) -> String {
        let content_type = self.headers.get(CONTENT_TYPE).map(|it| it.to_str().unwrap());
        assert_eq!(content_type, Some("application/problem+json"), "{}", self.body);
        assert_eq!(self.json()["status"], self.status.as_u16());
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) fn library() -> Value {
    json!({
        "title": "Library",
        "kind": "oai-pmh",
        "options": { "url": "https://library.example/oai" },
        "schedule": { "rhythm": { "kind": "every", "count": 1, "unit": "days" } },
    })
}

#[tokio::test]
async fn a_source_is_set_up_changed_and_removed() {
    let world = World::new().await;
    let operator = world.program("olga", Role::Operator).await;
    let path = "/api/sources/library";
    let made = world.send(&operator, "PUT", path, &library()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.json()["definition"]["schedule"]["rhythm"]["count"], 1);

    let mut changed = world.get(&operator, path).await.json()["definition"].clone();
    changed["title"] = "The library".into();
    let answer = world.send(&operator, "PUT", path, &changed).await;
    assert_eq!((answer.status, &answer.json()["definition"]), (StatusCode::OK, &changed));

    let paused = world.send(&operator, "POST", &format!("{path}/pause"), &Value::Null).await;
    assert_eq!(paused.json()["definition"]["status"], "paused");
    let resumed = world.send(&operator, "POST", &format!("{path}/resume"), &Value::Null).await;
    assert_eq!(resumed.json()["definition"]["status"], "active");

    assert_eq!(world.send(&operator, "DELETE", path, &Value::Null).await.status.as_u16(), 204);
    assert_eq!(world.get(&operator, path).await.status, StatusCode::NOT_FOUND);
    let deeds = world.app.accounts.audited(&AuditQuery::default(), 10).await.unwrap();
    let what: Vec<_> = deeds.iter().rev().map(|entry| entry.deed.what.as_str()).collect();
    assert_eq!(
        what,
        ["source.create", "source.change", "source.paused", "source.active", "source.delete"]
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    let operator = world.program("olga", Role::Operator).await;
    let with = |name: &str, value: Value| {
        let mut sent = library();
        sent[name] = value;
        sent
    };
    for (sent, why) in [
        (with("titel", json!("x")), "unknown field `titel`"),
        (with("title", json!("  ")), "title"),
        (with("kind", json!("gopher")), "kind"),
        (with("kind", json!("folder")), "kind"), // reads files: the administrators' alone
        (with("options", json!({})), "url"),
        (with("options", json!({ "url": "https://x.example/", "sett": "a" })), "sett"),
        (
            with(
                "schedule",
                json!({ "rhythm": { "kind": "every", "count": 10000, "unit": "days" } }),
            ),
            "9999",
        ),
        (with("filter_sets", json!(["none"])), "filter_sets"),
        (with("title", json!("a\u{0}b")), "\\u0000"),
    ] {
        let answer = world.send(&operator, "PUT", "/api/sources/library", &sent).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{sent}");
        assert!(answer.problem().contains(why), "{sent}: {}", answer.body);
    }
    for (query, why) in [
        ("limitt=3", "limitt"),
        ("limit=0", "limit"),
        ("limit=501", "500"),
        ("status=lost", "lost"),
        ("text=%00", "%00"),
    ] {
        let answer = world.get(&operator, &format!("/api/sources?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.problem().contains(why), "{query}: {}", answer.body);
    }
    let no_json = world.send_as_it_is(&operator, &Method::PUT, "/api/sources/library", &[]).await;
    assert!(no_json.problem().contains("application/json"));
    let huge = json!({ "title": "x".repeat(2 << 20) });
    let answer = world.send(&operator, "PUT", "/api/sources/library", &huge).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(world.store.source(&"library".into()).await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_goes_in_by_names_and_headers() {
    let world = World::new().await;
    let operator = world.program("olga", Role::Operator).await;
    for path in [
        "/api/sources/a%00b",
        "/api/sources/..%2f..%2fetc%2fpasswd",
        "/api/sources/a%0d%0aSet-Cookie:%20x=y",
        "/api/runs/1%20or%201=1",
        "/api/runs/99999999999999999999",
        "/api/sources/x/records/%3Cscript%3E",
        "/api/filter-sets/%2e%2e",
        "/api/nothing",
    ] {
        let answer = world.get(&operator, path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        answer.problem();
        assert!(answer.headers.get(SET_COOKIE).is_none(), "{path}");
    }
    for id in ["..%2f..", "a%0d%0ab", "%20"] {
        let answer = world.send(&operator, "PUT", &format!("/api/sources/{id}"), &library()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}");
        assert!(answer.problem().contains("id: "), "{id}: {}", answer.body);
    }
    let page = world.get(&operator, "/api/sources?limit=1&text=%22%3E%0d%0aX:%20y").await;
    assert_eq!(page.status, StatusCode::OK);
    for token in ["Bearer hvt_none", "Bearer ", "Basic eDp5", "Bearer hvt_\u{e9}"] {
        let stranger = Browser::default().with("authorization", token);
        let answer = world.get(&stranger, "/api/sources").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
        answer.problem();
    }
}

#[tokio::test]
async fn a_session_changes_something_only_with_its_token_against_forgery() {
    let world = World::new().await;
    let operator = world.user("olga", Role::Operator).await;
    let path = "/api/sources/library";
    let forged = world.send(&operator, "PUT", path, &library()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    forged.problem();
    let csrf = operator.csrf.clone();
    let elsewhere =
        operator.clone().with("x-csrf-token", &csrf).with("sec-fetch-site", "cross-site");
    let forged = world.send(&elsewhere, "PUT", path, &library()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let meant = operator.with("x-csrf-token", csrf);
    assert_eq!(world.send(&meant, "PUT", path, &library()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn lists_go_on_behind_a_key_until_they_end() {
    let world = World::new().await;
    let viewer = world.program("vera", Role::Viewer).await;
    for number in 0..7 {
        world.source(&format!("s{number}")).await;
    }
    let mut path = "/api/sources?limit=3&text=s".to_owned();
    let mut found = Vec::new();
    loop {
        let page = world.get(&viewer, &path).await;
        let ids = page.json()["items"].as_array().unwrap().clone();
        found.extend(ids.iter().map(|source| source["id"].as_str().unwrap().to_owned()));
        let Some(link) = page.headers.get("link").map(|link| link.to_str().unwrap()) else {
            assert_eq!(page.json()["next"], Value::Null);
            break;
        };
        path = link
            .strip_prefix('<')
            .and_then(|it| it.strip_suffix(">; rel=\"next\""))
            .unwrap()
            .to_owned();
        assert!(path.contains("text=s") && path.contains("limit=3"), "{path}");
    }
    assert_eq!(found, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
}

#[tokio::test]
async fn a_site_contact_reaches_nothing_of_others() {
    let world = World::new().await;
    world.owned_source("mine", "gce").await;
    world.owned_source("theirs", "and").await;
    let contact = world.program("gce", Role::SiteContact).await;
    let run = world.store.request_run(&RunRequest::new("theirs", RunKind::Harvest)).await.unwrap();
    let run = run.run();
    for path in ["/api/runs", "/api/records", "/api/log", "/api/events"] {
        let answer = world.get(&contact, path).await;
        assert!(answer.problem().contains("name a source"), "{path}: {}", answer.body);
    }
    for path in [
        "/api/sources/theirs".to_owned(),
        "/api/sources/theirs/coverage".to_owned(),
        "/api/sources/theirs/errors".to_owned(),
        "/api/sources/theirs/summary".to_owned(),
        "/api/sources/theirs/records/1".to_owned(),
        "/api/sources/theirs/records/1/versions".to_owned(),
        "/api/runs?source=theirs".to_owned(),
        "/api/records?source=theirs".to_owned(),
        "/api/log?source=theirs".to_owned(),
        "/api/events?source=theirs".to_owned(),
        format!("/api/events?run={run}"),
        format!("/api/runs/{run}"),
        format!("/api/runs/{run}/events"),
    ] {
        assert_eq!(world.get(&contact, &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (method, path) in [
        ("PUT", "/api/sources/theirs".to_owned()),
        ("DELETE", "/api/sources/theirs".to_owned()),
        ("POST", "/api/sources/theirs/pause".to_owned()),
        ("POST", "/api/runs/RUN/cancel".replace("RUN", &run.to_string())),
    ] {
        let answer = world.send(&contact, method, &path, &library()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let sent = json!({ "kind": "harvest" });
    let answer = world.send(&contact, "POST", "/api/sources/theirs/runs", &sent).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    // What they set up is theirs, whatever they say.
    let mut sent = library();
    sent["owner"] = "and".into();
    let made = world.send(&contact, "PUT", "/api/sources/third", &sent).await;
    assert_eq!(made.json()["definition"]["owner"], "gce");
    let list = world.get(&contact, "/api/sources").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(world.get(&contact, "/api/runs?source=mine").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_run_is_asked_for_paused_and_decided_upon() {
    let world = World::new().await;
    world.source("one").await;
    let operator = world.program("olga", Role::Operator).await;
    let asked = json!({ "kind": "harvest", "full": true });
    let answer = world.send(&operator, "POST", "/api/sources/one/runs", &asked).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let run = &answer.json()["run"];
    assert_eq!(
        (&run["by"], &run["trigger"], &run["full"]),
        (&json!("olga"), &json!("api"), &json!(true))
    );
    let again = world.send(&operator, "POST", "/api/sources/one/runs", &asked).await.json();
    assert_eq!((&again["queued"], &again["run"]["id"]), (&json!(false), &run["id"]));
    let path = format!("/api/runs/{}", run["id"]);
    let act = |what: &str| {
        let path = format!("{path}/{what}");
        let (world, operator) = (&world, &operator);
        async move { world.send(operator, "POST", &path, &Value::Null).await }
    };
    let refused = act("approve").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.problem().contains("cannot be approved"), "{}", refused.body);

    let minute = Duration::from_secs(60);
    let (ticket, _) = world.store.claim_run("w", minute).await.unwrap().unwrap();
    world.store.end_run(ticket, &Ending::Held(Held::new(90, 100))).await.unwrap();
    let list = world.get(&operator, "/api/runs?state=awaiting-approval").await.json();
    assert_eq!(list["items"][0]["held"]["deletions"], 90);
    // A worker gets it back, and finds that it may.
    assert_eq!(act("approve").await.json()["state"], "queued");
    let (_, entry) = world.store.claim_run("w", minute).await.unwrap().unwrap();
    assert_eq!(entry.held.and_then(|held| held.approved), Some(true));
    assert_eq!(act("cancel").await.json()["wanted"], "cancel");

    let viewer = world.program("vera", Role::Viewer).await;
    let answer = world.send(&viewer, "POST", &format!("{path}/cancel"), &Value::Null).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_filter_set_is_kept_and_tried() {
    let world = World::new().await;
    let operator = world.program("olga", Role::Operator).await;
    let rules =
        json!({ "expressions": [{ "field": "title", "operation": "contains", "value": "a" }] });
    let path = "/api/filter-sets/novels";
    let made = world.send(&operator, "PUT", path, &rules).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.json()["rules"]["ignore_case"], true);
    let tried = json!({ "rules": rules, "source": "one" });
    let verdicts = world.send(&operator, "POST", "/api/filter-set-preview", &tried).await;
    assert_eq!(verdicts.json()["items"], json!([]));
    let bad =
        json!({ "expressions": [{ "field": "title", "operation": "matches", "value": "(" }] });
    assert!(world.send(&operator, "PUT", path, &bad).await.problem().contains("title"));

    let expression = Expression::new("title", Test::Exists);
    let set = FilterSet::new("used", Match::Any, [expression]).unwrap();
    world.store.put_filter_set(&set).await.unwrap();
    let mut source = library();
    source["filter_sets"] = json!(["used"]);
    world.send(&operator, "PUT", "/api/sources/library", &source).await;
    let used = world.send(&operator, "DELETE", "/api/filter-sets/used", &Value::Null).await;
    assert_eq!(used.status, StatusCode::CONFLICT);
    assert!(used.problem().contains("library"));
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_for_who_has_a_token() {
    let world = World::new().await;
    world.source("one").await;
    world.store.request_run(&RunRequest::new("one", RunKind::Harvest)).await.unwrap();
    world.get(&Browser::default(), "/healthz").await;
    let metrics = world.get(&Browser::default(), "/metrics").await.body;
    for line in [
        "harvester_runs{state=\"queued\"} 1",
        "harvester_sources{status=\"active\"} 1",
        "harvester_records{outcome=\"live\"} 0",
        "harvester_http_request_duration_seconds_count{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let proxied = Browser::default().with("x-forwarded-for", "192.0.2.1");
    assert_eq!(world.get(&proxied, "/metrics").await.status, StatusCode::UNAUTHORIZED);
    let viewer = world.program("vera", Role::Viewer).await.with("x-forwarded-for", "192.0.2.1");
    assert_eq!(world.get(&viewer, "/metrics").await.status, StatusCode::OK);
    let contact =
        world.program("gce", Role::SiteContact).await.with("x-forwarded-for", "192.0.2.1");
    assert_eq!(world.get(&contact, "/metrics").await.status, StatusCode::FORBIDDEN);
}

/// A viewer of changes, over a socket.
struct Viewer(BufReader<tokio::net::TcpStream>);

impl Viewer {
    async fn connect(address: SocketAddr, bearer: &str, path: &str, seen: Option<&str>) -> Self {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let seen = seen.map_or(String::new(), |seen| format!("Last-Event-ID: {seen}\r\n"));
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n{seen}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// Reads until a line has this text, and gives the line.
    async fn until(&mut self, text: &str) -> String {
        let mut line = String::new();
        let reading = async {
            loop {
                line.clear();
                assert!(self.0.read_line(&mut line).await.unwrap() > 0, "no {text}");
                if line.contains(text) {
                    return line.trim().to_owned();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reading).await.expect(text)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_watch_a_run_and_the_store_has_one_reader() {
    let world = World::new().await;
    world.source("one").await;
    let viewer = world.program("vera", Role::Viewer).await;
    let bearer = viewer.headers[0].1.clone();
    let run =
        world.store.request_run(&RunRequest::new("one", RunKind::Harvest)).await.unwrap().run();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = world.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });

    let path = format!("/api/events?run={run}");
    let mut viewers = Vec::new();
    for _ in 0..200 {
        viewers.push(Viewer::connect(address, &bearer, &path, None).await);
    }
    for viewer in &mut viewers {
        viewer.until("\"queued\"").await;
    }
    let (before, began) = (world.app.live().reads(), std::time::Instant::now());
    assert_eq!(world.app.live().viewers(), 200);
    let (ticket, _) = world.store.claim_run("w", Duration::from_secs(60)).await.unwrap().unwrap();
    let event = Event::new("Met", EventLevel::Info, "hello").in_run("one".into(), run);
    world.store.record(&[event]).await.unwrap();
    let mut last = String::new();
    for viewer in &mut viewers {
        viewer.until("\"state\":\"running\"").await;
    }
    world.store.end_run(ticket, &Ending::Done).await.unwrap();
    for viewer in &mut viewers {
        last = viewer.until("id: ").await;
        viewer.until("\"state\":\"succeeded\"").await;
    }
    let reads = world.app.live().reads() - before;
    let most = began.elapsed().as_millis() as u64 / 250 + 2;
    eprintln!("200 viewers: {reads} readings of the store in {:?}", began.elapsed());
    assert!(reads <= most, "{reads} readings, not {most}");
    assert_eq!(world.store.run(run).await.unwrap().unwrap().state, RunState::Succeeded);

    // Who comes back is told what was missed, and nothing twice.
    let event = Event::new("Met", EventLevel::Info, "again").in_run("one".into(), run);
    world.store.record(&[event]).await.unwrap();
    viewers[0].until("again").await;
    let seen = last.strip_prefix("id: ");
    let mut back = Viewer::connect(address, &bearer, &path, seen).await;
    assert!(back.until("\"message\"").await.contains("again"));

    drop(viewers);
    drop(back);
    server.abort();
}

#[tokio::test]
async fn the_description_has_every_route_of_the_api_and_no_other() {
    let world = World::new().await;
    let viewer = world.program("vera", Role::Viewer).await;
    let described = world.get(&viewer, "/api/openapi.json").await.json();
    let mut told: Vec<String> = Vec::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            told.push(format!("{} {path}", method.to_uppercase()));
            let names = path.matches('{').count();
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|it| it["in"] == "path").count();
            assert_eq!(in_path, names, "{method} {path}");
        }
    }
    let table = crate::web::routes::table();
    let of_api = table.iter().filter(|route| route.path.starts_with("/api/"));
    let mut there: Vec<_> =
        of_api.map(|route| format!("{} {}", route.method, route.path)).collect();
    told.sort();
    there.sort();
    assert_eq!(told, there);

    let text = described.to_string();
    let references = text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(described.pointer(pointer).is_some(), "{reference}");
    }

    let page = world.get(&world.user("olga", Role::Operator).await, "/api").await;
    assert!(page.status == StatusCode::OK && page.body.contains("/api/runs/{run}/cancel"));
}
