//! The driver, with sources and sinks that are watched.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_pipeline::parsers::{Raw, RawRecord};
use harvest_pipeline::{
    Batch, Candidate, Checkpoint, Counters, Decision, Entry, Fields, Filter, Item, Keys, Known,
    LISTED, Outcome, Parsed, ParsedBatch, Parser, Payload, Pipeline, Preview, RecordError, Resume,
    Run, RunError, RunState, Sink, Source, SourceId, Stage, Summary, Written, sources,
};
use tokio_util::sync::CancellationToken;

fn item(n: usize) -> Item {
    Item::put(format!("id{n}"), Payload::new("test", format!("<r>{n}</r>")))
}

fn batch(n: usize, items: Vec<Result<Item, RecordError>>) -> Batch {
    Batch::new(n as u64, Checkpoint::new(1, &(n + 1)).unwrap()).with_items(items)
}

fn boom(stage: Stage) -> RunError {
    RunError::new(stage, "boom")
}

/// `batches` batches of two records each, then what `end` says.
#[derive(Debug)]
struct Numbers {
    batches: usize,
    fetched: Arc<AtomicUsize>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Nothing,
    Error,
    Panic,
    Hang,
}

impl Numbers {
    fn new(batches: usize) -> Self {
        Self { batches, fetched: Arc::default(), end: End::Nothing }
    }

    fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }
}

impl Source for Numbers {
    fn id(&self) -> SourceId {
        "numbers".into()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let done: usize = from.map_or(0, |checkpoint| checkpoint.state(1).unwrap());
        let batches = stream::iter(done..self.batches).map(|n| {
            self.fetched.fetch_add(1, Ordering::SeqCst);
            Ok(batch(n, vec![Ok(item(2 * n)), Ok(item(2 * n + 1))]))
        });
        let end = stream::once(async {
            match self.end {
                End::Nothing => None,
                End::Error => Some(Err(boom(Stage::Source).with_url("http://x.example/"))),
                End::Panic => panic!("the source is broken"),
                End::Hang => std::future::pending().await,
            }
        });
        batches.chain(end.filter_map(std::future::ready)).boxed()
    }
}

/// Remembers everything; can be told to fail, and to wait.
#[derive(Default)]
struct Memory {
    written: Mutex<Vec<String>>,
    checkpoint: Mutex<Option<Checkpoint>>,
    states: Mutex<Vec<RunState>>,
    /// Fails the write of this batch, once.
    fail: Mutex<Option<u64>>,
    known: HashMap<String, Known>,
    looked_up: AtomicUsize,
}

impl Memory {
    fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    fn states(&self) -> Vec<RunState> {
        self.states.lock().unwrap().clone()
    }
}

#[async_trait]
impl<R: Send + Sync + 'static> Sink<R> for Memory {
    async fn checkpoint(&self, _: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        Ok(self.checkpoint.lock().unwrap().clone())
    }

    async fn known(
        &self,
        _: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        let found = identifiers.iter().filter_map(|id| self.known.get_key_value(*id));
        Ok(found.map(|(id, known)| (id.clone(), known.clone())).collect())
    }

    async fn write(&self, _: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        if self.fail.lock().unwrap().take_if(|fail| *fail == batch.number).is_some() {
            return Err(boom(Stage::Sink));
        }
        tokio::task::yield_now().await;
        let mut written = self.written.lock().unwrap();
        for entry in &batch.entries {
            if let Entry::Put { item, .. } = entry {
                written.push(item.identifier.clone());
            }
        }
        *self.checkpoint.lock().unwrap() = batch.checkpoint.clone();
        Ok(Written::new(batch.entries.iter().map(Entry::plain_outcome).collect()).with_checkpoint())
    }

    async fn finish(&self, _: &Run, summary: &Summary) -> Result<(), RunError> {
        self.states.lock().unwrap().push(summary.state);
        Ok(())
    }
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("id{n}")).collect()
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn _stages_are_object_safe(
    _: &dyn Source,
    _: &dyn Filter,
    _: &dyn Parser<Record = RawRecord>,
    _: &dyn Sink<RawRecord>,
) {
}

#[tokio::test]
async fn a_run_stores_everything_in_order_and_says_so() {
    let sink: &dyn Sink<RawRecord> = &Memory::default();
    let summary = Pipeline::new(Numbers::new(3)).run(sink).await.unwrap();
    assert_eq!(summary.state, RunState::Succeeded);
    assert_eq!((summary.batches, summary.counters.created, summary.counters.total()), (3, 6, 6));
    assert_eq!(summary.bytes, 6 * "<r>0</r>".len() as u64);
    assert!(summary.checkpoint_committed && !summary.resumed);
    assert_eq!(summary.checkpoint, Some(Checkpoint::new(1, &3).unwrap()));
}

