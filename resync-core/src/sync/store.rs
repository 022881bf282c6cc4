//! The thread that writes: files to their places, what is known of them to the state.

mod files;
mod handle;
mod recover;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{iter, mem};

use tokio::sync::Semaphore;

pub use self::handle::{Ack, Adopt, Content, Put, Recovered, StoreHandle, Totals, Touch};

use self::files::{Staged, at, at_temp, failed, gone, nanos, put_in_place, remove_files, stage};
use self::handle::{Message, Task, Work};
use super::Tree;
use super::state::{State, Write};
use crate::Result;

/// How many messages become one transaction.
const GROUP: usize = 64;
/// What may wait for the store, in KiB of memory; a message counts as one at least.
const QUEUE: u32 = 64 * 1024;
/// When files are put in their places: so many, so many bytes, so long after the first.
const BATCH: usize = 1000;
const BATCH_BYTES: u64 = 64 << 20;
const BATCH_TIME: Duration = Duration::from_secs(1);

/// How the store works.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Whether files are durable and in their places before they are acknowledged.
    pub fsync_each: bool,
    /// Whether files are never put in their places, as if the process were killed before.
    #[cfg(test)]
    pub(super) stop_before_install: bool,
}

/// The store: see [`Store::start`].
#[derive(Debug)]
pub struct Store {
    tree: Arc<Tree>,
    state: State,
    options: StoreOptions,
    staged: BTreeMap<i64, Staged>,
    staged_bytes: u64,
    since: Option<Instant>,
    /// Files that the next commit makes superfluous.
    stale: Vec<String>,
    batch: i64,
    totals: Totals,
    failure: Option<String>,
}

