//! A server that misbehaves as told, and transports that answer from a script.

#![allow(dead_code)] // each test program uses its part of it

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use resync_core::transport::{Answer, Body, Payload, Request, Response, Transport};
use resync_core::{Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// What the server does on a connection, after it has read a request. Then it closes it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    Hang,
    Reset,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Each connection gets the next script; there are no more connections than scripts.
    pub(crate) async fn start(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let scripts: Vec<_> = scripts.into_iter().collect();
        tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.expect("a connection");
                tokio::spawn(play(socket, script, Arc::clone(&seen)));
            }
        });
        let url = Url::parse(&format!("http://{address}/oai")).expect("a URL");
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

async fn play(mut socket: TcpStream, script: Vec<Step>, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    seen.lock().expect("no panic").push(String::from_utf8_lossy(&head).into_owned());
    for step in script {
        match step {
            Step::Send(bytes) => {
                if socket.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => std::future::pending().await,
            Step::Reset => {
                socket.set_zero_linger().expect("a socket option");
                return;
            }
        }
    }
}

/// A head and a body, sent as they are.
pub(crate) fn send(head: &str, body: impl AsRef<[u8]>) -> Step {
    let head = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
    Step::Send([head.as_bytes(), body.as_ref()].concat())
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

/// The content of an answer that is in memory.
pub(crate) fn memory(answer: &Answer) -> &[u8] {
    match &answer.payload {
        Payload::Memory(bytes) => bytes,
        other => panic!("not in memory: {other:?}"),
    }
}

/// An answer whose body comes in these pieces.
pub(crate) fn response(
    status: u16,
    headers: &[(&'static str, &str)],
    pieces: impl IntoIterator<Item = Result<Bytes>, IntoIter: Send + 'static>,
) -> Response {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        })
        .collect();
    let status = StatusCode::from_u16(status).expect("a status");
    let url = Url::parse("http://a.example/oai").expect("a URL");
    let body = Body::Stream(futures_util::stream::iter(pieces).boxed());
    Response::new(status, headers, url, body)
}

/// Gives these answers, one after the other.
#[derive(Debug)]
pub(crate) struct Scripted {
    answers: Mutex<VecDeque<Result<Response>>>,
}

impl Scripted {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Response>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()) })
    }

    /// How many answers have not been asked for.
    pub(crate) fn left(&self) -> usize {
        self.answers.lock().expect("no panic").len()
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, _: Request) -> Result<Response> {
        let next = self.answers.lock().expect("no panic").pop_front();
        next.unwrap_or_else(|| Err(Error::new(resync_core::ErrorKind::Request, "out of answers")))
    }
}
