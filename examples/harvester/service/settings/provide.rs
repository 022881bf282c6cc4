//! What is given out to those who harvest from here.

use std::path::PathBuf;

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
    /// and get resources by ResourceSync, each of which is a record or a document,
    pub(crate) resources_per_minute: u32,
    /// and how many requests are answered at the same time.
    pub(crate) at_once: u32,
    /// Whether records are given out by ResourceSync, too.
    pub(crate) resync: bool,
    /// The folder for its documents. Empty: beside the file of SQLite; with PostgreSQL there is no
    /// ResourceSync then.
    pub(crate) documents: String,
    /// Whether others can subscribe to its changes (WebSub).
    pub(crate) hub: bool,
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
            resources_per_minute: 6000,
            at_once: 8,
            resync: true,
            documents: String::new(),
            hub: true,
        }
    }
}

impl Provide {
    /// The folder for the documents of ResourceSync, if it is to be given out by that.
    pub(crate) fn folder(&self, db: &str) -> Option<PathBuf> {
        if !self.enabled || !self.resync {
            return None;
        }
        if !self.documents.is_empty() {
            return Some(PathBuf::from(&self.documents));
        }
        let file = db.strip_prefix("sqlite:")?;
        Some(PathBuf::from(format!("{}.provided", file.strip_prefix("//").unwrap_or(file))))
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        let least = [
            ("page-records", self.page_records),
            ("requests-per-minute", self.requests_per_minute),
            ("resources-per-minute", self.resources_per_minute),
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
