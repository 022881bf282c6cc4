use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::super::state::{Listed, Validators};
use super::files::time;
use super::*;
use crate::document::Algorithm;
use crate::fixity::Fixity;
use crate::sync::{Known, Places};

const AT: &str = "http://h/base/";

fn start(root: &Path, stop_before_install: bool) -> (StoreHandle, JoinHandle<()>) {
    let tree = Arc::new(Tree::open(root).unwrap());
    let options = StoreOptions { stop_before_install, ..StoreOptions::default() };
    Store::start(tree, State::open(root).unwrap(), options).unwrap()
}

fn put(name: &str, content: &[u8]) -> Put {
    let uri = format!("{AT}{name}");
    let mut fixity = Fixity::new([Algorithm::Sha256]);
    fixity.update(content);
    Put {
        place: Places::new(AT.parse().unwrap()).place(&uri),
        uri,
        document: Some(1),
        listed: Listed { lastmod: Some(7), ..Listed::default() },
        validators: Validators::default(),
        body: Content::Memory(content.to_vec()),
        measured: fixity.finish(),
        mtime: time(1_000_000_000_000_000_000),
    }
}

async fn stored(store: &StoreHandle, name: &str, content: &[u8]) {
    store.put(put(name, content)).await.unwrap().await.unwrap();
}

// As if the process had ended: the thread does nothing more.
fn end(store: StoreHandle, thread: JoinHandle<()>) {
    drop(store);
    thread.join().unwrap();
}

fn known(root: &Path, name: &str) -> Option<Known> {
    let state = State::open(root).unwrap();
    state.reader().unwrap().lookup(&format!("{AT}{name}")).unwrap()
}

fn temps(root: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(root.join(".resync/tmp")).unwrap().map(|it| it.unwrap().path()).collect()
}

#[tokio::test]
async fn what_is_put_is_there_and_known() {
    let root = TempDir::new().unwrap();
    let (store, thread) = start(root.path(), false);
    stored(&store, "a/b.txt", b"old").await;
    stored(&store, "a/b.txt", b"new").await;
    let totals = store.flush().await.unwrap();
    assert_eq!((totals.installed, totals.bytes), (1, 3));
    let path = root.path().join("a/b.txt");
    assert_eq!(fs::read(&path).unwrap(), b"new");
    let modified = path.metadata().unwrap().modified().unwrap();
    assert_eq!(Some(modified), time(1_000_000_000_000_000_000));
    assert!(temps(root.path()).is_empty());
    end(store, thread);
    let row = known(root.path(), "a/b.txt").unwrap();
    assert_eq!((row.mtime, row.length, row.temp), (Some(1_000_000_000_000_000_000), 3, None));
    let (store, thread) = start(root.path(), false);
    assert_eq!(store.recovered(), Recovered::default());
    store.forget(format!("{AT}a/b.txt")).await.unwrap().await.unwrap();
    assert!(!path.exists() && !root.path().join("a").exists());
    end(store, thread);
    assert_eq!(known(root.path(), "a/b.txt"), None);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let root = TempDir::new().unwrap();
    let (store, thread) = start(root.path(), true);
    stored(&store, "a", b"one").await;
    stored(&store, "b", b"two").await;
    end(store, thread);
    fs::write(root.path().join(".resync/tmp/0-ff"), "nobody's").unwrap();
    assert!(!root.path().join("a").exists());
    let two = temps(root.path()).into_iter().find(|path| fs::read(path).unwrap() == b"two");
    fs::write(two.unwrap(), "twi").unwrap();
    let (store, thread) = start(root.path(), false);
    let recovered = Recovered { installed: 1, forgotten: 1, removed: 2 };
    assert_eq!(store.recovered(), recovered);
    end(store, thread);
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"one");
    assert!(known(root.path(), "a").unwrap().temp.is_none());
    assert!(known(root.path(), "b").is_none() && temps(root.path()).is_empty());
}

#[tokio::test]
async fn a_file_put_in_its_place_just_before_a_kill_is_recognized() {
    let root = TempDir::new().unwrap();
    let (store, thread) = start(root.path(), true);
    stored(&store, "a", b"one").await;
    end(store, thread);
    fs::rename(&temps(root.path())[0], root.path().join("a")).unwrap();
    let (store, thread) = start(root.path(), false);
    assert_eq!(store.recovered(), Recovered { installed: 1, ..Recovered::default() });
    end(store, thread);
    assert!(known(root.path(), "a").unwrap().temp.is_none());
}

#[tokio::test]
async fn what_is_in_the_way_makes_a_file_go_elsewhere() {
    let root = TempDir::new().unwrap();
    let (store, thread) = start(root.path(), false);
    for name in ["a", "a/b", "X", "x", "c/d", "c"] {
        stored(&store, name, name.as_bytes()).await;
    }
    store.flush().await.unwrap();
    stored(&store, "a/b", b"again").await;
    store.flush().await.unwrap();
    end(store, thread);
    for (name, is_own) in
        [("a", true), ("a/b", false), ("X", true), ("x", false), ("c/d", true), ("c", false)]
    {
        let row = known(root.path(), name).unwrap();
        assert_eq!(row.place == name, is_own, "{name}");
        let content = if name == "a/b" { "again" } else { name };
        assert_eq!(fs::read(root.path().join(row.place)).unwrap(), content.as_bytes());
    }
}

#[tokio::test]
async fn one_run_at_a_time() {
    let root = TempDir::new().unwrap();
    let (store, thread) = start(root.path(), false);
    let error = State::open(root.path()).unwrap_err();
    assert!(error.to_string().starts_with("another run is at work in this folder"), "{error}");
    let error = store.write::<()>(|_| Err(failed("disk full"))).await.unwrap_err();
    assert_eq!(error.to_string(), "disk full");
    let later = store.put(put("a", b"a")).await.unwrap().await.unwrap_err();
    assert_eq!(later.to_string(), "disk full");
    end(store, thread);
}

#[tokio::test]
async fn many_at_once() {
    let root = TempDir::new().unwrap();
    let (store, thread) = start(root.path(), false);
    let begin = Instant::now();
    let mut acks = Vec::new();
    for n in 0..1000 {
        acks.push(store.put(put(&format!("{}/{n}", n % 10), b"content")).await.unwrap());
    }
    for ack in acks {
        ack.await.unwrap();
    }
    assert_eq!(store.clone().finish().await.unwrap().installed, 1000);
    assert!(begin.elapsed() < Duration::from_secs(10));
    end(store, thread);
}
