use std::io::{self, BufWriter};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::NamedTempFile;

use super::changes::{ChangeDump, Changes};
use super::resource::Look;
use super::series::{Begin, Series};
use super::snapshot::{ResourceDump, ResourceList};
use super::stage::{Rank, Stage};
use super::state::{self, Record, Records, State};
use super::{Publication, Publisher, Resource, frame};
use crate::document::{Capability, Change, Entry, Hashes};

/// A publication that is being made: the resources of now are compared with those of the last time.
pub(super) struct Run<'a> {
    publisher: &'a Publisher,
    stage: Stage,
    old: State,
    new: State,
    is_first: bool,
    /// What the last publication had, and of it what comes next.
    records: Records,
    known: Option<Record>,
    /// The same for the next publication.
    out: BufWriter<NamedTempFile>,
    /// The address that came last.
    before: Option<String>,
    /// From when on the time of a file cannot be relied on, in nanoseconds since 1970.
    uncertain: u128,
    list: ResourceList,
    dump: Option<ResourceDump>,
    changes: Changes,
    publication: Publication,
}

/// A file that was modified so shortly before a publication may be modified again with the same
/// time: it is read again the next time.
const UNCERTAIN: Duration = Duration::from_secs(2);

impl<'a> Run<'a> {
    pub(super) fn begin(publisher: &'a Publisher) -> io::Result<Self> {
        let begun = SystemTime::now();
        let Publisher { dir, base, size, .. } = publisher;
        let last = State::load(dir)?;
        let mut stage = Stage::new(dir)?;
        let now = publisher.at.unwrap_or_else(|| begun.into());
        let last_at = last.as_ref().and_then(|last| last.at);
        // Clocks are set back; what is published has to be in order all the same (§12.1).
        let now = last_at.filter(|at| at.time() > now.time()).unwrap_or(now);
        let mut records = match &last {
            Some(last) => last.records(dir)?,
            None => Records::none(),
        };
        let known = records.read()?;
        let is_first = last.is_none();
        let old = last.unwrap_or_default();
        let mut new = State {
            at: Some(now),
            algorithms: state::names(&publisher.algorithms),
            generation: old.generation + 1,
            ..State::default()
        };
        let from = last_at.unwrap_or(now);
        // Lists of an earlier publisher, whose state is lost, would have a gap.
        let begin = Begin { from, now, is_anew: is_first };
        let list = Series::resume(
            &mut stage,
            (frame::CHANGE_LIST, Capability::ChangeList),
            base,
            *size,
            begin,
        )?;
        let (mut dump, mut change_dump) = (None, None);
        if publisher.has_dumps {
            dump = Some(ResourceDump::new(base, now, publisher.packages));
            // So would a Change Dump, if the last publications had none.
            let mark = frame::CHANGE_DUMP.to_owned();
            let begin = Begin { is_anew: !old.keys.contains_key(&mark), ..begin };
            new.keys.insert(mark, "on".to_owned());
            let series = Series::resume(
                &mut stage,
                (frame::CHANGE_DUMP, Capability::ChangeDump),
                base,
                *size,
                begin,
            )?;
            let size = publisher.packages;
            let base = base.clone();
            change_dump = Some(ChangeDump { series, size, base, from, now, package: None });
        }
        let uncertain = begun.checked_sub(UNCERTAIN).unwrap_or(UNIX_EPOCH);
        let uncertain = uncertain.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(Self {
            publisher,
            is_first,
            records,
            known,
            out: stage.file()?,
            before: None,
            uncertain,
            list: ResourceList::new(dir, base, now, *size),
            dump,
            changes: Changes::new(list, change_dump, now),
            publication: Publication::at(now),
            stage,
            old,
            new,
        })
    }

