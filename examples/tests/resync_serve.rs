//! A folder or database served as a ResourceSync source, asked over HTTP as others would.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

mod common;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{Ran, harvester, tree};
use harvest_pipeline::{Item, Payload, Pipeline, Resume, SqliteCatalogue, sources};
use http::{HeaderMap, HeaderName, HeaderValue};
use resync_core::notify::{Event, Incoming, Subscription};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(30);

/// `harvester resync serve`, until it is dropped.
struct Served {
    child: Child,
    /// `127.0.0.1:port`.
    host: String,
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Served {
    fn start(folder: &Path) -> Self {
        Self::of(folder.parent().unwrap(), folder.to_str().unwrap())
    }

    /// What is here, or in a database here.
    fn of(folder: &Path, from: &str) -> Self {
        let mut child = harvester(folder)
            .args(["resync", "serve", from, "--json", "--hub"])
            .args(["--listen", "127.0.0.1:0", "--every", "100ms"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let description = told["description"].as_str().unwrap();
        let host = description.strip_prefix("http://").unwrap();
        let host = host.strip_suffix("/.well-known/resourcesync").unwrap().to_owned();
        Self { child, host }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.host)
    }

    fn ask(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let mut head =
            format!("{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let headers = head.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        });
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: headers.collect(), body: answer[end + 4..].to_vec() }
    }

    /// Makes a folder `copy`, or brings it up to date.
    fn copy(&self, folder: &Path, mode: &str) {
        let arguments = ["resync", mode, &self.url(""), "copy", "--delete", "--json"];
        let ran = Ran::of(harvester(folder).args(arguments));
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    }

    /// Waits until a document has this in it.
    fn wait_for(&self, document: &str, text: &str) {
        let begun = std::time::Instant::now();
        while memchr::memmem::find(&self.get(document, &[]).body, text.as_bytes()).is_none() {
            assert!(begun.elapsed() < LONG, "changes are not published");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(&format!("GET {path}"), headers, "")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("data");
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    fs::write(outer.path().join("secret.txt"), "not for you").unwrap();
    fs::write(folder.join("a.xml"), "<a>0123456789</a>").unwrap();
    fs::write(folder.join("deep/er/žluť a.txt"), "kůň").unwrap();
    (outer, folder)
}

#[test]
fn what_is_known_is_not_sent_again_and_parts_can_be_had() {
    let (_outer, folder) = folder();
    let source = Served::start(&folder);
    let whole = source.get("/a.xml", &[]);
    assert_eq!((whole.status, whole.body.as_slice()), (200, b"<a>0123456789</a>".as_slice()));
    assert_eq!(whole.header("content-type"), "application/xml");
    assert!(whole.header("link").contains("/capabilitylist.xml>; rel=\"resourcesync\""));
    let (tag, time) = (whole.header("etag"), whole.header("last-modified"));
    for known in [("If-None-Match", tag), ("If-Modified-Since", time), ("If-None-Match", "*")] {
        let answer = source.get("/a.xml", &[known]);
        assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (304, 0, tag));
    }
    // The tag counts more than the time.
    let other = source.get("/a.xml", &[("If-None-Match", "\"x\""), ("If-Modified-Since", time)]);
    assert_eq!(other.status, 200);

    for (range, part, place) in
        [("bytes=3-5", "012", "bytes 3-5/17"), ("bytes=-4", "</a>", "bytes 13-16/17")]
    {
        let answer = source.get("/a.xml", &[("Range", range), ("If-Range", tag)]);
        assert_eq!((answer.status, answer.header("content-range")), (206, place));
        assert_eq!(answer.body, part.as_bytes());
    }
    let beyond = source.get("/a.xml", &[("Range", "bytes=17-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */17"));
    // Another version than the part is of: all of it.
    let outdated = source.get("/a.xml", &[("Range", "bytes=3-5"), ("If-Range", "\"old\"")]);
    assert_eq!((outdated.status, outdated.body.len()), (200, 17));
    let head = source.ask("HEAD /a.xml", &[], "");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "17", 0));
    assert_eq!(source.ask("DELETE /a.xml", &[], "").status, 405);
}

#[test]
fn documents_are_compressed_and_resources_are_sent_as_they_are_listed() {
    let (_outer, folder) = folder();
    let text = "<a>the same again</a>\n".repeat(1_000);
    for number in 0..40 {
        fs::write(folder.join(format!("{number}.xml")), &text).unwrap();
    }
    let source = Served::start(&folder);
    let gzip = ("Accept-Encoding", "gzip");
    let plain = source.get("/resourcelist.xml", &[]);
    let packed = source.get("/resourcelist.xml", &[gzip]);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("vary"), "accept-encoding");
    assert_ne!(packed.header("etag"), plain.header("etag"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let known = ("If-None-Match", packed.header("etag"));
    assert_eq!(source.get("/resourcelist.xml", &[gzip, known]).status, 304);
    let resource = source.get("/1.xml", &[gzip]);
    assert_eq!(resource.header("content-encoding"), "");
    assert_eq!(resource.body, text.into_bytes());
}

#[test]
fn nothing_leads_out_of_the_folder() {
    let (_outer, folder) = folder();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret.txt", folder.join("link.txt")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
    let source = Served::start(&folder);
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/deep/../../secret.txt",
        "/link.txt",
        "/up/secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/.resync-lock",
        "/%2eresync-lock",
        "/deep",
        "/deep/",
        "/",
        "/a.xml/b",
        "/a.xml%00",
        "/none.xml",
    ] {
        let answer = source.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}: {}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(source.get("/deep/er/%C5%BElu%C5%A5%20a.txt", &[]).body, "kůň".as_bytes());
}

#[test]
fn what_is_served_conforms_and_is_copied_and_followed() {
    let (outer, folder) = folder();
    let source = Served::start(&folder);
    let checked = Ran::of(harvester(outer.path()).args(["resync", "check", &source.url("")]));
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
    source.copy(outer.path(), "baseline");
    fs::write(folder.join("new.xml"), "<new/>").unwrap();
    fs::remove_file(folder.join("a.xml")).unwrap();
    source.wait_for("/resourcelist.xml", "/new.xml<");
    source.copy(outer.path(), "incremental");
    let here = |name: &str| fs::read(outer.path().join("copy").join(name));
    assert_eq!(here("new.xml").unwrap(), b"<new/>");
    assert!(here("a.xml").is_err());
}

#[test]
fn a_catalogue_is_copied_and_what_changes_in_it_arrives() {
    let outer = tempfile::tempdir().unwrap();
    let put = |it: &str, text: &str| Item::put(it, Payload::new("m", format!("<m>{text}</m>")));
    let store = |items: Vec<Item>| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let catalogue = SqliteCatalogue::open(outer.path().join("harvest.db")).await.unwrap();
            let source = sources::items("https://x.org/oai", items);
            Pipeline::new(source).resume(Resume::Afresh).run(&catalogue).await.unwrap();
        });
    };
    let contents = || -> BTreeSet<String> {
        let files = tree(&outer.path().join("copy")).into_values();
        files.map(|content| String::from_utf8(content).unwrap()).collect()
    };
    let expected = |texts: &[&str]| -> BTreeSet<String> {
        texts.iter().map(|text| format!("<m>{text}</m>")).collect()
    };
    store(vec![
        put("a", "1"),
        put("a-", "2"),
        put("oai:x.org:a/b", "3"),
        put("žluť #?%2F", "4"),
        put("..", "5"),
        Item::delete("gone"),
    ]);

    let source = Served::of(outer.path(), "sqlite:harvest.db");
    let checked = Ran::of(harvester(outer.path()).args(["resync", "check", &source.url("")]));
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
    assert!(checked.stdout.contains("0 errors, 0 warnings"), "{}", checked.stdout);
    source.copy(outer.path(), "baseline");
    assert_eq!(contents(), expected(&["1", "2", "3", "4", "5"]));

    let of_record = |name: &str| format!("/records/https%3A%2F%2Fx.org%2Foai/{name}");
    let one = source.get(&of_record("oai%3Ax.org%3Aa%2Fb.xml"), &[]);
    assert_eq!((one.status, one.body.as_slice()), (200, b"<m>3</m>".as_slice()));
    let known = ("If-None-Match", one.header("etag"));
    assert_eq!(source.get(&of_record("oai%3Ax.org%3Aa%2Fb.xml"), &[known]).status, 304);
    for path in [&*of_record("gone.xml"), &of_record("a"), "/records/x/a.xml", "/harvest.db"] {
        assert_eq!(source.get(path, &[]).status, 404, "{path}");
    }

    store(vec![put("a", "other"), Item::delete("a-"), put("new", "6")]);
    source.wait_for("/resourcelist.xml", "/new.xml<");
    source.copy(outer.path(), "incremental");
    assert_eq!(contents(), expected(&["other", "3", "4", "5", "6"]));
    // What others have copied goes on after a restart.
    drop(source);
    store(vec![Item::delete("new")]);
    let source = Served::of(outer.path(), "sqlite:harvest.db");
    let changes = String::from_utf8(source.get("/changelist.xml", &[]).body).unwrap();
    for change in ["created", "updated", "deleted"] {
        assert!(changes.contains(&format!("change=\"{change}\"")), "{changes}");
    }
    assert_eq!(changes.matches("/new.xml<").count(), 2, "{changes}");
}

