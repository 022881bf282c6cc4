//! Packages of dumps, applied straight from the ZIP.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write as _};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use url::Url;

use super::download::{Downloads, Got, Received, Wanted, algorithms};
use super::plan::{self, Step};
use super::planner::address;
use super::run::{Told, lock};
use super::state::{self, Seen};
use super::store::{Content, Put, Touch};
use super::workers::{Job, Kept, Work, with_causes};
use super::{DeleteGuard, Event, Options, Places, Tree, Validators};
use crate::document::{Change, Entry};
use crate::dump::{Bitstream, Package, PackageError};
use crate::fixity::{Fixity, verify};
use crate::{Error, ErrorKind, Result};

/// The most of one bitstream that is kept in memory until it is written.
const SMALL: u64 = 64 << 10;
/// How many resources may be damaged before the rest of them is left to the next run.
const DAMAGED: usize = 10_000;

/// Fetches packages and applies them.
pub(super) struct Packages {
    pub(super) downloads: Arc<Downloads>,
    pub(super) places: Places,
    pub(super) told: Arc<Told>,
    pub(super) state: Arc<Mutex<state::Reader>>,
    pub(super) options: Options,
    /// Whether changes may be waiting, which what is in the package is newer than.
    pub(super) settles: bool,
}

/// Resources that a package has, but not as its manifest says; they are fetched by themselves when
/// no later entry is of the same resource.
pub(super) type Damaged = HashMap<String, Box<Job>>;

/// What a package brought.
#[derive(Default)]
pub(super) struct Applied {
    pub(super) seen: Seen,
    pub(super) entries: u64,
    pub(super) damaged: Damaged,
    /// How many more are damaged.
    pub(super) lost: u64,
}

impl Packages {
    /// Fetches a package, and sends what is to be done. `damaged` is what those before have not
    /// brought.
    ///
    /// # Errors
    /// When it cannot be had or is no package. Single entries that cannot be had are told.
    pub(super) async fn apply(
        &self,
        package: Wanted,
        document: Option<i64>,
        work: mpsc::Sender<Work>,
        damaged: Damaged,
    ) -> Result<Applied> {
        let uri = package.uri.clone();
        let content = match self.downloads.fetch(&package).await? {
            Got::Content(content) => content,
            Got::NotModified => return Ok(Applied { damaged, ..Applied::default() }),
        };
        let applying = Applying {
            base: uri.parse().map_err(|cause: url::ParseError| {
                Error::new(ErrorKind::Request, format!("{uri:?} is no address")).with_source(cause)
            })?,
            document,
            places: self.places.clone(),
            told: Arc::clone(&self.told),
            tree: Arc::clone(&self.downloads.tree),
            options: self.options.clone(),
            settles: self.settles,
            work,
        };
        let (tree, state) = (Arc::clone(&self.downloads.tree), Arc::clone(&self.state));
        let applied = tokio::task::spawn_blocking(move || match content.body {
            Received::Memory(bytes) => applying.apply(Cursor::new(bytes), &lock(&state), damaged),
            Received::Temp(name) => {
                let file = tree.open_temp(&name).map_err(PackageError::from);
                let applied = match file {
                    Ok(file) => applying.apply(file, &lock(&state), damaged),
                    Err(error) => Err(error.into()),
                };
                // What is left goes with the next run.
                let _ = tree.remove_temp(&name);
                applied
            }
        });
        let applied = applied.await.unwrap_or_else(|cause| {
            Err(Stop(Error::new(ErrorKind::Io, "a package was given up").with_source(cause)))
        });
        applied.map_err(|Stop(error)| match uri.parse() {
            Ok(url) => error.with_url(&url),
            Err(_) => error,
        })
    }
}

/// Why a package is not read on.
struct Stop(Error);

