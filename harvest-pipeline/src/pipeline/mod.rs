//! Putting the stages together.

mod driver;
mod process;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::filter::Filter;
use crate::parser::Parser;
use crate::parsers::Raw;
use crate::run::{Progress, Summary, Ticket};
use crate::sink::Sink;
use crate::source::Source;
use driver::Driver;

/// Source, filters and parser, ready to run into a sink.
///
/// Filters come before the parser, and there is one parser; without one, records go to the sink as
/// [`Raw`]. At most [`prefetch`](Self::prefetch) + [`concurrency`](Self::concurrency) batches are in
/// memory, whatever the length of the list: a source is not asked for more until the sink has
/// stored something.
///
/// See the [crate's front page](crate) for an example.
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<S = Unparsed> {
    source: Arc<dyn Source>,
    filters: Vec<Box<dyn Filter>>,
    stage: S,
    settings: Settings,
}

/// A pipeline to which filters and a parser can be added.
#[derive(Clone, Copy, Debug)]
pub struct Unparsed(());

/// A pipeline that has its parser.
#[derive(Clone, Copy, Debug)]
pub struct With<P>(P);

/// What a [`Pipeline`] has for a parser. Cannot be implemented elsewhere.
pub trait ParseStage: sealed::Sealed {
    /// The parser that runs.
    type Parser: Parser;
    #[doc(hidden)]
    fn into_parser(self) -> Self::Parser;
}

impl ParseStage for Unparsed {
    type Parser = Raw;

    fn into_parser(self) -> Raw {
        Raw
    }
}

impl<P: Parser> ParseStage for With<P> {
    type Parser = P;

    fn into_parser(self) -> P {
        self.0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unparsed {}
    impl<P> Sealed for super::With<P> {}
}

type OnProgress = Box<dyn Fn(&Progress<'_>) + Send + Sync>;

struct Settings {
    resume: Resume,
    ticket: Option<Ticket>,
    cancel: CancellationToken,
    prefetch: usize,
    concurrency: NonZeroUsize,
    on_progress: Option<OnProgress>,
}

/// Where a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// Where the sink says the last run of this source came to; at the beginning if it does not
    /// know.
    #[default]
    FromSink,
    /// At this checkpoint.
    From(Checkpoint),
    /// At the beginning, whatever the sink says.
    Afresh,
}

impl Pipeline {
    /// A pipeline that reads this source.
    pub fn new(source: impl Source + 'static) -> Self {
        Self {
            source: Arc::new(source),
            filters: Vec::new(),
            stage: Unparsed(()),
            settings: Settings {
                resume: Resume::default(),
                ticket: None,
                cancel: CancellationToken::new(),
                prefetch: 1,
                concurrency: NonZeroUsize::MIN.saturating_add(1),
                on_progress: None,
            },
        }
    }

    /// Adds a filter. Filters are asked in the order they were added.
    pub fn filter(mut self, filter: impl Filter + 'static) -> Self {
        self.filters.push(Box::new(filter));
        self
    }

    /// Sets the parser.
    pub fn parse<P: Parser>(self, parser: P) -> Pipeline<With<P>> {
        let Self { source, filters, settings, .. } = self;
        Pipeline { source, filters, stage: With(parser), settings }
    }
}

impl<S: ParseStage> Pipeline<S> {
    /// Sets where the run begins. Left out: where the sink says.
    pub fn resume(mut self, resume: Resume) -> Self {
        self.settings.resume = resume;
        self
    }

    /// Runs what was claimed from a [`RunStore`](crate::store::RunStore): the sink writes under this
    /// ticket, for as long as nobody else has the run. Ending it is left to whoever claimed it.
    pub fn claimed(mut self, ticket: Ticket) -> Self {
        self.settings.ticket = Some(ticket);
        self
    }

    /// Stops the run when the token is cancelled: no further request is sent, the batch that is
    /// being stored is stored completely, and the run ends as
    /// [`Cancelled`](crate::RunState::Cancelled).
    pub fn cancel_with(mut self, token: CancellationToken) -> Self {
        self.settings.cancel = token;
        self
    }

    /// Sets how many batches are fetched ahead. Left out: 1; the source may have some of its own on
    /// their way. Fetching ahead hides the network's latency, and keeps tokens from expiring while the
    /// sink is slow.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.settings.prefetch = batches;
        self
    }

    /// Sets how many batches are worked on at once: one is being stored, the others filtered and
    /// parsed. Left out: 2. The order of the batches is kept.
    pub fn concurrency(mut self, batches: NonZeroUsize) -> Self {
        self.settings.concurrency = batches;
        self
    }

    /// Calls this after every batch that was stored. It should return quickly: the sink waits.
    pub fn on_progress(mut self, report: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.settings.on_progress = Some(Box::new(report));
        self
    }

    /// Runs until the list ends, somebody cancels, or something breaks.
    ///
    /// A record that fails does not end the run; the summary lists it, and its state is then
    /// [`SucceededWithErrors`](crate::RunState::SucceededWithErrors). If this future is dropped, the
    /// source stops and what was committed stays.
    ///
    /// # Errors
    /// If the source breaks off, or the sink cannot store a batch.
    /// [`RunError::summary`] says what was done until then.
    pub async fn run<K>(self, sink: &K) -> Result<Summary, RunError>
    where
        K: Sink<<S::Parser as Parser>::Record> + ?Sized,
    {
        let Self { source, filters, stage, settings } = self;
        Driver::new(source, filters, stage.into_parser(), settings, sink).run().await
    }
}

impl<S> fmt::Debug for Pipeline<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("source", &self.source)
            .field("filters", &self.filters.len())
            .field("resume", &self.settings.resume)
            .field("prefetch", &self.settings.prefetch)
            .field("concurrency", &self.settings.concurrency)
            .finish_non_exhaustive()
    }
}
