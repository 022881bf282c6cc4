#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(test(attr(deny(warnings), allow(dead_code))))]

pub mod retry;
pub mod transport;
pub mod xml;

mod error;

pub use error::{Error, ErrorKind, Result};
