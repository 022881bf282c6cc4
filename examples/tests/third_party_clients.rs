//! Somebody else's OAI-PMH clients harvest our provider, as far as they are installed:
//! `third_party/install.sh` does that.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Ran, Serving, harvester, serve};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::{Datestamp, Granularity, Header, Identify, MetadataFormat, Record, Set};

const RECORDS: usize = 307;
/// No page may have exactly one record: oai-pmh from the npm registry cannot read such a page.
const PAGE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_tells_days_is_harvested_completely_by_others() {
    let url = serve(days).await;
    let is_between = |n: &usize| ("2024-01-05"..="2024-01-14").contains(&&*day(*n));
    for client in clients() {
        client.must_find(&url, &[], 0..RECORDS);
        let span = ["from=2024-01-05", "until=2024-01-14"];
        client.must_find(&url, &span, (0..RECORDS).filter(is_between));
        let japanese = [span[0], span[1], "set=jazyk:ja"];
        client.must_find(&url, &japanese, (1..RECORDS).step_by(3).filter(is_between));
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
    let served = Serving::start(folder.path(), &["sqlite:harvest.db", "--page", &PAGE.to_string()]);
    for client in clients {
        client.must_find(&served.url, &[], 0..RECORDS);
        client.must_find(&served.url, &["set=jazyk:ja"], (1..RECORDS).step_by(3));
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
        let day: Datestamp = day(n).parse().unwrap();
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

fn day(n: usize) -> String {
    format!("2024-01-{:02}", 1 + n / 11)
}

fn identifier(n: usize) -> String {
    format!("oai:x.example.org:{n}/a+b")
}

/// What a record is called, unless it is deleted.
fn title(n: usize) -> Option<String> {
    let titles = ["Příliš žluťoučký kůň", "光の屈折と𠮷野", "Maps & <legends>"];
    (n % 10 != 4).then(|| format!("{} {n}", titles[n % 3]))
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
    let runs = |program: &str, arguments: [&str; 2]| {
        let mut command = Command::new(program);
        command.args(arguments).env("NODE_PATH", &modules).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let has_npm = runs("node", ["-e", "require('oai-pmh')"]);
    let has_perl = runs("perl", ["-MHTTP::OAI", "-e1"]);
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
    /// Harvests what is selected: these records, each of which must come once, with its title.
    fn must_find(&self, url: &str, selection: &[&str], numbers: impl Iterator<Item = usize>) {
        let ran = Command::new(&self.program)
            .args(&self.arguments)
            .arg(url)
            .args(selection)
            .env("NODE_PATH", &self.modules)
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::null())
            .output();
        let ran = Ran::from(ran.unwrap());
        let name = self.name;
        assert_eq!(ran.status, 0, "{name}: {}", ran.stderr);
        let mut found: Vec<&str> = ran.stdout.lines().collect();
        found.sort_unstable();
        let line = |n| format!("{}\t{}", identifier(n), title(n).unwrap_or_default());
        let mut expected: Vec<String> = numbers.map(line).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}, {selection:?}");
    }
}
