use resync_core::xml::{Issues, ParseError, RawXml};

use crate::{Datestamp, Description, Granularity, OaiError, RecordError};

/// An answer, with what is said of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply<T> {
    /// What was asked for.
    pub body: T,
    /// The time of the answer, by the server's clock (§3.2).
    pub response_date: Option<Datestamp>,
    /// What had to be repaired or passed over to read it.
    pub issues: Issues,
}

/// A page of a list, or a part of a page too large to be held in memory.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is listed; what could not be read is in its place as an error.
    pub items: Vec<Result<T, RecordError>>,
    /// The resumption token; one that is empty ends the list (§3.5). In the last part of the page.
    pub token: Option<ResumptionToken>,
    /// Errors the repository reports beside the list. In the last part of the page.
    pub errors: Vec<OaiError>,
    /// The time of the answer, by the server's clock (§3.2).
    pub response_date: Option<Datestamp>,
    /// What had to be repaired or passed over to read it.
    pub issues: Issues,
    /// Which part of its page this is; the first is 0.
    pub part: u32,
    /// Whether the page ends with this part. It always does, but for pages of many megabytes.
    pub is_last_part: bool,
}

impl<T> Page<T> {
    /// A page that lists nothing yet.
    #[cfg(feature = "client")]
    pub(crate) fn empty() -> Self {
        Self {
            items: Vec::new(),
            token: None,
            errors: Vec::new(),
            response_date: None,
            issues: Issues::default(),
            part: 0,
            is_last_part: true,
        }
    }
}

/// A resumption token (§3.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ResumptionToken {
    /// Opaque; empty at the end of a list.
    pub value: String,
    /// When it ceases to be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<Datestamp>,
    /// How long the whole list is, or is thought to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete_list_size: Option<u64>,
    /// How many items came before this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
}

/// What a repository says of itself (§4.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identify {
    /// Its name.
    pub repository_name: String,
    /// Its base URL, as it sees it.
    pub base_url: String,
    /// `2.0`.
    pub protocol_version: String,
    /// Whom to write to.
    pub admin_emails: Vec<String>,
    /// No datestamp is earlier than this one; repositories are known to be wrong in this.
    pub earliest_datestamp: Option<Datestamp>,
    /// What becomes of deleted records.
    pub deleted_record: DeletedRecord,
    /// How finely datestamps are told. Where the repository does not say, it is guessed from the
    /// earliest datestamp, and reported.
    pub granularity: Granularity,
    /// Content codings besides identity.
    pub compressions: Vec<String>,
    /// Further descriptions.
    pub descriptions: Vec<Description>,
}

impl Identify {
    /// A repository that remembers deletions for ever and tells time to the second; all else is in
    /// fields that may be set.
    #[must_use]
    pub fn new(
        repository_name: impl Into<String>,
        base_url: impl Into<String>,
        admin_email: impl Into<String>,
    ) -> Self {
        Self {
            repository_name: repository_name.into(),
            base_url: base_url.into(),
            protocol_version: "2.0".to_owned(),
            admin_emails: vec![admin_email.into()],
            earliest_datestamp: None,
            deleted_record: DeletedRecord::Persistent,
            granularity: Granularity::Second,
            compressions: Vec::new(),
            descriptions: Vec::new(),
        }
    }
}

/// What becomes of deleted records (§2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the protocol knows these three and no others
pub enum DeletedRecord {
    /// They vanish without a word.
    No,
    /// They may be told of, for a while.
    Transient,
    /// They are told of for ever.
    Persistent,
}

impl DeletedRecord {
    /// The value as the protocol writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Transient => "transient",
            Self::Persistent => "persistent",
        }
    }
}

/// A metadata format (§4.4).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct MetadataFormat {
    /// What it is called in requests.
    #[serde(rename = "metadataPrefix")]
    pub prefix: String,
    /// URL of its XML schema.
    pub schema: String,
    /// Its XML namespace.
    #[serde(rename = "metadataNamespace")]
    pub namespace: String,
}

impl MetadataFormat {
    /// A format.
    #[must_use]
    pub fn new(
        prefix: impl Into<String>,
        schema: impl Into<String>,
        namespace: impl Into<String>,
    ) -> Self {
        Self { prefix: prefix.into(), schema: schema.into(), namespace: namespace.into() }
    }

    /// Dublin Core, which every repository has (§4.4).
    #[must_use]
    pub fn oai_dc() -> Self {
        Self::new(
            "oai_dc",
            "http://www.openarchives.org/OAI/2.0/oai_dc.xsd",
            "http://www.openarchives.org/OAI/2.0/oai_dc/",
        )
    }
}

/// A set (§4.6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Set {
    /// What it is called in requests; colons separate the levels of a hierarchy.
    pub spec: String,
    /// What people call it.
    pub name: String,
    /// Further descriptions.
    pub descriptions: Vec<Description>,
}

impl Set {
    /// A set without descriptions.
    #[must_use]
    pub fn new(spec: impl Into<String>, name: impl Into<String>) -> Self {
        Self { spec: spec.into(), name: name.into(), descriptions: Vec::new() }
    }
}

/// A record's header (§2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The item.
    pub identifier: String,
    /// When the record was created, changed or deleted; `None` where no date can be made out.
    pub datestamp: Option<Datestamp>,
    /// The sets the item is in.
    pub sets: Vec<String>,
    /// Whether the record is deleted.
    pub is_deleted: bool,
}

impl Header {
    /// The header of a record that is there, in no sets.
    #[must_use]
    pub fn new(identifier: impl Into<String>, datestamp: impl Into<Datestamp>) -> Self {
        Self {
            identifier: identifier.into(),
            datestamp: Some(datestamp.into()),
            sets: Vec::new(),
            is_deleted: false,
        }
    }

    /// In these sets.
    #[must_use]
    pub fn sets(mut self, sets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sets = sets.into_iter().map(Into::into).collect();
        self
    }
}

/// A record (§2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its header.
    pub header: Header,
    /// The metadata: the one element inside `metadata`, still a piece of its page.
    pub metadata: Option<RawXml>,
    /// What is said about the metadata: the one element inside each `about`.
    pub abouts: Vec<RawXml>,
}

impl Record {
    /// A record with its metadata, an XML document.
    ///
    /// ```
    /// use oai_pmh::{Datestamp, Header, Record};
    ///
    /// let stamp: Datestamp = "2024-01-31".parse()?;
    /// let record = Record::new(Header::new("oai:x.org:1", stamp), "<dc xmlns='urn:dc'/>")?;
    /// assert!(!record.header.is_deleted);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the metadata is not well-formed.
    pub fn new(header: Header, metadata: &str) -> Result<Self, ParseError> {
        Ok(Self { header, metadata: Some(RawXml::document(metadata)?), abouts: Vec::new() })
    }

    /// A record that is deleted; its datestamp says since when.
    #[must_use]
    pub fn deleted(header: Header) -> Self {
        let header = Header { is_deleted: true, ..header };
        Self { header, metadata: None, abouts: Vec::new() }
    }

    /// With a statement about its metadata, an XML document; may be used several times.
    ///
    /// # Errors
    /// When it is not well-formed.
    pub fn about(mut self, about: &str) -> Result<Self, ParseError> {
        self.abouts.push(RawXml::document(about)?);
        Ok(self)
    }
}
