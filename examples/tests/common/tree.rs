//! What is in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files in a folder and below, by their paths; but not what begins with a dot.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().into_string().unwrap();
        if prefix.is_empty() && name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        match item.file_type().unwrap().is_dir() {
            true => collect(&item.path(), &format!("{path}/"), files),
            false => drop(files.insert(path, fs::read(item.path()).unwrap())),
        }
    }
}

/// In what two trees differ, which a test can show.
pub(crate) fn differences<T: PartialEq<U>, U>(
    one: &BTreeMap<String, T>,
    two: &BTreeMap<String, U>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (path, body) in one {
        match two.get(path) {
            None => found.push(format!("only in the first: {path}")),
            Some(other) if *body != *other => found.push(format!("not the same: {path}")),
            Some(_) => {}
        }
    }
    let more = two.keys().filter(|path| !one.contains_key(*path));
    found.extend(more.map(|path| format!("only in the second: {path}")));
    found
}
