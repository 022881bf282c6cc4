//! Packages of Resource Dumps and Change Dumps (§11 and §13): ZIP files with a manifest in them.
//!
//! * [`Package`] reads one. It goes by the manifest: what the ZIP calls its members is only looked
//!   up, never used as the name of a file.
//! * [`PackageWriter`] writes one.
//!
//! ```
//! use std::io::{Cursor, Read};
//! use resync_core::document::{Capability, Entry, Head};
//! use resync_core::dump::{Package, PackageError, PackageWriter};
//!
//! let head = Head::list(Capability::ResourceDumpManifest);
//! let mut writer = PackageWriter::new(Cursor::new(Vec::new()), &head)?;
//! writer.add(Entry::new("https://x.org/a.txt"), "Kytice".as_bytes())?;
//! let zip = writer.finish()?;
//!
//! let mut package = Package::open(zip)?;
//! package.for_each_entry(|entry, bitstream| {
//!     let mut text = String::new();
//!     bitstream?.unwrap().read_to_string(&mut text)?;
//!     assert_eq!((&*entry.loc, &*text), ("https://x.org/a.txt", "Kytice"));
//!     Ok::<_, PackageError>(())
//! })?;
//! # Ok::<_, PackageError>(())
//! ```

mod error;
mod read;
mod write;

pub use self::error::PackageError;
pub use self::read::{Bitstream, Limits, Package};
pub use self::write::PackageWriter;

/// What the manifest is called, at the top of the package (§11.3).
const MANIFEST: &str = "manifest.xml";
