use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

fn tree() -> (TempDir, Tree) {
    let folder = TempDir::new().unwrap();
    let tree = Tree::open(&folder.path().join("copy")).unwrap();
    (folder, tree)
}

fn place(path: &str) -> Place {
    Place::from_kept(path).unwrap()
}

fn install(tree: &Tree, path: &str, text: &str) -> Result<(), InstallError> {
    let temp = tree.write_temp(text.as_bytes(), None)?;
    tree.install(&temp, &place(path), None)
}

fn paths(tree: &Tree) -> Vec<String> {
    let mut paths: Vec<_> = tree.files().map(|file| file.unwrap().path).collect();
    paths.sort();
    paths
}

#[test]
fn files_are_written_whole_and_replaced() {
    let (folder, tree) = tree();
    install(&tree, "a/b/c.txt", "one").unwrap();
    install(&tree, "a/b/c.txt", "other").unwrap();
    install(&tree, "top", "").unwrap();
    assert_eq!(fs::read(folder.path().join("copy/a/b/c.txt")).unwrap(), b"other");
    assert_eq!(io::read_to_string(tree.open_file(&place("a/b/c.txt")).unwrap()).unwrap(), "other");
    assert_eq!(tree.stat(&place("a/b/c.txt")).unwrap().unwrap().len, 5);
    assert_eq!(tree.stat(&place("a/b")).unwrap(), None);
    assert_eq!(tree.stat(&place("a/b/c.txt/d")).unwrap(), None);
    assert_eq!(tree.stat(&place("x/y")).unwrap(), None);
    assert_eq!(tree.open_file(&place("a/b")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(paths(&tree), ["a/b/c.txt", "top"]);
    assert!(tree.list_temps().unwrap().is_empty());
}

#[test]
fn the_time_is_the_one_given() {
    let (_folder, tree) = tree();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let temp = tree.write_temp(b"x", None).unwrap();
    tree.install(&temp, &place("a/b"), Some(time)).unwrap();
    let expected = FileStat { len: 1, modified: time };
    assert_eq!(tree.stat(&place("a/b")).unwrap(), Some(expected));
    let entries: Vec<_> = tree.files().map(Result::unwrap).collect();
    assert_eq!(entries, [FileEntry { path: "a/b".to_owned(), stat: expected }]);
}

#[test]
fn a_file_where_a_folder_has_to_be_is_in_the_way_and_the_reverse() {
    let (_folder, tree) = tree();
    install(&tree, "a", "file").unwrap();
    let temp = tree.write_temp(b"x", None).unwrap();
    for path in ["a/b", "a/b/c"] {
        let error = tree.install(&temp, &place(path), None).unwrap_err();
        assert!(matches!(error, InstallError::Occupied), "{error:?}");
    }
    install(&tree, "b/c/d", "file").unwrap();
    for path in ["b", "b/c"] {
        let error = tree.install(&temp, &place(path), None).unwrap_err();
        assert!(matches!(error, InstallError::Occupied), "{error:?}");
    }
    // It can still go elsewhere.
    tree.install(&temp, &place("e"), None).unwrap();
    assert_eq!(paths(&tree), ["a", "b/c/d", "e"]);
}

#[cfg(unix)]
#[test]
fn links_are_replaced_or_in_the_way_but_never_followed() {
    use std::os::unix::fs::symlink;

    let (folder, tree) = tree();
    let (root, outside) = (folder.path().join("copy"), folder.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    install(&tree, "inside/file", "inside").unwrap();
    symlink(&outside, root.join("out")).unwrap();
    symlink("inside", root.join("in")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("inside/file", root.join("link")).unwrap();
    symlink(outside.join("file"), root.join("inside/link")).unwrap();

    for path in ["out/file", "in/file", "in/new", "dangling/x", "out/a/b"] {
        let error = install(&tree, path, "new").unwrap_err();
        assert!(matches!(error, InstallError::Occupied), "{path}: {error:?}");
        assert_eq!(tree.stat(&place(path)).unwrap(), None, "{path}");
        assert!(!tree.remove(&place(path)).unwrap(), "{path}");
        assert!(tree.open_file(&place(path)).is_err(), "{path}");
    }
    for path in ["link", "inside/link"] {
        assert_eq!(tree.stat(&place(path)).unwrap(), None);
        assert!(tree.open_file(&place(path)).is_err());
    }
    assert_eq!(paths(&tree), ["inside/file"]);

    for path in ["link", "inside/link"] {
        install(&tree, path, "new").unwrap();
    }
    assert!(tree.remove(&place("out")).unwrap());
    assert_eq!(paths(&tree), ["inside/file", "inside/link", "link"]);
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"outside");
    assert_eq!(fs::read(root.join("inside/file")).unwrap(), b"inside");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(!root.join("nowhere").exists());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_of_our_own_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("other/tmp")).unwrap();
    std::os::unix::fs::symlink("other", folder.path().join(OWN)).unwrap();
    assert_eq!(Tree::open(folder.path()).unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn removing_prunes_empty_folders() {
    let (folder, tree) = tree();
    for path in ["a/b/c/one", "a/b/two", "top"] {
        install(&tree, path, "x").unwrap();
    }
    assert!(tree.remove(&place("a/b/c/one")).unwrap());
    assert!(!folder.path().join("copy/a/b/c").exists());
    assert!(!tree.remove(&place("a/b/c/one")).unwrap());
    assert!(!tree.remove(&place("a/b")).unwrap());
    assert!(tree.remove(&place("a/b/two")).unwrap());
    assert!(!folder.path().join("copy/a").exists());
    assert!(tree.remove(&place("top")).unwrap());
    assert!(folder.path().join("copy").exists());
    // The folders that were open are made anew.
    install(&tree, "a/b/c/one", "x").unwrap();
    assert_eq!(paths(&tree), ["a/b/c/one"]);
}

#[test]
fn a_folder_that_somebody_else_removed_is_made_anew() {
    let (folder, tree) = tree();
    install(&tree, "a/b/one", "x").unwrap();
    fs::remove_dir_all(folder.path().join("copy/a")).unwrap();
    install(&tree, "a/b/two", "x").unwrap();
    assert_eq!(paths(&tree), ["a/b/two"]);
    tree.make_durable(&[]).unwrap();
    let error = tree.install("gone", &place("a/b/three"), None).unwrap_err();
    assert!(matches!(error, InstallError::Io(error) if error.kind() == ErrorKind::NotFound));
}

#[test]
fn installing_and_removing_at_once_loses_nothing() {
    let (_folder, tree) = tree();
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let tree = &tree;
            scope.spawn(move || {
                for _ in 0..200 {
                    let path = format!("a/b/{name}");
                    // Four lost races in a row are no bug, but an answer.
                    let installed = install(tree, &path, name).is_ok();
                    assert_eq!(tree.remove(&place(&path)).unwrap(), installed);
                }
            });
        }
    });
}

#[test]
fn temporary_files_are_listed_and_cleared() {
    let (folder, tree) = tree();
    let again = Tree::open(&folder.path().join("copy")).unwrap();
    let kept = tree.write_temp(b"x", None).unwrap();
    let mut temp = again.create_temp().unwrap();
    temp.file.write_all(b"y").unwrap();
    tree.make_durable(&[kept.clone(), temp.name.clone()]).unwrap();
    assert_eq!(
        HashSet::from_iter(tree.list_temps().unwrap()),
        HashSet::from([kept.clone(), temp.name])
    );
    assert_eq!(tree.clear_temps_except(&HashSet::from([kept.clone()])).unwrap(), 1);
    assert_eq!(tree.list_temps().unwrap(), std::slice::from_ref(&kept));
    assert!(tree.remove_temp(&kept).unwrap());
    assert!(!tree.remove_temp(&kept).unwrap());
    assert!(tree.make_durable(&[kept]).is_err());
    assert!(tree.remove_temp("../../x").is_err(), "it would lead out of the folder");
}

#[test]
fn more_folders_than_are_kept_open_can_be_used() {
    let (_folder, tree) = tree();
    for number in 0..2 * MOST_OPEN {
        install(&tree, &format!("a/{number}/x"), "x").unwrap();
    }
    assert_eq!(tree.files().count(), 2 * MOST_OPEN);
    tree.make_durable(&[]).unwrap();
    assert!(tree.kept().touched.is_empty());
}
