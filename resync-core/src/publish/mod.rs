//! The other side: the documents of a source, published from a folder or any list of resources.
//!
//! [`Publisher`] writes a Resource List, a Change List, on demand Resource Dump and Change Dump, a
//! Capability List and a Source Description into a folder that any web server can serve. Published
//! again, only what changed is written: the resources are compared with those of the last time, one
//! by one in the order of their addresses, so that memory does not grow with their number.
//!
//! ```no_run
//! use resync_core::publish::{Folder, Publisher};
//!
//! let publisher = Publisher::new("/srv/www/resync", "https://x.org/resync/")?;
//! let resources = Folder::walk("/srv/www/data", "https://x.org/data/")?;
//! let publication = publisher.publish(resources)?;
//! println!("{} created, {} deleted", publication.created, publication.deleted);
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! What a reader sees is whole at every moment: documents are written under other names, and put in
//! place after what they lead to. Parts that are replaced stay for one more publication, for
//! whoever is still reading them.

mod changes;
mod folder;
mod frame;
mod publisher;
mod resource;
mod run;
mod series;
mod snapshot;
mod stage;
mod state;

pub use self::folder::Folder;
pub use self::frame::is_document;
pub use self::publisher::{PackageSize, Publication, Publisher};
pub use self::resource::{Content, Resource};
