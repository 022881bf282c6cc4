//! The thread that writes: files to their places, what is known of them to the state.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{io, iter, mem};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::state::{Group, Known, Listed, State, Validators, Write};
use super::{InstallError, Place, Places, Tree};
use crate::document::Algorithm;
use crate::fixity::{self, Measured};
use crate::{Error, ErrorKind, Result};

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

/// Where to send what is to be stored.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    sender: Sender<Message>,
    room: Arc<Semaphore>,
    recovered: Recovered,
}

/// What an earlier run that was cut off had left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Files that only had to be put in their places.
    pub installed: u64,
    /// Resources whose files are missing or damaged; they have to be fetched again.
    pub forgotten: u64,
    /// Files that belong to nothing, and were removed.
    pub removed: u64,
}

/// What the store has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Files put in their places.
    pub installed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files found in their places.
    pub adopted: u64,
    /// Resources forgotten, and their files removed.
    pub forgotten: u64,
    /// Files that could be put nowhere.
    pub failed: u64,
}

/// New content of a resource.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // all of it is needed
pub struct Put {
    /// The resource.
    pub uri: String,
    /// Where its file should be; it goes to [`Places::fallback`] if that is taken.
    pub place: Place,
    /// The row of the document that lists it.
    pub document: Option<i64>,
    /// What that says.
    pub listed: Listed,
    /// What the server said with it.
    pub validators: Validators,
    /// The content.
    pub body: Content,
    /// Its length and digests.
    pub measured: Measured,
    /// The time the file is to have.
    pub mtime: Option<SystemTime>,
}

/// Where new content is.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // there are no other places
pub enum Content {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file of this name, made by [`Tree::create_temp`].
    Temp(String),
}

/// A file that is in its place already, and right.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // all of it is needed
pub struct Adopt {
    /// The resource.
    pub uri: String,
    /// Where its file is.
    pub place: Place,
    /// The row of the document that lists it.
    pub document: Option<i64>,
    /// What that says.
    pub listed: Listed,
    /// What the server said with it.
    pub validators: Validators,
    /// Its length and digests.
    pub measured: Measured,
}

/// News of a resource whose content stays.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // all of it is needed
pub struct Touch {
    /// The resource.
    pub uri: String,
    /// The row of the document that lists it now.
    pub document: Option<i64>,
    /// What that says.
    pub listed: Listed,
    /// What the server said, if it was asked.
    pub validators: Option<Validators>,
}

/// Resolves once something is kept: from then on, it survives the end of the process.
#[derive(Debug)]
pub struct Ack<T = ()>(oneshot::Receiver<Result<T>>);

struct Message {
    task: Task,
    // Held until the message is dealt with.
    _room: Option<OwnedSemaphorePermit>,
}

enum Task {
    Work(Work, Reply),
    Flush(oneshot::Sender<Result<Totals>>),
}

enum Work {
    Put(Box<Put>),
    Adopt(Box<Adopt>),
    Touch(Box<Touch>),
    Forget(String),
    Run(Change),
}

type Change = Box<dyn FnOnce(&mut Group<'_>) -> Result<()> + Send>;
type Reply = Box<dyn FnOnce(Result<()>) + Send>;

impl StoreHandle {
    /// What an earlier run that was cut off had left.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Stores new content. Returns as soon as there is room for it.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn put(&self, put: Put) -> Result<Ack> {
        let bytes = if let Content::Memory(bytes) = &put.body { bytes.len() } else { 0 };
        self.work(bytes, Work::Put(Box::new(put))).await
    }

    /// Takes over a file that is in its place already.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn adopt(&self, adopt: Adopt) -> Result<Ack> {
        self.work(0, Work::Adopt(Box::new(adopt))).await
    }

    /// Notes news of a resource whose content stays; nothing happens if it is not known.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn touch(&self, touch: Touch) -> Result<Ack> {
        self.work(0, Work::Touch(Box::new(touch))).await
    }

    /// Forgets a resource and removes its file; nothing happens if it is not known.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn forget(&self, uri: impl Into<String>) -> Result<Ack> {
        self.work(0, Work::Forget(uri.into())).await
    }

    /// Changes the state in other ways, in one transaction with what was sent before, and returns
    /// what comes of it.
    ///
    /// # Errors
    /// Of the changes themselves, which ends the store as any other error does; or when the store
    /// is gone.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Group<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = Arc::new(Mutex::new(None));
        let result = Arc::clone(&slot);
        let run = move |group: &mut Group<'_>| {
            let value = change(group)?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
        };
        self.work(0, Work::Run(Box::new(run))).await?.await?;
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(gone)
    }

    /// Puts everything in its place, and makes it durable.
    ///
    /// # Errors
    /// When the file system or the database says no.
    pub async fn flush(&self) -> Result<Totals> {
        let (reply, ack) = oneshot::channel();
        self.send(0, Task::Flush(reply)).await?;
        Ack(ack).await
    }

    /// The same, at the end. The store's thread ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the file system or the database says no.
    pub async fn finish(self) -> Result<Totals> {
        self.flush().await
    }

    async fn work(&self, bytes: usize, work: Work) -> Result<Ack> {
        let (reply, ack) = oneshot::channel();
        // Nobody may want to know any more.
        let reply = |result| drop(reply.send(result));
        self.send(bytes, Task::Work(work, Box::new(reply))).await?;
        Ok(Ack(ack))
    }

    async fn send(&self, bytes: usize, task: Task) -> Result<()> {
        let size = u32::try_from(bytes / 1024 + 1).unwrap_or(QUEUE).min(QUEUE);
        let room = Arc::clone(&self.room).acquire_many_owned(size).await.ok();
        self.sender.send(Message { task, _room: room }).map_err(|_| gone())
    }
}

