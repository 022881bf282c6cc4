//! What the admin system says, in four languages.
//!
//! Each language is a file of messages by key (`en.toml` first); the tests see to it that all have
//! the same keys with the same placeholders, and that keys in the code exist.

mod language;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::sync::LazyLock;

pub(crate) use self::language::Language;

type Messages = HashMap<String, String>;

static ENGLISH: LazyLock<Messages> = LazyLock::new(|| messages(include_str!("en.toml")));
static JAPANESE: LazyLock<Messages> = LazyLock::new(|| messages(include_str!("ja.toml")));
static CZECH: LazyLock<Messages> = LazyLock::new(|| messages(include_str!("cs.toml")));
static CHINESE: LazyLock<Messages> = LazyLock::new(|| messages(include_str!("zh-Hant.toml")));

/// The messages of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(Language);

impl Words {
    pub(crate) fn of(language: Language) -> Self {
        Self(language)
    }

    pub(crate) fn language(self) -> Language {
        self.0
    }

    /// The message of a key; the key itself if there is none, which the tests do not let happen.
    pub(crate) fn text(self, key: &str) -> &str {
        self.find(key).unwrap_or(key)
    }

    /// The message of a key that may not be there, such as one about what the installation added.
    pub(crate) fn find(self, key: &str) -> Option<&'static str> {
        let messages: &'static Messages = match self.0 {
            Language::English => &ENGLISH,
            Language::Japanese => &JAPANESE,
            Language::Czech => &CZECH,
            Language::Chinese => &CHINESE,
        };
        messages.get(key).map(String::as_str)
    }

    /// The message of a key with its `{placeholders}` filled in.
    pub(crate) fn fill(self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        let mut rest = self.text(key);
        let mut filled = String::with_capacity(rest.len() + 32);
        // In one pass: what is filled in may have braces of its own.
        while let Some((before, name, after)) = placeholder(rest) {
            filled.push_str(before);
            match values.iter().find(|(known, _)| *known == name) {
                // Writing to a text cannot fail.
                Some((_, value)) => _ = write!(filled, "{value}"),
                None => _ = write!(filled, "{{{name}}}"),
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// A number with its digits in groups.
    pub(crate) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push_str(self.0.thousands());
            }
            grouped.push(digit);
        }
        grouped
    }
}

/// What stands before the next placeholder, its name, and what stands behind it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The messages of a file, each by the name of its table and its own: `source.title`.
fn messages(file: &str) -> Messages {
    fn flatten(prefix: &str, table: toml::Table, messages: &mut Messages) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(table) => flatten(&key, table, messages),
                toml::Value::String(text) => _ = messages.insert(key, text),
                _ => {}
            }
        }
    }
    let mut all = Messages::new();
    // The tests read every file.
    flatten("", file.parse().unwrap_or_default(), &mut all);
    all
}
