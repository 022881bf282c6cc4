//! A ResourceSync source over HTTP on loopback, into SQLite.
#![cfg(all(feature = "resync", feature = "rustls", feature = "sqlite"))]
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};

use futures_util::TryStreamExt;
use harvest_pipeline::{
    Change, Counters, NoticeLevel, Pipeline, Query, Resume, ResyncMode, ResyncSource, RunError,
    RunState, Source, SqliteCatalogue, Summary,
};
use resync_core::document::Algorithm;
use resync_core::fixity::Fixity;
use resync_core::transport::HttpTransport;
use tempfile::TempDir;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};
use zip::write::SimpleFileOptions;

struct Site {
    server: MockServer,
    folder: TempDir,
}

/// What is served of a resource: its name, its content, and when it was changed.
type Thing = (&'static str, &'static str, &'static str);

const A: Thing = ("/a.xml", "<a>1</a>", "2024-01-01T00:00:00Z");
const B: Thing = ("/b.xml", "<b>1</b>", "2024-01-02T00:00:00Z");
const AT: &str = "2024-01-03T00:00:00Z";

impl Site {
    async fn new() -> Self {
        Self { server: MockServer::start().await, folder: tempfile::tempdir().unwrap() }
    }

    async fn put(&self, place: &str, body: impl Into<String>) {
        let reply = ResponseTemplate::new(200).set_body_raw(body.into(), "application/xml");
        Mock::given(path(place)).respond_with(reply).mount(&self.server).await;
    }

    fn list(&self, md: &str, entries: &str) -> String {
        format!(
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
             xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:md {md}/>{entries}</urlset>"
        )
    }

    fn entry(&self, (name, body, time): Thing, md: &str) -> String {
        let mut fixity = Fixity::new([Algorithm::Sha256]);
        fixity.update(body.as_bytes());
        let measured = fixity.finish();
        format!(
            "<url><loc>{}{name}</loc><lastmod>{time}</lastmod><rs:md hash='{}' length='{}' {md}/></url>",
            self.server.uri(),
            measured.digests[0],
            body.len()
        )
    }

    fn change(&self, thing: Thing, change: &str) -> String {
        self.entry(thing, &format!("change='{change}' datetime='{}'", thing.2))
    }

    /// Serves a Capability List with these two lists, and the resources.
    async fn serve(&self, resources: &[Thing], changes: Option<(&str, String)>) {
        self.server.reset().await;
        let entries: String = resources.iter().map(|it| self.entry(*it, "")).collect();
        let head = format!("capability='resourcelist' at='{AT}'");
        self.put("/resourcelist.xml", self.list(&head, &entries)).await;
        for (name, body, _) in resources {
            self.put(name, *body).await;
        }
        let offer = |name: &str| {
            format!(
                "<url><loc>{}/{name}.xml</loc><rs:md capability='{name}'/></url>",
                self.server.uri()
            )
        };
        let mut offers = offer("resourcelist");
        if let Some((from, entries)) = changes {
            offers += &offer("changelist");
            let head = format!("capability='changelist' from='{from}'");
            self.put("/changelist.xml", self.list(&head, &entries)).await;
        }
        self.put("/capabilitylist.xml", self.list("capability='capabilitylist'", &offers)).await;
    }

    fn source(&self, name: &str) -> ResyncSource {
        let url = format!("{}/{name}.xml", self.server.uri()).parse().unwrap();
        ResyncSource::new(url, HttpTransport::builder().build().unwrap())
    }

    async fn run_with(&self, source: ResyncSource, resume: Resume) -> Result<Summary, RunError> {
        let catalogue = SqliteCatalogue::open(self.folder.path().join("x.db")).await.unwrap();
        let ran = Pipeline::new(source.named("s")).resume(resume).run(&catalogue).await;
        catalogue.close().await.unwrap();
        ran
    }

    async fn run(&self) -> Result<Summary, RunError> {
        self.run_with(self.source("capabilitylist"), Resume::FromSink).await
    }

    /// What is stored: name, and content unless it is a tombstone.
    async fn stored(&self) -> Vec<(String, Option<String>)> {
        let catalogue = SqliteCatalogue::open(self.folder.path().join("x.db")).await.unwrap();
        let records: Vec<_> = catalogue.records(Query::all()).try_collect().await.unwrap();
        let records = records.into_iter().map(|it| {
            (it.identifier.strip_prefix(&self.server.uri()).unwrap().to_owned(), it.metadata)
        });
        let records = records.collect();
        catalogue.close().await.unwrap();
        records
    }

    /// How often resources, and no lists, were asked for.
    async fn fetched(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|it| !it.url.path().ends_with("list.xml")).count()
    }
}

