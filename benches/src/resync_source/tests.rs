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