impl From<PackageError> for Stop {
    fn from(cause: PackageError) -> Self {
        Self(Error::new(ErrorKind::Unexpected, cause.to_string()).with_source(cause))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

struct Applying {
    base: Url,
    document: Option<i64>,
    places: Places,
    told: Arc<Told>,
    tree: Arc<Tree>,
    options: Options,
    settles: bool,
    work: mpsc::Sender<Work>,
}

impl Applying {
    fn apply<R: Read + Seek>(
        &self,
        source: R,
        state: &state::Reader,
        damaged: Damaged,
    ) -> Result<Applied, Stop> {
        let mut package = Package::open(source)?;
        let mut session = state.session();
        self.guard(&mut package, &mut session)?;
        let settles = self.settles && session.has_changes()?;
        let mut applied = Applied { damaged, ..Applied::default() };
        let unlisted = package.for_each_entry(|entry, bitstream| {
            applied.entries += 1;
            let Some(uri) = address(&self.base, &entry.loc) else {
                self.told.fail(&*entry.loc, "this is no address");
                return Ok(());
            };
            applied.damaged.remove(&uri);
            if settles && session.has_change(&uri)? {
                self.send(Work::Settle(uri.clone()))?;
            }
            self.entry(uri, entry, bitstream, &mut session, &mut applied)
        })?;
        if unlisted > 0 {
            self.told.notice(format!("{}: {unlisted} files are not in the manifest", self.base));
        }
        Ok(applied)
    }

    /// Sees to it that a package does not delete more than may go at once.
    fn guard<R: Read + Seek>(
        &self,
        package: &mut Package<R>,
        session: &mut state::Session<'_>,
    ) -> Result<(), Stop> {
        if !self.options.delete {
            return Ok(());
        }
        let mut gone = 0;
        let mut manifest = package.manifest()?;
        while let Some(part) = manifest.next_part().map_err(PackageError::from)? {
            for entry in part {
                let entry = entry.map_err(PackageError::from)?;
                if entry.md.change == Some(Change::Deleted) {
                    gone += u64::from(session.lookup(&entry.loc)?.is_some());
                }
            }
        }
        Ok(check_guard(&self.options.guard, gone, session.count()?)?)
    }

    fn entry<R: Read>(
        &self,
        uri: String,
        entry: &Entry<'_>,
        bitstream: Result<Option<Bitstream<'_, R>>, PackageError>,
        session: &mut state::Session<'_>,
        applied: &mut Applied,
    ) -> Result<(), Stop> {
        let known = session.lookup(&uri)?;
        if let Some(known) = &known {
            applied.seen.insert(known.id);
        }
        let bitstream = match bitstream {
            Ok(None) if known.is_some() => return self.delete(uri),
            Ok(None) => return Ok(()),
            Ok(Some(bitstream)) => Ok(bitstream),
            Err(error) => Err(error),
        };
        let document = self.document.or_else(|| known.as_ref().and_then(|known| known.document));
        let listed = plan::listed(entry);
        let step = known.as_ref().map_or(Step::Fetch, |known| plan::decide(entry, known));
        if matches!(step, Step::Same | Step::Note) {
            self.told.event(&Event::Same { uri: &uri });
            self.told.report().same += 1;
            if step == Step::Same {
                return Ok(());
            }
            let touch = Touch { uri, document, listed, validators: None };
            return self.send(Work::Touch(Box::new(touch)));
        }
        let place = self.places.place(&uri);
        let job = Job {
            wanted: Wanted::of(uri, entry),
            place,
            document,
            listed,
            mtime: entry.lastmod.map(|time| time.time().into()),
            is_new: known.is_none(),
        };
        let damage = match bitstream {
            Ok(_) if self.options.dry_run => {
                self.told.would_write(&job);
                return Ok(());
            }
            Ok(bitstream) => match self.unpack(entry, bitstream, &job) {
                Ok(kept) => return self.send(Work::Keep(Box::new(kept))),
                Err(error) => with_causes(&error),
            },
            Err(error) => error.to_string(),
        };
        if applied.damaged.len() == DAMAGED {
            applied.lost += 1;
            self.told.fail(job.wanted.uri, damage);
            return Ok(());
        }
        self.told.notice(format!("{}: {damage}; it is fetched by itself", job.wanted.uri));
        applied.damaged.insert(job.wanted.uri.clone(), Box::new(job));
        Ok(())
    }

    fn delete(&self, uri: String) -> Result<(), Stop> {
        if !self.options.delete {
            self.told.report().kept += 1;
            return Ok(());
        }
        self.told.event(&Event::Deleted { uri: &uri });
        self.told.report().deleted += 1;
        if self.options.dry_run { Ok(()) } else { self.send(Work::Forget(uri)) }
    }

    /// Unpacks a bitstream, and compares it with what the manifest says.
    fn unpack<R: Read>(
        &self,
        entry: &Entry<'_>,
        mut bitstream: Bitstream<'_, R>,
        job: &Job,
    ) -> Result<Kept> {
        let damaged = |cause: io::Error| {
            Error::new(ErrorKind::Unexpected, "it cannot be unpacked").with_source(cause)
        };
        let size = bitstream.size();
        if size > self.options.max_resource {
            let detail = format!("larger than {} bytes", self.options.max_resource);
            return Err(Error::new(ErrorKind::TooLarge, detail));
        }
        let mut fixity = Fixity::new(algorithms(&entry.md.hash));
        let body = if size <= SMALL {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            bitstream.read_to_end(&mut bytes).map_err(damaged)?;
            fixity.update(&bytes);
            Content::Memory(bytes)
        } else {
            let mut temp = self.tree.create_temp().map_err(damaged)?;
            copy(&mut bitstream, &mut temp.file, &mut fixity).map_err(|cause| {
                // The first error is the one that tells.
                let _ = self.tree.remove_temp(&temp.name);
                damaged(cause)
            })?;
            Content::Temp(temp.name)
        };
        let measured = fixity.finish();
        let proof = verify(&measured, entry.md.length, &entry.md.hash).map_err(|mismatch| {
            if let Content::Temp(name) = &body {
                let _ = self.tree.remove_temp(name);
            }
            Error::new(ErrorKind::Unexpected, mismatch.to_string())
        })?;
        let bytes = measured.len;
        let put = Put {
            uri: job.wanted.uri.clone(),
            place: job.place.clone(),
            document: job.document,
            listed: job.listed.clone(),
            validators: Validators::default(),
            body,
            measured,
            mtime: job.mtime,
        };
        Ok(Kept { put, is_new: job.is_new, proof, bytes })
    }

    fn send(&self, work: Work) -> Result<(), Stop> {
        let sent = self.work.blocking_send(work);
        sent.map_err(|_| Stop(Error::new(ErrorKind::Io, "the run was given up")))
    }
}

fn copy(from: &mut impl Read, to: &mut File, fixity: &mut Fixity) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        fixity.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}

/// Whether so many resources may be deleted at once.
///
/// # Errors
/// When not.
pub(super) fn check_guard(guard: &DeleteGuard, gone: u64, known: u64) -> Result<()> {
    if guard.allows(gone, known) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "{gone} of {known} resources would be deleted; that many are not without being told \
             to: raise the delete guard if it is right"
        ),
    ))
}
