//! Reads lists, and decides what is to be done about each entry.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use url::Url;

use super::download::{Wanted, algorithms};
use super::list::unreadable;
use super::plan::{self, Step};
use super::run::{Told, lock};
use super::state::{self, Seen};
use super::store::{Adopt, Touch};
use super::workers::{Job, Work};
use super::{Event, Options, Place, Places, Tree, Validators};
use crate::document::{Algorithm, Datetime, Entry, Head, Reader};
use crate::fixity::{self, Measured, Proof};
use crate::transport::ReadHalf;
use crate::{Error, ErrorKind, Result};

/// How many lists a source may have.
pub(super) const LISTS: usize = 200_000;

/// What a list was found to be.
#[derive(Debug)]
pub(super) struct ListRead {
    pub(super) entries: u64,
    pub(super) at: Option<Datetime>,
    pub(super) parts: Vec<Url>,
    pub(super) packages: Vec<Wanted>,
    pub(super) seen: Seen,
}

/// Reads a list, and decides what is to be done.
pub(super) struct Planner {
    pub(super) base: Url,
    pub(super) document: i64,
    pub(super) places: Places,
    pub(super) told: Arc<Told>,
    pub(super) tree: Arc<Tree>,
    pub(super) busy: Arc<Mutex<HashSet<String>>>,
    pub(super) options: Options,
    pub(super) is_adopting: bool,
    /// Whether entries are packages.
    pub(super) is_dump: bool,
    pub(super) sender: mpsc::Sender<Work>,
}

impl Planner {
    /// Reads the list to its end.
    ///
    /// # Errors
    /// When it cannot be read, the state cannot, or nobody listens any more.
    pub(super) fn read(
        &self,
        mut reader: Reader<ReadHalf>,
        state: &state::Reader,
    ) -> Result<ListRead> {
        let head = reader.head().map_err(unreadable)?.clone();
        let mut session = state.session();
        let mut read = ListRead {
            entries: 0,
            at: head.md.at,
            parts: Vec::new(),
            packages: Vec::new(),
            seen: Seen::default(),
        };
        let mut same = 0;
        while let Some(part) = reader.next_part().map_err(unreadable)? {
            for entry in part {
                let entry = entry.map_err(unreadable)?;
                read.entries += 1;
                if is_part(&head, &entry) {
                    match self.base.join(&entry.loc) {
                        Ok(url) => add(&mut read.parts, url)?,
                        Err(_) => self.told.fail(&*entry.loc, "this is no address of a list"),
                    }
                } else if self.is_dump {
                    read.packages.extend(package(&self.base, &entry, &self.told));
                } else if !self.entry(&entry, &mut session, &mut read.seen, &mut same)? {
                    // Nobody waits for it any more.
                    let detail = "the run was given up";
                    return Err(Error::new(ErrorKind::Io, detail));
                }
            }
        }
        for issue in reader.issues() {
            self.told.notice(format!("{}: {issue}", self.base));
        }
        let mut report = self.told.report();
        report.listed += read.entries - (read.parts.len() + read.packages.len()) as u64;
        report.same += same;
        Ok(read)
    }

