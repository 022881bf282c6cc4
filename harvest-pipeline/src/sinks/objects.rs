use std::collections::HashMap;
use std::io;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::file_name::{run_name, source_name};
use super::formatted::Formatted;
use super::line::{AsReceived, LineForm, WithRecord, lines};
use crate::batch::SourceId;
use crate::bucket::{Bucket, is_transient};
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::run::{Run, Summary};
use crate::sink::{Hold, ParsedBatch, Preparer, Sink, Written};

/// Writes each batch as one object that is never changed again, in the form of
/// [`JsonLines`](super::JsonLines) and compressed with zstd.
///
/// ```text
/// SOURCE/20260131T020000.000000Z/00000000.jsonl.zst   the batches of a run …
/// SOURCE/20260131T020000.000000Z/00000001.jsonl.zst
/// SOURCE/state.json                                   where the source stands
/// ```
/// SOURCE is what can be shown of the source's name, and a hash of it. The state, with the
/// checkpoint in it, is written after each object. A run that broke off is gone on with by the next,
/// in the same folder and at the same number: a batch that was written while its checkpoint was not
/// comes again and **takes its own place**. Later objects say more recent things of a record than
/// earlier ones; their names sort in that order. Batches without a record to store or delete make
/// no object.
///
/// One run of a source at a time: a second one in the same process is refused, in another it is not
/// noticed.
///
/// ```
/// # async fn example(source: impl harvest_pipeline::Source + 'static)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use harvest_pipeline::{Bucket, Pipeline, sinks::Objects};
///
/// let bucket = Bucket::folder("lake")?.below("records");
/// Pipeline::new(source).run(&Objects::new(bucket).with_record()).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Objects<F = AsReceived> {
    bucket: Bucket,
    places: Arc<Places>,
    form: PhantomData<fn() -> F>,
}

type Places = Mutex<HashMap<SourceId, Place>>;

/// Where the next object of a run goes.
#[derive(Clone, Debug)]
struct Place {
    run: String,
    next: u64,
    checkpoint: Option<Checkpoint>,
}

/// Where a source stands, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    run: String,
    next: u64,
    /// Whether the run came to its end; if not, the next goes on with it.
    ended: bool,
    checkpoint: Checkpoint,
}

impl Objects {
    /// Writes into this bucket.
    #[must_use]
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, places: Arc::default(), form: PhantomData }
    }

    /// Writes the parsed record as well, as the last member of each object: `"record":{…}`.
    #[must_use]
    pub fn with_record(self) -> Objects<WithRecord> {
        self.in_form()
    }
}

impl<F> Objects<F> {
    /// Writes each record in this form, which may be your own.
    #[must_use]
    pub fn in_form<G>(self) -> Objects<G> {
        Objects { bucket: self.bucket, places: self.places, form: PhantomData }
    }

    fn place(&self, source: &SourceId) -> Result<Place, RunError> {
        locked(&self.places).get(source).cloned().ok_or_else(|| {
            RunError::new(Stage::Sink, format!("no run of {source} was begun in this bucket"))
        })
    }

    async fn put(&self, name: &str, body: Vec<u8>) -> Result<(), RunError> {
        self.bucket.put(name, body).await.map_err(|error| {
            let message = format!("cannot write {}: {error}", self.bucket.full_name(name));
            RunError::new(Stage::Sink, message)
                .with_transient(is_transient(&error))
                .with_source(error)
        })
    }

    /// Stores where the source stands.
    async fn keep(&self, source: &SourceId, place: Place, ended: bool) -> Result<(), RunError> {
        let Some(checkpoint) = place.checkpoint.clone() else { return Ok(()) };
        let state = State { run: place.run.clone(), next: place.next, ended, checkpoint };
        let json = serde_json::to_vec(&state).map_err(|error| {
            let message = format!("the checkpoint of {source} cannot be written as JSON: {error}");
            RunError::new(Stage::Sink, message).with_source(error)
        })?;
        self.put(&state_name(source), json).await?;
        locked(&self.places).insert(source.clone(), place);
        Ok(())
    }

