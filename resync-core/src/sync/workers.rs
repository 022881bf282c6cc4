//! Those who fetch.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::download::{Downloads, Got, Received, Wanted, http_time};
use super::run::{Told, lock};
use super::state::{self, Listed, PendingChange};
use super::store::{Adopt, Content, Put, StoreHandle, Touch};
use super::{Event, Options, Place};
use crate::document::Change;
use crate::fixity::Proof;
use crate::{Error, ErrorKind, Result};

/// How many contents of packages may be on their way to the store.
const UNDER_WAY: usize = 256;

/// Something that takes more than a look at the list.
pub(super) enum Work {
    Fetch(Box<Job>),
    Adopt(Box<Adopt>),
    Touch(Box<Touch>),
    Keep(Box<Kept>),
    Forget(String),
    /// There is a newer change than the one that waits.
    Settle(String),
}

/// Content that came in a package.
pub(super) struct Kept {
    pub(super) put: Put,
    pub(super) is_new: bool,
    pub(super) proof: Proof,
    pub(super) bytes: u64,
}

/// A resource that is to be fetched.
pub(super) struct Job {
    pub(super) wanted: Wanted,
    pub(super) place: Place,
    pub(super) document: Option<i64>,
    pub(super) listed: Listed,
    pub(super) mtime: Option<SystemTime>,
    pub(super) is_new: bool,
}

impl Told {
    pub(super) fn would_write(&self, job: &Job) {
        let bytes = job.listed.length.unwrap_or(0);
        self.written(&job.wanted.uri, &job.place, bytes, job.is_new, None);
    }

    fn written(&self, uri: &str, place: &Place, bytes: u64, is_new: bool, proof: Option<Proof>) {
        self.event(&Event::Written { uri, place: place.as_str(), bytes, is_new });
        let mut report = self.report();
        match is_new {
            true => report.created += 1,
            false => report.updated += 1,
        }
        report.bytes += bytes;
        match proof {
            Some(Proof::Strong) => report.proven += 1,
            Some(Proof::Weak | Proof::LengthOnly) => report.checked += 1,
            Some(Proof::Nothing) | None => {}
        }
    }
}

/// Those who fetch, as many at a time as are allowed.
pub(super) struct Workers {
    pub(super) store: StoreHandle,
    thread: JoinHandle<()>,
    downloads: Arc<Downloads>,
    told: Arc<Told>,
    running: JoinSet<Result<()>>,
    most: usize,
    /// The resources that are being fetched.
    pub(super) busy: Arc<Mutex<HashSet<String>>>,
    /// The documents of which something could not be had.
    pub(super) failed: Arc<Mutex<HashSet<i64>>>,
    /// Whether what could not be had waits for the next run.
    pub(super) postpones: bool,
}

impl Workers {
    pub(super) fn new(
        (store, thread): (StoreHandle, JoinHandle<()>),
        downloads: Arc<Downloads>,
        told: Arc<Told>,
        options: &Options,
    ) -> Self {
        Self {
            store,
            thread,
            downloads,
            told,
            running: JoinSet::new(),
            most: options.concurrency.get(),
            busy: Arc::default(),
            failed: Arc::default(),
            postpones: false,
        }
    }

    /// Does what is planned, until no more comes. What is under way then goes on.
    ///
    /// # Errors
    /// When the folder or the state cannot be written.
    pub(super) async fn work(&mut self, mut planned: mpsc::Receiver<Work>) -> Result<()> {
        let mut kept = VecDeque::new();
        while let Some(work) = planned.recv().await {
            match work {
                Work::Keep(it) => {
                    let Kept { put, is_new, proof, bytes } = *it;
                    let (uri, place) = (put.uri.clone(), put.place.clone());
                    let ack = self.store.put(put).await?;
                    kept.push_back((ack, uri, place, is_new, proof, bytes));
                    if kept.len() < UNDER_WAY {
                        continue;
                    }
                    let Some((ack, uri, place, is_new, proof, bytes)) = kept.pop_front() else {
                        continue;
                    };
                    ack.await?;
                    self.told.written(&uri, &place, bytes, is_new, Some(proof));
                }
                Work::Forget(uri) => drop(self.store.forget(uri).await?),
                Work::Settle(uri) => {
                    let settle = move |group: &mut state::Group<'_>| group.settle(&uri);
                    self.store.write(settle).await?;
                }
                Work::Fetch(job) => self.fetch(job).await?,
                Work::Adopt(adopt) => drop(self.store.adopt(*adopt).await?),
                Work::Touch(touch) => drop(self.store.touch(*touch).await?),
            }
        }
        for (ack, uri, place, is_new, proof, bytes) in kept {
            ack.await?;
            self.told.written(&uri, &place, bytes, is_new, Some(proof));
        }
        Ok(())
    }

