//! A generated ResourceSync source.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Cursor, Write as _},
    net::{SocketAddr, TcpListener},
    ops::{ControlFlow, Range},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    corpus::{Rng, datestamp},
    http::{self, Connection, Counters, Request, Site},
    words::ENGLISH,
};

/// Entries in one part of a list.
const PART: u64 = 50_000;
/// The text that bodies are cut from.
const POOL: usize = 1 << 20;
/// 2015-01-01T00:00:00Z, the time of resource 0; each is so many seconds after the one before.
const FIRST: u64 = 1_420_070_400;
const STEP: u64 = 31;
/// When the lists were taken: without changes, and with them.
const AT: u64 = 1_704_067_200; // 2024-01-01T00:00:00Z
const AT_CHANGED: u64 = AT + 2 * 86_400;
/// When all changes happened.
const CHANGED: u64 = AT + 86_400;

/// What a [`Source`] offers.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "not a published crate")]
pub struct SourceConfig {
    /// Seeds the [`Resources`].
    pub seed: u64,
    /// How many there are.
    pub resources: u64,
    /// Bytes of a resource, give or take an eighth.
    pub size: u64,
    /// So many of them, the last ones, have changed.
    pub changes: u64,
    /// The changed ones are new.
    pub created: bool,
    /// Offer the changed ones packed, too; all of them when none has changed.
    pub dump: bool,
    /// Waited before each answer.
    pub latency: Duration,
    /// Invent the digests instead of computing them: for lists nobody downloads from.
    pub fake_digests: bool,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            resources: 20_000,
            size: 2_048,
            changes: 0,
            created: false,
            dump: false,
            latency: Duration::ZERO,
            fake_digests: false,
        }
    }
}

/// The path of a resource.
#[must_use]
pub fn resource_path(index: u64) -> String {
    format!("/r/{}/{index}.xml", index / 1_000)
}

fn index_of(path: &str) -> Option<u64> {
    let (folder, file) = path.strip_prefix("/r/")?.split_once('/')?;
    let index: u64 = file.strip_suffix(".xml")?.parse().ok()?;
    (folder.parse() == Ok(index / 1_000)).then_some(index)
}

/// XML files: resource `i` depends on the seed, `i` and whether it has changed.
///
/// ```
/// let resources = harvest_benches::Resources::new(1, 2_048);
/// let (mut before, mut after) = (Vec::new(), Vec::new());
/// resources.write(7, false, &mut before);
/// resources.write(7, true, &mut after);
/// assert_ne!(before, after);
/// assert!((1_792..2_304).contains(&before.len()));
/// ```
#[derive(Debug)]
pub struct Resources {
    seed: u64,
    size: u64,
    pool: String,
}

impl Resources {
    /// `size` in bytes, give or take an eighth.
    #[must_use]
    pub fn new(seed: u64, size: u64) -> Self {
        let mut rng = Rng::new(seed, u64::MAX);
        let mut pool = String::with_capacity(POOL + 64);
        while pool.len() < POOL {
            // Cut anywhere, so without the escaped ones.
            let word = rng.pick(ENGLISH.words);
            if !word.contains('&') {
                pool.push_str(word);
                pool.push(' ');
            }
        }
        Self { seed, size, pool }
    }

    /// Appends a resource.
    pub fn write(&self, index: u64, changed: bool, out: &mut Vec<u8>) {
        let mut rng = self.rng(index, changed);
        let end = out.len() as u64 + self.size - self.size / 8 + rng.below(self.size / 4 + 1);
        let version = 1 + u8::from(changed);
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <item number=\"{index}\" version=\"{version}\">"
        );
        const LAST: &str = "</item>\n";
        let mut left = end.saturating_sub((out.len() + LAST.len()) as u64) as usize;
        while left > 0 {
            let start = rng.below(POOL as u64 / 2) as usize;
            let length = left.min(POOL / 2);
            out.extend_from_slice(&self.pool.as_bytes()[start..start + length]);
            left -= length;
        }
        out.extend_from_slice(LAST.as_bytes());
    }

    /// One part of a resource list, with invented digests and lengths.
    #[must_use]
    pub fn list(&self, indices: Range<u64>) -> String {
        let host = "http://bench.example";
        let mut list = list_start(host, &timed("resourcelist", AT));
        for index in indices {
            let (digest, length) = self.fake(index, false);
            entry(host, index, &stamp(FIRST + STEP * index), "", &digest, length, "", &mut list);
        }
        list + "</urlset>\n"
    }

    fn rng(&self, index: u64, changed: bool) -> Rng {
        Rng::new(self.seed, index << 1 | u64::from(changed))
    }

    fn digest(&self, index: u64, changed: bool, buffer: &mut Vec<u8>) -> ([u8; 32], u64) {
        buffer.clear();
        self.write(index, changed, buffer);
        (Sha256::digest(&*buffer).into(), buffer.len() as u64)
    }

    fn fake(&self, index: u64, changed: bool) -> ([u8; 32], u64) {
        let mut rng = self.rng(index, changed);
        let mut digest = [0; 32];
        for part in digest.chunks_exact_mut(8) {
            part.copy_from_slice(&rng.next().to_le_bytes());
        }
        (digest, self.size)
    }
}

