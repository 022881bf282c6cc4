//! A source of resources, in memory, that counts how often it is asked for each of them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// Where everything is, seen from the root of the server.
const FOLDER: &str = "/data/";

/// The server, on a free port of loopback, for as long as the test runs.
pub(crate) struct Source {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Item>,
    /// How many resources were sent whole.
    served: usize,
    /// How many requests there were of resources that had been sent whole before.
    again: usize,
    /// How many more may be sent; whoever asks for another gets no answer.
    room: Option<usize>,
    version: u64,
}

struct Item {
    body: Arc<Vec<u8>>,
    version: u64,
    /// A list, which may be read as often as one likes.
    is_document: bool,
    was_sent: bool,
}

impl Source {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A client that is killed leaves a broken connection.
                thread::spawn(move || drop(server.converse(&stream)));
            }
        });
        Self { address, shared }
    }

    /// The address of a resource or document.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}{FOLDER}{name}", self.address)
    }

    /// Adds or replaces a resource.
    pub(crate) fn put(&self, name: impl Into<String>, body: Vec<u8>) {
        self.insert(name.into(), body, false);
    }

    /// Adds or replaces a list.
    pub(crate) fn put_document(&self, name: &str, body: impl Into<Vec<u8>>) {
        self.insert(name.to_owned(), body.into(), true);
    }

    fn insert(&self, name: String, body: Vec<u8>, is_document: bool) {
        let mut state = self.shared.state();
        state.version += 1;
        let version = state.version;
        let item = Item { body: Arc::new(body), version, is_document, was_sent: false };
        state.files.insert(name, item);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.shared.state().files.remove(name);
    }

    /// The resources, by their names.
    pub(crate) fn resources(&self) -> BTreeMap<String, Arc<Vec<u8>>> {
        let state = self.shared.state();
        let resources = state.files.iter().filter(|(_, item)| !item.is_document);
        resources.map(|(name, item)| (name.clone(), Arc::clone(&item.body))).collect()
    }

    /// How many resources were sent whole.
    pub(crate) fn served(&self) -> usize {
        self.shared.state().served
    }

    /// How many requests there were of resources that had been sent whole before.
    pub(crate) fn again(&self) -> usize {
        self.shared.state().again
    }

    /// How many resources were never sent whole as they are now.
    pub(crate) fn left(&self) -> usize {
        let state = self.shared.state();
        state.files.values().filter(|item| !item.is_document && !item.was_sent).count()
    }

    /// Leaves requests of resources unanswered after so many more; `None` ends that.
    pub(crate) fn stop_after(&self, more: Option<usize>) {
        self.shared.state().room = more;
        self.shared.changed.notify_all();
    }

    /// Waits until so many resources were sent whole; `false` if that takes longer than this.
    pub(crate) fn wait_for(&self, served: usize, longest: Duration) -> bool {
        let state = self.shared.state();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, longest, |state| state.served < served)
            .unwrap();
        !waited.1.timed_out()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn converse(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut condition = None;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let Some((name, value)) = line.split_once(':') else { break };
                if name.eq_ignore_ascii_case("if-none-match") {
                    condition = Some(value.trim().to_owned());
                }
            }
            self.answer(stream, &target, condition.as_deref())?;
        }
    }

    fn answer(&self, mut stream: &TcpStream, target: &str, is: Option<&str>) -> io::Result<()> {
        let name = target.strip_prefix(FOLDER).unwrap_or_default();
        let mut state = self.state();
        if state.files.get(name).is_some_and(|item| !item.is_document) {
            while state.room == Some(0) {
                state = self.changed.wait(state).unwrap();
                if state.room.is_none() {
                    // Whoever asked is gone.
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            state.room = state.room.map(|room| room - 1);
        }
        let Some(item) = state.files.get(name) else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        };
        let (body, version, is_document) = (Arc::clone(&item.body), item.version, item.is_document);
        state.again += usize::from(item.was_sent && !is_document);
        drop(state);
        let tag = format!("\"{version}\"");
        if is == Some(&tag) {
            let head = format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n");
            return stream.write_all(head.as_bytes());
        }
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: {tag}\r\n\r\n");
        // In two pieces, so that a client may end with half of it.
        let (one, two) = body.split_at(length / 2);
        stream.write_all(&[head.as_bytes(), one].concat())?;
        thread::yield_now();
        stream.write_all(two)?;
        if !is_document {
            let mut state = self.state();
            state.served += 1;
            if let Some(item) = state.files.get_mut(name).filter(|item| item.version == version) {
                item.was_sent = true;
            }
            drop(state);
            self.changed.notify_all();
        }
        Ok(())
    }
}
