//! `Retrying`: what is tried again, when, and who is told.

#![cfg(feature = "client")]

mod transport_support;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use resync_core::retry::{Attempt, Backoff, RetryPolicy, Retrying};
use resync_core::transport::{Body, BodyLimits, Payload, Request, Response, Transport};
use resync_core::{Error, ErrorKind, Result};
use tokio::time::Instant;

use self::transport_support::{Scripted, gzip, response};

const SECOND: Duration = Duration::from_secs(1);

fn get() -> Request {
    Request::get("http://me:secret@a.example/oai?verb=Identify".parse().expect("a URL"))
}

fn fine() -> Result<Response> {
    Ok(response(200, &[], [Ok(Bytes::from_static(b"abc"))]))
}

fn status(status: u16) -> Result<Response> {
    Ok(response(status, &[], []))
}

fn busy(seconds: &str) -> Result<Response> {
    Ok(response(503, &[("retry-after", seconds)], [Ok(Bytes::from_static(b"busy"))]))
}

/// Waits 1, 2, 4, … seconds.
fn steady() -> Backoff {
    Backoff::default().jitter(false)
}

async fn content(response: Result<Response>) -> Result<Vec<u8>> {
    match response?.body {
        Body::Whole(Payload::Memory(bytes)) => Ok(bytes),
        other => panic!("not collected: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_passing_is_tried_again_after_longer_and_longer_waits() {
    let script = Scripted::new([
        Err(Error::new(ErrorKind::Connect, "refused")),
        status(500),
        Err(Error::new(ErrorKind::Timeout, "slow")),
        fine(),
    ]);
    let retrying = Retrying::new(Arc::clone(&script), steady());
    let started = Instant::now();
    assert_eq!(content(retrying.send(get()).await).await.unwrap(), b"abc");
    assert_eq!(started.elapsed(), 7 * SECOND);
    assert_eq!(script.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let broken = || Err(Error::new(ErrorKind::Interrupted, "reset"));
    let packed = gzip(b"abc");
    let cut = Bytes::copy_from_slice(&packed[..packed.len() - 3]);
    let script = Scripted::new([
        Ok(response(200, &[], [Ok(Bytes::from_static(b"a")), broken()])),
        Ok(response(200, &[("content-length", "3")], [Ok(Bytes::from_static(b"ab"))])),
        Ok(response(200, &[("content-encoding", "gzip")], [Ok(cut)])),
        Ok(response(200, &[("content-encoding", "gzip")], [Ok(packed.into())])),
    ]);
    let retrying = Retrying::new(Arc::clone(&script), steady());
    assert_eq!(content(retrying.send(get()).await).await.unwrap(), b"abc");
    assert_eq!(script.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_its_check_is_asked_for_again() {
    let page = |body: &'static str| Ok(response(200, &[], [Ok(Bytes::from(body))]));
    let script = Scripted::new([page("<html>"), page(""), page("<OAI-PMH/>")]);
    let request = get().accept_if(|answer| match answer.payload.len() {
        0 => Err(Error::new(ErrorKind::Incomplete, "empty")),
        10 => Ok(()),
        _ => Err(Error::new(ErrorKind::Unexpected, "not what was asked for")),
    });
    let retrying = Retrying::new(script, steady());
    assert_eq!(content(retrying.send(request).await).await.unwrap(), b"<OAI-PMH/>");
}

#[tokio::test(start_paused = true)]
async fn a_check_may_accept_what_is_no_success() {
    let script = Scripted::new([Ok(response(404, &[], [Ok(Bytes::from_static(b"<OAI-PMH/>"))]))]);
    let response = Retrying::new(script, steady()).send(get().accept_if(|_| Ok(()))).await;
    assert_eq!(response.unwrap().status.as_u16(), 404);
}

#[tokio::test(start_paused = true)]
async fn the_server_is_waited_for_as_long_as_it_asks() {
    let script = Scripted::new([busy("120"), busy("120"), fine()]);
    let started = Instant::now();
    content(Retrying::new(script, Backoff::default()).send(get()).await).await.unwrap();
    assert_eq!(started.elapsed(), 240 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_check_does_not_tell_of_counts_all_the_same() {
    let script = Scripted::new([busy("120"), fine()]);
    let request = get().accept_if(|answer| match answer.status.as_u16() {
        200 => Ok(()),
        _ => Err(Error::new(ErrorKind::Unexpected, "not what was asked for")),
    });
    let started = Instant::now();
    Retrying::new(script, Backoff::default()).send(request).await.unwrap();
    assert_eq!(started.elapsed(), 120 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let script = Scripted::new([busy("86400"), fine()]);
    let started = Instant::now();
    let error = Retrying::new(Arc::clone(&script), steady()).send(get()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(86_400 * SECOND));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(script.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn giving_up_tells_the_last_failure_and_how_often_it_was_tried() {
    let script = Scripted::new([status(500), status(502), status(503), fine()]);
    let retrying = Retrying::new(Arc::clone(&script), steady().retries(2));
    let error = retrying.send(get()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Status(status) if status.as_u16() == 503));
    assert_eq!(error.attempts(), 3);
    assert_eq!(script.left(), 1);
    assert_eq!(
        error.to_string(),
        "the server answered 503 Service Unavailable: \
         http://a.example/oai?verb=Identify (tried 3 times)"
    );
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_not_tried_again() {
    let large = Ok(response(200, &[], [Ok(Bytes::from_static(b"abc"))]));
    let cases = [
        status(400),
        status(403),
        status(404),
        Err(Error::new(ErrorKind::Redirect, "circle")),
        large,
    ];
    for answer in cases {
        let script = Scripted::new([answer, fine()]);
        let retrying =
            Retrying::new(Arc::clone(&script), steady()).limits(BodyLimits::default().max(2));
        let error = retrying.send(get()).await.unwrap_err();
        assert_eq!((error.attempts(), script.left()), (1, 1), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_less_patient_than_the_policy() {
    for (retries, sent) in [(0, 1), (2, 3), (9, 6)] {
        let script = Scripted::new((0..10).map(|_| status(500)));
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        let retrying = Retrying::new(Arc::clone(&script), steady())
            .on_retry(Arc::new(move |event| log.lock().unwrap().push(event.of)));
        let error = retrying.send(get().retry_at_most(retries)).await.unwrap_err();
        assert_eq!(error.attempts(), sent);
        assert_eq!(script.left(), 10 - sent as usize);
        assert_eq!(*told.lock().unwrap(), vec![Some(sent); sent as usize - 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_policy_ends_with_the_request() {
    #[derive(Debug)]
    struct Always;

    impl RetryPolicy for Always {
        fn next_delay(&self, _: &Attempt<'_>) -> Option<Duration> {
            Some(SECOND)
        }
    }

    let script = Scripted::new((0..1000).map(|_| status(500)));
    let policy: Arc<dyn RetryPolicy> = Arc::new(Always);
    let retrying = Retrying::new(Arc::clone(&script), policy);
    let given_up = tokio::time::timeout(SECOND * 10 + SECOND / 2, retrying.send(get())).await;
    assert!(given_up.is_err());
    assert_eq!(script.left(), 1000 - 11);
}

/// Everything that is in the body, received piece by piece.
async fn stream(response: Response) -> Result<Vec<u8>> {
    response.success()?;
    let mut body = response.unpack(&BodyLimits::default())?;
    let mut content = Vec::new();
    while let Some(piece) = body.next().await? {
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

#[tokio::test(start_paused = true)]
async fn what_fails_while_a_body_is_streamed_is_tried_again() {
    let short = || Ok(response(200, &[("content-length", "3")], [Ok(Bytes::from_static(b"ab"))]));
    let script = Scripted::new([
        Err(Error::new(ErrorKind::Connect, "refused")),
        short(),
        busy("120"),
        fine(),
        fine(),
    ]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let observed = Arc::clone(&told);
    let retrying = Retrying::new(Arc::clone(&script), steady()).on_retry(Arc::new(move |event| {
        observed.lock().expect("no panic").push((event.number, event.error.kind()));
    }));
    let started = Instant::now();
    // In a task of its own: the future can be sent.
    let received = tokio::spawn(async move {
        let picky = Mutex::new(true);
        let picky = &picky;
        let receive = move |response| async move {
            let content = stream(response).await?;
            // Whatever the receiver finds wrong counts too.
            match std::mem::take(&mut *picky.lock().expect("no panic")) {
                true => Err(Error::new(ErrorKind::Unexpected, "not good enough")),
                false => Ok(content.len()),
            }
        };
        retrying.exchange(&get(), receive).await
    });
    assert_eq!(received.await.unwrap().unwrap(), 3);
    assert_eq!(started.elapsed(), (1 + 2 + 120 + 8) * SECOND);
    assert_eq!(script.left(), 0);
    let busy = ErrorKind::Status(http::StatusCode::SERVICE_UNAVAILABLE);
    let kinds = [ErrorKind::Connect, ErrorKind::Interrupted, busy, ErrorKind::Unexpected];
    assert_eq!(*told.lock().unwrap(), [1, 2, 3, 4].into_iter().zip(kinds).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_fails_for_good_ends_the_exchange() {
    let script = Scripted::new([fine(), fine()]);
    let retrying = Retrying::new(Arc::clone(&script), steady());
    let receive = async |_: Response| Err::<(), _>(Error::new(ErrorKind::Io, "the disk is full"));
    let error = retrying.exchange(&get(), receive).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Io, 1));
    assert_eq!(error.to_string(), "the disk is full: http://a.example/oai?verb=Identify");
    assert_eq!(script.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_judges_for_itself() {
    let script = Scripted::new([Ok(response(404, &[], []))]);
    let request = get().accept_if(|_| panic!("not asked"));
    let receive = async |response: Response| Ok(response.status.as_u16());
    assert_eq!(Retrying::new(script, steady()).exchange(&request, receive).await.unwrap(), 404);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_of_each_wait() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let script = Scripted::new([busy("30"), status(500), fine()]);
    let retrying = Retrying::new(script, steady()).on_retry(Arc::new(move |event| {
        assert_eq!(event.url.as_str(), "http://a.example/oai?verb=Identify");
        log.lock().unwrap().push(event.to_string());
    }));
    retrying.send(get()).await.unwrap();
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "the server answered 503 Service Unavailable: \
             http://a.example/oai?verb=Identify, waiting 30 s (try 2 of 6)",
            "the server answered 500 Internal Server Error: \
             http://a.example/oai?verb=Identify, waiting 2.0 s (try 3 of 6)",
        ]
    );
}

/// Writes down what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("resync_core")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            let _ = write!(line, " {}={value:?}", field.name());
        });
        self.0.lock().expect("no panic").push_str(&format!("{line}\n"));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn each_wait_is_logged_once_and_without_secrets() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let script = Scripted::new([busy("30"), fine()]);
    let key = HeaderName::from_static("x-api-key");
    let request = get().header(key, HeaderValue::from_static("secret"));
    Retrying::new(script, steady()).send(request).await.unwrap();
    drop(guard);
    assert_eq!(
        *log.0.lock().unwrap(),
        "WARN message=a request failed and will be sent again attempt=1 delay_ms=30000 \
         kind=Status(503) url=http://a.example/oai?verb=Identify\n"
    );
}
