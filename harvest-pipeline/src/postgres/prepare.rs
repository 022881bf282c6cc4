//! The part of storing that needs no database.

use std::sync::Arc;

use serde::Serialize;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};

use crate::batch::SourceId;
use crate::catalogue::open::OpenRuns;
use crate::catalogue::prepare::{Prepare, Prepared, prepare_each};
use crate::catalogue::words::Words;
use crate::sink::{Entry, ParsedBatch, PreparedEntries, Preparer};

/// How many bytes of words can be found of a record. PostgreSQL takes a megabyte.
const LARGEST: usize = 768 * 1024;

/// What is to be stored, and the words of it, for each entry.
pub(super) struct Ready {
    pub(super) versions: Prepared,
    pub(super) words: Vec<Option<TsVector>>,
}

/// Prepares versions and their words.
pub(super) struct PrepareWords(pub(super) Arc<OpenRuns>);

impl<R: Serialize + Send + Sync> Preparer<R> for PrepareWords {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        let words = batch.entries.iter().map(words_of).collect();
        Prepare(Arc::clone(&self.0)).prepare(batch);
        batch.prepared = batch.prepared.take().and_then(|versions| {
            let versions = *versions.downcast::<Prepared>().ok()?;
            Some(Box::new(Ready { versions, words }) as _)
        });
    }

    fn prepare_each(
        &self,
        source: &SourceId,
        entries: &mut dyn Iterator<Item = Entry<R>>,
    ) -> Option<PreparedEntries<R>> {
        let mut words = Vec::new();
        let mut entries = entries.inspect(|entry| words.push(words_of(entry)));
        let (entries, versions) = prepare_each(&self.0, source, &mut entries)?;
        Some((entries, Box::new(Ready { versions, words })))
    }
}

fn words_of<R>(entry: &Entry<R>) -> Option<TsVector> {
    let (item, metadata) = match entry {
        Entry::Put { item, .. } => (item, item.payload()),
        Entry::Delete { item } => (item, None),
        _ => return None,
    };
    let metadata = metadata.map(|payload| &*payload.body);
    Some(TsVector::new(&words(&item.identifier, &item.sets, metadata)))
}

/// By what a record is found: its identifier, its sets, its metadata.
pub(super) fn words(identifier: &str, sets: &[String], metadata: Option<&str>) -> Words {
    let mut words = Words::default();
    words.add(identifier);
    sets.iter().for_each(|set| words.add(set));
    words.add_xml(metadata.unwrap_or_default());
    words
}

/// Words as a `tsvector`, in binary form and without the places at which they are.
#[derive(Debug)]
pub(super) struct TsVector(Vec<u8>);

impl Default for TsVector {
    fn default() -> Self {
        Self::new(&Words::default())
    }
}

impl TsVector {
    pub(super) fn new(words: &Words) -> Self {
        let mut bytes = vec![0; 4];
        let mut count = 0_i32;
        for word in words.iter() {
            if bytes.len() > LARGEST {
                break;
            }
            bytes.extend_from_slice(word.as_bytes());
            bytes.extend_from_slice(b"\0\0\0");
            count += 1;
        }
        bytes[..4].copy_from_slice(&count.to_be_bytes());
        Self(bytes)
    }
}

// Built into PostgreSQL with these numbers.
impl Type<Postgres> for TsVector {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3614))
    }
}

impl PgHasArrayType for TsVector {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3643))
    }
}

impl Encode<'_, Postgres> for TsVector {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}
