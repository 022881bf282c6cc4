//! ResourceSync documents (ANSI/NISO Z39.99, 1.0 and 1.1): read, made, written, checked.
//!
//! Nothing here does I/O of its own. The parts:
//!
//! * [`Entry`], [`Metadata`] (`rs:md`), [`Link`] (`rs:ln`), [`Hashes`], [`Datetime`] and
//!   [`Capability`] are the words of the format; what the format does not know is kept.
//! * [`Reader`] pulls the entries of a document of any length out of any [`Read`](std::io::Read),
//!   holding a window of it at a time; [`Document`] is a whole document.
//! * [`Writer`] writes, [`ListWriter`] splits long lists, [`Validator`] checks.
//!
//! ```
//! use resync_core::document::{Capability, Change, Document};
//!
//! let list = Document::parse(r#"
//!   <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
//!           xmlns:rs="http://www.openarchives.org/rs/terms/">
//!     <rs:ln rel="up" href="https://x.org/capabilitylist.xml"/>
//!     <rs:md capability="changelist" from="2024-01-01T00:00:00Z"/>
//!     <url>
//!       <loc>https://x.org/a.xml</loc>
//!       <rs:md change="updated" datetime="2024-01-02T08:00:00Z" length="10"/>
//!     </url>
//!   </urlset>"#)?;
//! assert_eq!(list.head.capability(), Some(&Capability::ChangeList));
//! assert_eq!(list.entries[0].md.change, Some(Change::Updated));
//! # Ok::<_, resync_core::document::ReadError>(())
//! ```

mod capability;
mod datetime;
mod entry;
mod fields;
mod hash;
mod link;
mod metadata;
mod read;
mod validate;
mod write;

pub use self::capability::{Capability, Change};
pub use self::datetime::{Datetime, Precision, Zone};
pub use self::entry::{ChangeFrequency, Document, Entry, Head, Root};
pub use self::hash::{Algorithm, Digest, Hashes, Token, Tokens};
pub use self::link::{Link, rel};
pub use self::metadata::{ForeignAttribute, Metadata};
pub use self::read::{Part, ReadError, Reader};
pub use self::validate::{Code, Finding, Report, Severity, Validator, Version};
pub use self::write::{ListPart, ListWriter, Size, Writer, to_xml};

/// The namespace of Sitemaps, whose elements are the frame of every document (§7.1).
pub const SITEMAP: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

/// The namespace of ResourceSync's own elements, `rs:md` and `rs:ln` (§7.1).
pub const RESOURCESYNC: &str = "http://www.openarchives.org/rs/terms/";
