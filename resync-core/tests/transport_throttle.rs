//! `Throttled`: being polite to hosts.

#![cfg(feature = "client")]

mod transport_support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use resync_core::transport::{BodyLimits, Politeness, Request, Response, Throttled, Transport};
use resync_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, advance, timeout};

use self::transport_support::{Scripted, response};

const SECOND: Duration = Duration::from_secs(1);

fn get(url: &str) -> Request {
    Request::get(url.parse().unwrap_or_else(|_| panic!("no URL: {url}")))
}

fn fine() -> Result<Response> {
    Ok(response(200, &[], [Ok(Bytes::from_static(b"abc"))]))
}

fn concurrency(most: usize) -> Politeness {
    Politeness::default().concurrency(NonZeroUsize::new(most).expect("not zero"))
}

#[tokio::test(start_paused = true)]
async fn requests_to_a_host_begin_an_interval_apart() {
    let inner = Scripted::new([fine(), fine(), fine(), fine()]);
    let throttled = Throttled::new(inner, Politeness::default().interval(SECOND));
    let started = Instant::now();
    let mut begun = Vec::new();
    for path in ["a", "b", "c"] {
        throttled.send(get(&format!("http://a.example/{path}"))).await.unwrap();
        begun.push(started.elapsed());
    }
    assert_eq!(begun, [Duration::ZERO, SECOND, 2 * SECOND]);
    // Waiting for something else counts, too.
    advance(5 * SECOND).await;
    throttled.send(get("http://a.example/d")).await.unwrap();
    assert_eq!(started.elapsed(), 7 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn hosts_do_not_wait_for_each_other() {
    let inner = Scripted::new((0..5).map(|_| fine()));
    let throttled = Throttled::new(inner, Politeness::default().interval(SECOND));
    let started = Instant::now();
    for url in
        ["http://a.example/", "http://b.example/", "https://a.example/", "http://a.example:8080/"]
    {
        throttled.send(get(url)).await.unwrap();
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    throttled.send(get("http://a.example:80/")).await.unwrap();
    assert_eq!(started.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_until_its_body_has_been_read_or_dropped() {
    let throttled = Throttled::new(Scripted::new((0..5).map(|_| fine())), concurrency(2));
    let send = || timeout(SECOND, throttled.send(get("http://a.example/")));
    let first = send().await.unwrap().unwrap();
    let second = send().await.unwrap().unwrap();
    assert!(send().await.is_err(), "a third one was let through");

    let read = first.collect(&BodyLimits::default()).await.unwrap();
    let third = send().await.unwrap().unwrap();
    assert_eq!(read.payload.len(), 3);
    assert!(send().await.is_err());

    drop(second);
    let fourth = send().await.unwrap().unwrap();
    assert!(send().await.is_err());
    drop((third, fourth));
    send().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_or_is_given_up_does_not_count() {
    #[derive(Debug)]
    struct Never;

    #[async_trait]
    impl Transport for Never {
        async fn send(&self, request: Request) -> Result<Response> {
            match request.url.path() {
                "/fail" => Err(Error::new(ErrorKind::Connect, "refused")),
                _ => std::future::pending().await,
            }
        }
    }

    let throttled = Throttled::new(Never, concurrency(1));
    for _ in 0..3 {
        assert!(timeout(SECOND, throttled.send(get("http://a.example/"))).await.is_err());
        let failed = timeout(SECOND, throttled.send(get("http://a.example/fail"))).await.unwrap();
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Connect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asks_for_it_is_left_alone_by_all() {
    for status in [429, 503] {
        let busy = Ok(response(status, &[("retry-after", "120")], []));
        let throttled = Throttled::new(Scripted::new([busy, fine(), fine()]), concurrency(8));
        let started = Instant::now();
        let first = throttled.send(get("http://a.example/1")).await.unwrap();
        assert_eq!(first.status.as_u16(), status);
        throttled.send(get("http://b.example/2")).await.unwrap();
        assert_eq!(started.elapsed(), Duration::ZERO);
        throttled.send(get("http://a.example/3")).await.unwrap();
        assert_eq!(started.elapsed(), 120 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_its_turn_heeds_a_later_pause() {
    #[derive(Debug)]
    struct SlowToRefuse(Arc<Scripted>);

    #[async_trait]
    impl Transport for SlowToRefuse {
        async fn send(&self, request: Request) -> Result<Response> {
            let answer = self.0.send(request).await?;
            tokio::time::sleep(SECOND).await;
            Ok(answer)
        }
    }

    let busy = Ok(response(503, &[("retry-after", "60")], []));
    let inner = SlowToRefuse(Scripted::new([busy, fine()]));
    let throttled = Throttled::new(inner, Politeness::default().interval(5 * SECOND));
    let started = Instant::now();
    let (first, second) = tokio::join!(
        throttled.send(get("http://a.example/1")),
        throttled.send(get("http://a.example/2")),
    );
    assert_eq!(first.unwrap().status.as_u16(), 503);
    assert_eq!(second.unwrap().status.as_u16(), 200);
    // The pause began after a second and lasted a minute; the second answer took a second.
    assert_eq!(started.elapsed(), 62 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn no_pause_is_longer_than_an_hour_and_other_answers_impose_none() {
    let long = Ok(response(503, &[("retry-after", "864000")], []));
    let other = Ok(response(404, &[("retry-after", "60")], []));
    let throttled = Throttled::new(Scripted::new([other, long, fine()]), Politeness::default());
    let started = Instant::now();
    throttled.send(get("http://a.example/1")).await.unwrap();
    throttled.send(get("http://a.example/2")).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
    throttled.send(get("http://a.example/3")).await.unwrap();
    assert_eq!(started.elapsed(), 3600 * SECOND);
}
