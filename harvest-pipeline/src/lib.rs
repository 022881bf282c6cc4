#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod checkpoint;
mod error;
mod filter;
mod parser;
pub mod parsers;
mod pipeline;
mod run;
mod sink;
pub mod sinks;
mod source;
pub mod sources;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use self::batch::{Batch, Change, Item, Notice, NoticeLevel, Origin, Payload, SourceId};
pub use self::checkpoint::{Checkpoint, CheckpointError};
pub use self::error::{RecordError, RunError, Stage};
pub use self::filter::{Candidate, Decision, Filter, IntoDecision, Known};
pub use self::parser::{Fields, Issue, IssueLevel, Parsed, Parser};
pub use self::pipeline::{ParseStage, Pipeline, Resume, Unparsed, With};
pub use self::run::{Counters, LISTED, Listed, Outcome, Progress, Run, RunState, Summary};
pub use self::sink::{Entry, Hold, ParsedBatch, Preparer, Sink, Written};
pub use self::source::Source;
#[cfg(feature = "provider")]
pub use self::sqlite::CatalogueRepository;
#[cfg(feature = "sqlite")]
pub use self::sqlite::{
    Query, RunRecord, SourceSummary, SqliteCatalogue, StoredError, StoredRecord,
};

#[cfg(feature = "oai-pmh")]
mod oai_pmh;
#[cfg(feature = "oai-pmh")]
pub use self::oai_pmh::OaiPmhSource;
