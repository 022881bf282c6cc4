//! `Response::collect`: size, place and packing of a body.

#![cfg(feature = "client")]

mod transport_support;

use std::io::Read as _;

use bytes::Bytes;
use resync_core::transport::{Answer, Body, BodyLimits, Payload, Response};
use resync_core::{Error, ErrorKind, Result};

use self::transport_support::{gzip, memory, response};

fn pieces(body: &[u8], length: usize) -> Vec<Result<Bytes>> {
    body.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

async fn collect(response: Response, limits: &BodyLimits) -> Result<Answer> {
    response.collect(limits).await
}

fn spooled(answer: Answer) -> Vec<u8> {
    let Payload::Spooled(spool) = answer.payload else { panic!("in memory: {answer:?}") };
    let mut content = Vec::new();
    spool.reader().expect("a reader").read_to_end(&mut content).expect("a file");
    content
}

#[tokio::test]
async fn a_small_body_is_kept_in_memory() {
    let answer = response(200, &[], pieces(b"abcdefgh", 3));
    let answer = collect(answer, &BodyLimits::default()).await.unwrap();
    assert_eq!(memory(&answer), b"abcdefgh");
    let empty = collect(response(204, &[], []), &BodyLimits::default()).await.unwrap();
    assert!(empty.payload.is_empty());
}

#[tokio::test]
async fn memory_is_taken_once_when_the_length_is_announced() {
    let body = vec![b'x'; 300_000];
    let length = body.len().to_string();
    let answer = response(200, &[("content-length", &length)], pieces(&body, 1000));
    let answer = collect(answer, &BodyLimits::default()).await.unwrap();
    let Payload::Memory(bytes) = answer.payload else { panic!("in a file") };
    assert_eq!((bytes.len(), bytes.capacity()), (300_000, 300_000));
}

#[tokio::test]
async fn an_announced_length_beyond_the_memory_limit_takes_no_memory() {
    let limits = BodyLimits::default().memory(1000).max(u64::MAX);
    let headers = [("content-length", "18446744073709551615")];
    let error = collect(response(200, &headers, pieces(b"abc", 3)), &limits).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[tokio::test]
async fn a_large_body_goes_to_a_file() {
    let body: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    for (name, headers, sent) in
        [("plain", &[][..], body.clone()), ("gzip", &[("content-encoding", "gzip")], gzip(&body))]
    {
        let limits = BodyLimits::default().memory(10_000);
        let answer = collect(response(200, headers, pieces(&sent, 7_001)), &limits).await.unwrap();
        assert_eq!(answer.payload.len(), 2_000_000, "{name}");
        assert_eq!(answer.payload.head(3).unwrap(), body[..3]);
        assert_eq!(answer.payload.tail(3).unwrap(), body[1_999_997..]);
        assert!(spooled(answer) == body, "{name}: the content differs");
    }
}

#[tokio::test]
async fn only_what_is_beyond_the_memory_limit_goes_to_a_file() {
    for (length, expected) in [(100, false), (101, true)] {
        let limits = BodyLimits::default().memory(100);
        let body = vec![b'x'; length];
        let answer = collect(response(200, &[], pieces(&body, 30)), &limits).await.unwrap();
        assert_eq!(matches!(answer.payload, Payload::Spooled(_)), expected, "{length}");
    }
}

#[tokio::test]
async fn files_go_where_they_are_told_to() {
    let limits = BodyLimits::default().memory(0).spool_dir("/nowhere/at/all");
    let error = collect(response(200, &[], pieces(b"abc", 1)), &limits).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(!error.is_transient());

    let here = BodyLimits::default().memory(0).spool_dir(env!("CARGO_TARGET_TMPDIR"));
    let answer = collect(response(200, &[], pieces(b"abc", 1)), &here).await.unwrap();
    assert_eq!(spooled(answer), b"abc");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let bomb = gzip(&vec![0; 50 << 20]);
    let encoded = [("content-encoding", "gzip")];
    // The last one does not even begin to read.
    let unread = Error::new(ErrorKind::Connect, "should not have been read");
    let cases = [
        ("plain", response(200, &[], pieces(&[b'x'; 1001], 100))),
        ("packed", response(200, &encoded, pieces(&gzip(&[b'x'; 1001]), 10))),
        ("bomb", response(200, &encoded, pieces(&bomb, bomb.len()))),
        ("what follows packed data", {
            let padded = [gzip(b"x"), vec![0; 1000]].concat();
            response(200, &encoded, pieces(&padded, 100))
        }),
        ("announced", response(200, &[("content-length", "1001")], [Err(unread)])),
    ];
    let limits = BodyLimits::default().max(1000).memory(100);
    for (name, answer) in cases {
        let error = collect(answer, &limits).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{name}");
        assert_eq!(error.url().map(|url| url.as_str()), Some("http://a.example/oai"), "{name}");
    }
    let exact = response(200, &[("content-length", "1000")], pieces(&[b'x'; 1000], 100));
    assert_eq!(collect(exact, &limits).await.unwrap().payload.len(), 1000);
}

#[tokio::test]
async fn less_than_announced_is_an_interrupted_answer() {
    let short = || pieces(b"abc", 3);
    let answer = response(200, &[("content-length", "10")], short());
    let error = collect(answer, &BodyLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(error.to_string(), "the connection broke after 3 of 10 bytes: http://a.example/oai");
    // These say nothing about how much should have come.
    for (status, headers) in [
        (304, &[("content-length", "10")][..]),
        (200, &[("content-length", "10"), ("content-encoding", "gzip")]),
        (200, &[("content-length", "10 bytes")]),
        (200, &[("content-length", "-10")]),
        (200, &[("content-length", "2")]),
    ] {
        let answer = collect(response(status, headers, short()), &BodyLimits::default()).await;
        assert_eq!(memory(&answer.unwrap()), b"abc", "{status} {headers:?}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_fails_the_answer() {
    let broken = Error::new(ErrorKind::Interrupted, "reset");
    let answer = response(200, &[], [Ok(Bytes::from_static(b"abc")), Err(broken)]);
    let error = collect(answer, &BodyLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[tokio::test]
async fn packed_data_that_are_cut_off_are_an_incomplete_answer() {
    let packed = gzip(b"abcdefgh");
    let cut = &packed[..packed.len() - 4];
    let answer = response(200, &[("content-encoding", "gzip")], pieces(cut, 5));
    let error = collect(answer, &BodyLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incomplete);
}

#[tokio::test]
async fn a_gzip_file_is_unpacked_unless_it_is_meant_to_stay_packed() {
    let packed = gzip(b"abcdefgh");
    let length = packed.len().to_string();
    let file = || response(200, &[("content-length", &length)], pieces(&packed, 5));
    let unpacked = collect(file(), &BodyLimits::default()).await.unwrap();
    assert_eq!(memory(&unpacked), b"abcdefgh");
    let kept = collect(file(), &BodyLimits::default().sniff(false)).await.unwrap();
    assert_eq!(memory(&kept), packed);
}

#[tokio::test]
async fn a_body_that_is_here_already_is_passed_on() {
    let limits = BodyLimits::default();
    let mut answer = response(200, &[("content-encoding", "gzip")], []);
    answer.body = Body::Whole(Payload::Memory(b"abc".to_vec()));
    let answer = collect(answer, &limits).await.unwrap();
    let again = collect(Response::from(answer), &limits).await.unwrap();
    assert_eq!(memory(&again), b"abc");
}
