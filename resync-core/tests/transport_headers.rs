//! What `HttpTransport` tells about itself and its user, to whom, and where redirects lead it.

#![cfg(feature = "reqwest")]

mod transport_support;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use resync_core::transport::{
    Answer, BodyLimits, HttpTransport, HttpTransportBuilder, Reach, Request, Transport,
};
use resync_core::{ErrorKind, Result};
use url::Url;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use self::transport_support::memory;

async fn server() -> MockServer {
    let server = MockServer::start().await;
    let fine = ResponseTemplate::new(200).set_body_string("fine");
    Mock::given(any()).respond_with(fine).with_priority(10).mount(&server).await;
    server
}

/// The server's address, under another name than that of the mock server itself.
fn localhost(server: &MockServer, path: &str) -> Url {
    url(&format!("http://localhost:{}{path}", server.address().port()))
}

fn here(server: &MockServer, path: &str) -> Url {
    url(&format!("{}{path}", server.uri()))
}

fn url(text: &str) -> Url {
    text.parse().unwrap_or_else(|_| panic!("no URL: {text}"))
}

async fn redirect(server: &MockServer, from: &str, status: u16, to: &str) {
    let answer = ResponseTemplate::new(status).insert_header("location", to);
    Mock::given(path(from)).respond_with(answer).mount(server).await;
}

async fn ask(builder: HttpTransportBuilder, request: Request) -> Result<Answer> {
    builder.build()?.send(request).await?.collect(&BodyLimits::default()).await
}

/// The headers of all requests so far.
async fn received(server: &MockServer) -> Vec<HeaderMap> {
    let requests = server.received_requests().await.expect("recording is on");
    requests.into_iter().map(|request| request.headers).collect()
}

/// Method, path with query, and body of all requests so far.
async fn received_lines(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.expect("recording is on");
    requests
        .into_iter()
        .map(|request| {
            let body = String::from_utf8_lossy(&request.body);
            format!("{} {} {body}", request.method, &request.url[url::Position::BeforePath..])
        })
        .collect()
}

#[tokio::test]
async fn requests_say_who_asks() {
    let server = server().await;
    let builder = || HttpTransport::builder().user_agent("harvester/1.0");
    let get = || Request::get(here(&server, "/"));
    ask(HttpTransport::builder(), get()).await.unwrap();
    ask(builder().contact("me@library.example"), get()).await.unwrap();
    ask(builder().contact("https://library.example/bot"), get()).await.unwrap();

    let told: Vec<_> = received(&server)
        .await
        .iter()
        .map(|headers| {
            let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            (text("user-agent").unwrap(), text("from"))
        })
        .collect();
    assert_eq!(
        told,
        [
            (concat!("resync-core/", env!("CARGO_PKG_VERSION")).to_owned(), None),
            (
                "harvester/1.0 (me@library.example)".to_owned(),
                Some("me@library.example".to_owned())
            ),
            ("harvester/1.0 (https://library.example/bot)".to_owned(), None),
        ]
    );
}