/// Finishes the first batch only when the second is being parsed, too.
#[derive(Default)]
struct SecondFirst {
    second_came: Mutex<bool>,
    changed: Condvar,
}

impl Parser for SecondFirst {
    type Record = ();

    fn format(&self) -> &str {
        "test"
    }

    fn parse(&self, item: &Item, _: &Payload) -> Result<Parsed<()>, RecordError> {
        let mut second_came = self.second_came.lock().unwrap();
        if item.identifier == "id2" {
            *second_came = true;
            self.changed.notify_all();
        }
        while item.identifier == "id0" && !*second_came {
            second_came = self.changed.wait(second_came).unwrap();
        }
        Ok(Parsed::new(()))
    }
}

#[tokio::test]
async fn batches_are_parsed_at_once_and_stored_in_order() {
    let sink = Memory::default();
    let pipeline = Pipeline::new(Numbers::new(4)).parse(SecondFirst::default());
    pipeline.concurrency(n(2)).run(&sink).await.unwrap();
    assert_eq!(sink.written(), ids(0..8));
}

/// Watches how far the source runs ahead.
struct Slow {
    fetched: Arc<AtomicUsize>,
    bound: usize,
    batches: usize,
    written: AtomicUsize,
}

#[async_trait]
impl Sink<RawRecord> for Slow {
    async fn write(&self, _: &Run, batch: ParsedBatch<RawRecord>) -> Result<Written, RunError> {
        let written = self.written.load(Ordering::SeqCst);
        let expected = (written + self.bound).min(self.batches);
        // It does run ahead …
        while self.fetched.load(Ordering::SeqCst) < expected {
            tokio::task::yield_now().await;
        }
        // … and, however long the sink takes, no further.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.fetched.load(Ordering::SeqCst), expected);
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(Written::new(batch.entries.iter().map(Entry::plain_outcome).collect()))
    }
}

#[tokio::test]
async fn a_slow_sink_holds_the_source_back() {
    for (prefetch, concurrency) in [(0, 1), (2, 1), (1, 3)] {
        let source = Numbers::new(12);
        let sink = Slow {
            fetched: Arc::clone(&source.fetched),
            bound: prefetch + concurrency,
            batches: 12,
            written: AtomicUsize::new(0),
        };
        let pipeline = Pipeline::new(source).prefetch(prefetch).concurrency(n(concurrency));
        let summary = pipeline.run(&sink).await.unwrap();
        assert_eq!(summary.batches, 12);
    }
}

#[tokio::test]
async fn cancelling_stops_behind_the_batch_that_is_being_stored() {
    let token = CancellationToken::new();
    let sink = Memory::default();
    let cancel = token.clone();
    let pipeline =
        Pipeline::new(Numbers::new(100)).cancel_with(token).on_progress(move |progress| {
            if progress.batches == 3 {
                cancel.cancel();
            }
        });
    let summary = pipeline.run(&sink).await.unwrap();
    assert_eq!((summary.state, summary.batches), (RunState::Cancelled, 3));
    assert_eq!(sink.written(), ids(0..6));
    assert_eq!(sink.states(), [RunState::Cancelled]);

    let summary = Pipeline::new(Numbers::new(100)).run(&sink).await.unwrap();
    assert!(summary.resumed);
    assert_eq!(sink.written(), ids(0..200));
}

#[tokio::test]
async fn cancelling_does_not_wait_for_a_source_that_hangs() {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let pipeline = Pipeline::new(Numbers::new(2).ending(End::Hang)).cancel_with(token).on_progress(
        move |progress| {
            if progress.batches == 2 {
                cancel.cancel();
            }
        },
    );
    let summary = pipeline.run(&Memory::default()).await.unwrap();
    assert_eq!((summary.state, summary.batches), (RunState::Cancelled, 2));
}

#[tokio::test]
async fn after_a_sink_failed_the_next_run_stores_each_record_once() {
    for failing in 0..5 {
        let sink = Memory { fail: Mutex::new(Some(failing)), ..Memory::default() };
        let error = Pipeline::new(Numbers::new(5)).run(&sink).await.unwrap_err();
        assert_eq!((error.stage(), error.to_string().as_str()), (Stage::Sink, "boom"));
        let summary = error.summary().unwrap();
        assert_eq!((summary.state, summary.batches), (RunState::Failed, failing));
        assert_eq!(sink.states(), [RunState::Failed]);

        Pipeline::new(Numbers::new(5)).run(&sink).await.unwrap();
        assert_eq!(sink.written(), ids(0..10));
    }
}