    /// The next resource.
    pub(super) fn take(&mut self, resource: Resource) -> io::Result<()> {
        check(&resource.uri, self.before.as_deref())?;
        let Some(mut look) = resource.look()? else { return Ok(()) };
        self.gone_before(Some(&resource.uri))?;
        let same = self.known.as_ref().filter(|known| known.uri == resource.uri);
        let is_same_file = same.is_some_and(|same| {
            same.stamp.is_some() && same.stamp == look.stamp && same.length == look.length
        });
        let has_hashes = is_same_file && self.old.algorithms == self.new.algorithms;
        let hashes = match same.filter(|_| has_hashes) {
            Some(same) => same.hashes.clone(),
            None => match self.measure(&resource, &mut look) {
                Ok(hashes) => hashes,
                // It was there a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        let change = same.map_or(Some(Change::Created), |same| {
            let is_same =
                same.length == look.length && common(&same.hashes, &hashes).unwrap_or(is_same_file);
            (!is_same).then_some(Change::Updated)
        });
        self.publication.measured += u64::from(!has_hashes);
        if self.known.as_ref().is_some_and(|known| known.uri == resource.uri) {
            self.known = self.records.read()?;
        }
        let entry = resource.entry(&look, &hashes);
        match change {
            Some(Change::Created) => self.publication.created += 1,
            Some(_) => self.publication.updated += 1,
            None => self.publication.unchanged += 1,
        }
        // The first publication is where changes are counted from.
        if let Some(change) = change.filter(|_| !self.is_first) {
            self.changes.add(&mut self.stage, change, entry.clone(), Some(&resource))?;
        }
        self.list.add(&mut self.stage, &entry)?;
        let stamp = look.stamp.filter(|stamp| *stamp < self.uncertain);
        let uri = resource.uri.clone();
        let record = Record { uri, stamp, length: look.length, hashes };
        record.write(&mut self.out)?;
        self.before = Some(record.uri);
        match &mut self.dump {
            Some(dump) => dump.add(&mut self.stage, &self.old, resource, entry),
            None => Ok(()),
        }
    }

    /// Puts everything in place.
    pub(super) fn finish(mut self) -> io::Result<Publication> {
        self.gone_before(None)?;
        let Self { mut stage, old, mut new, publisher, mut publication, .. } = self;
        stage.put(Rank::Part, State::records_name(new.generation), self.out)?;
        let archives = self.changes.finish(&mut stage)?;
        self.list.finish(&mut stage, &old, &mut new)?;
        if let Some(dump) = self.dump {
            dump.finish(&mut stage, &old, &mut new)?;
        }
        publisher.capabilities(&mut stage, archives)?;
        new.store(&mut stage)?;
        publication.written = stage.commit()?;
        publication.written.retain(|name| !name.starts_with(".resync-"));
        publisher.remove_replaced(&old, &new)?;
        Ok(publication)
    }

    /// What the last publication had before `uri`, and nobody has named this time.
    fn gone_before(&mut self, uri: Option<&str>) -> io::Result<()> {
        let is_gone = |known: &mut Record| uri.is_none_or(|uri| *known.uri < *uri);
        while let Some(gone) = self.known.take_if(is_gone) {
            self.publication.deleted += 1;
            self.changes.add(&mut self.stage, Change::Deleted, Entry::new(gone.uri), None)?;
            self.known = self.records.read()?;
        }
        Ok(())
    }

    fn measure(&self, resource: &Resource, look: &mut Look) -> io::Result<String> {
        let (length, hashes) = resource.measure(&self.publisher.algorithms)?;
        // It may have been written to since it was looked at.
        if length != look.length {
            (look.length, look.stamp) = (length, None);
        }
        Ok(hashes)
    }
}

/// Whether the digests are the same, of those kinds that both have; `None` if there is none.
fn common(old: &str, new: &str) -> Option<bool> {
    if old == new {
        return Some(true);
    }
    let (old, new) = (Hashes::from(old), Hashes::from(new));
    let mut same = old.digests().filter_map(|old| {
        let mut new = new.digests();
        new.find(|new| new.algorithm() == old.algorithm()).map(|new| new == old)
    });
    let first = same.next()?;
    Some(first && same.all(|same| same))
}

fn check(uri: &str, before: Option<&str>) -> io::Result<()> {
    let refused = |what: &str| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{uri:?} cannot be published: {what}"))
    };
    if uri.is_empty() || uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(refused("no address"));
    }
    match before.map(|before| before.cmp(uri)) {
        None | Some(std::cmp::Ordering::Less) => Ok(()),
        Some(std::cmp::Ordering::Equal) => Err(refused("it is there twice")),
        Some(std::cmp::Ordering::Greater) => Err(refused("addresses have to come in order")),
    }
}
