//! What the benchmarks share: records to harvest, a server to harvest them from, and the barest
//! client that can.
//!
//! Nothing here uses the crates being measured.

mod client;
mod corpus;
mod repository;
mod server;
mod words;

pub use client::{Page, Pages};
pub use corpus::Corpus;
pub use server::{Config, Fault, Server};
