//! `HttpTransport` against servers that break off, stall and send nonsense.

#![cfg(feature = "reqwest")]

mod transport_support;

use std::sync::Arc;
use std::time::Duration;

use resync_core::retry::{Backoff, Retrying};
use resync_core::transport::{
    Answer, BodyLimits, HttpTransport, HttpTransportBuilder, Request, Transport,
};
use resync_core::{Error, ErrorKind, Result};
use tokio::net::TcpListener;
use tokio::time::sleep;

use self::transport_support::{Server, Step, gzip, memory, send};

const SHORT: Duration = Duration::from_millis(200);

const OK: &str = "HTTP/1.1 200 OK\nConnection: close";

async fn ask(transport: &HttpTransport, server: &Server) -> Result<Answer> {
    let response = transport.send(Request::get(server.url.clone())).await?;
    response.collect(&BodyLimits::default()).await
}

async fn answer(script: Vec<Step>) -> Result<Answer> {
    let server = Server::start([script]).await;
    ask(&HttpTransport::builder().build()?, &server).await
}

async fn failure(builder: HttpTransportBuilder, script: Vec<Step>) -> Error {
    let server = Server::start([script]).await;
    let transport = builder.build().expect("a transport");
    let error = ask(&transport, &server).await.expect_err("an answer that fails");
    assert_eq!(error.url(), Some(&server.url));
    assert!(error.is_transient());
    error
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_interrupted_one() {
    let half = send("HTTP/1.1 200 OK\nContent-Length: 100", [b'x'; 50]);
    let chunked = send("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", "5\r\nabcde\r\n");
    let nonsense = send("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", "5\r\nabcde\r\nxyz\r\n");
    let cases = [
        ("half a body", vec![half.clone()], "after 50 bytes"),
        ("half a body and a reset", vec![half, Step::Wait(SHORT), Step::Reset], "after 50 bytes"),
        ("chunks without an end", vec![chunked], "after 5 bytes"),
        ("broken chunks", vec![nonsense], "bytes"),
    ];
    for (name, script, text) in cases {
        let error = failure(HttpTransport::builder(), script).await;
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{name}: {error:?}");
        assert!(error.to_string().starts_with("the connection broke after"), "{name}: {error}");
        assert!(error.to_string().contains(text), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_connection_without_an_answer_is_an_interrupted_one() {
    let cases = [
        ("nothing", vec![]),
        ("reset", vec![Step::Reset]),
        ("half a head", vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-".to_vec())]),
        ("another protocol", vec![Step::Send(b"220 smtp.example ESMTP\r\n".to_vec())]),
        ("binary", vec![Step::Send((0..=255).cycle().take(5000).collect())]),
        (
            "endless head",
            vec![Step::Send([b"HTTP/1.1 200 OK\r\nA: ", &[b'x'; 1 << 20][..]].concat())],
        ),
    ];
    for (name, script) in cases {
        let error = failure(HttpTransport::builder(), script).await;
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{name}: {error:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_cannot_be_connected_to() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let transport = HttpTransport::builder().build().unwrap();
    let error = transport.send(Request::get(url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.to_string(), format!("could not connect: http://127.0.0.1:{port}/"));
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let cases = [
        (vec![Step::Hang], "no answer within 0.2 s"),
        (
            vec![send("HTTP/1.1 200 OK\nContent-Length: 10", "abcde"), Step::Hang],
            "nothing more for 0.2 s after 5 bytes",
        ),
    ];
    for (script, text) in cases {
        let error = failure(HttpTransport::builder().read_timeout(SHORT), script).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[tokio::test]
async fn a_drip_is_waited_for_but_not_for_ever() {
    let drip = || {
        let drops = (0..10).flat_map(|_| [Step::Wait(SHORT / 2), Step::Send(b"x".to_vec())]);
        [send("HTTP/1.1 200 OK\nContent-Length: 10", "")].into_iter().chain(drops).collect()
    };
    let server = Server::start([drip()]).await;
    let patient = HttpTransport::builder().read_timeout(SHORT * 4).build().unwrap();
    assert_eq!(memory(&ask(&patient, &server).await.unwrap()), b"xxxxxxxxxx");

    let error = failure(HttpTransport::builder().total_timeout(SHORT), drip()).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().starts_with("the answer was not complete within 0.2 s"), "{error}");
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_no_timeout() {
    let server = Server::start([vec![
        send("HTTP/1.1 200 OK\nContent-Length: 5", "abc"),
        Step::Send(b"de".to_vec()),
    ]])
    .await;
    let transport = HttpTransport::builder().read_timeout(SHORT).build().unwrap();
    let response = transport.send(Request::get(server.url)).await.unwrap();
    sleep(SHORT * 2).await;
    let answer = response.collect(&BodyLimits::default()).await.unwrap();
    assert_eq!(memory(&answer), b"abcde");
}

#[tokio::test]
async fn unusual_heads_are_read() {
    let packed = gzip(b"abc");
    let length = packed.len();
    let cases = [
        ("no length", vec![send(OK, "abc")]),
        ("HTTP/1.0", vec![send("HTTP/1.0 200 OK", "abc")]),
        ("no reason", vec![send("HTTP/1.1 200\nContent-Length: 3", "abc")]),
        ("folded", vec![send(&format!("{OK}\nX-Long: a\n b"), "abc")]),
        ("a space before the colon", vec![send(&format!("{OK}\nX-Server : a"), "abc")]),
        ("no header at all", vec![send(&format!("{OK}\nthis is none"), "abc")]),
        ("latin-1", {
            let head = [&b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\n"[..], b"\r\nabc"].concat();
            vec![Step::Send(head)]
        }),
        ("gzip", {
            let head = format!("{OK}\nContent-Encoding: gzip\nContent-Length: {length}");
            vec![send(&head, packed)]
        }),
    ];
    for (name, script) in cases {
        let answer = answer(script).await;
        assert_eq!(answer.as_ref().map(memory).ok(), Some(&b"abc"[..]), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn any_status_is_an_answer() {
    for status in [200, 204, 304, 400, 404, 500, 503, 599] {
        let body = if matches!(status, 204 | 304) { "" } else { "abc" };
        let script = vec![send(&format!("HTTP/1.1 {status} X\nContent-Length: 3"), body)];
        let answer = answer(script).await.unwrap();
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(memory(&answer), body.as_bytes());
    }
}

#[tokio::test]
async fn a_short_body_is_asked_for_again() {
    let server = Server::start([
        vec![Step::Reset],
        vec![send("HTTP/1.1 200 OK\nContent-Length: 8", "abcd")],
        vec![send("HTTP/1.1 503 Busy\nContent-Length: 0\nConnection: close", "")],
        vec![send("HTTP/1.1 200 OK\nContent-Length: 8", "abcdefgh")],
    ])
    .await;
    let transport = HttpTransport::builder().build().unwrap();
    let backoff = Backoff::default().first(Duration::from_millis(1));
    let retrying: Arc<dyn Transport> = Arc::new(Retrying::new(transport, backoff));
    let response = retrying.send(Request::get(server.url.clone())).await.unwrap();
    let answer = response.collect(&BodyLimits::default()).await.unwrap();
    assert_eq!(memory(&answer), b"abcdefgh");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_bursts() {
    let bomb = gzip(&vec![0; 100 << 20]);
    let head = format!("{OK}\nContent-Encoding: gzip\nContent-Length: {}", bomb.len());
    let server = Server::start([vec![send(&head, bomb)]]).await;
    let transport = HttpTransport::builder().build().unwrap();
    let response = transport.send(Request::get(server.url)).await.unwrap();
    let limits = BodyLimits::default().max(1 << 20);
    let error = response.collect(&limits).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_final_error() {
    let transport = HttpTransport::builder().build().unwrap();
    for url in ["ftp://a.example/", "file:///etc/passwd", "mailto:me@a.example"] {
        let error = transport.send(Request::get(url.parse().unwrap())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{url}");
        assert!(!error.is_transient());
    }
}
