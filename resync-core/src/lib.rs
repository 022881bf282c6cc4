#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(test(attr(deny(warnings), allow(dead_code))))]

#[cfg(feature = "client")]
pub mod client;
pub mod document;
#[cfg(feature = "packages")]
pub mod dump;
#[cfg(feature = "packages")]
pub mod fixity;
pub mod link_header;
#[cfg(feature = "notify")]
pub mod notify;
#[cfg(feature = "publish")]
pub mod publish;
pub mod retry;
#[cfg(feature = "sync")]
pub mod sync;
pub mod transport;
pub mod xml;

mod error;

pub use error::{Error, ErrorKind, Result};
