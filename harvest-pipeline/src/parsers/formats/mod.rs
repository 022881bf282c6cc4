//! Formats that are read into [`Bibliographic`], by their names.

mod by_format;
mod check;
mod datacite;
mod eml;
mod jpcoar;
mod mods;
mod place;
mod tree;

pub use self::by_format::{BibliographicFormat, ByFormat};

use self::tree::Node;
use super::Text;
use super::bibliographic::Affiliation;

/// How the records are to be read.
#[derive(Clone, Debug)]
struct Asked {
    /// Elements in a record, at most.
    most_elements: usize,
    /// Whether breaking a rule costs nothing.
    rules_only_warn: bool,
}

/// Why a record was refused.
struct Refused(String);

impl Refused {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// Its root element is that of something else.
    fn root(format: &str, root: Node<'_>) -> Self {
        Self(format!("the metadata is not {format}: its root element is <{}>", root.local()))
    }
}

/// An affiliation of which there is one name.
fn belonging_to(name: Text) -> Affiliation {
    Affiliation { names: vec![name], ..Affiliation::default() }
}
