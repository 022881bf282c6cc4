//! Passwords of sources: where they go, and where they are never found.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harvest_pipeline::store::{RunKind, RunRequest, RunStore, SourceDefinition, SourceStore};
use harvest_pipeline::store::{SqlStore, StoreError};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::common::{Ran, Reply, Repository, Server, harvester};
use crate::process::Site;
use crate::support::Schema;

const PASSWORD: &str = "correct-horse-battery";
const WRONG: &str = "wrong-donkey-cable";

fn in_header(password: &str) -> String {
    STANDARD.encode(format!("me:{password}"))
}

/// A repository that answers only those who sign in.
fn guarded() -> Server {
    let (repository, expected) = (Repository::of(5, 5), format!("Basic {}", in_header(PASSWORD)));
    Server::start(move |request| match request.headers.get("authorization") {
        Some(sent) if *sent == expected => repository.answer(request),
        _ => Reply::status("401 Unauthorized"),
    })
}

/// As it may not stand anywhere.
fn secrets() -> [String; 4] {
    [PASSWORD.to_owned(), WRONG.to_owned(), in_header(PASSWORD), in_header(WRONG)]
}

fn assert_without_secrets(what: &str, bytes: &[u8]) {
    for secret in secrets() {
        let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "{what} holds {secret}");
    }
}

fn assert_said_nothing(ran: &Ran) {
    assert_without_secrets("the output", ran.stdout.as_bytes());
    assert_without_secrets("the log", ran.stderr.as_bytes());
}

/// Every file, byte for byte, and those of what is given out.
fn assert_folder_without_secrets(folder: &Path) {
    let (mut files, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert_without_secrets(&path.display().to_string(), &fs::read(&path).unwrap());
            files += 1;
        }
    }
    assert!(files >= 2, "the database and the key");
}

/// Every row of every table.
async fn assert_schema_without_secrets(url: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let tables = "SELECT table_name FROM information_schema.tables \
                  WHERE table_schema = current_schema()";
    let tables = sqlx::query(tables).fetch_all(&mut conn).await.unwrap();
    assert!(tables.len() > 5);
    for table in tables {
        let name: String = table.get(0);
        let rows = format!("SELECT t::text FROM {name} t");
        for row in sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut conn).await.unwrap() {
            assert_without_secrets(&name, row.get::<String, _>(0).as_bytes());
        }
    }
}

