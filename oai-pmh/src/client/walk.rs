//! The way through a list, page after page, on a task of its own.
//!
//! While one page is parsed and used, the next is fetched: its token is found at the end of the
//! page before that is parsed. A page is parsed as soon as it is there, even while the one before
//! still is. Behind the page in use one waits, and one is on its way or held; then the repository is
//! asked no more.

use resync_core::transport::{Answer, Payload};
use resync_core::xml::{Issue, IssueKind};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::Client;
use super::exchange::{Asking, peek_token};
use super::known::Known;
use crate::parse::{ListItem, Parser};
use crate::{
    Error, ErrorCode, Flow, Granularity, Page, Paging, PagingLimits, Reason, Request, Result,
    Selection, Verdict,
};

/// What happens on the way.
#[derive(Debug)]
pub(super) enum Event<T> {
    Page(Page<T>),
    End(Verdict),
    Failed(Error),
}

/// Why a walk stopped before its end.
pub(super) enum Halt {
    /// Nobody reads the list any more.
    Dropped,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(super) struct Walker<T> {
    pub(super) client: Client,
    /// The list's first request.
    pub(super) request: Request,
    pub(super) paging: Paging,
    pub(super) known: Known,
    pub(super) asking: Asking,
    /// Whether the tokens on the pages lead through a part of the list only.
    pub(super) is_isolating: bool,
    events: mpsc::Sender<Event<T>>,
}

/// A page under way: asked for, and parsed as soon as it is there. Dropping it ends the exchange.
struct Fetch<T>(JoinSet<Result<Fetched<T>>>);

/// A page that is there, and being parsed.
struct Fetched<T> {
    /// The token at its end, where it could be told beyond doubt.
    token: Option<String>,
    parts: mpsc::Receiver<Result<Page<T>>>,
}

impl<T: ListItem> Fetch<T> {
    async fn page(mut self) -> Result<Fetched<T>> {
        match self.0.join_next().await {
            Some(Ok(fetched)) => fetched,
            _ => Err(Error::not_oai("the request was given up")),
        }
    }
}

impl<T: ListItem> Walker<T> {
    pub(super) fn new(client: Client, request: Request, events: mpsc::Sender<Event<T>>) -> Self {
        let mut walker = Self {
            client,
            request,
            paging: Paging::new(PagingLimits::default()),
            known: Known::default(),
            asking: Asking::default(),
            is_isolating: false,
            events,
        };
        walker.paging = walker.new_paging();
        walker
    }

    fn new_paging(&self) -> Paging {
        let paging = Paging::new(self.client.settings.paging);
        match selection(&self.request) {
            Some(selection) => paging.selected_by(selection),
            None => paging,
        }
    }

    pub(super) async fn run(mut self, token: Option<String>) {
        let event = match self.list(token).await {
            Ok(()) => Event::End(self.paging.verdict()),
            Err(Halt::Failed(error)) => Event::Failed(error),
            Err(Halt::Dropped) => return,
        };
        // Nobody may be there to hear it.
        let _ = self.events.send(event).await;
    }

    /// Follows the list to its end, with whatever it takes.
    async fn list(&mut self, token: Option<String>) -> Result<(), Halt> {
        let mut restarts = 0;
        let mut next = match token {
            Some(token) => {
                self.paging = self.new_paging().resumed();
                self.resume(token)
            }
            None => self.request.clone(),
        };
        loop {
            let error = match self.chain(next).await {
                Err(Halt::Failed(error)) => error,
                end => return end,
            };
            if error.has_code(&ErrorCode::BadResumptionToken) {
                // Tokens expire, and some can be used only once (§3.5): all that is left is to
                // begin anew, and to skip what is known.
                if restarts == self.client.settings.restarts {
                    self.paging.miss(Reason::TokenRejected(error.to_string()));
                    return Ok(());
                }
                restarts += 1;
                tracing::warn!(%error, restarts, "the list is begun anew");
                self.known.recall().map_err(spool_error)?;
                self.paging.restart();
            } else if self.downgrade(&error) {
                tracing::warn!(%error, "the repository does not take seconds: asking for days");
            } else if self.client.takes_apart() && error.is_server_failure() {
                return self.isolate(error).await;
            } else {
                return Err(error.into());
            }
            next = self.request.clone();
        }
    }

    /// Follows one chain of tokens to its end.
    pub(super) async fn chain(&mut self, first: Request) -> Result<(), Halt> {
        let mut fetch = self.fetch(&first);
        let mut asked = first;
        loop {
            let Fetched { token, parts } = fetch.page().await?;
            // One page waits to be taken, one is on its way: more would only take memory.
            drop(self.events.reserve().await.map_err(|_| Halt::Dropped)?);
            let ahead = token.filter(|token| self.paging.is_new(token)).map(|token| {
                let request = self.resume(token);
                (self.fetch(&request), request)
            });
            let flow = match self.page(parts).await {
                Err(Halt::Failed(error)) => {
                    if let Some(again) = self.verbatim(&asked, &error) {
                        fetch = again;
                        continue;
                    }
                    return Err(Halt::Failed(error.with_url(&asked.url(&self.client.base))));
                }
                flow => flow?,
            };
            let Flow::Next(token) = flow else { return Ok(()) };
            let request = self.resume(token.value);
            fetch = match ahead {
                Some((fetch, peeked)) if peeked == request => fetch,
                _ => self.fetch(&request),
            };
            asked = request;
        }
    }