fn counters(created: u64, updated: u64, unchanged: u64, deleted: u64, failed: u64) -> Counters {
    let mut counters = Counters::default();
    (counters.created, counters.updated, counters.unchanged) = (created, updated, unchanged);
    (counters.deleted, counters.failed) = (deleted, failed);
    counters
}

#[tokio::test]
async fn after_a_baseline_only_changes_are_read_and_the_last_of_each_counts() {
    let site = Site::new().await;
    site.serve(&[A, B], Some((AT, String::new()))).await;
    let summary = site.run().await.unwrap();
    assert_eq!((summary.state, summary.counters), (RunState::Succeeded, counters(2, 0, 0, 0, 0)));
    let source = site.source("capabilitylist");
    assert_eq!(source.next_from(summary.checkpoint.as_ref().unwrap()).as_deref(), Some(AT));

    // `c` came and went: nobody asks for it. `a` changed twice: it is asked for once.
    let newer = ("/a.xml", "<a>3</a>", "2024-01-06T00:00:00Z");
    let changes = [
        site.change(("/a.xml", "<a>2</a>", "2024-01-04T00:00:00Z"), "updated"),
        site.change(("/c.xml", "<c/>", "2024-01-04T00:00:00Z"), "created"),
        site.change(("/c.xml", "", "2024-01-05T00:00:00Z"), "deleted"),
        site.change(("/b.xml", "", "2024-01-05T00:00:00Z"), "deleted"),
        site.change(newer, "updated"),
    ]
    .concat();
    site.serve(&[newer], Some((AT, changes.clone()))).await;
    let summary = site.run().await.unwrap();
    let mut expected = counters(0, 1, 0, 1, 0);
    expected.skipped_deleted = 1;
    assert_eq!(summary.counters, expected);
    assert_eq!(site.fetched().await, 1);
    let stored = site.stored().await;
    assert_eq!(stored[0], ("/a.xml".to_owned(), Some("<a>3</a>".to_owned())));
    assert_eq!((&*stored[1].0, &stored[1].1), ("/b.xml", &None));

    assert_eq!(site.run().await.unwrap().counters.total(), 0);
    assert_eq!(site.fetched().await, 1);
}

#[tokio::test]
async fn a04_a05_a_list_of_another_kind_fails_the_run_and_is_named() {
    let site = Site::new().await;
    site.serve(&[A], Some((AT, String::new()))).await;
    for (mode, list, message) in [
        (
            ResyncMode::Baseline,
            "changelist",
            "is a changelist; baseline takes a resourcelist or a resourcedump",
        ),
        (
            ResyncMode::Incremental,
            "resourcelist",
            "is a resourcelist; incremental takes a changelist or a changedump",
        ),
    ] {
        let since = resync_core::document::Datetime::read(AT).unwrap();
        let source = site.source(list).mode(mode).from(since);
        let error = site.run_with(source, Resume::FromSink).await.unwrap_err();
        let expected = format!("Bad URL: {}/{list}.xml {message}", site.server.uri());
        assert_eq!(error.message(), expected);
        assert_eq!(error.summary().unwrap().state, RunState::Failed);
    }
    let error = site.source("changelist").mode(ResyncMode::Incremental);
    let error = site.run_with(error, Resume::FromSink).await.unwrap_err();
    assert!(error.message().contains("begin with a baseline"), "{error}");
}

