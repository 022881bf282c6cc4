//! From the body of an answer to its meaning. Nothing here does I/O.
//!
//! ```
//! use oai_pmh::parse::Parser;
//! use oai_pmh::Record;
//!
//! let body = r#"<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">
//!   <responseDate>2024-01-31T12:00:00Z</responseDate>
//!   <request verb="ListRecords" metadataPrefix="oai_dc">http://x.org/oai</request>
//!   <ListRecords>
//!     <record>
//!       <header><identifier>oai:x:1</identifier><datestamp>2024-01-30</datestamp></header>
//!       <metadata><dc xmlns="urn:dc"><title>Kytice</title></dc></metadata>
//!     </record>
//!     <resumptionToken completeListSize="2">next</resumptionToken>
//!   </ListRecords>
//! </OAI-PMH>"#;
//! let page = Parser::new().page::<Record>(body.into(), None)?;
//! let record = page.items[0].as_ref().unwrap();
//! assert_eq!(record.header.identifier, "oai:x:1");
//! assert!(record.metadata.as_ref().unwrap().as_str().starts_with("<dc xmlns="));
//! assert_eq!(page.token.unwrap().value, "next");
//! # Ok::<_, oai_pmh::Error>(())
//! ```

mod envelope;
mod item;
mod list;
mod salvage;
mod single;

use std::io::{self, Read};
use std::sync::Arc;

use resync_core::xml::{Decoder, Issues, Limits, Mode, Windows, decode};

pub use self::item::ListItem;
pub use self::list::Parts;

use crate::{Error, Identify, MetadataFormat, Page, Record, Reply, Result};

/// Reads answers. Tolerant by default: what is broken but can be understood is repaired, and every
/// repair reported.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parser {
    mode: Mode,
    limits: Limits,
}

impl Parser {
    /// Bytes of a page that are read at a time when it is read in parts.
    const PIECE: usize = 1 << 20;

    /// A tolerant parser with default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do with what is broken.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// How much an answer may ask for.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads a page of a list: of [`Record`]s, [`Header`](crate::Header)s or [`Set`](crate::Set)s.
    /// `charset` is what the HTTP header says.
    ///
    /// # Errors
    /// The protocol errors that the repository reports (but `noRecordsMatch` gives an empty page,
    /// and `noSetHierarchy` one without sets), and whatever keeps the answer from being read. A
    /// single record that cannot be read is no such error: it is one in [`Page::items`].
    pub fn page<T: ListItem>(&self, body: Vec<u8>, charset: Option<&str>) -> Result<Page<T>> {
        let mut issues = Issues::default();
        let text = Arc::new(decode(body, charset, self.mode, &mut issues)?);
        let mut parts = Parts::<T, io::Empty>::whole(*self, text, issues);
        let page = parts.next_part()?;
        page.ok_or_else(|| Error::not_oai("the answer is empty"))
    }

    /// Reads a page too large to be held in memory, part by part.
    pub fn parts<T: ListItem, R: Read>(&self, body: R, charset: Option<&str>) -> Parts<T, R> {
        let decoder = Decoder::new(charset, self.mode);
        Parts::windows(*self, Windows::new(body, decoder, Self::PIECE))
    }

    /// Reads an answer to `Identify`.
    ///
    /// # Errors
    /// The protocol errors that the repository reports, and whatever keeps it from being read.
    pub fn identify(&self, body: Vec<u8>, charset: Option<&str>) -> Result<Reply<Identify>> {
        single::read(*self, body, charset, "Identify", single::identify)
    }

    /// Reads an answer to `ListMetadataFormats`.
    ///
    /// # Errors
    /// As [`identify`](Self::identify).
    pub fn metadata_formats(
        &self,
        body: Vec<u8>,
        charset: Option<&str>,
    ) -> Result<Reply<Vec<MetadataFormat>>> {
        single::read(*self, body, charset, "ListMetadataFormats", single::metadata_formats)
    }

    /// Reads an answer to `GetRecord`.
    ///
    /// # Errors
    /// As [`identify`](Self::identify).
    pub fn get_record(&self, body: Vec<u8>, charset: Option<&str>) -> Result<Reply<Record>> {
        single::read(*self, body, charset, "GetRecord", single::record)
    }
}