/// A source on loopback.
#[derive(Debug)]
pub struct Source {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Source {
    /// Listens and writes the documents; serving starts with [`Source::run`].
    ///
    /// # Errors
    ///
    /// When the address is taken or the configuration makes no sense.
    pub fn bind(address: SocketAddr, config: SourceConfig) -> io::Result<Self> {
        if config.changes > config.resources
            || config.size < 128
            || config.dump && config.fake_digests
        {
            let message = "changes ≤ resources, size ≥ 128, no dump with fake digests";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(address)?;
        let mut shared = Shared {
            host: format!("http://{}", listener.local_addr()?),
            resources: Resources::new(config.seed, config.size),
            config,
            documents: HashMap::new(),
            counters: Counters::default(),
            resource_requests: AtomicU64::new(0),
            not_modified: AtomicU64::new(0),
        };
        shared.documents = shared.write_documents()?;
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// What the paths follow.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.host.clone()
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
struct Document {
    content_type: &'static str,
    etag: String,
    body: Vec<u8>,
}

impl Document {
    fn new(content_type: &'static str, body: Vec<u8>) -> Self {
        let digest = Sha256::digest(&body);
        let mut etag = String::from("\"");
        hex(&digest[..8], &mut etag);
        etag.push('"');
        Self { content_type, etag, body }
    }

    fn xml(text: String) -> Self {
        Self::new("application/xml", text.into_bytes())
    }
}

#[derive(Debug)]
struct Shared {
    host: String,
    config: SourceConfig,
    resources: Resources,
    documents: HashMap<String, Document>,
    counters: Counters,
    resource_requests: AtomicU64,
    not_modified: AtomicU64,
}

impl Shared {
    fn write_documents(&self) -> io::Result<HashMap<String, Document>> {
        let host = &self.host;
        let mut documents = HashMap::new();
        let mut add = |path: &str, text| {
            documents.insert(path.to_owned(), Document::xml(text));
        };
        let capability = |name: &str| {
            format!("<url><loc>{host}/{name}.xml</loc><rs:md capability=\"{name}\"/></url>\n")
        };

        let mut text = document_start("urlset", "", "<rs:md capability=\"description\"/>");
        text += &capability("capabilitylist");
        add("/.well-known/resourcesync", text + "</urlset>\n");

        let up = format!("<rs:ln rel=\"up\" href=\"{host}/.well-known/resourcesync\"/>\n");
        let mut text = document_start("urlset", &up, "<rs:md capability=\"capabilitylist\"/>");
        text += &capability("resourcelist");
        if self.config.changes > 0 {
            text += &capability("changelist");
        }
        if self.config.dump {
            text += &capability("changedump");
        }
        add("/capabilitylist.xml", text + "</urlset>\n");

        let metadata = timed("resourcelist", self.at());
        self.write_list("resourcelist", &metadata, 0..self.config.resources, "", &mut add);
        if self.config.changes > 0 {
            let metadata = self.period("changelist");
            self.write_list("changelist", &metadata, self.changed(), self.change(), &mut add);
        }
        if self.config.dump {
            let zip = self.write_dump()?;
            let length = zip.len();
            let text = list_start(host, &self.period("changedump"))
                + &format!(
                    "<url><loc>{host}/changedump.zip</loc>\
                     <rs:md type=\"application/zip\" length=\"{length}\" \
                     {}/></url>\n</urlset>\n",
                    self.times()
                );
            add("/changedump.xml", text);
            documents.insert("/changedump.zip".to_owned(), Document::new("application/zip", zip));
        }
        Ok(documents)
    }

    /// A list, or an index of lists; written by as many threads as there are processors.
    fn write_list(
        &self,
        name: &str,
        metadata: &str,
        indices: Range<u64>,
        change: &str,
        add: &mut impl FnMut(&str, String),
    ) {
        let host = &self.host;
        let parts: Vec<_> = (indices.start..indices.end)
            .step_by(PART as usize)
            .map(|start| start..indices.end.min(start + PART))
            .collect();
        let single = parts.len() <= 1;
        let link = match single {
            true => String::new(),
            false => format!("<rs:ln rel=\"index\" href=\"{host}/{name}.xml\"/>\n"),
        };
        let start = list_start(host, &format!("{link}{metadata}"));
        let texts = in_parallel(&parts, |part| {
            let mut text = start.clone();
            self.write_entries(part.clone(), change, "", &mut text);
            text + "</urlset>\n"
        });
        if single {
            return add(
                &format!("/{name}.xml"),
                texts.into_iter().next().unwrap_or(start + "</urlset>\n"),
            );
        }
        let up = capability_list(host);
        let mut index = document_start("sitemapindex", &up, metadata);
        for (n, text) in texts.into_iter().enumerate() {
            let path = format!("/{name}{n}.xml");
            let _ = writeln!(
                index,
                "<sitemap><loc>{host}{path}</loc><lastmod>{}</lastmod></sitemap>",
                stamp(self.at())
            );
            add(&path, text);
        }
        add(&format!("/{name}.xml"), index + "</sitemapindex>\n");
    }

    /// `folder` is the one in a dump, if it is one.
    fn write_entries(&self, indices: Range<u64>, change: &str, folder: &str, out: &mut String) {
        let mut buffer = Vec::new();
        for index in indices {
            let changed = self.is_changed(index);
            let (digest, length) = match self.config.fake_digests {
                true => self.resources.fake(index, changed),
                false => self.resources.digest(index, changed, &mut buffer),
            };
            let lastmod = stamp(self.modified(index));
            entry(&self.host, index, &lastmod, change, &digest, length, folder, out);
        }
    }

    fn write_dump(&self) -> io::Result<Vec<u8>> {
        let indices =
            if self.config.changes > 0 { self.changed() } else { 0..self.config.resources };
        let mut manifest = list_start(&self.host, &self.period("changedump-manifest"));
        self.write_entries(indices.clone(), self.change(), "resources", &mut manifest);
        manifest += "</urlset>\n";
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("manifest.xml", options)?;
        zip.write_all(manifest.as_bytes())?;
        let mut body = Vec::new();
        for index in indices {
            body.clear();
            self.resources.write(index, self.is_changed(index), &mut body);
            zip.start_file(format!("resources/{index}.xml"), options)?;
            zip.write_all(&body)?;
        }
        Ok(zip.finish()?.into_inner())
    }

    fn changed(&self) -> Range<u64> {
        self.config.resources - self.config.changes..self.config.resources
    }

    fn is_changed(&self, index: u64) -> bool {
        self.changed().contains(&index)
    }

    fn change(&self) -> &'static str {
        // What never changed was created.
        if self.config.created || self.config.changes == 0 { "created" } else { "updated" }
    }

    fn modified(&self, index: u64) -> u64 {
        if self.is_changed(index) { CHANGED } else { FIRST + STEP * index }
    }

    fn at(&self) -> u64 {
        if self.config.changes > 0 { AT_CHANGED } else { AT }
    }

    fn period(&self, capability: &str) -> String {
        format!("<rs:md capability=\"{capability}\" {}/>", self.times())
    }

    fn times(&self) -> String {
        let from = if self.config.changes > 0 { AT } else { FIRST };
        format!("from=\"{}\" until=\"{}\"", stamp(from), stamp(self.at()))
    }

    fn stats(&self) -> String {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let (requests, resources) =
            (count(&self.counters.requests), count(&self.resource_requests));
        format!(
            "{{\"requests\":{requests},\"document_requests\":{},\"resource_requests\":{resources},\
             \"not_modified\":{},\"bytes\":{},\"connections\":{},\"max_open_connections\":{}}}\n",
            requests.saturating_sub(resources),
            count(&self.not_modified),
            count(&self.counters.bytes),
            count(&self.counters.connections),
            count(&self.counters.max_open),
        )
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
                self.counters.reset();
                self.resource_requests.store(0, Relaxed);
                self.not_modified.store(0, Relaxed);
                return connection.send_small("200 OK", "application/json", "", "{}\n");
            }
            _ => {}
        }
        self.counters.requests.fetch_add(1, Relaxed);
        if !self.config.latency.is_zero() {
            thread::sleep(self.config.latency);
        }
        if let Some(document) = self.documents.get(&request.path) {
            let Document { content_type, etag, body } = document;
            return self.send(connection, request, content_type, etag, self.at(), |out| {
                out.extend_from_slice(body);
            });
        }
        match index_of(&request.path).filter(|index| *index < self.config.resources) {
            Some(index) => {
                self.resource_requests.fetch_add(1, Relaxed);
                let changed = self.is_changed(index);
                let etag = format!("\"{index}-{}\"", 1 + u8::from(changed));
                let modified = self.modified(index);
                self.send(connection, request, "application/xml", &etag, modified, |out| {
                    self.resources.write(index, changed, out);
                })
            }
            None => connection.send_small(
                "404 Not Found",
                "text/plain",
                "",
                "try /.well-known/resourcesync\n",
            ),
        }
    }
}

impl Shared {
    fn send(
        &self,
        connection: &mut Connection,
        request: &Request,
        content_type: &str,
        etag: &str,
        modified: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<ControlFlow<()>> {
        let modified = http_date(modified);
        let known = request.if_none_match.as_deref().is_some_and(|tags| {
            tags == "*" || tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
        });
        if known {
            self.not_modified.fetch_add(1, Relaxed);
            let answer = format!(
                "HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\nLast-Modified: {modified}\r\n\r\n"
            );
            connection.stream.write_all(answer.as_bytes())?;
            return Ok(ControlFlow::Continue(()));
        }
        // Room for the head is left in front, so that one write sends both.
        const ROOM: usize = 512;
        let block = &mut connection.block;
        block.clear();
        block.resize(ROOM, 0);
        write(block);
        let length = block.len() - ROOM;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nETag: {etag}\r\n\
             Last-Modified: {modified}\r\nContent-Length: {length}\r\n\r\n"
        );
        let start = ROOM - head.len();
        block[start..ROOM].copy_from_slice(head.as_bytes());
        let end = if request.head { ROOM } else { block.len() };
        connection.stream.write_all(&connection.block[start..end])?;
        self.counters.bytes.fetch_add((end - ROOM) as u64, Relaxed);
        Ok(ControlFlow::Continue(()))
    }
}

fn in_parallel<T: Sync, R: Send>(items: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let shares: Vec<_> = items
            .chunks(share)
            .map(|items| scope.spawn(|| items.iter().map(&make).collect::<Vec<_>>()))
            .collect();
        shares.into_iter().flat_map(|share| share.join().expect("writing does not fail")).collect()
    })
}

