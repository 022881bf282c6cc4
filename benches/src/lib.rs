//! What the benchmarks share: records and resources to harvest, servers to harvest them
//! from, and the barest clients that can.
//!
//! Nothing here uses the crates being measured.

mod client;
mod corpus;
mod http;
pub mod metadata;
mod program;
mod repository;
mod resync_source;
mod server;
mod words;

pub use client::{Client, Page, Pages};
pub use corpus::Corpus;
pub use program::{duration, until_input_closes};
pub use resync_source::{Resources, Source, SourceConfig, resource_path};
pub use server::{Config, Fault, Server};
