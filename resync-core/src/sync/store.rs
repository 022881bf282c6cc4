//! The thread that writes: files to their places, what is known of them to the state.

mod handle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{io, iter, mem};

use tokio::sync::Semaphore;

pub use self::handle::{Ack, Adopt, Content, Put, Recovered, StoreHandle, Totals, Touch};

use self::handle::{Message, Task, Work};
use super::state::{Group, Known, State, Write};
use super::{InstallError, Place, Places, Tree};
use crate::document::Algorithm;
use crate::fixity;
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