fn document_start(root: &str, links: &str, metadata: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\">\n{links}{metadata}\n"
    )
}

fn list_start(host: &str, metadata: &str) -> String {
    document_start("urlset", &capability_list(host), metadata)
}

fn capability_list(host: &str) -> String {
    format!("<rs:ln rel=\"up\" href=\"{host}/capabilitylist.xml\"/>\n")
}

fn timed(capability: &str, at: u64) -> String {
    format!("<rs:md capability=\"{capability}\" at=\"{}\"/>", stamp(at))
}

#[allow(clippy::too_many_arguments, reason = "what an entry is made of")]
fn entry(
    host: &str,
    index: u64,
    lastmod: &str,
    change: &str,
    digest: &[u8; 32],
    length: u64,
    folder: &str,
    out: &mut String,
) {
    let _ = write!(
        out,
        "<url><loc>{host}/r/{}/{index}.xml</loc><lastmod>{lastmod}</lastmod><rs:md ",
        index / 1_000
    );
    if !change.is_empty() {
        let _ = write!(out, "change=\"{change}\" datetime=\"{lastmod}\" ");
    }
    out.push_str("hash=\"sha-256:");
    hex(digest, out);
    let _ = write!(out, "\" length=\"{length}\" type=\"application/xml\"");
    if !folder.is_empty() {
        let _ = write!(out, " path=\"/{folder}/{index}.xml\"");
    }
    out.push_str("/></url>\n");
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
}

