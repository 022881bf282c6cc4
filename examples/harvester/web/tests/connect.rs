//! Connect, on pages and for programs, with sources on loopback.

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::routing::get;
use serde_json::Value;
use std::collections::HashMap;

use super::*;

const HUSH: &str = "correct-horse-battery";

/// Serves this until the test ends, and gives its address.
pub(super) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn oai(verb: &str, content: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\">\
         <responseDate>2024-06-01T12:00:00Z</responseDate><request>http://x/</request>\
         <{verb}>{content}</{verb}></OAI-PMH>"
    )
}

/// A repository with two formats, none of which is the usual one, that wants a password.
async fn answer(
    headers: HeaderMap,
    Query(asked): Query<HashMap<String, String>>,
) -> (StatusCode, String) {
    let signed = headers.get(AUTHORIZATION).is_some_and(|it| it.as_bytes().starts_with(b"Basic "));
    if !signed {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let format = |prefix: &str| {
        format!(
            "<metadataFormat><metadataPrefix>{prefix}</metadataPrefix>\
             <schema>http://x/{prefix}.xsd</schema>\
             <metadataNamespace>http://x/{prefix}</metadataNamespace></metadataFormat>"
        )
    };
    let answer = match asked.get("verb").map(String::as_str) {
        Some("Identify") => oai(
            "Identify",
            "<repositoryName>Maps &lt;old&gt;</repositoryName><baseURL>http://x/oai</baseURL>\
             <protocolVersion>2.0</protocolVersion><adminEmail>a@x.example</adminEmail>\
             <earliestDatestamp>2001-02-03</earliestDatestamp>\
             <deletedRecord>transient</deletedRecord><granularity>YYYY-MM-DD</granularity>",
        ),
        Some("ListMetadataFormats") => {
            oai("ListMetadataFormats", &(format("marc21") + &format("mods")))
        }
        Some("ListSets") => {
            oai("ListSets", "<set><setSpec>maps:old</setSpec><setName>Old maps</setName></set>")
        }
        _ => return (StatusCode::BAD_REQUEST, String::new()),
    };
    (StatusCode::OK, answer)
}

fn form<'a>(url: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let typed =
        [("kind", "oai-pmh"), ("options.url", url), ("connect", "on"), ("rhythm", "manual")];
    typed.into_iter().chain(changes.iter().copied()).collect()
}

#[tokio::test]
async fn v_075_connect_shows_what_is_there_and_fills_it_in() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let url = serve(Router::new().route("/oai", get(answer))).await + "/oai";
    let signed = [("options.user", "me"), ("options.password", HUSH)];
    let page = world.post(&admin, "/sources/new", &form(&url, &signed)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for part in [
        "Maps &lt;old&gt;",
        "a@x.example",
        "2001-02-03",
        "whole days",
        "reported for a while",
        "<option value=\"marc21\" selected>marc21 – http://x/marc21</option>",
        "<option value=\"mods\">mods – http://x/mods</option>",
        "<option value=\"maps:old\">maps:old – Old maps</option>",
        "value=\"Maps &lt;old&gt;\"",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains(HUSH), "{}", page.body);
    assert_eq!(world.store.count_sources(&Default::default()).await.unwrap(), 0, "nothing is kept");
    // What was typed before stays.
    let more =
        [&signed[..], &[("title", "My maps"), ("options.format", "mods"), ("options.set", "x")]];
    let page = world.post(&admin, "/sources/new", &form(&url, &more.concat())).await.body;
    assert!(page.contains("value=\"My maps\""), "{page}");
    assert!(page.contains("<option value=\"mods\" selected>"), "{page}");
    assert!(page.contains("<option value=\"x\" selected>x</option>"), "{page}");
    // The password that is kept is used for the same place.
    let created = [&signed[..], &[("title", "Maps"), ("id", "maps")]].concat();
    let mut created = form(&url, &created);
    created.retain(|(name, _)| *name != "connect");
    let made = world.post(&admin, "/sources/new", &created).await;
    assert_eq!(made.location(), "/sources/maps", "{}", made.body);
    let kept = form(&url, &[("options.user", "me"), ("options.password.set", "on")]);
    let page = world.post(&admin, "/sources/maps/edit", &kept).await.body;
    assert!(page.contains("reported for a while"), "{page}");
}

