#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(test(attr(deny(warnings), allow(dead_code))))]

#[cfg(feature = "client")]
pub mod check;
pub mod parse;
#[cfg(feature = "provider")]
pub mod provider;

mod datestamp;
mod description;
mod error;
mod paging;
mod request;
mod response;
mod static_repository;
mod window;

#[cfg(feature = "client")]
mod client;

pub use self::datestamp::{Datestamp, DatestampError, Granularity};
pub use self::description::{Branding, Container, Description, OaiIdentifier, RightsManifest};
pub use self::error::{Error, ErrorCode, ErrorKind, OaiError, RecordError, Result};
pub use self::paging::{Flow, Paging, PagingLimits, Reason, Verdict};
pub use self::request::{Request, Selection, Verb};
pub use self::response::{
    DeletedRecord, Header, Identify, MetadataFormat, Page, Record, Reply, ResumptionToken, Set,
};
pub use self::window::{Slice, Window, WindowError};

#[cfg(feature = "client")]
pub use self::client::{Client, Harvest, Items, List, Method, Position, Step, Summary};
pub use self::parse::ListItem;
pub use self::static_repository::StaticRepository;

#[doc(no_inline)]
pub use resync_core::{retry, transport, xml};

/// The namespace of every OAI-PMH 2.0 response (§3.2).
pub const NAMESPACE: &str = "http://www.openarchives.org/OAI/2.0/";
