//! The least HTTP server that keeps connections open.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server on a free port of loopback, for as long as the test runs.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The arguments, decoded, of GET and POST alike.
    pub(crate) arguments: HashMap<String, String>,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
}

impl Request {
    pub(crate) fn argument(&self, name: &str) -> &str {
        self.arguments.get(name).map_or("", String::as_str)
    }
}

/// What is answered.
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn xml(body: String) -> Self {
        let headers = vec![("Content-Type", "text/xml; charset=utf-8".to_owned())];
        Self { status: "200 OK", headers, body }
    }

    pub(crate) fn status(status: &'static str) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // A client that is killed leaves a broken connection.
                thread::spawn(move || drop(converse(&stream, &*answer, &log)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/oai", self.address)
    }

    /// The same, with a user name and a password in it.
    pub(crate) fn url_with(&self, credentials: &str) -> String {
        format!("http://{credentials}@{}/oai", self.address)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// How many there were of a verb.
    pub(crate) fn count(&self, verb: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|request| request.argument("verb") == verb).count()
    }
}

fn converse(
    stream: &TcpStream,
    answer: &dyn Fn(&Request) -> Reply,
    log: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default();
        let mut query = target.split_once('?').map_or("", |(_, query)| query).to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        if let Some(length) = headers.get("content-length").and_then(|it| it.parse().ok()) {
            reader.by_ref().take(length).read_to_string(&mut query)?;
        }
        let arguments = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let request = Request { arguments, headers };
        log.lock().unwrap().push(request.clone());
        let Reply { status, headers, body } = answer(&request);
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.extend([name, ": ", &value, "\r\n"]);
        }
        let mut stream = stream;
        stream.write_all([&head, "\r\n", &body].concat().as_bytes())?;
    }
}