impl<T> Future for Ack<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.0).poll(context).map(|kept| kept.unwrap_or_else(|_| Err(gone())))
    }
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

#[derive(Clone, Debug)]
struct Staged {
    uri: String,
    place: Place,
    temp: String,
    length: u64,
    /// The time it is still to get.
    mtime: Option<SystemTime>,
    old_place: Option<Place>,
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
        let mut room = Vec::new();
        for Message { task, _room } in messages {
            room.push(_room);
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
        drop(room);
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

    fn recover(&mut self) -> Result<Recovered> {
        let mut recovered = Recovered::default();
        let mut group = self.state.group()?;
        let mut number = |name: &str| {
            let kept = group.session().meta(name)?;
            Ok::<i64, Error>(kept.and_then(|text| text.parse().ok()).unwrap_or(0))
        };
        let (last, durable) = (number("batch")?, number("durable_batch")?);
        drop(group);
        // Rows of the batch that was being filled have a higher number.
        self.batch = last + 1;
        let mut after = i64::MIN;
        loop {
            let mut group = self.state.group()?;
            let page = group.session().doubtful(after, None)?;
            drop(group);
            let Some(end) = page.last().map(|row| row.id) else { break };
            after = end;
            let mut whole = Vec::new();
            for row in page {
                let is_whole = match &row.temp {
                    Some(temp) => matches(open_temp(&self.state, temp), &row, temp)?,
                    None => false,
                };
                whole.push((row, is_whole));
            }
            let temps = whole.iter().filter(|(_, is_whole)| *is_whole);
            let temps: Vec<String> = temps.filter_map(|(row, _)| row.temp.clone()).collect();
            self.tree.make_durable(&temps).map_err(at_temp("*"))?;
            let mut group = self.state.group()?;
            for (row, is_whole) in whole {
                let id = row.id;
                let place = Place::from_kept(&row.place);
                let mended = match (place, row.temp.clone()) {
                    (Some(place), Some(temp)) => {
                        let found = Staged {
                            place,
                            temp,
                            length: row.length,
                            mtime: row.mtime.and_then(time),
                            old_place: row.old_place.as_deref().and_then(Place::from_kept),
                            uri: row.uri.clone(),
                        };
                        if is_whole {
                            put_in_place(&self.tree, &mut group, id, &found)?
                        } else {
                            // It may have been put in its place, and only the row does not say so.
                            recognize(&self.tree, &mut group, &row, &found)?
                        }
                    }
                    _ => false,
                };
                if mended {
                    recovered.installed += 1;
                } else {
                    group.forget(id)?;
                    recovered.forgotten += 1;
                }
            }
            group.commit()?;
        }
        if last > durable {
            recovered.forgotten += self.check_late(durable)?;
        }
        let nothing = HashSet::new();
        let removed = self.tree.clear_temps_except(&nothing).map_err(at_temp("*"))?;
        recovered.removed = removed as u64;
        self.batch += 1;
        self.settle()?;
        Ok(recovered)
    }

    // Looks at files that were put in their places, but may not have stayed there.
    fn check_late(&mut self, durable: i64) -> Result<u64> {
        let (mut after, mut forgotten) = (i64::MIN, 0);
        loop {
            let mut group = self.state.group()?;
            let page = group.session().doubtful(after, Some(durable))?;
            let Some(end) = page.last().map(|row| row.id) else { return Ok(forgotten) };
            after = end;
            for row in page.iter().filter(|row| row.error.is_none()) {
                let place = Place::from_kept(&row.place);
                let is_right = match &place {
                    Some(place) => matches(self.tree.open_file(place), row, place.as_str())?,
                    None => false,
                };
                if !is_right {
                    group.forget(row.id)?;
                    forgotten += 1;
                }
            }
            group.commit()?;
        }
    }
}

// Writes the content down, under a name that nobody knows but the row.
fn stage(tree: &Tree, group: &mut Group<'_>, put: Put, batch: i64) -> Result<(i64, Staged)> {
    let Put { uri, place, document, listed, validators, body, measured, mtime } = put;
    // What is written here gets its time at once, which saves opening it again.
    let (temp, time_left) = match body {
        Content::Memory(bytes) => (tree.write_temp(&bytes, mtime).map_err(at_temp("*"))?, None),
        Content::Temp(name) => (name, mtime),
    };
    let known = group.session().lookup(&uri)?;
    let place = free_place(group, place, &uri)?;
    // Of a file that waits still, the place does not matter, but that of the one before it.
    let old_place = known
        .as_ref()
        .filter(|known| known.error.is_none())
        .and_then(|known| Place::from_kept(known.old_place.as_ref().unwrap_or(&known.place)))
        .filter(|old| *old != place);
    let row = Write {
        uri: &uri,
        place: &place,
        document,
        listed: &listed,
        validators: &validators,
        length: measured.len,
        mtime: mtime.map(nanos),
        sha256: measured.sha256(),
        batch,
        temp: Some(&temp),
        old_place: old_place.as_ref().map(Place::as_str),
    };
    let id = group.write(known.map(|known| known.id), &row)?;
    Ok((id, Staged { uri, place, temp, length: measured.len, mtime: time_left, old_place }))
}

fn free_place(group: &mut Group<'_>, wanted: Place, uri: &str) -> Result<Place> {
    // The last goes by the exact spelling: a source may list one URL in several.
    let exact = Places::fallback(&format!("resync:{uri}"));
    for place in [wanted, Places::fallback(uri), exact] {
        let owner = group.session().place_taken_by(place.key())?;
        if owner.is_none_or(|owner| owner == uri) {
            return Ok(place);
        }
    }
    // Two URIs with the same hash.
    Err(failed(format!("there is no place left for {uri}")))
}

// `false` if there is none that the file system would have.
fn put_in_place(tree: &Tree, group: &mut Group<'_>, id: i64, file: &Staged) -> Result<bool> {
    let mut place = file.place.clone();
    let mut result = tree.install(&file.temp, &place, file.mtime);
    let fallback = Places::fallback(&file.uri);
    if matches!(result, Err(InstallError::Occupied)) && fallback != place {
        let owner = group.session().place_taken_by(fallback.key())?;
        if owner.is_none_or(|owner| owner == file.uri) {
            place = fallback;
            group.relocate(id, &place)?;
            result = tree.install(&file.temp, &place, file.mtime);
        }
    }
    match result {
        Ok(()) => {}
        Err(error @ InstallError::Occupied) => {
            group.quarantine(id, &error.to_string())?;
            tree.remove_temp(&file.temp).map_err(at_temp(&file.temp))?;
            return Ok(false);
        }
        Err(InstallError::Io(cause)) => return Err(at(&place)(cause)),
    }
    finish_install(tree, group, id, &place, file)?;
    Ok(true)
}

fn finish_install(
    tree: &Tree,
    group: &mut Group<'_>,
    id: i64,
    place: &Place,
    file: &Staged,
) -> Result<()> {
    let stat = tree.stat(place).map_err(at(place))?;
    group.install(id, stat.map(|stat| nanos(stat.modified)))?;
    // Another may have moved in since.
    if let Some(old) = file.old_place.as_ref().filter(|old| *old != place)
        && group.session().place_taken_by(old.key())?.is_none()
    {
        tree.remove(old).map_err(at(old))?;
    }
    Ok(())
}

// Whether a file that waits no more is in its place, or in the other that it may have got.
fn recognize(tree: &Tree, group: &mut Group<'_>, row: &Known, file: &Staged) -> Result<bool> {
    for place in [file.place.clone(), Places::fallback(&file.uri)] {
        if matches(tree.open_file(&place), row, place.as_str())? {
            if place != file.place {
                let owner = group.session().place_taken_by(place.key())?;
                if owner.is_some_and(|owner| owner != file.uri) {
                    continue;
                }
                group.relocate(row.id, &place)?;
            }
            finish_install(tree, group, row.id, &place, file)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove_files(tree: &Tree, known: &Known) -> Result<()> {
    // What is in the way of a file is not ours.
    let place = known.error.is_none().then_some(known.place.as_str());
    for place in place.into_iter().chain(known.old_place.as_deref()) {
        let Some(place) = Place::from_kept(place) else { continue };
        tree.remove(&place).map_err(at(&place))?;
    }
    Ok(())
}

// Whether a file is there and has the content that the row says. Without a digest, nobody can tell.
fn matches(file: io::Result<File>, row: &Known, path: &str) -> Result<bool> {
    let Some(sha256) = row.sha256 else { return Ok(false) };
    let measure = || -> io::Result<bool> {
        let file = file?;
        if file.metadata()?.len() != row.length {
            return Ok(false);
        }
        let measured = fixity::of_file(file, [Algorithm::Sha256])?;
        Ok(measured.len == row.length && measured.sha256() == Some(sha256))
    };
    match measure() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map_err(|cause| unusable(path, cause)),
    }
}

fn open_temp(state: &State, name: &str) -> io::Result<File> {
    let path = state.temp_path(name).ok_or(io::ErrorKind::NotFound)?;
    // Opening a pipe would wait for whoever writes to it.
    if !path.symlink_metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    File::open(path)
}

// In nanoseconds since 1970.
fn nanos(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

fn time(nanos: i64) -> Option<SystemTime> {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn at(place: &Place) -> impl Fn(io::Error) -> Error {
    move |cause| unusable(place.as_str(), cause)
}

fn at_temp(name: &str) -> impl Fn(io::Error) -> Error {
    move |cause| unusable(&format!(".resync/tmp/{name}"), cause)
}

fn unusable(path: &str, cause: io::Error) -> Error {
    failed(format!("{path}: {cause}")).with_source(cause)
}

fn failed(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::Io, detail)
}

fn gone() -> Error {
    failed("the store is gone")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::fixity::Fixity;

    const AT: &str = "http://h/base/";

    fn start(root: &Path, stop_before_install: bool) -> (StoreHandle, JoinHandle<()>) {
        let tree = Arc::new(Tree::open(root).unwrap());
        let options = StoreOptions { stop_before_install, ..StoreOptions::default() };
        Store::start(tree, State::open(root).unwrap(), options).unwrap()
    }

    fn put(name: &str, content: &[u8]) -> Put {
        let uri = format!("{AT}{name}");
        let mut fixity = Fixity::new([Algorithm::Sha256]);
        fixity.update(content);
        Put {
            place: Places::new(AT.parse().unwrap()).place(&uri),
            uri,
            document: Some(1),
            listed: Listed { lastmod: Some(7), ..Listed::default() },
            validators: Validators::default(),
            body: Content::Memory(content.to_vec()),
            measured: fixity.finish(),
            mtime: time(1_000_000_000_000_000_000),
        }
    }

    async fn stored(store: &StoreHandle, name: &str, content: &[u8]) {
        store.put(put(name, content)).await.unwrap().await.unwrap();
    }

    // As if the process had ended: the thread does nothing more.
    fn end(store: StoreHandle, thread: JoinHandle<()>) {
        drop(store);
        thread.join().unwrap();
    }

    fn known(root: &Path, name: &str) -> Option<Known> {
        let state = State::open(root).unwrap();
        state.reader().unwrap().lookup(&format!("{AT}{name}")).unwrap()
    }

    fn temps(root: &Path) -> Vec<std::path::PathBuf> {
        fs::read_dir(root.join(".resync/tmp")).unwrap().map(|it| it.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn what_is_put_is_there_and_known() {
        let root = TempDir::new().unwrap();
        let (store, thread) = start(root.path(), false);
        stored(&store, "a/b.txt", b"old").await;
        stored(&store, "a/b.txt", b"new").await;
        let totals = store.flush().await.unwrap();
        assert_eq!((totals.installed, totals.bytes), (1, 3));
        let path = root.path().join("a/b.txt");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let modified = path.metadata().unwrap().modified().unwrap();
        assert_eq!(Some(modified), time(1_000_000_000_000_000_000));
        assert!(temps(root.path()).is_empty());
        end(store, thread);
        let row = known(root.path(), "a/b.txt").unwrap();
        assert_eq!((row.mtime, row.length, row.temp), (Some(1_000_000_000_000_000_000), 3, None));
        let (store, thread) = start(root.path(), false);
        assert_eq!(store.recovered(), Recovered::default());
        store.forget(format!("{AT}a/b.txt")).await.unwrap().await.unwrap();
        assert!(!path.exists() && !root.path().join("a").exists());
        end(store, thread);
        assert_eq!(known(root.path(), "a/b.txt"), None);
    }

    #[tokio::test]
    async fn what_was_acknowledged_survives_a_kill() {
        let root = TempDir::new().unwrap();
        let (store, thread) = start(root.path(), true);
        stored(&store, "a", b"one").await;
        stored(&store, "b", b"two").await;
        end(store, thread);
        fs::write(root.path().join(".resync/tmp/0-ff"), "nobody's").unwrap();
        assert!(!root.path().join("a").exists());
        let two = temps(root.path()).into_iter().find(|path| fs::read(path).unwrap() == b"two");
        fs::write(two.unwrap(), "twi").unwrap();
        let (store, thread) = start(root.path(), false);
        let recovered = Recovered { installed: 1, forgotten: 1, removed: 2 };
        assert_eq!(store.recovered(), recovered);
        end(store, thread);
        assert_eq!(fs::read(root.path().join("a")).unwrap(), b"one");
        assert!(known(root.path(), "a").unwrap().temp.is_none());
        assert!(known(root.path(), "b").is_none() && temps(root.path()).is_empty());
    }

    #[tokio::test]
    async fn a_file_put_in_its_place_just_before_a_kill_is_recognized() {
        let root = TempDir::new().unwrap();
        let (store, thread) = start(root.path(), true);
        stored(&store, "a", b"one").await;
        end(store, thread);
        fs::rename(&temps(root.path())[0], root.path().join("a")).unwrap();
        let (store, thread) = start(root.path(), false);
        assert_eq!(store.recovered(), Recovered { installed: 1, ..Recovered::default() });
        end(store, thread);
        assert!(known(root.path(), "a").unwrap().temp.is_none());
    }

    #[tokio::test]
    async fn what_is_in_the_way_makes_a_file_go_elsewhere() {
        let root = TempDir::new().unwrap();
        let (store, thread) = start(root.path(), false);
        for name in ["a", "a/b", "X", "x", "c/d", "c"] {
            stored(&store, name, name.as_bytes()).await;
        }
        store.flush().await.unwrap();
        stored(&store, "a/b", b"again").await;
        store.flush().await.unwrap();
        end(store, thread);
        for (name, is_own) in
            [("a", true), ("a/b", false), ("X", true), ("x", false), ("c/d", true), ("c", false)]
        {
            let row = known(root.path(), name).unwrap();
            assert_eq!(row.place == name, is_own, "{name}");
            let content = if name == "a/b" { "again" } else { name };
            assert_eq!(fs::read(root.path().join(row.place)).unwrap(), content.as_bytes());
        }
    }

    #[tokio::test]
    async fn one_run_at_a_time() {
        let root = TempDir::new().unwrap();
        let (store, thread) = start(root.path(), false);
        let error = State::open(root.path()).unwrap_err();
        assert!(error.to_string().starts_with("another run is at work in this folder"), "{error}");
        let error = store.write::<()>(|_| Err(failed("disk full"))).await.unwrap_err();
        assert_eq!(error.to_string(), "disk full");
        let later = store.put(put("a", b"a")).await.unwrap().await.unwrap_err();
        assert_eq!(later.to_string(), "disk full");
        end(store, thread);
    }

    #[tokio::test]
    async fn many_at_once() {
        let root = TempDir::new().unwrap();
        let (store, thread) = start(root.path(), false);
        let begin = Instant::now();
        let mut acks = Vec::new();
        for n in 0..1000 {
            acks.push(store.put(put(&format!("{}/{n}", n % 10), b"content")).await.unwrap());
        }
        for ack in acks {
            ack.await.unwrap();
        }
        assert_eq!(store.clone().finish().await.unwrap().installed, 1000);
        assert!(begin.elapsed() < Duration::from_secs(10));
        end(store, thread);
    }
}
