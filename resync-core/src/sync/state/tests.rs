use super::*;
use crate::sync::Places;

fn places() -> Places {
    Places::new("http://h/base/".parse().unwrap())
}

fn insert(group: &mut Group<'_>, uri: &str, document: i64) -> i64 {
    let row = Write {
        uri,
        place: &places().place(uri),
        document: Some(document),
        listed: &Listed::default(),
        validators: &Validators::default(),
        length: 1,
        mtime: None,
        sha256: Some([1; 32]),
        batch: 0,
        temp: None,
        old_place: None,
    };
    group.write(None, &row).unwrap()
}

#[test]
fn what_was_not_seen_is_found() {
    let root = tempfile::tempdir().unwrap();
    let mut state = State::open(root.path()).unwrap();
    let mut seen = Seen::default();
    let mut group = state.group().unwrap();
    for n in 0..3000 {
        let id = insert(&mut group, &format!("http://h/base/{n}"), n % 2);
        if n % 3 == 0 {
            seen.insert(id);
        }
    }
    group.commit().unwrap();
    let reader = state.reader().unwrap();
    assert_eq!((reader.session().count().unwrap(), seen.count()), (3000, 1000));
    let unseen = reader.unseen(&seen, |document| document == Some(1)).count();
    assert_eq!(unseen, 1000);
    drop(state.group().map(|mut group| group.forget(1)));
    assert!(reader.lookup("http://h/base/0").unwrap().is_some());
}

#[test]
fn the_last_change_of_a_resource_wins() {
    let root = tempfile::tempdir().unwrap();
    let mut state = State::open(root.path()).unwrap();
    let mut group = state.group().unwrap();
    let change = |uri: &str, time, seq, change| PendingChange {
        uri: uri.to_owned(),
        time,
        seq,
        change,
        listed: Listed::default(),
        package: Some(("p".to_owned(), "q".to_owned())),
        mirrors: vec!["http://m/1".to_owned(), "http://m/2".to_owned()],
    };
    for it in [
        change("b", 5, 1, Change::Updated),
        change("a", 9, 2, Change::Deleted),
        change("a", 9, 1, Change::Created),
        change("b", 6, 0, Change::Deleted),
    ] {
        group.put_change(&it).unwrap();
    }
    let cursor = Cursor { document: "d".to_owned(), consumed: 3, ..Cursor::default() };
    group.put_cursor(&cursor).unwrap();
    let url = "http://h/list".to_owned();
    let mut document = KnownDocument { url, completed: Some(2), ..KnownDocument::default() };
    document.id = group.put_document(&document).unwrap();
    assert_eq!(group.put_document(&document).unwrap(), document.id);
    group.put_meta("source", "http://h/").unwrap();
    group.commit().unwrap();
    let reader = state.reader().unwrap();
    let changes: Vec<_> = reader.changes().map(Result::unwrap).collect();
    let last = [change("b", 6, 0, Change::Deleted), change("a", 9, 2, Change::Deleted)];
    assert_eq!(changes, last);
    let mut session = reader.session();
    assert_eq!(session.cursor("d").unwrap(), Some(cursor.clone()));
    assert_eq!(session.cursors().unwrap(), [cursor]);
    assert_eq!(session.documents().unwrap(), [document]);
    assert_eq!(session.meta("source").unwrap().as_deref(), Some("http://h/"));
}

#[test]
fn a_later_version_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let state = State::open(root.path()).unwrap();
    state.connection.pragma_update(None, "user_version", 9).unwrap();
    drop(state);
    let error = State::open(root.path()).unwrap_err().to_string();
    assert!(error.contains("is of version 9, written by a later version"), "{error}");
}

#[test]
fn a_state_of_an_earlier_version_is_brought_up_to_date() {
    let root = tempfile::tempdir().unwrap();
    let mut state = State::open(root.path()).unwrap();
    let mut group = state.group().unwrap();
    let id = insert(&mut group, "http://h/base/x", 1);
    group.commit().unwrap();
    let earlier = "ALTER TABLE changes DROP COLUMN error; ALTER TABLE changes DROP COLUMN mirrors;
        ALTER TABLE changes DROP COLUMN is_new; PRAGMA user_version = 1;";
    state.connection.execute_batch(earlier).unwrap();
    drop(state);

    let mut state = State::open(root.path()).unwrap();
    let mut group = state.group().unwrap();
    group.postpone("a", "gone").unwrap();
    group.commit().unwrap();
    let reader = state.reader().unwrap();
    assert_eq!(reader.lookup("http://h/base/x").unwrap().map(|known| known.id), Some(id));
}

#[test]
fn what_was_postponed_comes_first_and_gives_way_to_what_is_newer() {
    let root = tempfile::tempdir().unwrap();
    let mut state = State::open(root.path()).unwrap();
    let mut group = state.group().unwrap();
    let change = |uri: &str, time| PendingChange {
        uri: uri.to_owned(),
        time,
        seq: 1,
        change: Change::Updated,
        listed: Listed::default(),
        package: None,
        mirrors: Vec::new(),
    };
    for (uri, time) in [("a", 7), ("b", 8), ("c", 9)] {
        group.put_change(&change(uri, time)).unwrap();
    }
    for uri in ["b", "c"] {
        group.postpone(uri, "gone").unwrap();
    }
    group.end_changes().unwrap();
    assert_eq!(group.begin_changes().unwrap(), 2);
    // Its time is of no account any more.
    group.put_change(&change("b", 3)).unwrap();
    group.put_change(&change("d", 2)).unwrap();
    group.commit().unwrap();
    let reader = state.reader().unwrap();
    let order: Vec<_> = reader.changes().map(|it| it.unwrap().uri).collect();
    assert_eq!(order, ["c", "d", "b"]);

    // A run that was given up leaves what was postponed before.
    let mut group = state.group().unwrap();
    assert_eq!(group.begin_changes().unwrap(), 1);
    // One that was not has applied what it did not postpone again.
    group.end_changes().unwrap();
    assert_eq!(group.begin_changes().unwrap(), 0);
    group.commit().unwrap();
}