#[tokio::test]
async fn connect_says_what_is_wrong_beside_the_address() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let site = serve(
        Router::new()
            .route("/html", get(async || "<html><body>Nothing here</body></html>"))
            .route("/oai", get(answer)),
    )
    .await;
    let closed = serve(Router::new()).await;
    for (url, why) in [
        (format!("{site}/html"), "is no OAI-PMH repository and no harvest list"),
        (format!("{site}/oai"), "401"),
        (format!("{closed}/"), "is no OAI-PMH repository and no harvest list"),
        ("http://127.0.0.1:1/".to_owned(), "cannot be used"),
        ("here".to_owned(), "must be an address"),
        (String::new(), "must be an address"),
    ] {
        let page = world.post(&admin, "/sources/new", &form(&url, &[])).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        assert!(page.body.contains(why), "{url}: {why}: {}", page.body);
        assert!(page.body.contains("field-options-url-error"), "{url}: {}", page.body);
    }
}

const LIST: &str = "<?xml version=\"1.0\"?>
<hrv:harvestList xmlns:hrv=\"eml://ecoinformatics.org/harvestList\">
<document><docid><scope>demo</scope><identifier>1</identifier><revision>5</revision></docid>
<documentType>eml://ecoinformatics.org/eml-2.0.0</documentType>
<documentURL>http://site.example/1.xml</documentURL></document></hrv:harvestList>";

#[tokio::test]
async fn connect_finds_out_that_it_is_another_kind() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let broken = LIST.replace("<revision>5</revision>", "");
    let site = serve(
        Router::new()
            .route("/list.xml", get(async || LIST))
            .route("/broken.xml", get(async move || broken)),
    )
    .await;
    let url = format!("{site}/list.xml");
    let page = world.post(&admin, "/sources/new", &form(&url, &[])).await.body;
    assert!(page.contains("<option value=\"document-list\" selected>"), "{page}");
    assert!(page.contains("demo.1.5") && page.contains("options.allow_local"), "{page}");
    let url = format!("{site}/broken.xml");
    let page = world.post(&admin, "/sources/new", &form(&url, &[])).await.body;
    assert!(page.contains("line 3"), "{page}");
}

#[tokio::test]
async fn programs_connect_to_resourcesync_sources_too() {
    let world = World::new().await;
    let program = world.program("olga", Role::Operator).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let document = |capability: &str, what: &str, below: &str| {
        format!(
            "<{what} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
             xmlns:rs=\"http://www.openarchives.org/rs/terms/\"><rs:md capability=\"{capability}\" \
             at=\"2024-01-01T00:00:00Z\"/>{below}</{what}>"
        )
    };
    let entry = |name: &str, capability: &str| {
        format!("<url><loc>{base}/{name}</loc><rs:md capability=\"{capability}\"/></url>")
    };
    let description = document("description", "urlset", &entry("caps.xml", "capabilitylist"));
    let caps = document("capabilitylist", "urlset", &entry("list.xml", "resourcelist"));
    let list = document(
        "resourcelist",
        "urlset",
        &format!("<url><loc>{base}/1.xml</loc></url><url><loc>{base}/2.xml</loc></url>"),
    );
    let router = Router::new()
        .route("/.well-known/resourcesync", get(async move || description))
        .route("/caps.xml", get(async move || caps))
        .route("/list.xml", get(async move || list));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let asked = json!({ "url": format!("{base}/") });
    let answer = world.send(&program, "POST", "/api/connect", &asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let found = answer.json();
    assert_eq!(
        (&found["kind"], &found["sets"][0]["value"]),
        (&json!("resync"), &json!(format!("{base}/caps.xml")))
    );
    let documents = found["documents"].as_array().unwrap();
    let list = documents.iter().find(|it| it["what"] == "resourcelist").unwrap();
    assert_eq!(list["entries"], 2, "{found}");
    // It is for those who set up sources.
    let viewer = world.program("vera", Role::Viewer).await;
    let refused = world.send(&viewer, "POST", "/api/connect", &asked).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for (sent, why) in [
        (json!({ "url": "file:///etc/passwd" }), "http or https"),
        (json!({ "url": format!("http://me:{HUSH}@x.example/") }), "apart"),
        (json!({ "url": base, "password": HUSH }), "belongs to a user"),
        (json!({ "url": base, "token": HUSH, "user": "me" }), "not with both"),
        (json!({}), "url"),
    ] {
        let refused: Answer = world.send(&program, "POST", "/api/connect", &sent).await;
        assert!(
            refused.problem().contains(why) && !refused.body.contains(HUSH),
            "{}",
            refused.body
        );
    }
    let _: Value = found;
}
