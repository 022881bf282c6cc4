//! A source on this machine that does as it is told, and a folder to copy it to.

#![allow(dead_code, unused_imports)] // each test program uses its part of it

mod folder;
mod xml;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use url::Url;

pub(crate) use self::folder::{Copy, TOKEN};
pub(crate) use self::xml::{
    change, changes, entry, index, list, listed, md, root, sha256, urlset, with_at,
};

/// A source. Requests are recorded; what it says can be changed at any time.
#[derive(Clone)]
pub(crate) struct Source {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    otherwise: Mutex<Option<Reply>>,
    asked: Mutex<Vec<Asked>>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) path: String,
    /// All lines behind the first.
    pub(crate) head: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// An answer.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<[u8]>,
    how: How,
    by: Option<Answer>,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Whole,
    /// The length of the whole is announced, but only so much comes.
    CutAt(usize),
    /// So much is announced, whatever comes.
    Announced(u64),
    /// Nothing is announced; the end of the connection is the end.
    Unannounced,
    /// The connection ends without an answer.
    Silent,
    /// The body is sent again and again, as long as somebody listens.
    Endless,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Arc::default(), how: How::Whole, by: None }
    }

    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self { body: body.as_ref().into(), ..Self::status(200) }
    }

    pub(crate) fn html() -> Self {
        Self::ok("<!DOCTYPE html><html><body>Please log in</body></html>")
            .header("Content-Type", "text/html")
    }

    /// With an `ETag` made of the content: asked with it, the answer is 304.
    pub(crate) fn tagged(body: impl AsRef<[u8]>) -> Self {
        let tag = format!("\"{}\"", &sha256(body.as_ref())[..16]);
        Self::ok(body).header("ETag", &tag)
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    pub(crate) fn silent() -> Self {
        Self { how: How::Silent, ..Self::status(200) }
    }

    pub(crate) fn by(answer: impl Fn(&Asked) -> Self + Send + Sync + 'static) -> Self {
        Self { by: Some(Arc::new(answer)), ..Self::status(200) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cut_at(self, length: usize) -> Self {
        Self { how: How::CutAt(length), ..self }
    }

    pub(crate) fn announced(self, length: u64) -> Self {
        Self { how: How::Announced(length), ..self }
    }

    pub(crate) fn unannounced(self) -> Self {
        Self { how: How::Unannounced, ..self }
    }

    pub(crate) fn endless(self) -> Self {
        Self { how: How::Endless, ..self }
    }
}

impl Source {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (Ok(connection), serving) = (connection, Arc::clone(&serving)) else {
                    continue;
                };
                // Whoever asks may go away at any time.
                thread::spawn(move || drop(serving.answer(connection)));
            }
        });
        Self { address, shared }
    }

    /// The address of the source itself, without a slash at its end.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.base()).parse().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn put(&self, path: &str, reply: Reply) -> &Self {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), reply);
        self
    }

    /// The answer wherever nothing was put.
    pub(crate) fn otherwise(&self, reply: Reply) -> &Self {
        *self.shared.otherwise.lock().unwrap() = Some(reply);
        self
    }

    /// Puts a document there, with an `ETag`. `{}` in it is the address of the source.
    pub(crate) fn document(&self, path: &str, xml: impl AsRef<str>) -> &Self {
        let xml = xml.as_ref().replace("{}", &self.base());
        self.put(path, Reply::tagged(xml).header("Content-Type", "application/xml"))
    }

    /// Puts resources there, and a list of them with lengths and digests.
    pub(crate) fn list(&self, path: &str, resources: &[(&str, &str)]) -> &Self {
        for (at, body) in resources {
            self.put(at, Reply::tagged(body));
        }
        self.document(path, list(&listed(resources)))
    }

    /// What was asked for since the last time this was called.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    /// The paths of what was asked for since the last time, in order of the alphabet.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.asked().into_iter().map(|asked| asked.path).collect();
        paths.sort();
        paths
    }
}

impl Shared {
    fn reply(&self, asked: &Asked) -> Reply {
        self.asked.lock().unwrap().push(asked.clone());
        let known = self.replies.lock().unwrap().get(&asked.path).cloned();
        known
            .or_else(|| self.otherwise.lock().unwrap().clone())
            .unwrap_or_else(|| Reply::status(404))
    }

    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        connection.set_read_timeout(Some(Duration::from_secs(30)))?;
        connection.set_write_timeout(Some(Duration::from_secs(30)))?;
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut head = String::new();
        while reader.read_line(&mut head)? > 2 {}
        let asked = Asked { path, head };
        let mut reply = self.reply(&asked);
        while let Some(by) = reply.by.take() {
            reply = by(&asked);
        }
        reply.send(&asked, &mut connection)
    }
}

impl Reply {
    fn send(&self, asked: &Asked, connection: &mut TcpStream) -> std::io::Result<()> {
        if self.how == How::Silent {
            return Ok(());
        }
        let tag = self.headers.iter().find(|(name, _)| name == "ETag").map(|(_, tag)| &**tag);
        let is_same = tag.is_some() && asked.header("If-None-Match") == tag;
        let status = if is_same { 304 } else { self.status };
        let mut head = format!("HTTP/1.1 {status} As told\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = if is_same { &[][..] } else { &*self.body };
        let announced = match self.how {
            How::Announced(length) => Some(length),
            How::Whole | How::CutAt(_) if !is_same => Some(body.len() as u64),
            _ => None,
        };
        if let Some(length) = announced {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head.push_str("\r\n");
        connection.write_all(head.as_bytes())?;
        match self.how {
            How::CutAt(length) => connection.write_all(&body[..length.min(body.len())])?,
            How::Endless => loop {
                connection.write_all(body)?;
            },
            _ => connection.write_all(body)?,
        }
        connection.flush()
    }
}