fn stamp(unix: u64) -> String {
    String::from_utf8_lossy(&datestamp(unix)).into_owned()
}

/// `Thu, 01 Jan 2015 00:00:00 GMT`.
fn http_date(unix: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = stamp(unix);
    let month: usize = text[5..7].parse().unwrap_or(1);
    format!(
        "{}, {} {} {} {} GMT",
        DAYS[(unix / 86_400 % 7) as usize],
        &text[8..10],
        MONTHS[month - 1],
        &text[..4],
        &text[11..19]
    )
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{Ipv4Addr, TcpStream},
    };

    use super::*;

    fn serve(config: SourceConfig) -> String {
        let source = Source::bind((Ipv4Addr::LOCALHOST, 0).into(), config).unwrap();
        let url = source.url();
        thread::spawn(|| source.run());
        url
    }

    fn ask(url: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let host = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap() + 4;
        let body = answer.split_off(head);
        (String::from_utf8(answer).unwrap(), body)
    }

    fn text(url: &str, path: &str) -> String {
        let (head, body) = ask(url, path, "");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn what_is_listed_is_what_is_served() {
        let url = serve(SourceConfig { resources: 20, changes: 3, ..SourceConfig::default() });
        assert!(text(&url, "/.well-known/resourcesync").contains("/capabilitylist.xml<"));
        assert!(text(&url, "/capabilitylist.xml").contains("/changelist.xml<"));
        let list = text(&url, "/resourcelist.xml");
        assert_eq!(list.matches("<url>").count(), 20);
        for index in [0, 16, 17, 19] {
            let body = ask(&url, &resource_path(index), "").1;
            let mut digest = String::new();
            hex(&Sha256::digest(&body), &mut digest);
            let expected = format!("hash=\"sha-256:{digest}\" length=\"{}\"", body.len());
            assert!(list.contains(&expected), "{index}: {expected}");
            let changes = text(&url, "/changelist.xml");
            assert_eq!(changes.contains(&expected), index >= 17, "{index}");
        }
        assert!(ask(&url, "/r/0/20.xml", "").0.starts_with("HTTP/1.1 404 "));
        let stats = text(&url, "/stats");
        assert!(stats.starts_with("{\"requests\":12,\"document_requests\":8,"), "{stats}");
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let url = serve(SourceConfig { resources: 2, ..SourceConfig::default() });
        for path in ["/resourcelist.xml", "/r/0/1.xml"] {
            let (head, _) = ask(&url, path, "");
            let etag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
            let (head, body) = ask(&url, path, &format!("If-None-Match: {etag}\r\n"));
            assert!(head.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{head}");
        }
        assert!(text(&url, "/stats").contains("\"not_modified\":2,"));
    }

    #[test]
    fn long_lists_have_parts() {
        let config = SourceConfig { resources: PART + 1, fake_digests: true, ..Default::default() };
        let url = serve(config);
        assert_eq!(text(&url, "/resourcelist.xml").matches("<sitemap>").count(), 2);
        assert_eq!(text(&url, "/resourcelist0.xml").matches("<url>").count(), PART as usize);
        assert!(text(&url, "/resourcelist1.xml").contains("/r/50/50000.xml<"));
    }

    #[test]
    fn a_dump_holds_the_changes() {
        let url =
            serve(SourceConfig { resources: 9, changes: 4, dump: true, ..SourceConfig::default() });
        assert!(text(&url, "/changedump.xml").contains("/changedump.zip<"));
        let packed = ask(&url, "/changedump.zip", "").1;
        let mut zip = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        assert_eq!(zip.len(), 5);
        let mut body = Vec::new();
        zip.by_name("resources/8.xml").unwrap().read_to_end(&mut body).unwrap();
        assert_eq!(body, ask(&url, "/r/0/8.xml", "").1);
        let mut manifest = String::new();
        zip.by_name("manifest.xml").unwrap().read_to_string(&mut manifest).unwrap();
        assert!(manifest.contains("path=\"/resources/8.xml\""), "{manifest}");
    }

    #[test]
    fn dates() {
        assert_eq!(http_date(FIRST), "Thu, 01 Jan 2015 00:00:00 GMT");
        assert_eq!(http_date(AT), "Mon, 01 Jan 2024 00:00:00 GMT");
    }
}
