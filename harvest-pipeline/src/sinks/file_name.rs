//! File names for identifiers that may be anything.

use sha2::{Digest, Sha256};

use crate::batch::SourceId;
use crate::run::Run;

/// How much of the identifier is shown in the file name, in bytes.
const READABLE: usize = 80;

/// A file name, without ending, that no other record has and every file system takes.
///
/// What can be shown of the identifier, in lower case, then 128 bits of a hash of source and
/// identifier. The hash alone tells records apart: identifiers may differ only in case, be longer
/// than a file name can be, climb out of the folder with `..`, or be the name of a device.
pub(super) fn file_name(source: &SourceId, identifier: &str) -> String {
    let mut name: String = identifier
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '-' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            '.' => '.',
            _ => '_',
        })
        .take(READABLE)
        .collect();
    // A leading dot hides the file.
    if name.is_empty() || name.starts_with('.') {
        name.insert(0, '_');
    }
    name.push('-');
    let hash = Sha256::new()
        .chain_update(source.as_str())
        .chain_update([0])
        .chain_update(identifier)
        .finalize();
    name.extend(hash.iter().take(16).flat_map(|byte| {
        [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
    }));
    name
}

/// What is called the same for no other source: [`file_name`] of the source itself.
pub(super) fn source_name(source: &SourceId) -> String {
    file_name(source, source.as_str())
}

/// What is called the same for no other run of a source, and sorts by when it began.
pub(super) fn run_name(run: &Run) -> String {
    run.started.format("%Y%m%dT%H%M%S%.6fZ").to_string()
}

/// What is called the same for no other batch, and sorts by when it came.
pub(crate) fn batch_name(run: &Run, number: u64) -> String {
    format!("{}-{}-{number:06}", source_name(&run.source), run_name(run))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn awkward_identifiers_get_names_that_stay_in_the_folder_and_apart() {
        let long = "x".repeat(5000);
        let longer = format!("{long}y");
        let awkward = [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a:b",
            "CON",
            "nul.",
            "oai:X:1",
            "oai:x:1",
            "oai:x:1 ",
            "č",
            "c\u{30c}",
            "a\0b",
            "-rf",
            &long,
            &longer,
        ];
        let names: HashSet<String> =
            awkward.iter().map(|id| file_name(&"s".into(), id).to_lowercase()).collect();
        assert_eq!(names.len(), awkward.len());
        assert_ne!(file_name(&"s".into(), "a"), file_name(&"t".into(), "a"));
    }

    proptest! {
        #[test]
        fn names_are_short_and_plain(identifier in "\\PC*") {
            let name = file_name(&"s".into(), &identifier);
            prop_assert!(name.len() <= READABLE + 34);
            prop_assert!(!name.starts_with('.') && !name.ends_with('.'));
            prop_assert!(
                name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'))
            );
        }
    }
}