#[tokio::test]
async fn content_that_is_not_what_the_list_says_is_an_error_and_tried_again() {
    let site = Site::new().await;
    site.serve(&[A], Some((AT, String::new()))).await;
    let entries = [site.entry(A, ""), site.entry(B, "")].concat();
    site.put("/b.xml", "<b>2</b>").await;
    let head = format!("capability='resourcelist' at='{AT}'");
    site.put("/other-resourcelist.xml", site.list(&head, &entries)).await;
    let source = site.source("other-resourcelist");
    let summary = site.run_with(source, Resume::FromSink).await.unwrap();
    assert_eq!(summary.counters, counters(1, 0, 0, 0, 1));
    let failure = summary.failures.first()[0].to_string();
    assert!(failure.contains("/b.xml: source: the source says sha-256:"), "{failure}");

    site.serve(&[A, B], Some((AT, String::new()))).await;
    assert_eq!(site.run().await.unwrap().counters, counters(1, 0, 0, 0, 0));
}

#[tokio::test]
async fn a_run_from_the_beginning_fetches_nothing_that_is_held() {
    let site = Site::new().await;
    site.serve(&[A, B], None).await;
    site.run().await.unwrap();
    // Without a list of changes every run is a baseline.
    for resume in [Resume::FromSink, Resume::Afresh] {
        site.serve(&[A, B], None).await;
        let source = site.source("capabilitylist");
        let summary = site.run_with(source, resume).await.unwrap();
        assert_eq!(summary.counters, counters(0, 0, 2, 0, 0));
        assert_eq!(site.fetched().await, 0);
    }
}

#[tokio::test]
async fn a_history_that_begins_too_late_is_said_or_made_up_for() {
    let site = Site::new().await;
    site.serve(&[A], None).await;
    site.run().await.unwrap();
    site.serve(&[A, B], Some(("2024-02-01T00:00:00Z", String::new()))).await;
    let source = site.source("capabilitylist").mode(ResyncMode::Incremental);
    let error = site.run_with(source, Resume::FromSink).await.unwrap_err();
    assert!(error.message().starts_with("a baseline is needed: "), "{error}");
    let summary = site.run().await.unwrap();
    assert_eq!(summary.counters, counters(1, 0, 1, 0, 0));
    assert!(summary.notices.first()[0].message.contains("everything is listed"));
}

#[tokio::test]
async fn what_is_no_metadata_or_elsewhere_is_left_out_and_told() {
    let site = Site::new().await;
    site.serve(&[A, ("/c.pdf", "%PDF", AT), ("/d", "text", AT)], None).await;
    let summary = site.run().await.unwrap();
    assert_eq!(summary.counters, counters(1, 0, 0, 0, 1));
    assert!(summary.failures.first()[0].message.starts_with("no well-formed XML"));
    let notice = &summary.notices.first().last().unwrap().message;
    assert!(notice.starts_with("1 resources were left out"), "{notice}");

    let head = format!("capability='resourcelist' at='{AT}'");
    let entry = "<url><loc>http://169.254.169.254/x.xml</loc></url>";
    site.put("/far-list.xml", site.list(&head, entry)).await;
    let summary = site.run_with(site.source("far-list"), Resume::Afresh).await.unwrap();
    let failure = summary.failures.first()[0].to_string();
    assert!(failure.starts_with("http://169.254.169.254/x.xml: source: "), "{failure}");
    assert_eq!(summary.counters.failed, 1);
}