    async fn state(&self, source: &SourceId) -> Result<Option<State>, RunError> {
        let name = state_name(source);
        let cannot = |why: &str| {
            let name = self.bucket.full_name(&name);
            RunError::new(Stage::Sink, format!("cannot read {name}: {why}"))
        };
        let stored = self.bucket.get(&name).await.map_err(|error| {
            cannot(&error.to_string()).with_transient(is_transient(&error)).with_source(error)
        })?;
        stored
            .map(|json| {
                serde_json::from_slice(&json).map_err(|error| {
                    let advice = "run once from the beginning to have it written anew";
                    cannot(&format!("{error}; {advice}")).with_source(error)
                })
            })
            .transpose()
    }
}

fn locked(places: &Places) -> MutexGuard<'_, HashMap<SourceId, Place>> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

fn state_name(source: &SourceId) -> String {
    format!("{}/state.json", source_name(source))
}

/// A batch ready to be sent.
struct Packed {
    /// None if there is nothing to write.
    body: io::Result<Option<Vec<u8>>>,
    written: Written,
}

impl Packed {
    fn of<R, F: LineForm<R>>(batch: &ParsedBatch<R>) -> Self {
        let Formatted { text, written } = lines::<R, F>(batch);
        let body = match text.is_empty() {
            true => Ok(None),
            false => zstd::bulk::compress(&text, zstd::DEFAULT_COMPRESSION_LEVEL).map(Some),
        };
        Self { body, written }
    }
}

/// Formats and compresses beforehand, on the threads that parse.
struct Pack<F>(PhantomData<fn() -> F>);

impl<R: Send + Sync, F: LineForm<R>> Preparer<R> for Pack<F> {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        batch.prepared = Some(Box::new(Packed::of::<R, F>(batch)));
    }
}

/// Ends what [`Sink::begin`] opened, also if the run's future is dropped.
struct Open {
    places: Arc<Places>,
    source: SourceId,
}

impl Drop for Open {
    fn drop(&mut self) {
        locked(&self.places).remove(&self.source);
    }
}

#[async_trait]
impl<R, F> Sink<R> for Objects<F>
where
    R: Send + Sync + 'static,
    F: LineForm<R>,
{
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        let mut places = locked(&self.places);
        if places.contains_key(&run.source) {
            let message = format!("{} is already being harvested into this bucket", run.source);
            return Err(RunError::new(Stage::Sink, message).with_transient(true));
        }
        let place = Place { run: run_name(run), next: 0, checkpoint: None };
        places.insert(run.source.clone(), place);
        drop(places);
        Ok(Hold::new(Open { places: Arc::clone(&self.places), source: run.source.clone() }))
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        let Some(state) = self.state(source).await? else { return Ok(None) };
        if let Some(place) = locked(&self.places).get_mut(source) {
            if !state.ended {
                (place.run, place.next) = (state.run, state.next);
            }
            place.checkpoint = Some(state.checkpoint.clone());
        }
        Ok(Some(state.checkpoint))
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        Some(Arc::new(Pack::<F>(PhantomData)))
    }

    async fn write(&self, _: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let prepared = batch.prepared.take().and_then(|it| it.downcast::<Packed>().ok());
        let packed = prepared.map_or_else(|| Packed::of::<R, F>(&batch), |packed| *packed);
        let body = packed.body.map_err(|error| {
            let message = format!("batch {} cannot be compressed: {error}", batch.number);
            RunError::new(Stage::Sink, message).with_source(error)
        })?;
        let mut place = self.place(&batch.source)?;
        if let Some(body) = body {
            let folder = source_name(&batch.source);
            let name = format!("{folder}/{}/{:08}.jsonl.zst", place.run, place.next);
            self.put(&name, body).await?;
            place.next += 1;
        }
        place.checkpoint = batch.checkpoint.or(place.checkpoint);
        self.keep(&batch.source, place, false).await?;
        Ok(packed.written.with_checkpoint())
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        if summary.state.is_success() {
            self.keep(&run.source, self.place(&run.source)?, true).await?;
        }
        Ok(())
    }
}