#[tokio::test]
async fn after_the_future_was_dropped_the_next_run_stores_each_record_once() {
    let sink = Memory::default();
    let (stored, mut reached) = tokio::sync::watch::channel(0);
    {
        let pipeline = Pipeline::new(Numbers::new(3).ending(End::Hang))
            .on_progress(move |progress| stored.send(progress.batches).unwrap());
        let mut run = std::pin::pin!(pipeline.run(&sink));
        tokio::select! {
            _ = &mut run => panic!("the source hangs"),
            reached = reached.wait_for(|batches| *batches == 3) => { reached.unwrap(); }
        }
    }
    Pipeline::new(Numbers::new(6)).run(&sink).await.unwrap();
    assert_eq!(sink.written(), ids(0..12));
}

#[tokio::test]
async fn a_source_that_breaks_off_ends_the_run_behind_what_it_gave() {
    let sink = Memory::default();
    let source = Numbers::new(3).ending(End::Error);
    let error = Pipeline::new(source).run(&sink).await.unwrap_err();
    assert_eq!(error.to_string(), "boom: http://x.example/");
    let summary = error.summary().unwrap();
    assert_eq!((summary.state, summary.counters.created), (RunState::Failed, 6));
    assert_eq!(summary.error.as_deref(), Some("boom: http://x.example/"));
    assert_eq!((sink.written(), sink.states()), (ids(0..6), vec![RunState::Failed]));
}

#[tokio::test]
async fn a_source_that_panics_ends_the_run_with_an_error() {
    let source = Numbers::new(1).ending(End::Panic);
    let error = Pipeline::new(source).run(&Memory::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the source panicked: the source is broken");
}

#[tokio::test]
async fn broken_records_are_counted_named_and_cost_nothing_else() {
    let mut list = vec![Ok(item(0)), Err(RecordError::unnamed(Stage::Source, "cut off"))];
    list.extend((0..150).map(|n| Err(RecordError::new(format!("bad{n}"), Stage::Source, "no"))));
    list.push(Ok(item(1)));
    let sink = Memory::default();
    let summary = Pipeline::new(sources::items("s", list)).run(&sink).await.unwrap();
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    assert_eq!((summary.counters.created, summary.counters.failed), (2, 151));
    assert_eq!((summary.failures.first().len(), summary.failures.total()), (LISTED, 151));
    assert_eq!(
        summary.failures.first()[0].to_string(),
        "(record without identifier): source: cut off"
    );
    assert_eq!(summary.failures.first()[1].to_string(), "bad0: source: no");
    assert_eq!(sink.written(), ids(0..2));
}

/// Fails on `id1`, panics on `id2`, warns about `id3`.
struct Picky;

impl Parser for Picky {
    type Record = String;

    fn format(&self) -> &str {
        "test"
    }

    fn fields(&self, item: &Item, _: &Payload, _: &Keys) -> Result<Preview<String>, RecordError> {
        let mut fields = Fields::new();
        fields.add("name", item.identifier.clone());
        Ok(fields.into())
    }

    fn parse(&self, item: &Item, _: &Payload) -> Result<Parsed<String>, RecordError> {
        use harvest_pipeline::{Issue, IssueLevel};

        match &*item.identifier {
            "id1" => Err(RecordError::new("id1", Stage::Parse, "unreadable")),
            "id2" => panic!("out of bounds in {}", item.identifier),
            "id3" => {
                let mut parsed = Parsed::new("three".to_owned());
                parsed.issues.push(Issue::new(IssueLevel::Warning, "r", "odd"));
                Ok(parsed)
            }
            other => Ok(Parsed::new(other.to_owned())),
        }
    }
}

#[tokio::test]
async fn a_parser_that_fails_or_panics_fails_the_record_and_not_the_run() {
    let sink = Memory::default();
    let summary = Pipeline::new(Numbers::new(3)).parse(Picky).run(&sink).await.unwrap();
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    let failures: Vec<_> = summary.failures.first().iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["id1: parse: unreadable", "id2: parse: panicked: out of bounds in id2"]);
    let notices: Vec<_> = summary.notices.first().iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["id3: warning: r: odd"]);
    assert_eq!(sink.written(), ["id0", "id3", "id4", "id5"]);
}