    pub(super) async fn fetch(&mut self, job: Box<Job>) -> Result<()> {
        while self.running.len() >= self.most {
            self.one().await?;
        }
        let (store, downloads, told) =
            (self.store.clone(), Arc::clone(&self.downloads), Arc::clone(&self.told));
        let (busy, failed) = (Arc::clone(&self.busy), Arc::clone(&self.failed));
        let postpones = self.postpones;
        self.running.spawn(async move {
            let uri = job.wanted.uri.clone();
            let document = job.document;
            let fetched = downloads.fetch(&job.wanted).await;
            let stored = match fetched {
                Ok(got) => keep(*job, got, &store, &told).await,
                Err(error) => {
                    let message = with_causes(&error);
                    told.fail(&uri, &*message);
                    lock(&failed).extend(document);
                    match postpones {
                        true => postpone(&store, *job, message).await,
                        false => Ok(()),
                    }
                }
            };
            lock(&busy).remove(&uri);
            stored
        });
        Ok(())
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// When the folder or the state cannot be written.
    pub(super) async fn drain(&mut self) -> Result<()> {
        while !self.running.is_empty() {
            self.one().await?;
        }
        Ok(())
    }

    /// Waits until the store has let go of the folder, so that the next run can begin at once. What
    /// is under way is given up.
    pub(super) async fn end(self) {
        let Self { store, thread, mut running, .. } = self;
        running.shutdown().await;
        // Its thread ends when nobody has anything for it any more.
        drop(store);
        // It has reported all errors that it had.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }

    async fn one(&mut self) -> Result<()> {
        match self.running.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(cause)) => {
                Err(Error::new(ErrorKind::Io, "a download was given up").with_source(cause))
            }
            None => Ok(()),
        }
    }
}

/// Has a change wait for the next run.
async fn postpone(store: &StoreHandle, job: Job, message: String) -> Result<()> {
    let Wanted { uri, mirrors, .. } = job.wanted;
    let change = if job.is_new { Change::Created } else { Change::Updated };
    let listed = job.listed;
    let change =
        PendingChange { uri, time: i64::MIN, seq: 0, change, listed, package: None, mirrors };
    let postpone = move |group: &mut state::Group<'_>| {
        // One that came in a list is kept already; one that came in a package is not.
        group.put_change(&change)?;
        group.postpone(&change.uri, &message)
    };
    store.write(postpone).await
}

/// Hands what came to the store, and waits until it is kept: what is under way or not yet kept is
/// what a sudden end costs.
async fn keep(job: Job, got: Got, store: &StoreHandle, told: &Told) -> Result<()> {
    let content = match got {
        Got::Content(content) => content,
        Got::NotModified => {
            told.event(&Event::Same { uri: &job.wanted.uri });
            told.report().same += 1;
            let Job { wanted, document, listed, .. } = job;
            let touch = Touch { uri: wanted.uri, document, listed, validators: None };
            return store.touch(touch).await?.await;
        }
    };
    let modified = content.validators.last_modified.as_deref();
    let mtime = job.mtime.or_else(|| modified.and_then(http_time));
    let bytes = content.measured.len;
    let proof = content.proof;
    let put = Put {
        uri: job.wanted.uri.clone(),
        place: job.place.clone(),
        document: job.document,
        listed: job.listed.clone(),
        validators: content.validators,
        body: match content.body {
            Received::Memory(bytes) => Content::Memory(bytes),
            Received::Temp(name) => Content::Temp(name),
        },
        measured: content.measured,
        mtime,
    };
    store.put(put).await?.await?;
    told.written(&job.wanted.uri, &job.place, bytes, job.is_new, Some(proof));
    Ok(())
}

/// The error and its causes, on one line.
pub(super) fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
