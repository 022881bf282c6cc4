//! An OAI-PMH server that costs next to nothing beside its clients.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use socket2::SockRef;

use crate::{
    corpus::Corpus,
    http::{self, Connection, Counters, Request, Site},
    repository::{Answer, BLOCK, Repository},
};

/// Compressed pages are made beforehand up to this many bytes of plain ones.
const COMPRESSED_AHEAD: u64 = 1 << 30;

/// What a [`Server`] serves, and how badly.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "not a published crate")]
pub struct Config {
    /// Seeds the [`Corpus`].
    pub seed: u64,
    /// Length of the whole list.
    pub records: u64,
    /// Records, or headers, on a page.
    pub page: u64,
    /// Waited before the head of each answer.
    pub latency: Duration,
    /// How list requests fail.
    pub fault: Fault,
    /// Each so-manieth list request fails, once: the same request, repeated, succeeds.
    pub fault_every: u64,
    /// Seconds in the `Retry-After` of [`Fault::RetryAfter`].
    pub retry_after: u64,
    /// Compress for clients that accept it.
    pub gzip: bool,
    /// End the last page of a list without the empty token the protocol asks for.
    pub no_end_token: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            records: 100_000,
            page: 1_000,
            latency: Duration::ZERO,
            fault: Fault::None,
            fault_every: 10,
            retry_after: 1,
            gzip: false,
            no_end_token: false,
        }
    }
}

/// A way for a list request to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[allow(clippy::exhaustive_enums, reason = "not a published crate")]
pub enum Fault {
    /// None does.
    #[default]
    None,
    /// 503 with a `Retry-After`.
    RetryAfter,
    /// The connection is reset before any answer.
    Reset,
    /// Half the body after a `Content-Length` for all of it.
    HalfLength,
    /// Half the body, chunked, without the last chunk.
    HalfChunked,
    /// Half the body, delimited by nothing but the closing of the connection.
    HalfClose,
}

/// A repository on loopback.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens; serving starts with [`Server::run`].
    ///
    /// # Errors
    ///
    /// When the address is taken or the list is longer than a [`Corpus`] can be.
    pub fn bind(address: SocketAddr, config: Config) -> io::Result<Self> {
        if config.records > Corpus::MAX || config.page == 0 || config.fault_every == 0 {
            let message = format!("records ≤ {}, page and fault-every ≥ 1", Corpus::MAX);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(address)?;
        let shared = Shared {
            host: format!("http://{}", listener.local_addr()?),
            repository: Repository::new(config.clone()),
            config,
            counters: Counters::default(),
            lists: Mutex::default(),
            compressed: Mutex::default(),
        };
        shared.compress_ahead()?;
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// The base URL; any path that starts with it is the same repository.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/oai", self.shared.host)
    }

    /// Serves, one thread a connection, for ever.
    ///
    /// # Errors
    ///
    /// When no more connections can be accepted.
    pub fn run(self) -> io::Result<()> {
        http::serve(&self.listener, &self.shared)
    }
}

#[derive(Debug)]
struct Shared {
    host: String,
    config: Config,
    repository: Repository,
    counters: Counters,
    lists: Mutex<Lists>,
    compressed: Mutex<HashMap<String, Arc<[u8]>>>,
}

#[derive(Debug, Default)]
struct Lists {
    requests: u64,
    /// List requests, without the repetitions of those that failed.
    fresh: u64,
    faults: u64,
    failed: HashSet<String>,
}

impl Shared {
    fn stats(&self) -> String {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        format!(
            "{{\"requests\":{},\"list_requests\":{},\"faults\":{},\"bytes\":{},\"connections\":{}}}\n",
            self.counters.requests.load(Relaxed),
            lists.requests,
            lists.faults,
            self.counters.bytes.load(Relaxed),
            self.counters.connections.load(Relaxed),
        )
    }

    fn reset(&self) {
        self.counters.reset();
        *self.lists.lock().unwrap_or_else(PoisonError::into_inner) = Lists::default();
    }

    /// Counts a list request and decides its fate.
    fn fault(&self, request: &str) -> Fault {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.requests += 1;
        if lists.failed.contains(request) {
            return Fault::None;
        }
        lists.fresh += 1;
        if self.config.fault == Fault::None || !lists.fresh.is_multiple_of(self.config.fault_every)
        {
            return Fault::None;
        }
        lists.faults += 1;
        lists.failed.insert(request.to_owned());
        self.config.fault
    }

    fn compress_ahead(&self) -> io::Result<()> {
        if !self.config.gzip || self.repository.len() > COMPRESSED_AHEAD {
            return Ok(());
        }
        let base_url = format!("{}/oai", self.host);
        for query in self.repository.chain() {
            self.compress(&query, &self.repository.answer(&base_url, &query))?;
        }
        Ok(())
    }

