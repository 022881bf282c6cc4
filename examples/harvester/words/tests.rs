//! Nothing is left unsaid in any language.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::*;

const FILES: [(&str, &str); 4] = [
    ("en", include_str!("en.toml")),
    ("ja", include_str!("ja.toml")),
    ("cs", include_str!("cs.toml")),
    ("zh-Hant", include_str!("zh-Hant.toml")),
];

/// The placeholders of every message.
fn placeholders(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    file.parse::<toml::Table>().expect("TOML");
    let names = |mut text: &str| {
        let mut names = BTreeSet::new();
        while let Some((_, name, after)) = placeholder(text) {
            names.insert(name.to_owned());
            text = after;
        }
        names
    };
    messages(file).into_iter().map(|(key, text)| (key, names(&text))).collect()
}

#[test]
fn every_language_has_every_message_with_the_same_placeholders() {
    let english = placeholders(FILES[0].1);
    assert!(english.len() > 100);
    for (language, file) in FILES {
        let other = placeholders(file);
        for (key, names) in &english {
            assert_eq!(other.get(key), Some(names), "{language}: {key}");
        }
        let more: Vec<_> = other.keys().filter(|key| !english.contains_key(*key)).collect();
        assert!(more.is_empty(), "{language} has what English does not: {more:?}");
    }
}

#[test]
fn no_message_is_empty() {
    for (language, file) in FILES {
        for (key, text) in messages(file) {
            assert!(!text.trim().is_empty(), "{language}: {key}");
        }
    }
}

/// Every `text("…")` and `fill("…", …)` in the code.
fn keys_in_code(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            keys_in_code(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("words/tests.rs")
        {
            let code = fs::read_to_string(&path).expect("a file");
            for call in ["words.text(", "words.fill("] {
                for rest in code.split(call).skip(1) {
                    let key = rest.trim_start().strip_prefix('"').and_then(|it| it.split_once('"'));
                    found.extend(key.map(|(key, _)| key.to_owned()));
                }
            }
        }
    }
}

#[test]
fn every_key_in_the_code_exists() {
    let mut keys = BTreeSet::new();
    keys_in_code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("harvester"), &mut keys);
    let words = Words::of(Language::English);
    let missing: Vec<_> = keys.iter().filter(|key| words.find(key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn placeholders_are_filled_once() {
    let words = Words::of(Language::English);
    let filled = words.fill("form.required", &[("field", &"{field} {other}")]);
    assert_eq!(filled, "{field} {other} is required");
    assert_eq!(words.fill("form.required", &[]), "{field} is required");
}

#[test]
fn digits_are_grouped_as_the_language_does() {
    let english = Words::of(Language::English);
    for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(english.number(number), text);
    }
    assert_eq!(Words::of(Language::Czech).number(12_345), "12\u{a0}345");
}
