//! A repository of one's own: from a query to an answer. Nothing here does I/O but what a
//! [`Repository`] does.
//!
//! ```
//! use oai_pmh::provider::{MemoryRepository, Provider};
//! use oai_pmh::{Datestamp, Header, Identify, MetadataFormat, Record};
//!
//! # futures_util::future::FutureExt::now_or_never(async {
//! let identify = Identify::new("Kytice", "https://example.org/oai", "admin@example.org");
//! let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc()]);
//! let stamp: Datestamp = "2024-01-31T12:00:00Z".parse()?;
//! let header = Header::new("oai:example.org:1", stamp);
//! repository.put("oai_dc", Record::new(header, "<dc xmlns='urn:dc'/>")?)?;
//!
//! let provider = Provider::new(repository, b"thirty-two bytes nobody else has")?;
//! let answer = provider.answer("verb=ListRecords&metadataPrefix=oai_dc").await.unwrap();
//! assert!(answer.contains("<identifier>oai:example.org:1</identifier>"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap().unwrap();
//! ```
//!
//! [`Provider::handle`] is the whole exchange, with methods, forms and compression, for any web
//! framework.

mod answer;
mod arguments;
mod containers;
mod folder;
mod http;
mod lists;
mod memory;
mod repository;
mod switch;
mod token;
mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::folder::{FolderRepository, Refreshed};
pub use self::memory::{MemoryRepository, PutError, Touch};
pub use self::repository::{Failure, Key, Repository, is_selected};
pub use self::switch::{OutputSwitch, Pause};
use self::token::Signer;
use crate::{DeletedRecord, Header, Identify, Window};

/// Answers for a [`Repository`].
///
/// Answers are valid against the standard's schema, whatever was asked. Lists are paged, and their
/// resumption tokens signed and complete in themselves: nothing is kept between requests, a token
/// can be used again until it expires, and any number of processes with the same key can share the
/// work.
#[derive(Clone)]
pub struct Provider {
    repository: Arc<dyn Repository>,
    identify: Identify,
    signer: Signer,
    switch: OutputSwitch,
    settings: Settings,
    clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    page_records: usize,
    page_bytes: usize,
    token_life: TimeDelta,
    compression: u32,
}

/// Why a repository cannot be provided: what it says of itself cannot stand in an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProviderError(String);

impl Provider {
    /// The shortest key, in bytes.
    const KEY: usize = 16;

    /// Answers for `repository`; `key` signs the resumption tokens. It is a secret of 32 random
    /// bytes, the same in all processes that answer for the repository; with another one, lists
    /// that are under way must be begun anew.
    ///
    /// # Errors
    /// When the key has less than 16 bytes, or the repository says something of itself that the
    /// standard does not allow.
    pub fn new(repository: impl Repository + 'static, key: &[u8]) -> Result<Self, ProviderError> {
        if key.len() < Self::KEY {
            let message = format!("the key of the tokens needs {} bytes or more", Self::KEY);
            return Err(ProviderError(message));
        }
        let mut identify = repository.identify();
        check(&identify)?;
        identify.compressions = vec!["gzip".to_owned()];
        Ok(Self {
            signer: Signer::new(key, &identify.base_url),
            identify,
            repository: Arc::new(repository),
            switch: OutputSwitch::new(),
            settings: Settings {
                page_records: 100,
                page_bytes: 4 << 20,
                token_life: TimeDelta::hours(24),
                compression: 3,
            },
            clock: Arc::new(Utc::now),
        })
    }

    /// The most records (headers, sets) of a page; 100 by default.
    #[must_use]
    pub fn page_records(mut self, records: usize) -> Self {
        self.settings.page_records = records.clamp(1, 100_000);
        self
    }

    /// When a page has so many bytes, no more records are added to it; 4 MiB by default.
    #[must_use]
    pub fn page_bytes(mut self, bytes: usize) -> Self {
        self.settings.page_bytes = bytes;
        self
    }

    /// How long a resumption token is valid; a day by default.
    #[must_use]
    pub fn token_life(mut self, life: Duration) -> Self {
        let longest = TimeDelta::days(365);
        self.settings.token_life = TimeDelta::from_std(life).unwrap_or(longest).min(longest);
        self
    }

    /// How hard answers are compressed for those who ask for it, from 1 to 9; 3 by default, and
    /// with 0 not at all.
    #[must_use]
    pub fn compression(mut self, level: u32) -> Self {
        self.settings.compression = level.min(9);
        self.identify.compressions = if level > 0 { vec!["gzip".to_owned()] } else { Vec::new() };
        self
    }

    /// The switch that takes the records out of view.
    #[must_use]
    pub fn switch(mut self, switch: OutputSwitch) -> Self {
        self.switch = switch;
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The headers of all records that were created, changed or deleted in a time span, in all
    /// formats, each with its format: what changed while output was off.
    ///
    /// # Errors
    /// When the repository cannot say.
    pub async fn changed(&self, window: &Window) -> Result<Vec<(String, Header)>, Failure> {
        let mut found = Vec::new();
        for format in self.repository.formats().await? {
            let selection = self
                .in_granularity(crate::Selection::prefix(&format.prefix).window(window.clone()));
            let mut after = None;
            loop {
                let limit = self.settings.page_records;
                let headers = self.repository.headers(&selection, after.as_ref(), limit).await?;
                let is_last = headers.len() < limit;
                after = headers.last().and_then(Key::of);
                found.extend(headers.into_iter().map(|header| (format.prefix.clone(), header)));
                if is_last || after.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The selection with its ends told as the repository tells time.
    fn in_granularity(&self, selection: crate::Selection) -> crate::Selection {
        let window = selection.time_span().at(self.identify.granularity);
        selection.window(window)
    }

    fn hides(&self, header: &Header) -> bool {
        header.is_deleted && self.identify.deleted_record == DeletedRecord::No
    }
}

fn check(identify: &Identify) -> Result<(), ProviderError> {
    let refuse = |what: String| Err(ProviderError(what));
    let base = &identify.base_url;
    if !url::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        || !arguments::is_uri(base)
    {
        return refuse(format!("the base URL {base:?} is no HTTP URL"));
    }
    if identify.admin_emails.is_empty() {
        return refuse("an administrator's address is needed".to_owned());
    }
    match identify.admin_emails.iter().find(|email| !is_email(email)) {
        Some(email) => refuse(format!("{email:?} is no mail address: write name@example.org")),
        None => Ok(()),
    }
}

/// `\S+@(\S+\.)+\S+`, as the standard's schema has it.
fn is_email(text: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    text.rsplit_once('@').is_some_and(|(name, domain)| {
        is_word(name)
            && domain.rsplit_once('.').is_some_and(|(head, tail)| is_word(head) && is_word(tail))
    })
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("base_url", &self.identify.base_url)
            .field("settings", &self.settings)
            .field("switch", &self.switch)
            .finish_non_exhaustive()
    }
}