    fn compress(&self, query: &str, answer: &Answer<'_>) -> io::Result<Arc<[u8]>> {
        let cached = |map: &Mutex<HashMap<String, Arc<[u8]>>>| {
            map.lock().unwrap_or_else(PoisonError::into_inner).get(query).map(Arc::clone)
        };
        if let Some(body) = cached(&self.compressed) {
            return Ok(body);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut block = Vec::new();
        answer.write(u64::MAX, &mut block, &mut |bytes| encoder.write_all(bytes))?;
        let body: Arc<[u8]> = encoder.finish()?.into();
        if self.repository.len() <= COMPRESSED_AHEAD {
            self.compressed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(query.to_owned(), Arc::clone(&body));
        }
        Ok(body)
    }
}

impl Site for Shared {
    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn respond(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> io::Result<ControlFlow<()>> {
        match request.path.as_str() {
            "/stats" => {
                return connection.send_small("200 OK", "application/json", "", &self.stats());
            }
            "/reset" => {
                self.reset();
                return connection.send_small("200 OK", "application/json", "", "{}\n");
            }
            path if !path.starts_with("/oai") => {
                return connection.send_small("404 Not Found", "text/plain", "", "try /oai\n");
            }
            _ => {}
        }
        self.counters.requests.fetch_add(1, Relaxed);
        let fault = match request.query.contains("verb=List") {
            true => self.fault(&format!("{}?{}", request.path, request.query)),
            false => Fault::None,
        };
        thread::sleep(self.config.latency);
        match fault {
            Fault::RetryAfter => {
                let retry_after = format!("Retry-After: {}\r\n", self.config.retry_after);
                let status = "503 Service Unavailable";
                return connection.send_small(
                    status,
                    "text/plain",
                    &retry_after,
                    "come back later\n",
                );
            }
            Fault::Reset => {
                SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO))?;
                return Ok(ControlFlow::Break(()));
            }
            _ => {}
        }

        let base_url = format!("{}{}", self.host, request.path);
        let answer = self.repository.answer(&base_url, &request.query);
        let compressed = match self.config.gzip && request.accepts_gzip {
            true => Some(self.compress(&request.query, &answer)?),
            false => None,
        };
        let length = match &compressed {
            Some(body) => body.len() as u64,
            None => answer.len(),
        };
        let framing = match fault {
            Fault::HalfChunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Fault::HalfClose => "Connection: close\r\n".to_owned(),
            _ => format!("Content-Length: {length}\r\n"),
        };
        let encoding = if compressed.is_some() { "Content-Encoding: gzip\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=UTF-8\r\n{encoding}{framing}\r\n"
        );

        let (limit, then) = match fault {
            Fault::None => (u64::MAX, ControlFlow::Continue(())),
            _ => (length / 2, ControlFlow::Break(())),
        };
        let mut sent = 0;
        let mut stream = &connection.stream;
        let chunked = fault == Fault::HalfChunked;
        connection.block.clear();
        connection.block.reserve(BLOCK + 16 * 1_024);
        if chunked {
            stream.write_all(head.as_bytes())?;
        } else {
            connection.block.extend_from_slice(head.as_bytes());
        }
        let mut sink = |bytes: &[u8]| {
            sent += bytes.len() as u64;
            if chunked {
                write!(stream, "{:x}\r\n", bytes.len())?;
                stream.write_all(bytes)?;
                return stream.write_all(b"\r\n");
            }
            stream.write_all(bytes)
        };
        match compressed {
            Some(body) => {
                sink(&connection.block)?;
                sink(&body[..body.len().min(limit as usize)])?;
            }
            None => answer.write(limit, &mut connection.block, &mut sink)?,
        }
        self.counters.bytes.fetch_add(sent, Relaxed);
        Ok(then)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{Ipv4Addr, TcpStream},
    };

    use memchr::memmem;

    use super::*;
    use crate::client::{Page, Pages};