    /// Decides about a resource; `false` when nobody listens.
    fn entry(
        &self,
        entry: &Entry<'_>,
        session: &mut state::Session<'_>,
        seen: &mut Seen,
        same: &mut u64,
    ) -> Result<bool> {
        let Some(uri) = address(&self.base, &entry.loc) else {
            self.told.fail(&*entry.loc, "this is no address");
            return Ok(true);
        };
        let known = session.lookup(&uri)?;
        let mut step = match &known {
            Some(known) => {
                seen.insert(known.id);
                plan::decide(entry, known)
            }
            None => Step::Fetch,
        };
        if let (Some(known), true) = (&known, self.options.check_files && step != Step::Fetch) {
            let place = Place::from_kept(&known.place);
            let stat = place.and_then(|place| self.tree.stat(&place).ok().flatten());
            if !plan::is_untouched(known, stat.as_ref())
                || self.options.check_content && !self.is_whole(known)
            {
                step = Step::Fetch;
            }
        }
        let document = (self.document >= 0).then_some(self.document);
        let work = match (step, &known) {
            (Step::Same, Some(known)) if known.document == document => {
                self.told.event(&Event::Same { uri: &uri });
                *same += 1;
                return Ok(true);
            }
            (Step::Same | Step::Note, _) => {
                self.told.event(&Event::Same { uri: &uri });
                *same += 1;
                let listed = plan::listed(entry);
                Work::Touch(Box::new(Touch { uri, document, listed, validators: None }))
            }
            (step, known) => {
                let place = self.places.place(&uri);
                if let (None, true) = (known, self.is_adopting)
                    && let Some(measured) = self.is_here(entry, &place)
                {
                    self.told.event(&Event::Same { uri: &uri });
                    *same += 1;
                    let listed = plan::listed(entry);
                    let validators = Validators::default();
                    Work::Adopt(Box::new(Adopt {
                        uri,
                        place,
                        document,
                        listed,
                        validators,
                        measured,
                    }))
                } else {
                    if !self.options.dry_run && !lock(&self.busy).insert(uri.clone()) {
                        self.told.notice(format!("listed more than once: {uri}"));
                        return Ok(true);
                    }
                    Work::Fetch(Box::new(Job {
                        wanted: Wanted {
                            known: if let Step::Ask(validators) = step {
                                Some(validators)
                            } else {
                                None
                            },
                            ..Wanted::of(uri, entry)
                        },
                        place,
                        document,
                        listed: plan::listed(entry),
                        mtime: entry.lastmod.map(|time| time.time().into()),
                        is_new: known.is_none(),
                    }))
                }
            }
        };
        if self.options.dry_run {
            if let Work::Fetch(job) = &work {
                self.told.would_write(job);
            }
            return Ok(true);
        }
        Ok(self.sender.blocking_send(work).is_ok())
    }

    /// Whether the file has the content that was written. Of one that waits to be put in its place,
    /// it is known.
    fn is_whole(&self, known: &state::Known) -> bool {
        let Some(place) = Place::from_kept(&known.place).filter(|_| known.temp.is_none()) else {
            return known.temp.is_some();
        };
        let file = self.tree.open_file(&place);
        let measured = file.and_then(|file| fixity::of_file(file, [Algorithm::Sha256]));
        measured.is_ok_and(|measured| measured.sha256() == known.sha256)
    }

    /// The file that is in the resource's place already, if it is the one listed.
    fn is_here(&self, entry: &Entry<'_>, place: &Place) -> Option<Measured> {
        let stat = self.tree.stat(place).ok().flatten()?;
        if entry.md.length.is_some_and(|length| length != stat.len) {
            return None;
        }
        let modified = stat.modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        let is_same_time = entry.lastmod.is_some_and(|time| {
            time.timestamp().abs_diff(i64::try_from(modified).unwrap_or(0)) <= 1
        });
        if entry.md.hash.digests().next().is_none() && !is_same_time {
            return None;
        }
        let file = self.tree.open_file(place).ok()?;
        let measured = fixity::of_file(file, algorithms(&entry.md.hash)).ok()?;
        let proof = fixity::verify(&measured, entry.md.length, &entry.md.hash).ok()?;
        (proof >= Proof::Weak || is_same_time).then_some(measured)
    }
}

/// A package that a dump lists.
pub(super) fn package(base: &Url, entry: &Entry<'_>, told: &Told) -> Option<Wanted> {
    let Some(uri) = address(base, &entry.loc) else {
        told.fail(&*entry.loc, "this is no address of a package");
        return None;
    };
    Some(Wanted::of(uri, entry))
}

/// Notes a part of an index, unless there are too many.
pub(super) fn add<T>(parts: &mut Vec<T>, part: T) -> Result<()> {
    if parts.len() >= LISTS {
        return Err(Error::new(ErrorKind::TooLarge, format!("more than {LISTS} lists")));
    }
    parts.push(part);
    Ok(())
}

/// Whether an entry is a part of the list. Some servers write an index as a list whose entries have
/// the capability of the list itself.
pub(super) fn is_part(head: &Head, entry: &Entry<'_>) -> bool {
    head.is_index() || entry.md.capability.is_some() && entry.md.capability == head.md.capability
}

/// The address of a resource as it is known by. Relative ones, which the standard does not allow,
/// are taken from where the list is.
pub(super) fn address(base: &Url, loc: &str) -> Option<String> {
    if loc.is_empty() {
        return None;
    }
    match Url::parse(loc) {
        Ok(_) => Some(loc.to_owned()),
        Err(url::ParseError::RelativeUrlWithoutBase) => base.join(loc).ok().map(String::from),
        Err(_) => None,
    }
}