impl Store {
    /// Mends what an earlier run may have left, and starts the thread that writes.
    ///
    /// # Errors
    /// When the file system or the database says no.
    pub fn start(
        tree: Arc<Tree>,
        state: State,
        options: StoreOptions,
    ) -> Result<(StoreHandle, JoinHandle<()>)> {
        let mut store = Self {
            tree,
            state,
            options,
            staged: BTreeMap::new(),
            staged_bytes: 0,
            since: None,
            stale: Vec::new(),
            batch: 0,
            totals: Totals::default(),
            failure: None,
        };
        let recovered = store.recover()?;
        let (sender, receiver) = mpsc::channel();
        let room = Arc::new(Semaphore::new(QUEUE as usize));
        let thread = thread::Builder::new()
            .name("resync-store".to_owned())
            .spawn(move || store.run(&receiver))
            .map_err(|cause| failed("cannot start a thread").with_source(cause))?;
        Ok((StoreHandle { sender, room, recovered }, thread))
    }

    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            let first = match self.since {
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) => receiver.recv_timeout(BATCH_TIME.saturating_sub(since.elapsed())),
            };
            match first {
                Ok(first) => {
                    let rest = receiver.try_iter().take(GROUP - 1);
                    self.handle(iter::once(first).chain(rest).collect());
                }
                Err(RecvTimeoutError::Timeout) => drop(self.unless_failed(Self::install)),
                Err(RecvTimeoutError::Disconnected) => {
                    // What cannot be put in its place now, the next run may.
                    drop(self.unless_failed(Self::settle));
                    return;
                }
            }
        }
    }

    // After the first error, everything else gets the same.
    fn unless_failed<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let Some(failure) = &self.failure {
            return Err(failed(failure.clone()));
        }
        let result = act(self);
        if let Err(error) = &result {
            self.failure = Some(error.to_string());
            self.since = None;
        }
        result
    }

    fn handle(&mut self, messages: Vec<Message>) {
        let (mut works, mut replies, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
        // Given back when what takes it has been dealt with.
        let mut rooms = Vec::new();
        for Message { task, room } in messages {
            rooms.push(room);
            match task {
                Task::Work(work, reply) => {
                    works.push(work);
                    replies.push(reply);
                }
                Task::Flush(reply) => flushes.push(reply),
            }
        }
        let kept = self.unless_failed(|store| {
            if !works.is_empty() {
                store.commit(works)?;
            }
            if store.options.fsync_each { store.settle() } else { Ok(()) }
        });
        drop(rooms);
        for reply in replies {
            reply(match &kept {
                Ok(()) => Ok(()),
                Err(error) => Err(failed(error.to_string())),
            });
        }
        let is_due = self.staged.len() >= BATCH
            || self.staged_bytes >= BATCH_BYTES
            || self.since.is_some_and(|since| since.elapsed() >= BATCH_TIME);
        if is_due && flushes.is_empty() {
            // Whoever comes next is told.
            drop(self.unless_failed(Self::install));
        }
        for reply in flushes {
            let settled = self.unless_failed(Self::settle).map(|()| self.totals);
            // Nobody may want to know any more.
            drop(reply.send(settled));
        }
    }

    // One transaction. From its end on, all of it survives the end of the process.
    fn commit(&mut self, works: Vec<Work>) -> Result<()> {
        let Self { tree, state, staged, stale, totals, batch, .. } = self;
        let mut group = state.group()?;
        for work in works {
            match work {
                Work::Put(put) => {
                    let (id, file) = stage(tree, &mut group, *put, *batch)?;
                    // Not removed before the row that names it has changed.
                    stale.extend(staged.insert(id, file).map(|before| before.temp));
                }
                Work::Adopt(adopt) => {
                    let known = group.session().lookup(&adopt.uri)?;
                    let stat = tree.stat(&adopt.place).map_err(at(&adopt.place))?;
                    let row = Write {
                        uri: &adopt.uri,
                        place: &adopt.place,
                        document: adopt.document,
                        listed: &adopt.listed,
                        validators: &adopt.validators,
                        length: adopt.measured.len,
                        mtime: stat.map(|stat| nanos(stat.modified)),
                        sha256: adopt.measured.sha256(),
                        batch: 0,
                        temp: None,
                        old_place: None,
                    };
                    let id = group.write(known.map(|known| known.id), &row)?;
                    stale.extend(staged.remove(&id).map(|before| before.temp));
                    totals.adopted += 1;
                }
                Work::Touch(touch) => {
                    let Some(known) = group.session().lookup(&touch.uri)? else { continue };
                    let Touch { document, listed, validators, .. } = *touch;
                    group.touch(known.id, document, &listed, validators.as_ref())?;
                }
                Work::Forget(uri) => {
                    let Some(known) = group.session().lookup(&uri)? else { continue };
                    // The file first: a row without a file is found out, the reverse is not.
                    remove_files(tree, &known)?;
                    group.forget(known.id)?;
                    stale.extend(staged.remove(&known.id).map(|before| before.temp));
                    totals.forgotten += 1;
                }
                Work::Run(run) => run(&mut group)?,
            }
        }
        group.commit()?;
        for temp in stale.drain(..) {
            tree.remove_temp(&temp).map_err(at_temp(&temp))?;
        }
        self.staged_bytes = self.staged.values().map(|file| file.length).sum();
        if self.staged.is_empty() {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
        }
        Ok(())
    }

    // Puts what is staged in its place.
    fn install(&mut self) -> Result<()> {
        self.since = None;
        #[cfg(test)]
        if self.options.stop_before_install {
            return Ok(());
        }
        if self.staged.is_empty() {
            return Ok(());
        }
        let temps: Vec<String> = self.staged.values().map(|file| file.temp.clone()).collect();
        // This also makes durable where the files of the batch before went.
        self.tree.make_durable(&temps).map_err(at_temp("*"))?;
        // A file must not come to its place before the row that says so is safe.
        self.state.make_durable(self.batch)?;
        let mut group = self.state.group()?;
        for (id, file) in mem::take(&mut self.staged) {
            if put_in_place(&self.tree, &mut group, id, &file)? {
                self.totals.installed += 1;
                self.totals.bytes += file.length;
            } else {
                self.totals.failed += 1;
            }
        }
        group.put_meta("durable_batch", &(self.batch - 1).to_string())?;
        group.commit()?;
        self.batch += 1;
        self.staged_bytes = 0;
        Ok(())
    }

    // The same, so that not even a loss of power takes anything back.
    fn settle(&mut self) -> Result<()> {
        self.install()?;
        #[cfg(test)]
        if self.options.stop_before_install {
            return Ok(());
        }
        self.tree.make_durable(&[]).map_err(at_temp("*"))?;
        let mut group = self.state.group()?;
        group.put_meta("durable_batch", &(self.batch - 1).to_string())?;
        group.commit()?;
        self.state.make_durable(self.batch - 1)
    }
}
