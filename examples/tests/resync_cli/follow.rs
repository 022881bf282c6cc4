//! `harvester resync follow`: a copy that is kept as its source is.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::common::{Reply, Server};
use super::*;

/// How long to wait for what happens at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command, while it runs.
struct Following {
    child: Child,
    events: Receiver<Value>,
}

impl Following {
    /// Without the messages for people, which come in the end.
    fn start(source: &Source, url: &str, args: &[&str]) -> Self {
        let mut child = harvester(source.folder.path())
            .args(["resync", "follow", url, "copy", "--json", "--retries", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Nobody wants them any more when the test is over.
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, events }
    }

    /// The next event of this name; what comes before it is passed over.
    fn event(&self, name: &str) -> Value {
        let mut before = Vec::new();
        loop {
            let event = self.events.recv_timeout(PATIENCE);
            let event = event.unwrap_or_else(|_| panic!("no {name} after {before:?}"));
            if event["event"] == name {
                return event;
            }
            before.push(event);
        }
    }

    /// Waits for a run that created, updated and deleted so many.
    fn run(&self, expected: [u64; 3]) -> Value {
        loop {
            let summary = self.event("summary");
            let done =
                ["created", "updated", "deleted"].map(|name| summary[name].as_u64().unwrap());
            if done == expected {
                return summary;
            }
            assert_eq!(done, [0; 3], "{summary}");
        }
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// Its status, and its messages.
    fn ended(mut self) -> (i32, String) {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code().unwrap(), text)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It has ended if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A hub that verifies whatever it is asked for, and knows the last subscription.
struct Hub {
    server: Server,
    subscriber: Arc<Mutex<HashMap<String, String>>>,
}

impl Hub {
    fn start() -> Self {
        let subscriber: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let known = Arc::clone(&subscriber);
        let server = Server::start(move |request| {
            let mode = request.argument("hub.mode").to_owned();
            let url = format!(
                "{}?hub.mode={mode}&hub.topic={}&hub.challenge=c-{mode}&hub.lease_seconds=3600",
                request.argument("hub.callback"),
                request.argument("hub.topic"),
            );
            if mode == "subscribe" {
                known.lock().unwrap().clone_from(&request.arguments);
            }
            // It answers first, and then asks back, as hubs do.
            thread::spawn(move || {
                assert_eq!(exchange("GET", &url, "", ""), (200, format!("c-{mode}")));
            });
            Reply::status("202 Accepted")
        });
        Self { server, subscriber }
    }

    fn argument(&self, name: &str) -> String {
        self.subscriber.lock().unwrap()[name].clone()
    }

    /// Delivers at the callback, signed with this secret; the status of the answer.
    fn deliver(&self, secret: &str, body: &str) -> u16 {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = format!(
            "X-Hub-Signature: sha256={signature}\r\nLink: <{}>; rel=self, <{}>; rel=hub\r\n",
            self.argument("hub.topic"),
            self.server.url(),
        );
        exchange("POST", &self.argument("hub.callback"), &headers, body).0
    }
}

/// One request, and its answer.
fn exchange(method: &str, url: &str, headers: &str, body: &str) -> (u16, String) {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    // What is too large is refused before all of it was sent.
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Names the hub of a source in its Capability List.
fn name_hub(source: &Source, hub: &Hub) {
    let file = source.site().join("capabilitylist.xml");
    let entry = format!(
        "<url><loc>{}</loc><rs:md capability=\"change-notification\"/>\
         <rs:ln rel=\"hub\" href=\"{}\"/></url></urlset>",
        source.server.url("topic"),
        hub.server.url(),
    );
    let text = fs::read_to_string(&file).unwrap().replace("</urlset>", &entry);
    assert!(text.contains("change-notification"), "{text}");
    fs::write(file, text).unwrap();
}

#[test]
fn what_a_hub_tells_of_is_there_at_once() {
    let (source, hub) = (Source::published(), Hub::start());
    name_hub(&source, &hub);
    let (url, allowed) = (source.url(), hub.server.url());
    let listen = ["--listen", "127.0.0.1:0", "--allow-origin", &allowed];
    let following =
        Following::start(&source, &url, &[&["--every", "1d", "--delete"], &listen[..]].concat());
    // The two may come in any order.
    let mut first = [following.events.recv_timeout(PATIENCE).unwrap()].to_vec();
    while !["subscribed", "summary"].iter().all(|name| first.iter().any(|it| it["event"] == *name))
    {
        first.push(following.events.recv_timeout(PATIENCE).unwrap());
    }
    let (topic, callback) = (hub.argument("hub.topic"), hub.argument("hub.callback"));
    assert_eq!(topic, source.server.url("topic"));
    source.assert_same();

    // Who does not know the secret cannot make it run, nor keep it busy.
    let secret = hub.argument("hub.secret");
    assert_eq!(hub.deliver("guessed", "<urlset/>"), 202);
    assert_eq!(following.event("rejected")["reason"], "wrong signature");
    assert_eq!(hub.deliver(&secret, &"x".repeat(100_000)), 413);
    assert_eq!(following.event("rejected")["reason"], "larger than allowed");
    let guessed = format!("{}/{}", callback.rsplit_once('/').unwrap().0, "0".repeat(32));
    assert_eq!(exchange("POST", &guessed, "", "").0, 404);

    source.write("a.xml", "<changed/>");
    source.write("deep/new.txt", "new");
    source.remove("empty.csv");
    source.publish(&[]);
    assert_eq!(hub.deliver(&secret, "<urlset/>"), 202);
    following.event("notified");
    let summary = following.run([1, 1, 1]);
    assert_eq!(summary["mode"], "incremental");
    source.assert_same();

    following.interrupt();
    assert_eq!(following.event("unsubscribed")["topic"], topic);
    following.event("stopped");
    let (status, messages) = following.ended();
    assert_eq!(status, 0, "{messages}");
    let shown = [&secret, callback.rsplit('/').next().unwrap()];
    assert!(!shown.iter().any(|secret| messages.contains(*secret)), "{messages}");
    let modes: Vec<_> =
        hub.server.seen().iter().map(|it| it.argument("hub.mode").to_owned()).collect();
    assert_eq!(modes, ["subscribe", "unsubscribe"]);
}

#[test]
fn without_a_hub_the_source_is_asked_every_so_often() {
    let (source, hub) = (Source::published(), Hub::start());
    // One on the local network is none that a source may name.
    name_hub(&source, &hub);
    let args = ["--every", "200ms", "--listen", "127.0.0.1:0"];
    let following = Following::start(&source, &source.url(), &args);
    let why = following.event("no-hub")["message"].as_str().unwrap().to_owned();
    assert_has(&why, &["is on the local network", "--allow-origin"]);
    source.write("a.xml", "<changed/>");
    source.publish(&[]);
    // Whether the baseline was before or after that, the copy comes to be the same.
    let started = std::time::Instant::now();
    loop {
        following.event("summary");
        if resources(&source.copy()) == resources(&source.site()) {
            break;
        }
        assert!(started.elapsed() < PATIENCE);
    }
    following.interrupt();
    following.event("stopped");
    assert_eq!(following.ended().0, 0);
    assert!(hub.server.seen().is_empty());
}

#[test]
fn a_source_in_trouble_is_asked_again() {
    let source = Source::new(&[]);
    let broken = Server::start(|_| Reply::status("503 Service Unavailable"));
    let following = Following::start(&source, &broken.url(), &["--every", "50ms"]);
    for _ in 0..3 {
        let event = following.event("postponed");
        assert_has(event["message"].as_str().unwrap(), &["503", &broken.url()]);
        assert_eq!(event["seconds"], 0.05);
    }
    following.interrupt();
    following.event("stopped");
    assert_eq!(following.ended().0, 0);
}

#[test]
fn changes_that_may_be_missing_need_a_baseline() {
    let source = Source::new(&[("a.txt", "a")]);
    let document = |name: &str, md: &str, entries: &[(&str, &str)]| {
        let entries: String = entries
            .iter()
            .map(|(at, md)| format!("<url><loc>{}</loc>{md}</url>", source.server.url(at)))
            .collect();
        let xml = format!(
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
             xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:md {md}/>{entries}</urlset>"
        );
        source.write(name, &xml);
    };
    let lists = [
        ("list.xml", "<rs:md capability='resourcelist'/>"),
        ("changes.xml", "<rs:md capability='changelist'/>"),
    ];
    document("c.xml", "capability='capabilitylist'", &lists);
    let at = "capability='resourcelist' at='2024-01-01T00:00:00Z'";
    document("list.xml", at, &[("a.txt", "")]);
    document("changes.xml", "capability='changelist' from='2024-02-01T00:00:00Z'", &[]);

    let url = source.server.url("c.xml");
    let following = Following::start(&source, &url, &["--every", "50ms"]);
    assert_eq!(following.run([1, 0, 0])["mode"], "baseline");
    let (status, messages) = following.ended();
    assert_eq!(status, 1, "{messages}");
    assert_has(&messages, &["Follow it with --baseline", "`harvester resync baseline`"]);

    let following = Following::start(&source, &url, &["--every", "50ms", "--baseline"]);
    assert_eq!(following.run([0, 0, 0])["mode"], "baseline");
    following.interrupt();
    following.event("stopped");
    assert_eq!(following.ended().0, 0);
}

#[test]
fn nobody_follows_without_a_way() {
    let source = Source::new(&[]);
    for args in [&["--dry-run"][..], &["--listen", "0.0.0.0:0"], &["--callback-url", "http://x/"]] {
        let ran = source.mirror("follow", args);
        assert_eq!((ran.status, &*ran.stdout), (2, ""), "{args:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ran = source.mirror("follow", &["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!((ran.status, &*ran.stdout), (1, ""));
    assert_has(&ran.stderr, &["cannot listen at 127.0.0.1:", "Name another address"]);
}