#[tokio::test]
async fn headers_are_added_unless_the_request_has_its_own() {
    let server = server().await;
    let accept = |value| (header::ACCEPT, HeaderValue::from_static(value));
    let (name, value) = accept("text/xml");
    let builder = HttpTransport::builder()
        .header(name, value)
        .header(HeaderName::from_static("x-api-key"), HeaderValue::from_static("secret"));
    let (name, value) = accept("application/zip");
    ask(builder, Request::get(here(&server, "/")).header(name, value)).await.unwrap();
    ask(HttpTransport::builder(), Request::post_form(here(&server, "/"), "a=1".to_owned()))
        .await
        .unwrap();

    let [get, post] = &received(&server).await[..] else { panic!("two requests were sent") };
    assert_eq!(get["accept"], "application/zip");
    assert_eq!(get["x-api-key"], "secret");
    assert_eq!(get["accept-encoding"], "gzip, deflate");
    assert_eq!(get.get("referer"), None);
    assert_eq!(post["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(post["content-length"], "3");
}

#[tokio::test]
async fn credentials_are_sent_but_never_shown() {
    let server = server().await;
    let mut with_user = here(&server, "/oai");
    with_user.set_username("me").unwrap();
    with_user.set_password(Some("p%40ss")).unwrap();
    let get = || Request::get(here(&server, "/oai"));
    let basic = HttpTransport::builder().basic_auth("me", "p@ss");
    let bearer = HttpTransport::builder().bearer("t0ken");
    for builder in [&basic, &bearer] {
        let shown = format!("{builder:?}");
        assert!(!shown.contains("p@ss") && !shown.contains("t0ken"), "{shown}");
    }
    let answer = ask(HttpTransport::builder(), Request::get(with_user.clone())).await.unwrap();
    assert_eq!(answer.url, here(&server, "/oai"));
    ask(basic, get()).await.unwrap();
    // A user name in the URL is meant for this URL.
    let transport = bearer.build().unwrap();
    transport.send(Request::get(with_user)).await.unwrap();
    transport.send(get()).await.unwrap();
    let shown = format!("{transport:?}");
    assert!(shown.contains("authorization") && !shown.contains("t0ken"), "{shown}");

    let sent: Vec<_> = received(&server)
        .await
        .iter()
        .map(|headers| headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    // "me:p@ss" in Base64.
    let basic = "Basic bWU6cEBzcw==";
    assert_eq!(sent, [basic, basic, basic, "Bearer t0ken"]);
}

#[tokio::test]
async fn secrets_can_be_kept_for_one_host() {
    let server = server().await;
    let transport = HttpTransport::builder()
        .user_agent("harvester/1.0")
        .basic_auth("me", "secret")
        .header(HeaderName::from_static("x-api-key"), HeaderValue::from_static("secret"))
        .secrets_only_for(&here(&server, "/"))
        .build()
        .unwrap();
    transport.send(Request::get(here(&server, "/"))).await.unwrap();
    transport.send(Request::get(localhost(&server, "/"))).await.unwrap();
    let [ours, other] = &received(&server).await[..] else { panic!("two requests were sent") };
    for name in ["authorization", "x-api-key"] {
        assert!(ours.contains_key(name) && !other.contains_key(name), "{name}");
    }
    assert_eq!(other["user-agent"], "harvester/1.0");
}

#[tokio::test]
async fn nobody_is_redirected_to_where_they_may_not_go() {
    let server = server().await;
    redirect(&server, "/away", 302, localhost(&server, "/there").as_str()).await;
    redirect(&server, "/near", 302, "/here").await;
    // As if the source were on the Internet.
    let reach = Reach::internet().allow(&here(&server, "/"));
    let builder = || HttpTransport::builder().reach(reach.clone());
    assert!(ask(builder(), Request::get(here(&server, "/near"))).await.is_ok());
    let error = ask(builder(), Request::get(here(&server, "/away"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfReach);
    assert_eq!(error.url(), Some(&localhost(&server, "/there")));
    assert_eq!(received(&server).await.len(), 3, "where it leads nobody was asked");
    // The source is on this machine, and so is where it leads.
    let own = HttpTransport::builder().reach(Reach::from_origin(&here(&server, "/")));
    assert!(ask(own, Request::get(here(&server, "/away"))).await.is_ok());
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_secrets() {
    let server = server().await;
    redirect(&server, "/away", 302, localhost(&server, "/there").as_str()).await;
    redirect(&server, "/near", 302, "/here").await;
    let key = HeaderName::from_static("x-api-key");
    for (path, secret) in [("/near", true), ("/away", false)] {
        let mut start = here(&server, path);
        start.set_username("me").unwrap();
        let builder = HttpTransport::builder().user_agent("harvester/1.0").contact("me@a.example");
        let request = Request::get(start).header(key.clone(), HeaderValue::from_static("secret"));
        ask(builder, request).await.unwrap();

        let sent = received(&server).await;
        let headers = sent.last().unwrap();
        assert_eq!(headers.contains_key("authorization"), secret, "{path}");
        assert_eq!(headers.contains_key("x-api-key"), secret, "{path}");
        assert_eq!(headers["from"], "me@a.example");
        assert_eq!(headers["user-agent"], "harvester/1.0 (me@a.example)");
    }
}

#[tokio::test]
async fn a_redirect_keeps_the_query() {
    let server = server().await;
    redirect(&server, "/old/oai", 302, "../new/oai").await;
    let start = here(&server, "/old/oai?verb=ListRecords&resumptionToken=a%2Fb");
    let answer = ask(HttpTransport::builder(), Request::get(start)).await.unwrap();
    let end = here(&server, "/new/oai?verb=ListRecords&resumptionToken=a%2Fb");
    assert_eq!(answer.url, end);
    assert_eq!(memory(&answer), b"fine");
}

#[tokio::test]
async fn a_form_is_sent_again_or_becomes_a_query() {
    let server = server().await;
    for status in [301, 303, 307, 308] {
        redirect(&server, &format!("/{status}"), status, "/new").await;
        let request =
            Request::post_form(here(&server, &format!("/{status}")), "verb=Identify".to_owned());
        ask(HttpTransport::builder(), request).await.unwrap();
    }
    assert_eq!(
        received_lines(&server).await,
        [
            "POST /301 verb=Identify",
            "GET /new?verb=Identify ",
            "POST /303 verb=Identify",
            "GET /new?verb=Identify ",
            "POST /307 verb=Identify",
            "POST /new verb=Identify",
            "POST /308 verb=Identify",
            "POST /new verb=Identify",
        ]
    );
}

#[tokio::test]
async fn a_circle_of_redirects_is_left() {
    let server = server().await;
    redirect(&server, "/a", 301, "/b").await;
    redirect(&server, "/b", 301, "/a").await;
    let error = ask(HttpTransport::builder(), Request::get(here(&server, "/a"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert!(!error.is_transient());
    assert_eq!(received(&server).await.len(), 2);
}

#[tokio::test]
async fn five_redirects_are_followed_and_no_more() {
    let server = server().await;
    for n in 1..=6 {
        redirect(&server, &format!("/{n}"), 302, &format!("/{}", n + 1)).await;
    }
    let five = ask(HttpTransport::builder(), Request::get(here(&server, "/2"))).await.unwrap();
    assert_eq!(five.url.path(), "/7");
    let six = ask(HttpTransport::builder(), Request::get(here(&server, "/1"))).await.unwrap_err();
    assert_eq!(six.kind(), ErrorKind::Redirect);
}

#[tokio::test]
async fn cookies_are_kept_within_a_transport() {
    let server = server().await;
    let bounce = ResponseTemplate::new(302)
        .insert_header("set-cookie", "session=42")
        .insert_header("location", "/oai");
    Mock::given(path("/oai")).respond_with(bounce).up_to_n_times(1).mount(&server).await;
    let transport = HttpTransport::builder().build().unwrap();
    let response = transport.send(Request::get(here(&server, "/oai"))).await.unwrap();
    assert_eq!(response.status.as_u16(), 200);
    transport.clone().send(Request::get(here(&server, "/oai"))).await.unwrap();
    ask(HttpTransport::builder(), Request::get(here(&server, "/oai"))).await.unwrap();

    let cookies: Vec<_> = received(&server)
        .await
        .iter()
        .map(|headers| headers.get("cookie").map(|cookie| cookie.to_str().unwrap().to_owned()))
        .collect();
    let session = || Some("session=42".to_owned());
    assert_eq!(cookies, [None, session(), session(), None]);
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_final_errors() {
    let cases = [
        HttpTransport::builder().user_agent("two\nlines"),
        HttpTransport::builder().contact("me@a.example\r\nX-Evil: 1"),
        HttpTransport::builder().bearer("two\nlines"),
    ];
    for builder in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(!format!("{error:?}").contains("lines"), "{error:?}");
    }
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    for pem in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
    {
        let error = HttpTransport::builder().ca_certificate(pem).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{pem:?}");
    }
}
