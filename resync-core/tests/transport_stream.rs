//! `Response::unpack`: a body that is read while it arrives.

#![cfg(feature = "client")]
#![allow(clippy::unwrap_used)]

mod transport_support;

use std::error::Error as _;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use resync_core::transport::{
    Body, BodyLimits, Payload, ReadHalf, Response, Unpacked, crate_error,
};
use resync_core::{Error, ErrorKind, Result};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::transport_support::{gzip, response};

const SOON: Duration = Duration::from_secs(10);

const PIECE: usize = 256 * 1024;

const PACKED: &[(&str, &str)] = &[("content-encoding", "gzip")];

fn pieces(body: &[u8], length: usize) -> Vec<Result<Bytes>> {
    body.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

fn unpack(response: Response) -> Unpacked {
    response.unpack(&BodyLimits::default()).expect("a body to unpack")
}

async fn all(mut body: Unpacked) -> Result<(Vec<u8>, u64)> {
    let mut content = Vec::new();
    while let Some(piece) = body.next().await? {
        assert!((1..=PIECE).contains(&piece.len()), "{}", piece.len());
        content.extend_from_slice(&piece);
    }
    assert_eq!(body.next().await?, None);
    Ok((content, body.raw_bytes()))
}

fn numbers(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

/// Zeros, packed a thousand to one.
fn bomb(length: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for _ in 0..length >> 20 {
        encoder.write_all(&[0; 1 << 20]).expect("memory");
    }
    encoder.finish().expect("memory")
}

/// A body that tells what is asked of it: gives this piece for ever.
fn endless(piece: Bytes, asked: &Arc<AtomicUsize>) -> Response {
    let asked = Arc::clone(asked);
    let mut answer = response(200, &[], []);
    let forever = futures_util::stream::repeat_with(move || {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok(piece.clone())
    });
    answer.body = Body::Stream(forever.boxed());
    answer
}

#[tokio::test]
async fn every_body_comes_out_as_it_is_collected() {
    let body = numbers(1_000_000);
    let twice = gzip(&gzip(&body));
    for (name, headers, sent) in [
        ("plain", &[][..], body.clone()),
        ("said to be gzip, but is not", PACKED, body.clone()),
        ("gzip", PACKED, gzip(&body)),
        ("gzip without a header", &[], gzip(&body)),
        ("twice", &[("content-encoding", "gzip, gzip")], twice),
        ("members", PACKED, [gzip(&body[..7]), gzip(&body[7..])].concat()),
        ("nearly gzip", &[], b"\x1f\x8b".to_vec()),
        ("one byte", &[], b"<".to_vec()),
        ("nothing", PACKED, Vec::new()),
    ] {
        for length in [1, 7_001, usize::MAX] {
            let pieces = || pieces(&sent, length);
            let (streamed, raw) = all(unpack(response(200, headers, pieces()))).await.unwrap();
            let collected = response(200, headers, pieces()).collect(&BodyLimits::default()).await;
            let collected = collected.unwrap().payload.head(usize::MAX >> 1).unwrap();
            assert!(streamed == collected, "{name}, {length} bytes at a time");
            assert_eq!(raw, sent.len() as u64, "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_not_packed_is_not_copied() {
    for headers in [&[][..], PACKED] {
        let sent = [Bytes::from(numbers(PIECE)), Bytes::from(numbers(3 * PIECE))];
        let mut body = unpack(response(200, headers, sent.clone().map(Ok)));
        let first = body.next().await.unwrap().unwrap();
        assert_eq!(first.as_ptr(), sent[0].as_ptr());
        let second = body.next().await.unwrap().unwrap();
        assert_eq!((second.as_ptr(), second.len()), (sent[1].as_ptr(), PIECE));
    }
}

#[tokio::test]
async fn a_file_that_is_meant_to_stay_packed_does() {
    let packed = gzip(b"abc");
    let limits = BodyLimits::default().sniff(false);
    let body = response(200, &[], pieces(&packed, 4)).unpack(&limits).unwrap();
    assert_eq!(all(body).await.unwrap().0, packed);
}

#[tokio::test]
async fn a_body_that_is_here_already_is_passed_on() {
    let content = gzip(&numbers(3 * PIECE / 2));
    let memory = Payload::Memory(content.clone());
    let limits = BodyLimits::default().memory(0).sniff(false);
    let spooled = response(200, &[], pieces(&content, 1000)).collect(&limits).await.unwrap();
    assert!(matches!(spooled.payload, Payload::Spooled(_)));
    for payload in [memory, spooled.payload] {
        let mut answer = response(200, PACKED, []);
        answer.body = Body::Whole(payload);
        let length = content.len() as u64;
        assert_eq!(all(unpack(answer)).await.unwrap(), (content.clone(), length));
    }
}

#[tokio::test]
async fn a_body_that_is_not_whole_fails_and_keeps_failing() {
    let packed = gzip(&numbers(1000));
    let cut = &packed[..packed.len() - 9];
    let broken = Error::new(ErrorKind::Timeout, "slow");
    let small = BodyLimits::default().max(99);
    let usual = BodyLimits::default();
    let cases = [
        ("short", response(200, &[("content-length", "9")], pieces(b"abc", 2)), &usual),
        ("cut", response(200, PACKED, pieces(cut, 100)), &usual),
        ("broken", response(200, &[], [Ok(Bytes::from_static(b"abc")), Err(broken)]), &usual),
        ("large", response(200, &[], pieces(&numbers(100), 10)), &small),
        ("packed large", response(200, PACKED, pieces(&bomb(1 << 20), 10)), &small),
    ];
    let kinds = [
        ErrorKind::Interrupted,
        ErrorKind::Incomplete,
        ErrorKind::Timeout,
        ErrorKind::TooLarge,
        ErrorKind::TooLarge,
    ];
    for ((name, answer, limits), kind) in cases.into_iter().zip(kinds) {
        let mut body = answer.unpack(limits).unwrap();
        let error = loop {
            match body.next().await {
                Ok(piece) => assert!(piece.is_some(), "{name} ended well"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.url().map(|url| url.as_str()), Some("http://a.example/oai"), "{name}");
        let again = body.next().await.unwrap_err();
        assert_eq!((again.kind(), again.to_string()), (kind, error.to_string()), "{name}");
    }
}

#[tokio::test]
async fn what_the_head_rules_out_is_not_received() {
    let unread = || [Err(Error::new(ErrorKind::Connect, "should not have been read"))];
    let limits = BodyLimits::default().max(1000);
    let large = response(200, &[("content-length", "1001")], unread()).unpack(&limits);
    assert_eq!(large.unwrap_err().kind(), ErrorKind::TooLarge);
    let unknown = response(200, &[("content-encoding", "br")], unread()).unpack(&limits);
    let error = unknown.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.url().is_some());
}

#[tokio::test]
async fn a_reader_is_never_far_behind_what_is_received() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (mut reader, feed) = unpack(endless(Bytes::from_static(b"abcd"), &asked)).into_read();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let read = spawn_blocking(move || {
        let mut start = [0; 10];
        reader.read_exact(&mut start).map(|()| start)
    });
    assert_eq!(&read.await.unwrap().unwrap(), b"abcdabcdab");
    // It has had enough, and that is no failure.
    let received = timeout(SOON, feed).await.unwrap().unwrap();
    assert_eq!(received, asked.load(Ordering::SeqCst) as u64 * 4);
    assert!((12..=32).contains(&received), "{received}");
}

#[tokio::test]
async fn a_reader_reads_everything() {
    let body = numbers(3_000_000);
    for (headers, sent) in [(&[][..], body.clone()), (PACKED, gzip(&body))] {
        let (mut reader, feed) = unpack(response(200, headers, pieces(&sent, 1_009))).into_read();
        let read = spawn_blocking(move || {
            let mut content = Vec::new();
            reader.read_to_end(&mut content)?;
            assert_eq!(reader.read(&mut [0; 9])?, 0);
            io::Result::Ok(content)
        });
        assert!(read.await.unwrap().unwrap() == body);
        assert_eq!(feed.await.unwrap(), sent.len() as u64);
    }
}

#[tokio::test]
async fn a_reader_hears_what_went_wrong() {
    let cut = || response(200, &[("content-length", "9")], pieces(b"abc\nd", 2));
    let (mut reader, feed) = unpack(cut()).into_read();
    let read = spawn_blocking(move || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let first = reader.read_to_end(&mut Vec::new()).expect_err("a failure");
        let second = reader.read(&mut [0]).expect_err("the same failure");
        (line, first, second)
    });
    let (line, first, second) = read.await.unwrap();
    assert_eq!(line, "abc\n");
    let told = feed.await.unwrap_err();
    for error in [crate_error(first), crate_error(second), told] {
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        let text = "the connection broke after 5 of 9 bytes: http://a.example/oai";
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_reader_whose_exchange_is_given_up_gets_an_error() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (mut reader, feed) = unpack(endless(Bytes::from_static(b"abcd"), &asked)).into_read();
    let read = spawn_blocking(move || io::copy(&mut reader, &mut io::sink()));
    drop(feed);
    let error = timeout(SOON, read).await.unwrap().unwrap().unwrap_err();
    assert_eq!(crate_error(error).kind(), ErrorKind::Interrupted);
}

#[test]
fn an_error_is_found_in_what_was_made_of_it() {
    let told = || io::Error::other(Error::new(ErrorKind::TooLarge, "large"));
    let wrapped = io::Error::new(io::ErrorKind::InvalidData, told());
    let shared = io::Error::other(Arc::new(told()));
    for error in [told(), wrapped, shared] {
        let error = crate_error(error);
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::TooLarge, "large".to_owned()));
    }
    let end = crate_error(io::ErrorKind::UnexpectedEof.into());
    assert_eq!(end.kind(), ErrorKind::Incomplete);
    let other = crate_error(io::ErrorKind::InvalidData.into());
    assert_eq!(other.kind(), ErrorKind::Io);
    assert!(other.source().is_some());
}

/// The most memory this process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the process's status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_bomb_is_stopped_and_takes_no_memory() {
    const MAX: u64 = 192 << 20;
    let bomb = bomb(256 << 20);
    assert!(bomb.len() < 512 << 10);
    let before = peak();
    let answer = response(200, PACKED, [Ok(bomb.into())]);
    let (mut reader, feed) = answer.unpack(&BodyLimits::default().max(MAX)).unwrap().into_read();
    let read = spawn_blocking(move || {
        let mut count = 0;
        loop {
            match reader.fill_buf() {
                Ok(piece) => {
                    let length = piece.len();
                    assert!((1..=PIECE).contains(&length));
                    count += length as u64;
                    reader.consume(length);
                }
                Err(error) => break (count, error),
            }
        }
    });
    let (count, error) = read.await.unwrap();
    assert_eq!(crate_error(error).kind(), ErrorKind::TooLarge);
    assert_eq!(feed.await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert!((MAX - PIECE as u64..=MAX).contains(&count), "{count}");
    // Other tests run at the same time.
    let taken = peak() - before;
    assert!(taken < 48 << 20, "{taken}");
}

#[cfg(feature = "reqwest")]
mod over_http {
    use resync_core::transport::{HttpTransport, Request, Transport as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;

    use super::transport_support::{Server, Step, send};
    use super::*;

    async fn connection(listener: TcpListener) -> TcpStream {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.expect("a request"));
        }
        socket
    }

    async fn ask(url: String) -> Unpacked {
        let transport = HttpTransport::builder().build().expect("a transport");
        let request = Request::get(url.parse().expect("a URL"));
        unpack(transport.send(request).await.expect("an answer"))
    }

    fn line(reader: &mut ReadHalf) -> io::Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line)
    }

    #[tokio::test]
    async fn the_beginning_can_be_read_before_the_end_is_sent() {
        let packed = {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(b"first\n").unwrap();
            encoder.flush().unwrap();
            let first = encoder.get_ref().clone();
            encoder.write_all(b"second\n").unwrap();
            let whole = encoder.finish().unwrap();
            [first.clone(), whole[first.len()..].to_vec()]
        };
        let plain = [b"first\n".to_vec(), b"second\n".to_vec()];
        for (coding, [first, second]) in [("identity", plain), ("gzip", packed)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let length = first.len() + second.len();
            let (go_on, told) = oneshot::channel::<()>();
            tokio::spawn(async move {
                let mut socket = connection(listener).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Encoding: {coding}\r\n\r\n"
                );
                socket.write_all(&[head.as_bytes(), &first].concat()).await.unwrap();
                told.await.unwrap();
                socket.write_all(&second).await.unwrap();
            });
            let (mut reader, feed) = ask(url).await.into_read();
            let read = spawn_blocking(move || {
                let first = line(&mut reader)?;
                go_on.send(()).expect("a server that waits");
                io::Result::Ok([first, line(&mut reader)?, line(&mut reader)?])
            });
            let lines = timeout(SOON, read).await.expect("no deadlock").unwrap().unwrap();
            assert_eq!(lines, ["first\n", "second\n", ""], "{coding}");
            assert_eq!(feed.await.unwrap(), length as u64);
        }
    }

    #[tokio::test]
    async fn an_end_that_is_too_early_is_no_end() {
        for head in
            ["HTTP/1.1 200 OK\nContent-Length: 100", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked"]
        {
            let body = if head.contains("chunked") { "6\r\nfirst\n\r\n" } else { "first\n" };
            let server = Server::start([vec![send(head, body)]]).await;
            let (mut reader, feed) = ask(server.url.to_string()).await.into_read();
            let read = spawn_blocking(move || (line(&mut reader), line(&mut reader)));
            let (first, second) = read.await.unwrap();
            assert_eq!(first.unwrap(), "first\n");
            assert_eq!(crate_error(second.unwrap_err()).kind(), ErrorKind::Interrupted);
            assert_eq!(feed.await.unwrap_err().kind(), ErrorKind::Interrupted);
        }
    }

    #[tokio::test]
    async fn dropping_either_end_closes_the_connection() {
        for drop_reader in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let closed = tokio::spawn(async move {
                let mut socket = connection(listener).await;
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst\n";
                socket.write_all(head).await.unwrap();
                // Sends nothing more, and waits for the other side to go.
                matches!(socket.read(&mut [0]).await, Ok(0) | Err(_))
            });
            let (mut reader, feed) = ask(url).await.into_read();
            let read = spawn_blocking(move || line(&mut reader).map(|line| (line, reader)));
            let (first, reader) = read.await.unwrap().unwrap();
            assert_eq!(first, "first\n");
            assert!(!closed.is_finished());
            let left: (Option<ReadHalf>, _) = if drop_reader {
                drop(reader);
                (None, Some(feed))
            } else {
                drop(feed);
                (Some(reader), None)
            };
            assert!(timeout(SOON, closed).await.expect("an end").unwrap());
            match left {
                (_, Some(feed)) => assert_eq!(feed.await.unwrap(), 6),
                (Some(mut reader), None) => {
                    let error = spawn_blocking(move || line(&mut reader)).await.unwrap();
                    assert_eq!(crate_error(error.unwrap_err()).kind(), ErrorKind::Interrupted);
                }
                (None, None) => unreachable!(),
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_falls_silent_does_not_hold_the_reader() {
        let head = "HTTP/1.1 200 OK\nContent-Length: 100";
        let server = Server::start([vec![send(head, "first\n"), Step::Hang]]).await;
        let transport = HttpTransport::builder().read_timeout(Duration::from_millis(200));
        let answer = transport.build().unwrap().send(Request::get(server.url.clone())).await;
        let (mut reader, feed) = unpack(answer.unwrap()).into_read();
        let read = spawn_blocking(move || reader.read_to_end(&mut Vec::new()));
        let error = timeout(SOON, read).await.expect("an end").unwrap().unwrap_err();
        assert_eq!(crate_error(error).kind(), ErrorKind::Timeout);
        assert_eq!(feed.await.unwrap_err().kind(), ErrorKind::Timeout);
    }
}
