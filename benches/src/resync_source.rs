//! A generated ResourceSync source.

mod resources;
#[cfg(test)]
mod tests;
mod xml;

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

pub use self::resources::{Resources, resource_path};

use self::{
    resources::index_of,
    xml::{capability_list, document_start, entry, hex, http_date, list_start, stamp, timed},
};
use crate::http::{self, Connection, Counters, Request, Site};

/// Entries in one part of a list.
const PART: u64 = 50_000;
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
