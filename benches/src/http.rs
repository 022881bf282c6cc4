//! The HTTP that both servers speak: keep-alive, one thread a connection.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use memchr::memmem;

/// What answers requests.
pub(crate) trait Site: Send + Sync + 'static {
    /// What the connections of this site are counted in.
    fn counters(&self) -> &Counters;

    /// Answers one request; `Break` ends the connection.
    fn respond(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> io::Result<ControlFlow<()>>;
}

/// What every site counts. Asking for the counts is not counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) connections: AtomicU64,
    open: AtomicU64,
    pub(crate) max_open: AtomicU64,
}

impl Counters {
    pub(crate) fn reset(&self) {
        for counter in [&self.requests, &self.bytes, &self.connections] {
            counter.store(0, Relaxed);
        }
        self.max_open.store(self.open.load(Relaxed), Relaxed);
    }
}

/// Serves for ever.
pub(crate) fn serve<S: Site>(listener: &TcpListener, site: &Arc<S>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let site = Arc::clone(site);
        // A client that goes away is no concern of the server's.
        thread::spawn(move || Connection::new(stream).serve(&*site));
    }
}

/// The parts of a request that anybody here looks at.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// From the URL, or the body of a POST.
    pub(crate) query: String,
    /// No body is wanted.
    pub(crate) head: bool,
    pub(crate) accepts_gzip: bool,
    pub(crate) if_none_match: Option<String>,
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// For putting answers together; its capacity lasts as long as the connection.
    pub(crate) block: Vec<u8>,
    /// Bytes that came with the last request and belong to the next.
    received: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, block: Vec::new(), received: Vec::new() }
    }

    fn serve(mut self, site: &impl Site) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut counted = false;
        let result = self.answer(site, &mut counted);
        if counted {
            site.counters().open.fetch_sub(1, Relaxed);
        }
        result
    }

    fn answer(&mut self, site: &impl Site, counted: &mut bool) -> io::Result<()> {
        while let Some(request) = self.read_request()? {
            if !*counted && !matches!(request.path.as_str(), "/stats" | "/reset") {
                *counted = true;
                let counters = site.counters();
                counters.connections.fetch_add(1, Relaxed);
                let open = counters.open.fetch_add(1, Relaxed) + 1;
                counters.max_open.fetch_max(open, Relaxed);
            }
            if site.respond(self, &request)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_request(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = self.receive_until(|bytes| Some(memmem::find(bytes, b"\r\n\r\n")? + 4))?
        else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&self.received[..head]);
        let mut request_line = text.lines().next().unwrap_or_default().split(' ');
        let method = request_line.next().unwrap_or_default();
        let target = request_line.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        let length = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let post = method == "POST";
        let mut request = Request {
            path: path.to_owned(),
            query: query.to_owned(),
            head: method == "HEAD",
            accepts_gzip: header("accept-encoding").is_some_and(|value| value.contains("gzip")),
            if_none_match: header("if-none-match").map(str::to_owned),
        };
        let total = head + length;
        if self.receive_until(|bytes| (bytes.len() >= total).then_some(total))?.is_none() {
            return Ok(None);
        }
        if post {
            request.query = String::from_utf8_lossy(&self.received[head..total]).into_owned();
        }
        self.received.drain(..total);
        Ok(Some(request))
    }

    fn receive_until(
        &mut self,
        complete: impl Fn(&[u8]) -> Option<usize>,
    ) -> io::Result<Option<usize>> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(end) = complete(&self.received) {
                return Ok(Some(end));
            }
            match self.stream.read(&mut buffer)? {
                0 => return Ok(None),
                read => self.received.extend_from_slice(&buffer[..read]),
            }
        }
    }

    pub(crate) fn send_small(
        &mut self,
        status: &str,
        content_type: &str,
        header: &str,
        body: &str,
    ) -> io::Result<ControlFlow<()>> {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{header}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(answer.as_bytes())?;
        Ok(ControlFlow::Continue(()))
    }
}
