//! Sources that need no network.

#[cfg(feature = "folder")]
mod folder;
mod items;
mod json_lines;

#[cfg(feature = "folder")]
pub use self::folder::{Compare, Folder};
pub use self::items::{Element, IterSource, items};
pub use self::json_lines::JsonLines;