/// A source is set up, harvested, changed, harvested in vain, shown, and served by a service, all of it
/// with everything logged.
fn use_passwords(site: &Site<'_>, config: &[&str]) {
    let server = guarded();
    let url = format!("url={}", server.url());
    let run = |args: &[&str]| {
        let ran = site.run(&[args, config, &["-vvv"]].concat());
        assert_said_nothing(&ran);
        ran
    };
    let password = |password: &str| format!("password={password}");
    let (right, wrong) = (password(PASSWORD), password(WRONG));
    let options = ["--option", &url, "--option", "user=me", "--option", &right];
    let added = run(&[&["source", "add", "maps"], &options[..]].concat());
    assert_eq!(added.status, 0, "{}", added.stderr);
    let done = run(&["run", "start", "maps", "--now"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(done.stderr.contains("TRACE"), "everything is logged");

    assert_eq!(run(&["source", "change", "maps", "--option", &wrong]).status, 0);
    let failed = run(&["run", "start", "maps", "--now", "--full"]);
    assert!(failed.status == 1 && failed.stdout.contains("401"), "{}", failed.stdout);
    for args in [
        &["source", "show", "maps"][..],
        &["source", "show", "maps", "--json"],
        &["source", "list", "--json"],
        &["run", "list", "--json"],
        &["run", "show", "1", "--json"],
        &["status"],
        &["user", "log"],
    ] {
        run(args);
    }
    let shown = site.do_(&[&["source", "show", "maps", "--json"], config].concat()).json();
    assert_eq!(shown["secrets"], json!(["password"]));
    assert_eq!(shown["definition"]["options"]["user"], "me");

    // What was kept secret for one place is not sent to another.
    let elsewhere = ["source", "change", "maps", "--option", "url=http://127.0.0.1:9/oai"];
    let refused = run(&elsewhere);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("leads elsewhere"), "{}", refused.stderr);

    assert_eq!(run(&["source", "change", "maps", "--option", &right]).status, 0);
    let rotated = run(&["config", "rotate-key"]);
    assert_eq!(rotated.status, 0, "{}", rotated.stderr);
    let mut service = site.start(&[&["all", "--listen", "127.0.0.1:0", "-vvv"], config].concat());
    assert!(service.line().starts_with("http://"));
    let start = ["run", "start", "maps", "--wait", "--full"];
    let done = run(&start);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let ended = service.stop();
    assert!(ended.status == 0 && ended.stderr.contains("TRACE"), "{}", ended.stderr);
    assert_said_nothing(&ended);
}

#[test]
fn a_password_is_never_found_in_the_files_of_sqlite_nor_in_any_log() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    use_passwords(&site, &[]);
    assert_folder_without_secrets(folder.path());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = fs::metadata(folder.path().join("harvest.db.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_never_found_in_postgresql_nor_in_any_log() {
    let Some(schema) = Schema::new().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = schema.url();
    let site = Site { folder: folder.path(), db: &url };
    // Without a key there is nothing to seal it with, and that is said.
    let password = format!("password={PASSWORD}");
    let options = ["--option", "url=http://127.0.0.1:9/oai", "--option", "user=me"];
    let add = [&["source", "add", "maps", "--option", &password][..], &options].concat();
    let refused = site.run(&add);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("HARVESTER_SECRET_KEY_FILE"), "{}", refused.stderr);
    assert_said_nothing(&refused);

    let key = folder.path().join("key");
    fs::write(&key, "0f".repeat(32)).unwrap();
    let config = folder.path().join("harvester.toml");
    fs::write(&config, format!("[secret]\nkey-file = {:?}\n", key.display().to_string())).unwrap();
    use_passwords(&site, &["--config", config.to_str().unwrap()]);
    assert_schema_without_secrets(&url).await;
    drop(schema);
}

/// A database as it was before secrets were sealed.
async fn in_clear(folder: &Path, url: &str) -> Result<(), StoreError> {
    let store = SqlStore::open(&format!("sqlite:{}", folder.join("harvest.db").display())).await?;
    let options = json!({ "url": url, "user": "me", "password": WRONG });
    store.add_source(&SourceDefinition::new("plain", "oai-pmh", options)).await?;
    // One whose password was changed, and one that has it in the address.
    let options = json!({ "url": url, "user": "me", "password": PASSWORD });
    store.change_source(&SourceDefinition::new("plain", "oai-pmh", options)).await?;
    let address = url.replace("http://", &format!("http://me:{PASSWORD}@")) + "?by=address";
    let mut second = SourceDefinition::new("address", "oai-pmh", json!({ "url": address }));
    second.extra = json!({ "weko": { "base_url": address } });
    store.add_source(&second).await?;
    for source in ["plain", "address"] {
        let run = store.request_run(&RunRequest::new(source, RunKind::Harvest)).await?.run();
        store.cancel_run(run).await?;
    }
    store.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_clear_is_sealed_at_the_first_start_and_still_good() {
    let folder = tempfile::tempdir().unwrap();
    let server = guarded();
    in_clear(folder.path(), &server.url()).await.unwrap();
    let files = fs::read_dir(folder.path()).unwrap();
    let mut files = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let holds = |bytes: Vec<u8>| bytes.windows(PASSWORD.len()).any(|it| it == PASSWORD.as_bytes());
    assert!(files.any(holds), "it stands there in clear");

    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let mut service = site.start(&["all", "--listen", "127.0.0.1:0"]);
    assert!(service.line().starts_with("http://"));
    for source in ["plain", "address"] {
        site.do_(&["run", "start", source, "--wait"]);
    }
    assert_eq!(service.stop().status, 0);
    assert_folder_without_secrets(folder.path());
    let shown = site.do_(&["source", "show", "address", "--json"]).json();
    assert_eq!(shown["definition"]["options"]["url"], server.url() + "?by=address");
    assert_eq!(shown["secrets"], json!(["password"]));
}

#[test]
fn a_key_that_is_missing_or_another_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = guarded();
    let (url, password) = (format!("url={}", server.url()), format!("password={PASSWORD}"));
    let mut service = site.start(&["all", "--listen", "127.0.0.1:0"]);
    assert!(service.line().starts_with("http://"));
    assert_eq!(service.stop().status, 0);
    let options = ["--option", &url, "--option", "user=me", "--option", &password];
    site.do_(&[&["source", "add", "maps"], &options[..]].concat());

    let file = folder.path().join("harvest.db.key");
    let key = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let missing = site.run(&["all", "--listen", "127.0.0.1:0"]);
    assert_eq!(missing.status, 1);
    assert!(missing.stderr.contains("put the file back"), "{}", missing.stderr);
    assert!(!file.exists(), "another key would open nothing");
    // Who only looks needs no key.
    site.do_(&["source", "show", "maps"]);
    let ran = site.run(&["run", "start", "maps", "--now"]);
    assert!(ran.status == 1, "{}", ran.stdout);

    fs::write(&file, "0f".repeat(32)).unwrap();
    let other = site.run(&["worker"]);
    assert_eq!(other.status, 1);
    assert!(other.stderr.contains("put that back"), "{}", other.stderr);
    let changed = site.run(&["source", "change", "maps", "--option", &password]);
    assert!(changed.status == 1 && changed.stderr.contains("put that back"), "{}", changed.stderr);

    // The same key by another way, as several machines have it.
    fs::remove_file(&file).unwrap();
    let mut command = harvester(folder.path());
    let command = command.env("HARVESTER_SECRET_KEY", key.trim()).args([
        "run",
        "start",
        "maps",
        "--now",
        "--allow-local",
    ]);
    let ran = Ran::of(command);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_said_nothing(&ran);
}