    /// Reads a page and hands it on, part by part.
    async fn page(&mut self, mut parts: mpsc::Receiver<Result<Page<T>>>) -> Result<Flow, Halt> {
        let mut flow = Flow::SamePage;
        while let Some(part) = parts.recv().await {
            let mut part = part?;
            flow = self.paging.accept(&part);
            self.mend(&mut part).await?;
            self.deliver(part).await?;
        }
        match flow {
            Flow::SamePage => Err(Error::not_oai("the parser stopped halfway").into()),
            flow => Ok(flow),
        }
    }

    /// Fetches the broken records of a page by themselves: often they are broken only there.
    async fn mend(&mut self, page: &mut Page<T>) -> Result<(), Halt> {
        if !self.client.takes_apart() {
            return Ok(());
        }
        let Some(prefix) = selection(&self.request).map(|s| s.metadata_prefix().to_owned()) else {
            return Ok(());
        };
        for item in &mut page.items {
            let Err(broken) = item else { continue };
            let Some(identifier) = broken.identifier.clone() else { continue };
            match self.client.get_record(&identifier, &prefix).await {
                Ok(reply) => {
                    let detail = format!("broken in the list ({}), but not alone", broken.message);
                    let issue = Issue::new(IssueKind::Refetched, broken.at, detail);
                    page.issues.push(issue.in_record(&identifier));
                    page.issues.append(reply.issues);
                    if let Some(mended) = T::from_record(reply.body) {
                        *item = Ok(mended);
                    }
                }
                Err(error) => broken.message += &format!("; fetched alone: {error}"),
            }
        }
        Ok(())
    }

    pub(super) async fn deliver(&mut self, mut page: Page<T>) -> Result<(), Halt> {
        page.items.retain(|item| !matches!(item, Ok(item) if self.known.contains(item)));
        page.items.iter().flatten().for_each(|item| self.known.insert(item));
        self.known.spill().map_err(spool_error)?;
        if self.is_isolating {
            page.token = None;
        }
        self.events.send(Event::Page(page)).await.map_err(|_| Halt::Dropped)
    }

    fn fetch(&self, request: &Request) -> Fetch<T> {
        let (client, request, asking) = (self.client.clone(), request.clone(), self.asking);
        let mut task = JoinSet::new();
        let fetching = async move {
            let answer = client.ask(&request, asking).await?;
            let token = peek_token(&answer);
            Ok(Fetched { token, parts: parse(answer, client.settings.parser) })
        };
        task.spawn(fetching.in_current_span());
        Fetch(task)
    }

    fn resume(&self, token: String) -> Request {
        Request::Resume { verb: T::VERB, token }
    }

    /// A second try for servers that do not decode tokens: theirs must be sent as they are.
    fn verbatim(&mut self, asked: &Request, error: &Error) -> Option<Fetch<T>> {
        let is_encoded = asked.verbatim_url(&self.client.base) != asked.url(&self.client.base);
        if !error.has_code(&ErrorCode::BadResumptionToken) || self.asking.is_verbatim || !is_encoded
        {
            return None;
        }
        self.asking.is_verbatim = true;
        Some(self.fetch(asked))
    }

    /// Asks for days where seconds are refused, whatever the repository says its granularity is.
    fn downgrade(&mut self, error: &Error) -> bool {
        let (Request::ListRecords(selection) | Request::ListIdentifiers(selection)) =
            &mut self.request
        else {
            return false;
        };
        let days = selection.time_span().at(Granularity::Day);
        if !error.has_code(&ErrorCode::BadArgument) || days == *selection.time_span() {
            return false;
        }
        *selection = selection.clone().window(days);
        self.paging = self.new_paging();
        true
    }
}

/// Parses on a thread of its own, so that it holds up neither the network nor other lists.
fn parse<T: ListItem>(answer: Answer, parser: Parser) -> mpsc::Receiver<Result<Page<T>>> {
    let (sender, receiver) = mpsc::channel(1);
    let charset = answer.charset();
    tokio::task::spawn_blocking(move || match answer.payload {
        Payload::Memory(body) => {
            // Whoever asked may have gone.
            let _ = sender.blocking_send(parser.page(body, charset.as_deref()));
        }
        Payload::Spooled(spool) => {
            let body = match spool.reader() {
                Ok(body) => body,
                Err(error) => return drop(sender.blocking_send(Err(spool_error(error)))),
            };
            let mut parts = parser.parts(body, charset.as_deref());
            while let Some(part) = parts.next_part().transpose() {
                if sender.blocking_send(part).is_err() {
                    return;
                }
            }
        }
        _ => {}
    });
    receiver
}

/// What a list was selected by.
pub(super) fn selection(request: &Request) -> Option<&Selection> {
    match request {
        Request::ListRecords(selection) | Request::ListIdentifiers(selection) => Some(selection),
        _ => None,
    }
}

fn spool_error(error: std::io::Error) -> Error {
    let what = "a temporary file cannot be used";
    resync_core::Error::new(resync_core::ErrorKind::Io, what).with_source(error).into()
}
