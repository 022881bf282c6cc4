//! XML as servers really send it: decoded first, read with limits, repaired only in the open.
//!
//! Nothing here does I/O. The way through it:
//!
//! 1. [`decode`] turns a body into text, by byte order mark, HTTP character set, XML declaration
//!    or detection; [`Windows`] does the same for a body too large for memory.
//! 2. [`Cursor`] walks the text element by element, with namespaces resolved and [`Limits`] kept.
//! 3. [`RawXml`] is a part of the text, shared and not copied, that can stand alone.
//!
//! In [`Mode::Tolerant`] what is broken but can be understood is repaired, and every repair is an
//! [`Issue`]. In [`Mode::Strict`] nothing is repaired: what is broken is a [`ParseError`].

mod chars;
mod cursor;
mod element;
mod encoding;
mod error;
mod fragment;
mod issue;
mod repair;
mod scan;
mod scope;
mod token;
mod windows;

pub use self::chars::text_of;
pub use self::cursor::Cursor;
pub use self::element::{Attributes, Element};
pub use self::encoding::{Decoder, decode};
pub use self::error::{ParseError, ParseErrorKind};
pub use self::fragment::RawXml;
pub use self::issue::{Issue, IssueKind, Issues};
pub use self::scope::Bindings;
pub use self::windows::Windows;

/// What to do with a document that is broken but can be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // to repair or not to repair
pub enum Mode {
    /// Repair it, and report each repair.
    #[default]
    Tolerant,
    /// Refuse it. What is only passed over is checked for tags that match, prefixes that are
    /// declared, and legal characters and references, not for all that XML demands.
    Strict,
}

/// How much a document may ask for before it is refused.
///
/// The defaults are far above what real records need and far below what hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open elements, one inside the other.
    pub depth: usize,
    /// Bytes of one element's text, where the text is read as a value.
    pub text: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Namespace bindings in scope.
    pub bindings: usize,
    /// Bytes of one record, from its start tag to its end tag.
    pub record: usize,
    /// Records in one page.
    pub records: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 256,
            text: 64 << 20,
            attributes: 1024,
            bindings: 256,
            record: 64 << 20,
            records: 10_000_000,
        }
    }
}

/// Whether this is an XML declaration rather than another instruction.
fn is_xml_declaration(instruction: &str) -> bool {
    instruction
        .strip_prefix("xml")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_whitespace()))
}