#[tokio::test]
async fn filters_decide_in_order_before_the_parser() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let sink = Memory::default();
    let pipeline = Pipeline::new(Numbers::new(4))
        // Without these the parser would fail on id1 and id2.
        .filter(|it: &Candidate<'_>| it.item().identifier != "id1")
        .filter(|it: &Candidate<'_>| match it.fields()?.get("name") {
            [name] if name == "id2" => Ok(Decision::Unchanged),
            [name] if name == "id4" => Ok(Decision::Delete),
            [name] if name == "id5" => Err(RecordError::new("id5", Stage::Filter, "undecided")),
            _ => Ok(Decision::Accept),
        })
        .filter(move |it: &Candidate<'_>| {
            counting.fetch_add(1, Ordering::SeqCst);
            assert!(it.item().identifier != "id6", "id6 is unlucky");
            true
        })
        .parse(Picky);
    let summary = pipeline.run(&sink).await.unwrap();
    let expected = [
        Outcome::Created,   // id0
        Outcome::Filtered,  // id1
        Outcome::Unchanged, // id2
        Outcome::Created,   // id3
        Outcome::Deleted,   // id4
        Outcome::Failed,    // id5
        Outcome::Failed,    // id6
        Outcome::Created,   // id7
    ];
    assert_eq!(summary.counters, expected.into_iter().collect::<Counters>());
    assert_eq!(sink.written(), ["id0", "id3", "id7"]);
    // id0, id3, id6 and id7 came that far.
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    let failures: Vec<_> = summary.failures.first().iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["id5: filter: undecided", "id6: filter: panicked: id6 is unlucky"]);
    assert_eq!(sink.looked_up.load(Ordering::SeqCst), 0);
}

struct Unseen;

impl Filter for Unseen {
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        Ok(if candidate.known().is_some() { Decision::Unchanged } else { Decision::Accept })
    }

    fn needs_known(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_filter_can_ask_what_the_sink_knows() {
    let known = HashMap::from([("id2".to_owned(), Known::new(true, None))]);
    let sink = Memory { known, ..Memory::default() };
    let summary = Pipeline::new(Numbers::new(2)).filter(Unseen).run(&sink).await.unwrap();
    assert_eq!((summary.counters.created, summary.counters.unchanged), (3, 1));
    assert_eq!(sink.looked_up.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn deletions_pass_every_filter() {
    let source = sources::items("s", vec![Item::delete("gone"), item(0)]);
    let nothing = |_: &Candidate<'_>| false;
    let summary = Pipeline::new(source).filter(nothing).run(&Memory::default()).await.unwrap();
    assert_eq!((summary.counters.deleted, summary.counters.filtered), (1, 1));
}

#[tokio::test]
async fn a_run_can_begin_anywhere() {
    let sink = Memory::default();
    let run = |resume| Pipeline::new(Numbers::new(3)).resume(resume).run(&sink);
    let from = Resume::From(Checkpoint::new(1, &2).unwrap());
    assert_eq!(run(from).await.unwrap().counters.total(), 2);
    assert_eq!(run(Resume::FromSink).await.unwrap().counters.total(), 0);
    assert_eq!(run(Resume::Afresh).await.unwrap().counters.total(), 6);
}

#[tokio::test]
async fn a_checkpoint_of_another_form_is_refused_and_nothing_is_stored() {
    let sink = Memory::default();
    *sink.checkpoint.lock().unwrap() = Some(Checkpoint::new(7, &"later").unwrap());
    let source = sources::items("s", vec![item(0)]);
    let error = Pipeline::new(source).run(&sink).await.unwrap_err();
    assert!(error.to_string().contains("form 7"), "{error}");
    assert!(sink.written().is_empty());
}

struct Forgetful;

#[async_trait]
impl Sink<RawRecord> for Forgetful {
    async fn write(&self, _: &Run, _: ParsedBatch<RawRecord>) -> Result<Written, RunError> {
        Ok(Written::new(vec![Outcome::Created]))
    }
}

#[tokio::test]
async fn a_sink_must_account_for_every_record() {
    let error = Pipeline::new(Numbers::new(1)).parse(Raw).run(&Forgetful).await.unwrap_err();
    assert!(error.to_string().contains("1 outcomes for the 2 records"), "{error}");
}

#[tokio::test]
async fn progress_adds_up() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let pipeline = Pipeline::new(Numbers::new(3)).parse(Picky).on_progress(move |progress| {
        log.lock().unwrap().push((
            progress.batches,
            progress.counters.total(),
            progress.failures.len(),
            progress.notices.len(),
        ));
    });
    pipeline.run(&Memory::default()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(1, 2, 1, 0), (2, 4, 1, 1), (3, 6, 0, 0)]);
}

#[tokio::test]
async fn an_iterator_is_a_source_that_continues_where_it_was() {
    let sink = Memory::default();
    let source = |n: usize| {
        sources::items("s", (0..n).map(item)).with_batch_size(NonZeroUsize::new(3).unwrap())
    };
    let summary = Pipeline::new(source(7)).run(&sink).await.unwrap();
    assert_eq!((summary.batches, summary.counters.created), (3, 7));
    let summary = Pipeline::new(source(9)).run(&sink).await.unwrap();
    assert_eq!(summary.counters.created, 2);
    assert_eq!(sink.written(), ids(0..9));
}
