#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
#[cfg(feature = "object-store")]
mod bucket;
mod catalogue;
mod checkpoint;
mod digest;
#[cfg(feature = "document-list")]
mod document_list;
pub mod engine;
mod error;
#[cfg(any(feature = "document-list", feature = "resync"))]
mod fetch;
mod filter;
pub mod filters;
pub mod harvest_list;
mod holdings;
mod operations;
mod parser;
pub mod parsers;
#[cfg(feature = "payloads")]
pub mod payloads;
mod pipeline;
#[cfg(feature = "postgres")]
mod postgres;
mod registry;
pub mod reports;
#[cfg(feature = "provider")]
mod republish;
#[cfg(feature = "resync")]
mod resync;
mod run;
pub mod schedule;
pub mod secrets;
mod sign_in;
mod sink;
pub mod sinks;
mod source;
pub mod sources;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod store;
pub mod targets;
#[cfg(feature = "testing")]
pub mod testing;
pub mod two_step;
mod xml_document;

pub use self::batch::{Batch, Change, Item, Notice, NoticeLevel, Origin, Payload, SourceId};
#[cfg(feature = "object-store")]
pub use self::bucket::{Bucket, BucketError};
pub use self::catalogue::{
    Arrival, ArrivalPoint, Catalogue, ChangeQuery, Changes, Query, RecordQuery, RunRecord, Shape,
    SourceSummary, Span, StoredError, StoredRecord, StoredVersion, Touched,
};
pub use self::checkpoint::{Checkpoint, CheckpointError};
#[cfg(feature = "document-list")]
pub use self::document_list::DocumentListSource;
pub use self::error::{RecordError, RunError, Stage};
pub use self::filter::{Candidate, Decision, Filter, IntoDecision, Known};
pub use self::holdings::Holdings;
pub use self::operations::Operation;
pub use self::parser::{Fields, Issue, IssueLevel, Keys, Parsed, Parser, Preview};
pub use self::pipeline::{ParseStage, Pipeline, Resume, Unparsed, With};
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresCatalogue;
pub use self::registry::{Kind, KindError, Receiver, Registry};
#[cfg(feature = "provider")]
pub use self::republish::{CatalogueRepository, Naming, Shelf, Shelves, Withheld};
#[cfg(feature = "resync")]
pub use self::resync::{ResyncMode, ResyncSource};
pub use self::run::{
    Counters, LISTED, Listed, Outcome, Progress, Run, RunEvent, RunId, RunState, Summary, Ticket,
    UnknownWord,
};
pub use self::sign_in::SignIn;
pub use self::sink::{Entry, Hold, ParsedBatch, PreparedEntries, Preparer, Sink, Written};
pub use self::source::Source;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteCatalogue;

#[cfg(feature = "oai-pmh")]
mod oai_pmh;
#[cfg(feature = "oai-pmh")]
pub use self::oai_pmh::{OaiPmhSource, Strategy};
