//! What is given out to those who harvest from here.

use serde::{Deserialize, Serialize};

use crate::report::Failure;

/// What is given out, to anybody, without login. The address is that of the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Provide {
    /// Whether anything is, below /oai and /resync.
    pub(crate) enabled: bool,
    /// What the repository is called.
    pub(crate) name: String,
    /// The mail address that is given out.
    pub(crate) admin: String,
    /// The domain in the names of records at /oai, `oai:DOMAIN:SOURCE:…`; it should never change.
    /// Empty: that of the address.
    pub(crate) namespace: String,
    /// How many records are on a page of a list.
    pub(crate) page_records: u32,
    /// How often one address may ask in a minute
    pub(crate) requests_per_minute: u32,
    /// and how many are answered at the same time.
    pub(crate) at_once: u32,
}

impl Default for Provide {
    fn default() -> Self {
        Self {
            enabled: true,
            name: "harvester".to_owned(),
            admin: "admin@localhost.localdomain".to_owned(),
            namespace: String::new(),
            page_records: 1000,
            requests_per_minute: 600,
            at_once: 8,
        }
    }
}

impl Provide {
    pub(super) fn check(&self) -> Result<(), Failure> {
        let least = [
            ("page-records", self.page_records),
            ("requests-per-minute", self.requests_per_minute),
            ("at-once", self.at_once),
        ];
        if let Some((name, _)) = least.iter().find(|(_, value)| *value == 0) {
            return Err(Failure::usage(format!("provide.{name} is 0; it must be at least 1")));
        }
        let is_domain = |text: &str| {
            let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            text.chars().all(is_sound)
        };
        if !is_domain(&self.namespace) {
            return Err(Failure::usage(
                "provide.namespace is a domain, such as archive.example.org",
            ));
        }
        let words: Vec<&str> = self.admin.split('@').collect();
        match words[..] {
            [name, domain] if !name.is_empty() && domain.contains('.') => Ok(()),
            _ => Err(Failure::usage("provide.admin is written like archive@example.org")),
        }
    }
}