    fn serve(config: Config) -> String {
        let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), config).unwrap();
        let url = server.url();
        thread::spawn(|| server.run());
        url
    }

    /// Everything the server sends before it closes, for one request.
    fn exchange(url: &str, query: &str, headers: &str) -> io::Result<Vec<u8>> {
        let host = url.trim_start_matches("http://").trim_end_matches("/oai");
        let path = if query.starts_with('/') { query.to_owned() } else { format!("/oai?{query}") };
        let mut stream = TcpStream::connect(host)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn text(url: &str, query: &str) -> String {
        String::from_utf8(exchange(url, query, "").unwrap()).unwrap()
    }

    #[test]
    fn a_chain_delivers_every_record_once() {
        let url = serve(Config { records: 250, page: 100, ..Config::default() });
        let mut pages = Pages::open(&url).unwrap();
        let mut page = Page::default();
        let mut identifiers = Vec::new();
        while pages.next_into(&mut page).unwrap() {
            let text = std::str::from_utf8(&page).unwrap();
            let found = text.split("<identifier>").skip(1).filter_map(|rest| rest.get(..25));
            identifiers.extend(found.map(str::to_owned));
        }
        let expected: Vec<_> =
            (0..250).map(|index| format!("oai:bench.example:{index:07}")).collect();
        assert_eq!(identifiers, expected);
        assert!(text(&url, "/stats").contains("\"requests\":3,\"list_requests\":3,\"faults\":0"));
    }

    #[test]
    fn the_announced_length_is_the_real_one() {
        let url = serve(Config { records: 1_000, page: 400, ..Config::default() });
        for query in [
            "verb=Identify",
            "verb=ListSets",
            "verb=ListMetadataFormats",
            "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai%3Abench.example%3A0000007",
            "verb=ListRecords&metadataPrefix=oai_dc",
            "verb=ListIdentifiers&metadataPrefix=oai_dc&from=2015-01-01&until=2015-01-01T00:10:00Z",
            "verb=ListRecords&resumptionToken=800.0.1000",
            "verb=Nonsense",
        ] {
            let answer = text(&url, query);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
            assert!(body.ends_with("</OAI-PMH>\n"), "{body}");
        }
    }

    #[test]
    fn the_last_page_ends_with_an_empty_token() {
        let url = serve(Config { records: 250, page: 100, ..Config::default() });
        let last = "verb=ListRecords&resumptionToken=200.0.250";
        let end = "<resumptionToken completeListSize=\"250\" cursor=\"200\"></resumptionToken>";
        assert!(text(&url, last).contains(end));
        // A list that fits on one page has no token at all.
        let url = serve(Config { records: 250, page: 250, ..Config::default() });
        let only = text(&url, "verb=ListRecords&metadataPrefix=oai_dc");
        assert!(!only.contains("resumptionToken"));
    }

    #[test]
    fn windows_select_and_tokens_keep_them() {
        let url = serve(Config { records: 250, page: 1, ..Config::default() });
        let window = "verb=ListIdentifiers&metadataPrefix=oai_dc&from=2015-01-01T00:00:31Z";
        assert!(text(&url, window).contains("cursor=\"0\">2.1.250<"));
        let empty = "verb=ListIdentifiers&metadataPrefix=oai_dc&from=2026-01-01";
        assert!(text(&url, empty).contains("noRecordsMatch"));
        let forged = "verb=ListRecords&resumptionToken=9.0.251";
        assert!(text(&url, forged).contains("badResumptionToken"));
    }

    #[test]
    fn a_fault_strikes_once() {
        for fault in [
            Fault::RetryAfter,
            Fault::Reset,
            Fault::HalfLength,
            Fault::HalfChunked,
            Fault::HalfClose,
        ] {
            let url = serve(Config { records: 250, fault, fault_every: 1, ..Config::default() });
            let query = "verb=ListRecords&metadataPrefix=oai_dc";
            match (fault, exchange(&url, query, "")) {
                (Fault::Reset, answer) => {
                    assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
                }
                (Fault::RetryAfter, answer) => {
                    let answer = String::from_utf8(answer.unwrap()).unwrap();
                    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
                    assert!(answer.contains("Retry-After: 1\r\n"), "{answer}");
                }
                (_, answer) => {
                    let answer = answer.unwrap();
                    assert!(answer.len() > 200_000, "{}", answer.len());
                    assert!(!answer.ends_with(b"</OAI-PMH>\n"));
                    assert!(!answer.ends_with(b"0\r\n\r\n"));
                }
            }
            assert!(text(&url, query).ends_with("</OAI-PMH>\n"));
            assert!(text(&url, "/stats").contains("\"list_requests\":2,\"faults\":1"));
        }
    }

    #[test]
    fn gzip_is_for_those_who_ask() {
        let url = serve(Config { records: 250, gzip: true, ..Config::default() });
        let query = "verb=ListRecords&metadataPrefix=oai_dc";
        let plain = exchange(&url, query, "").unwrap();
        let answer = exchange(&url, query, "Accept-Encoding: gzip\r\n").unwrap();
        let body =
            |answer: &[u8]| answer[memmem::find(answer, b"\r\n\r\n").unwrap() + 4..].to_vec();
        let mut decoded = Vec::new();
        let packed = body(&answer);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, body(&plain));
    }
}