#[tokio::test]
async fn a_redirect_that_leads_elsewhere_is_no_answer() {
    let site = Site::new().await;
    site.serve(&[A], None).await;
    let elsewhere = MockServer::start().await;
    let other = ResponseTemplate::new(200).set_body_raw(A.1, "application/xml");
    Mock::given(path("/other")).respond_with(other).mount(&elsewhere).await;
    let moved = ResponseTemplate::new(302)
        .insert_header("location", format!("{}/other", elsewhere.uri()).as_str());
    Mock::given(path(B.0)).respond_with(moved).mount(&site.server).await;
    let head = format!("capability='resourcelist' at='{AT}'");
    let entries = site.entry((B.0, A.1, B.2), "");
    site.put("/moved.xml", site.list(&head, &entries)).await;

    let summary = site.run_with(site.source("moved"), Resume::Afresh).await.unwrap();
    assert_eq!(summary.counters, counters(0, 0, 0, 0, 1));
    let failure = summary.failures.first()[0].to_string();
    assert!(failure.contains(&elsewhere.uri()), "{failure}");
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(body.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

impl Site {
    /// Serves a dump of one package.
    async fn dump(&self, name: &str, head: &str, members: &[(&str, &str)]) {
        self.server.reset().await;
        let zip = zip(members);
        let reply = ResponseTemplate::new(200).set_body_raw(zip, "application/zip");
        Mock::given(path("/part.zip")).respond_with(reply).mount(&self.server).await;
        let entry = format!("<url><loc>{}/part.zip</loc></url>", self.server.uri());
        self.put(&format!("/{name}.xml"), self.list(head, &entry)).await;
    }
}

#[tokio::test]
async fn a11_a_path_that_leads_out_of_a_package_is_refused_and_costs_one_record() {
    let site = Site::new().await;
    let entries = [
        site.entry(A, "path='/a.xml'"),
        site.entry(B, "path='/../../b.xml'"),
        site.entry(("/c.pdf", "%PDF", AT), "path='/c.pdf'"),
    ];
    let manifest = site.list("capability='resourcedump-manifest'", &entries.concat());
    let members =
        [("manifest.xml", &*manifest), ("a.xml", A.1), ("../../b.xml", B.1), ("c.pdf", "%PDF")];
    site.dump("resourcedump", &format!("capability='resourcedump' at='{AT}'"), &members).await;
    let source = site.source("resourcedump");
    let summary = site.run_with(source, Resume::FromSink).await.unwrap();
    assert_eq!(summary.counters, counters(1, 0, 0, 0, 1));
    assert!(summary.failures.first()[0].message.contains("is no path in a package"));
    assert!(summary.notices.first().last().unwrap().message.starts_with("1 resources"));
    assert_eq!(site.stored().await, [("/a.xml".to_owned(), Some(A.1.to_owned()))]);
}

#[tokio::test]
async fn a_change_dump_is_applied_in_its_order() {
    let site = Site::new().await;
    site.serve(&[A, B], None).await;
    site.run().await.unwrap();
    let newer = ("/a.xml", "<a>2</a>", "2024-01-05T00:00:00Z");
    let gone = ("/b.xml", "", "2024-01-06T00:00:00Z");
    let entries = [
        site.entry(newer, &format!("change='updated' datetime='{}' path='/a.xml'", newer.2)),
        site.change(gone, "deleted"),
        site.change(("/a.xml", "", "2023-12-31T00:00:00Z"), "deleted"),
    ];
    let manifest = site.list("capability='changedump-manifest'", &entries.concat());
    let head = "capability='changedump' from='2024-01-01T00:00:00Z'";
    site.dump("changedump", head, &[("manifest.xml", &manifest), ("a.xml", newer.1)]).await;
    let summary = site.run_with(site.source("changedump"), Resume::FromSink).await.unwrap();
    assert_eq!(summary.counters, counters(0, 1, 0, 1, 0));
}

#[tokio::test]
async fn a06_an_audit_names_what_is_new_and_fetches_nothing() {
    let site = Site::new().await;
    site.serve(&[A, B], Some((AT, String::new()))).await;
    for list in ["resourcelist", "changelist"] {
        let source = site.source(list).mode(ResyncMode::Audit);
        let batches: Vec<_> = source.batches(None).try_collect().await.unwrap();
        let items: Vec<_> = batches.iter().flat_map(|it| it.items.iter().flatten()).collect();
        let is_whole = list == "resourcelist";
        assert_eq!(items.len(), if is_whole { 2 } else { 0 });
        // It says that it lists everything, and takes that back where it does not.
        assert!(source.lists_everything(None));
        let mut notices = batches.iter().flat_map(|it| &it.notices);
        assert_eq!(notices.any(|it| it.level == NoticeLevel::Warning), !is_whole);
        assert!(items.iter().all(|item| item.change == Change::Listed && item.version.is_some()));
    }
    assert_eq!(site.fetched().await, 0);
}

#[tokio::test]
async fn only_a_baseline_lists_everything() {
    let site = Site::new().await;
    site.serve(&[A], Some((AT, String::new()))).await;
    let at = site.run().await.unwrap().checkpoint.unwrap();
    let source = site.source("capabilitylist");
    assert!(source.lists_everything(None) && !source.lists_everything(Some(&at)));
    assert!(source.clone().mode(ResyncMode::Baseline).lists_everything(Some(&at)));
    assert!(!source.clone().mode(ResyncMode::Incremental).lists_everything(None));
    let since = resync_core::document::Datetime::read("2024-01-01").unwrap();
    assert!(!source.from(since).lists_everything(None));
}

#[tokio::test]
async fn an_entry_without_a_proper_address_is_a_failure_under_its_name_and_not_remembered() {
    let site = Site::new().await;
    let nowhere = "<url><loc>http://[nowhere</loc><lastmod>2024-01-01</lastmod></url>";
    site.serve(&[A], Some((AT, nowhere.replace("</loc>", "</loc><rs:md change='updated'/>"))))
        .await;
    let head = format!("capability='resourcelist' at='{AT}'");
    site.put("/broken.xml", site.list(&head, &(nowhere.to_owned() + &site.entry(A, "")))).await;

    let summary = site.run_with(site.source("broken"), Resume::Afresh).await.unwrap();
    assert_eq!(summary.counters, counters(1, 0, 0, 0, 1));
    let failure = &summary.failures.first()[0];
    assert_eq!(failure.identifier.as_deref(), Some("http://[nowhere"));
    assert!(failure.message.contains("this is no address"), "{failure}");
    assert!(!summary.checkpoint.unwrap().to_json().contains("nowhere"));

    let summary = site.run().await.unwrap();
    assert_eq!(summary.counters, counters(0, 0, 0, 0, 1));
    assert_eq!(summary.state, RunState::SucceededWithErrors);
}

#[tokio::test]
async fn what_could_not_be_had_can_be_got_by_its_uri_and_must_be_what_the_list_said() {
    let site = Site::new().await;
    site.serve(&[A, B], None).await;
    let head = format!("capability='resourcelist' at='{AT}'");
    let entries = site.entry(("/a.xml", "<a>other</a>", A.2), "");
    site.put("/other.xml", site.list(&head, &entries)).await;
    let source = site.source("other");
    let summary = site.run_with(source.clone(), Resume::Afresh).await.unwrap();
    assert_eq!(summary.counters, counters(0, 0, 0, 0, 1));

    let at = summary.checkpoint;
    let uri = |name: &str| format!("{}{name}", site.server.uri());
    let names = vec![uri("/a.xml"), uri("/b.xml"), "http://192.0.2.1/c.xml".to_owned()];
    let batches: Vec<_> = source.get(names, at).unwrap().try_collect().await.unwrap();
    let [batch] = &batches[..] else { panic!("one batch is enough") };
    assert_eq!(batch.checkpoint, None);
    assert!(batch.items[0].as_ref().unwrap_err().message.contains("bytes"), "{batch:?}");
    assert_eq!(batch.items[1].as_ref().unwrap().payload().unwrap().body, B.1);
    assert!(batch.items[2].is_err(), "elsewhere");
}
