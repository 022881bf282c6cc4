//! The quick starts are short enough to be read at once, and all of them are built and told of.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::Path;

/// How many lines each has at most.
const LINES: usize = 60;

#[test]
fn every_quick_start_is_short_and_in_the_readme() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let readme = fs::read_to_string(package.join("README.md")).unwrap();
    let mut found = 0;
    for file in fs::read_dir(package.join("quickstart")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LINES, "{name} has {lines} lines, {LINES} are allowed");
        if name != "lib" {
            found += 1;
            assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is not built");
            assert!(readme.contains(&format!("{name}.rs")), "{name} is not in the README");
        }
    }
    assert!(found > 10, "only {found} were found");
}