#[test]
fn a_source_that_is_not_in_the_catalogue_is_told() {
    let outer = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        SqliteCatalogue::open(outer.path().join("harvest.db")).await.unwrap();
    });
    for (arguments, status, told) in [
        (["sqlite:harvest.db", "--source", "x"], 1, "has nothing from x"),
        (["sqlite:none.db", "--source", "x"], 1, "there is no catalogue none.db"),
        ([".", "--source", "x"], 2, "for a database"),
    ] {
        let mut command = harvester(outer.path());
        let ran = Ran::of(command.args(["resync", "serve"]).args(arguments));
        assert_eq!(ran.status, status, "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn a_subscriber_is_asked_back_and_told_of_changes_signed_until_it_unsubscribes() {
    let (_outer, folder) = folder();
    let source = Served::start(&folder);
    let document = source.get("/changelist.xml", &[]);
    let links = document.header("link");
    let topic = source.url("changelist.xml");
    assert!(links.contains(&format!("<{}>; rel=\"hub\"", source.url("hub"))), "{links}");
    assert!(links.contains(&format!("<{topic}>; rel=\"self\"")), "{links}");

    let (callback, requests, answers) = subscriber();
    let hub = source.url("hub").parse().unwrap();
    let mut subscription = Subscription::new(&topic, hub, callback.parse().unwrap())
        .unwrap()
        .secret("s3cr3t")
        .unwrap();
    let next = |subscription: &mut Subscription| {
        let (method, query, headers, body): Asked = requests.recv_timeout(LONG).unwrap();
        let query = Some(query.as_str());
        let incoming = Incoming { method: &method, query, headers: &headers, body: &body };
        let outgoing = subscription.handle(incoming, chrono::Utc::now());
        answers.send((outgoing.status.as_u16(), outgoing.body)).unwrap();
        outgoing.event.unwrap()
    };
    let send = |request: &resync_core::transport::Request| {
        let resync_core::transport::Method::PostForm(form) = &request.method else { panic!() };
        let form_type = ("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(source.ask("POST /hub", &[form_type], form).status, 202);
    };

    send(&subscription.start(chrono::Utc::now()));
    assert!(matches!(next(&mut subscription), Event::Subscribed { .. }));
    // The hub reads our consent after we have given it.
    std::thread::sleep(Duration::from_millis(200));
    fs::write(folder.join("new.xml"), "<new/>").unwrap();
    match next(&mut subscription) {
        Event::Changes { body, .. } => {
            assert!(String::from_utf8(body).unwrap().contains("/new.xml<"));
        }
        other => panic!("{other:?}"),
    }
    send(&subscription.stop());
    assert_eq!(next(&mut subscription), Event::Unsubscribed);
    std::thread::sleep(Duration::from_millis(200));
    fs::write(folder.join("newer.xml"), "<newer/>").unwrap();
    assert!(requests.recv_timeout(Duration::from_millis(1_500)).is_err());
}

#[test]
fn the_hub_takes_nothing_that_could_be_used_against_others() {
    let (_outer, folder) = folder();
    let source = Served::start(&folder);
    let topic = source.url("changelist.xml");
    let ask = |mode: &str, topic: &str, callback: &str| {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("hub.mode", mode), ("hub.topic", topic), ("hub.callback", callback)])
            .finish();
        source.ask("POST /hub", &[], &form).status
    };
    let here = "http://127.0.0.1:9/cb";
    assert_eq!(ask("subscribe", &topic, here), 202);
    assert_eq!(ask("publish", &topic, here), 400);
    assert_eq!(ask("subscribe", "http://other.example/changelist.xml", here), 400);
    assert_eq!(ask("subscribe", &source.url("a.xml"), here), 400);
    for callback in ["http://10.0.0.1/", "https://example.org/cb", "file:///etc/passwd", "cb"] {
        assert_eq!(ask("subscribe", &topic, callback), 400, "{callback}");
    }
    assert_eq!(source.ask("POST /hub", &[], &"x".repeat(20_000)).status, 413);
    assert_eq!(source.ask("GET /hub", &[], "").status, 405);
}

type Asked = (String, String, HeaderMap, Vec<u8>);
type Answers = std::sync::mpsc::Sender<(u16, Vec<u8>)>;

/// A callback that hands over each request, and waits for what to answer.
fn subscriber() -> (String, Receiver<Asked>, Answers) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cb", listener.local_addr().unwrap());
    let ((asked, requests), (answers, answer)) = (channel(), channel());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut words = line.split(' ');
            let method = words.next().unwrap().to_owned();
            let query = words.next().unwrap().split_once('?').map_or("", |it| it.1).to_owned();
            let mut headers = HeaderMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            let length = headers.get("content-length").map_or("0", |it| it.to_str().unwrap());
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            if asked.send((method, query, headers, body)).is_err() {
                return;
            }
            let Ok((status, body)): Result<(u16, Vec<u8>), _> = answer.recv() else { return };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} Answer\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            )
            .unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    (url, requests, answers)
}
