//! Somebody else's OAI-PMH clients harvest our provider, as far as they are installed:
//! `third_party/install.sh` does that.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Ran, Serving, harvester, serve};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::{Datestamp, Granularity, Header, Identify, MetadataFormat, Record, Set};

const RECORDS: usize = 307;
/// No page may have exactly one record: oai-pmh from the npm registry cannot read such a page.
const PAGE: usize = 20;
/// A time span, with its first and last record.
const SPAN: ([&str; 2], [usize; 2]) = (["2024-01-05", "2024-01-14"], [44, 153]);

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_tells_days_is_harvested_completely_by_others() {
    let url = serve(days).await;
    let (span, [first, last]) = SPAN;
    for client in clients() {
        client.must_find(&url, &[], &expected(0..=RECORDS - 1));
        client.must_find(&url, &span, &expected(first..=last));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_harvested_completely_by_others() {
    let clients = clients();
    if clients.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let db = ["--db", "sqlite:harvest.db", "--quiet"];
    let harvest = ["harvest", &serve(days).await];
    let ran = Ran::of(harvester(folder.path()).args(harvest).args(db));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let served = Serving::start(folder.path(), "sqlite:harvest.db", PAGE);
    for client in clients {
        client.must_find(&served.url, &[], &expected(0..=RECORDS - 1));
    }
}

/// Eleven records a day, in several languages and sets, some of them deleted.
fn days(url: &str) -> Provider {
    let mut identify = Identify::new("Dny", url, "admin@x.example.org");
    identify.granularity = Granularity::Day;
    let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc()]);
    repository.put_set(Set::new("jazyk", "Jazyky"));
    repository.put_set(Set::new("jazyk:ja", "日本語"));
    for n in 0..RECORDS {
        let day: Datestamp = format!("2024-01-{:02}", 1 + n / 11).parse().unwrap();
        let sets = [["jazyk:cs", "knihy"], ["jazyk:ja", "knihy"], ["jazyk:en", "mapy"]][n % 3];
        let header = Header::new(identifier(n), day).sets(sets);
        let record = match title(n) {
            None => Record::deleted(header),
            Some(title) => {
                let title = title.replace('&', "&amp;").replace('<', "&lt;");
                let dc = format!(
                    "<oai_dc:dc xmlns:oai_dc='http://www.openarchives.org/OAI/2.0/oai_dc/' \
                       xmlns:dc='http://purl.org/dc/elements/1.1/'>\
                       <dc:title>{title}</dc:title></oai_dc:dc>"
                );
                Record::new(header, &dc).unwrap()
            }
        };
        repository.put("oai_dc", record).unwrap();
    }
    let provider = Provider::new(repository, b"a key of sixteen bytes or more").unwrap();
    provider.page_records(PAGE)
}

fn identifier(n: usize) -> String {
    format!("oai:x.example.org:{n}/a+b")
}

/// What a record is called, unless it is deleted.
fn title(n: usize) -> Option<String> {
    let titles = ["Příliš žluťoučký kůň", "光の屈折と𠮷野", "Maps & <legends>"];
    (n % 9 != 4).then(|| format!("{} {n}", titles[n % 3]))
}

/// The titles of these records by identifier, none for those that are deleted.
fn expected(numbers: impl IntoIterator<Item = usize>) -> BTreeMap<String, String> {
    numbers.into_iter().map(|n| (identifier(n), title(n).unwrap_or_default())).collect()
}

/// A client, and the command that runs it.
struct Client {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    modules: PathBuf,
}

/// Those that are installed; says which are not.
fn clients() -> Vec<Client> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let scripts = root.join("examples/tests/third_party");
    let venv = root.join(".venv");
    let modules = venv.join("npm/node_modules");
    let python = venv.join("bin/python");
    let has_python = venv.join("installed.txt").exists();
    let has_npm = venv.join("npm/installed.json").exists();
    let perl = Command::new("perl").args(["-MHTTP::OAI", "-e1"]).stderr(Stdio::null()).status();
    let has_perl = perl.is_ok_and(|status| status.success());
    let all = [
        ("sickle", has_python, python.as_path(), "harvest.py"),
        ("scythe", has_python, python.as_path(), "harvest.py"),
        ("oaipmh", has_python, python.as_path(), "harvest.py"),
        ("oai-pmh", has_npm, Path::new("node"), "harvest.js"),
        ("HTTP::OAI", has_perl, Path::new("perl"), "harvest.pl"),
    ];
    let mut installed = Vec::new();
    for (name, is_there, program, script) in all {
        if !is_there {
            // Not `eprintln!`, which is not shown when a test passes.
            let told = format!(
                "SKIPPED: the OAI-PMH client {name} is not installed; \
                 examples/tests/third_party/install.sh installs it, or says how\n"
            );
            let _ = std::io::stderr().write_all(told.as_bytes());
            continue;
        }
        let mut arguments = vec![scripts.join(script)];
        if script == "harvest.py" {
            arguments.push(name.into());
        }
        let (program, modules) = (program.to_owned(), modules.clone());
        installed.push(Client { name, program, arguments, modules });
    }
    installed
}

impl Client {
    /// Harvests what is there, or what is of a time span; each record must come once.
    fn must_find(&self, url: &str, span: &[&str], expected: &BTreeMap<String, String>) {
        let ran = Command::new(&self.program)
            .args(&self.arguments)
            .arg(url)
            .args(span)
            .env("NODE_PATH", &self.modules)
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::null())
            .output();
        let ran = Ran::from(ran.unwrap());
        let name = self.name;
        assert_eq!(ran.status, 0, "{name}: {}", ran.stderr);
        let lines = ran.stdout.lines().map(|line| line.split_once('\t').unwrap());
        let found: BTreeMap<String, String> =
            lines.map(|(identifier, title)| (identifier.to_owned(), title.to_owned())).collect();
        assert_eq!(ran.stdout.lines().count(), expected.len(), "{name}, {}", ran.stderr);
        assert_eq!(&found, expected, "{name}");
    }
}
