//! A folder, served as any web server would: with validators, and nothing from outside of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io, thread};

use chrono::{DateTime, Utc};

/// A web server for a folder, on a free port of loopback, for as long as the test runs.
pub(crate) struct FileServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(String, u16)>>>,
}

impl FileServer {
    pub(crate) fn start(root: impl Into<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let root = Arc::new(root.into());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, log) = (Arc::clone(&root), Arc::clone(&log));
                // A client that goes away leaves a broken connection.
                thread::spawn(move || drop(converse(&stream, &root, &log)));
            }
        });
        Self { address, seen }
    }

    /// The address of a file, or of the site.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What was asked for, and how it was answered, since this was last called.
    pub(crate) fn take_seen(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn converse(stream: &TcpStream, root: &Path, log: &Mutex<Vec<(String, u16)>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut known = None;
        while let Some(line) = lines.next().transpose()? {
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                    known = Some(value.trim().to_owned());
                }
                Some(_) => {}
                None => break,
            }
        }
        let (status, headers, body) = answer(root, &path, known.as_deref());
        log.lock().unwrap_or_else(PoisonError::into_inner).push((path, status));
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n");
        let mut stream = stream;
        stream.write_all(&[head.as_bytes(), &body].concat())?;
    }
    Ok(())
}

fn answer(root: &Path, path: &str, known: Option<&str>) -> (u16, String, Vec<u8>) {
    let nothing = (404, String::new(), b"not here".to_vec());
    let Some(file) = place(root, path) else { return nothing };
    let (Ok(metadata), Ok(body)) = (file.metadata(), fs::read(&file)) else { return nothing };
    let modified = metadata.modified().unwrap();
    let tag =
        format!("\"{:x}-{:x}\"", DateTime::<Utc>::from(modified).timestamp_micros(), body.len());
    let date = DateTime::<Utc>::from(modified).format("%a, %d %b %Y %H:%M:%S GMT");
    let headers = format!("ETag: {tag}\r\nLast-Modified: {date}\r\n");
    // 304 has no body, and a length would be that of what is not sent.
    if known == Some(&*tag) { (304, headers, Vec::new()) } else { (200, headers, body) }
}

/// The file of a path; none for what is not below the folder.
fn place(root: &Path, path: &str) -> Option<PathBuf> {
    let path = path.split(['?', '#']).next()?;
    let mut file = root.to_owned();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let name = decoded(segment)?;
        if name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            return None;
        }
        file.push(name);
    }
    file.is_file().then_some(file)
}

pub(crate) fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn nothing_from_outside_is_served() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    fs::write(root.path().join("a/b c"), "x").unwrap();
    assert!(place(root.path(), "/a/b%20c?x").is_some());
    for path in ["/", "/a", "/../etc/passwd", "/a/%2e%2e/%2e%2e/etc/passwd", "/a%2F..", "/%zz"] {
        assert_eq!(place(root.path(), path), None, "{path}");
    }
}
