//! Incremental: what has changed since.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use url::Url;

use super::baseline::{COPIED, DEPTH, MISSING};
use super::changes::{self, Outcome, gap, has_gap};
use super::copying::Copying;
use super::download::{Wanted, mirrors};
use super::list::{Opened, unreadable};
use super::packages::check_guard;
use super::plan::{self, Step};
use super::planner::{LISTS, add, address, is_part, package};
use super::run::{Purpose, Run, Told, lock};
use super::state::{self, Cursor, PendingChange};
use super::store::Touch;
use super::workers::Job;
use super::{Event, Mirror, Report};
use crate::document::{Capability, Change, Datetime, Entry, Hashes, Head, Reader, rel};
use crate::transport::ReadHalf;
use crate::{Error, ErrorKind, Result};

/// How many changes become one transaction.
const GROUP: usize = 256;

pub(super) async fn run(mirror: &Mirror, url: &Url) -> Result<Report> {
    let wanted = |_| [Capability::ChangeList, Capability::ChangeDump];
    let run = Run::begin(mirror, url, Purpose::Incremental, wanted).await?;
    Incremental::begin(Copying::begin(run, &mirror.options)?)?.run().await
}

struct Incremental {
    run: Copying,
    is_dump: bool,
    /// Up to when the copy is complete.
    since: Option<Datetime>,
    cursors: Vec<Cursor>,
    /// Of a Change Dump: the packages with what is new, the oldest first.
    packages: Vec<Wanted>,
    until: Option<Datetime>,
    /// Whether an archive of older changes is read.
    has_archive: bool,
    /// Whether something could not be had that will not wait: the lists are read again.
    must_repeat: bool,
    /// Whether changes wait that an earlier run could not apply.
    was_incomplete: bool,
}

/// What a document of the history was found to be.
enum History {
    Index(Vec<(Url, Option<Datetime>, Option<Datetime>)>),
    List(Outcome, Head),
    /// It does not reach back to what is known.
    BeginsLate(Head),
}

impl Incremental {
    fn begin(mut run: Copying) -> Result<Self> {
        run.workers.postpones = !run.options.dry_run;
        if let Some(missing) = run.meta(MISSING)?.filter(|missing| missing != "0") {
            run.told.notice(format!(
                "the last baseline could not have everything ({missing}); that waits for the next \
                 one, unless it has changed"
            ));
        }
        let since = run.meta("since")?.as_deref().and_then(Datetime::read).or(run.options.from);
        let is_dump = run.capability == Capability::ChangeDump;
        let (cursors, packages) = (Vec::new(), Vec::new());
        Ok(Self {
            run,
            is_dump,
            since,
            cursors,
            packages,
            until: None,
            has_archive: false,
            must_repeat: false,
            was_incomplete: false,
        })
    }

    async fn run(mut self) -> Result<Report> {
        let report = self.all().await;
        self.run.workers.end().await;
        report
    }

    async fn all(&mut self) -> Result<Report> {
        let since = self.since;
        if since.is_none() {
            if self.run.meta(COPIED)?.is_none() {
                let detail = "nothing was copied yet: begin with a baseline, or say from when on";
                return Err(Error::new(ErrorKind::Request, detail).with_url(&self.run.list));
            }
            self.run.told.notice(
                "nobody knows of when the copy is: all changes that the source lists are read",
            );
        }
        // What a run before had read but not applied is read again: its cursors were not kept.
        let store = &self.run.workers.store;
        let waiting = store.write(|group: &mut state::Group<'_>| group.begin_changes()).await?;
        self.was_incomplete = waiting > 0;
        if waiting > 0 {
            let plural = if waiting == 1 { "" } else { "s" };
            self.run.told.notice(format!(
                "{waiting} change{plural} could not be applied before, and will be tried first"
            ));
        }
        let mut pending = vec![(self.run.list.clone(), 0)];
        let mut asked = HashSet::new();
        let mut is_first = true;
        while let Some((url, depth)) = pending.pop() {
            if depth > DEPTH {
                let detail = format!("more than {DEPTH} levels of lists");
                return Err(Error::new(ErrorKind::TooLarge, detail).with_url(&url));
            }
            if !asked.insert(url.clone()) || asked.len() > LISTS {
                let detail = "the lists of changes lead in a circle, or there are too many";
                return Err(Error::new(ErrorKind::TooLarge, detail).with_url(&url));
            }
            match self.history(&url, is_first, since).await? {
                None => {}
                Some(History::BeginsLate(head)) => {
                    let archive = head.link(rel::ARCHIVES).and_then(|link| url.join(link).ok());
                    let Some(archive) = archive.filter(|archive| !asked.contains(archive)) else {
                        let since = since.map_or(0, |since| since.timestamp());
                        return Err(gap(&head, since).with_url(&self.run.list));
                    };
                    self.run.told.notice(format!(
                        "the changes begin too late; what was before is read from {archive}"
                    ));
                    self.has_archive = true;
                    asked.remove(&url);
                    pending.extend([(url, depth), (archive, depth + 1)]);
                    continue;
                }
                Some(History::Index(parts)) => {
                    let is_fresh = |until: Option<Datetime>| {
                        until
                            .zip(since)
                            .is_none_or(|(it, since)| it.timestamp() >= since.timestamp())
                    };
                    let fresh = parts.into_iter().filter(|(_, _, until)| is_fresh(*until));
                    let mut fresh: Vec<_> = fresh.collect();
                    // Oldest first, whatever the order of the index (§12.2).
                    if fresh.iter().all(|(_, from, _)| from.is_some()) {
                        fresh.sort_by_key(|(_, from, _)| from.map(|from| from.time()));
                    }
                    pending.extend(fresh.into_iter().rev().map(|(url, ..)| (url, depth + 1)));
                    continue;
                }
                Some(History::List(..)) => {}
            }
            is_first = false;
        }
        // What waits and is not in them is older than they are.
        self.apply_packages().await?;
        self.apply().await?;
        self.run.workers.drain().await?;
        self.finish().await
    }

    /// Reads a document of the history, and keeps its changes until all are known. `None` if it is
    /// what it was.
    async fn history(
        &mut self,
        url: &Url,
        is_first: bool,
        since: Option<Datetime>,
    ) -> Result<Option<History>> {
        let kept = lock(&self.run.reader).session().cursor(url.as_str())?;
        let mut cursor = kept.as_ref().map(read_cursor);
        if cursor.as_ref().is_some_and(|cursor| cursor.is_closed) {
            // §12: what is closed does not change any more.
            return Ok(None);
        }
        loop {
            let Opened::List(list) = self.run.open(url, None).await? else { return Ok(None) };
            self.run.told.report().documents += 1;
            let collector = Collector {
                base: list.url.clone(),
                since,
                is_dump: self.is_dump,
                must_reach_back: is_first && cursor.as_ref().is_none_or(|it| it.consumed == 0),
                has_archive: self.has_archive,
                cursor: cursor.take(),
                number: i64::try_from(self.cursors.len()).unwrap_or(i64::MAX >> 40),
                told: Arc::clone(&self.run.told),
            };
            let (sender, mut receiver) = mpsc::channel::<Vec<PendingChange>>(4);
            let store = self.run.workers.store.clone();
            let keeping = async {
                while let Some(changes) = receiver.recv().await {
                    let put = move |group: &mut state::Group<'_>| {
                        changes.iter().try_for_each(|change| group.put_change(change))
                    };
                    store.write(put).await?;
                }
                Ok::<_, Error>(())
            };
            let reading = list.read(move |reader| collector.read(reader, &sender));
            let (read, kept) = futures_util::future::join(reading, keeping).await;
            kept?;
            let (history, packages) = read?;
            match &history {
                History::List(Outcome::Replaced, _) => {
                    self.run.told.notice(format!(
                        "{url} is not the list that was read before: all of it is read"
                    ));
                    continue;
                }
                History::List(Outcome::Read { cursor, latest, is_reversed }, head) => {
                    if *is_reversed {
                        self.run.told.notice(format!("{url}: the newest change stands first"));
                    }
                    self.packages.extend(packages);
                    self.cursors.push(written_cursor(url, cursor, head));
                    let until = head.md.until.or(latest.and_then(datetime));
                    self.until = later(self.until, until);
                }
                History::Index(..) | History::BeginsLate(_) => {}
            }
            return Ok(Some(history));
        }
    }

    /// Does what the changes say, the last of each resource.
    async fn apply(&mut self) -> Result<()> {
        let reader = Arc::clone(&self.run.reader);
        let (known, deletions) = {
            let reader = lock(&reader);
            let mut deletions = 0;
            for change in reader.changes() {
                let change = change?;
                let is_deletion = change.change == Change::Deleted;
                deletions += u64::from(is_deletion && reader.lookup(&change.uri)?.is_some());
            }
            let known = reader.session().count()?;
            (known, deletions)
        };
        if self.run.options.delete {
            let checked = check_guard(&self.run.options.guard, deletions, known);
            checked.map_err(|error| error.with_url(&self.run.list))?;
        }
        let mut after = None;
        loop {
            let page = lock(&reader).changes_after(after.as_ref())?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.time, last.seq, last.uri.clone()));
            for change in page {
                self.change(change).await?;
            }
        }
    }

    /// Applies the packages of a dump, one after the other: what they hold is in order of time.
    async fn apply_packages(&mut self) -> Result<()> {
        for package in std::mem::take(&mut self.packages) {
            self.must_repeat |= self.run.apply(package, None).await?.lost > 0;
        }
        self.run.fetch_damaged().await
    }

    async fn change(&mut self, change: PendingChange) -> Result<()> {
        self.run.told.report().listed += 1;
        let known = lock(&self.run.reader).lookup(&change.uri)?;
        let PendingChange { uri, listed, mirrors, .. } = change;
        if change.change == Change::Deleted {
            let Some(known) = known else { return Ok(()) };
            if !self.run.options.delete {
                self.run.told.report().kept += 1;
                return Ok(());
            }
            self.run.told.event(&Event::Deleted { uri: &known.uri });
            self.run.told.report().deleted += 1;
            if !self.run.options.dry_run {
                self.run.workers.store.forget(uri).await?.await?;
            }
            return Ok(());
        }
        let hash =
            listed.hash.clone().map(|text| Hashes::from(Cow::Owned(text))).unwrap_or_default();
        let mut entry = Entry::default();
        entry.md.hash = hash.clone();
        entry.md.length = listed.length;
        entry.lastmod =
            listed.lastmod.and_then(|at| chrono::DateTime::from_timestamp(at, 0)).map(Into::into);
        let step = known.as_ref().map_or(Step::Fetch, |known| plan::decide(&entry, known));
        let document = known.as_ref().and_then(|known| known.document);
        let job = Job {
            place: self.run.places.place(&uri),
            wanted: Wanted { uri, length: listed.length, hash, known: None, mirrors },
            document,
            mtime: entry.lastmod.map(|time| time.time().into()),
            listed,
            is_new: known.is_none(),
        };
        match step {
            Step::Same | Step::Note => {
                self.run.told.event(&Event::Same { uri: &job.wanted.uri });
                self.run.told.report().same += 1;
                let Job { wanted: Wanted { uri, .. }, listed, .. } = job;
                if step == Step::Note && !self.run.options.dry_run {
                    let touch = Touch { uri, document, listed, validators: None };
                    self.run.workers.store.touch(touch).await?.await?;
                }
            }
            _ if self.run.options.dry_run => self.run.told.would_write(&job),
            Step::Ask(validators) => {
                let mut job = job;
                job.wanted.known = Some(validators);
                self.run.workers.fetch(Box::new(job)).await?;
            }
            Step::Fetch => self.run.workers.fetch(Box::new(job)).await?,
        }
        Ok(())
    }

    /// Moves on. What could not be had is tried again by the next run.
    async fn finish(&mut self) -> Result<Report> {
        let until = later(self.since, self.until);
        let store = &self.run.workers.store;
        if self.run.told.not_placed(store.flush().await?, &self.run.list) {
            store.write(|group: &mut state::Group<'_>| group.postpone_misplaced()).await?;
        }
        if !self.run.options.dry_run && !self.must_repeat {
            let cursors = std::mem::take(&mut self.cursors);
            let since = until.map(|until| until.to_string());
            let remember = move |group: &mut state::Group<'_>| {
                for cursor in &cursors {
                    group.put_cursor(cursor)?;
                }
                if let Some(since) = since {
                    group.put_meta("since", &since)?;
                }
                group.end_changes()
            };
            store.write(remember).await?;
        }
        store.flush().await?;
        let mut report = self.run.told.take();
        report.complete_until = match report.failed {
            0 => until,
            _ => self.since.filter(|_| !self.was_incomplete),
        };
        Ok(report)
    }
}

/// Reads a document of the history on a thread of its own.
struct Collector {
    base: Url,
    since: Option<Datetime>,
    is_dump: bool,
    /// Whether the list must begin before what is known ends.
    must_reach_back: bool,
    /// Whether what an archive holds is known by now.
    has_archive: bool,
    cursor: Option<changes::Cursor>,
    /// How many lists were read before.
    number: i64,
    told: Arc<Told>,
}

impl Collector {
    /// Whether changes may be missing before the list. In the second in which it begins, some may
    /// stand in the list before it, if there was one.
    fn begins_late(&self, head: &Head) -> bool {
        let since = self.since.map(|since| since.timestamp());
        let is_close = head.md.from.map(|from| from.timestamp()) == since;
        self.cursor.is_none() && has_gap(head, since)
            || is_close && !self.has_archive && head.link(rel::ARCHIVES).is_some()
    }

    fn read(
        self,
        mut reader: Reader<ReadHalf>,
        sender: &mpsc::Sender<Vec<PendingChange>>,
    ) -> Result<(History, Vec<Wanted>)> {
        let mut packages = Vec::new();
        let head = reader.head().map_err(unreadable)?.clone();
        if self.must_reach_back && self.begins_late(&head) {
            return Ok((History::BeginsLate(head), packages));
        }
        if head.is_index() || is_archive(&head) {
            let mut parts = Vec::new();
            while let Some(part) = reader.next_part().map_err(unreadable)? {
                for entry in part {
                    let entry = entry.map_err(unreadable)?;
                    match self.base.join(&entry.loc) {
                        Ok(url) => add(&mut parts, (url, entry.md.from, entry.md.until))?,
                        Err(_) => self.told.fail(&*entry.loc, "this is no address of a list"),
                    }
                }
            }
            return Ok((History::Index(parts), packages));
        }
        let mut parts = Vec::new();
        let mut group = Vec::with_capacity(GROUP);
        let since = self.since.map(|since| since.timestamp());
        let send = |group: &mut Vec<PendingChange>| {
            let full = std::mem::replace(group, Vec::with_capacity(GROUP));
            sender
                .blocking_send(full)
                .map_err(|_| Error::new(ErrorKind::Io, "the run was given up"))
        };
        let outcome = changes::read(reader, self.cursor.as_ref(), since, |ranked| {
            let entry = &ranked.entry;
            // Some servers write an index as a list.
            if is_part(&head, entry) {
                if let Ok(url) = self.base.join(&entry.loc) {
                    add(&mut parts, (url, entry.md.from, entry.md.until))?;
                }
                return Ok(());
            }
            if self.is_dump {
                let ends = entry.md.until.zip(self.since);
                let is_old = ends.is_some_and(|(until, since)| until.time() < since.time());
                if !is_old {
                    packages.extend(package(&self.base, entry, &self.told));
                }
                return Ok(());
            }
            let Some(uri) = address(&self.base, &entry.loc) else {
                self.told.fail(&*entry.loc, "this is no address");
                return Ok(());
            };
            let Some(change) = entry.md.change else {
                self.told.fail(uri, "the list does not say what happened to it");
                return Ok(());
            };
            let (time, seq) = ranked.rank;
            // What stands in a later list is later.
            let seq = (self.number << 40).saturating_add(seq);
            let listed = plan::listed(entry);
            let mirrors = mirrors(entry);
            group.push(PendingChange { uri, time, seq, change, listed, package: None, mirrors });
            if group.len() == GROUP { send(&mut group) } else { Ok(()) }
        })?;
        if !group.is_empty() {
            send(&mut group)?;
        }
        if !parts.is_empty() {
            return Ok((History::Index(parts), packages));
        }
        Ok((History::List(outcome, head), packages))
    }
}

/// Whether the entries are older lists of changes (ResourceSync Archives).
fn is_archive(head: &Head) -> bool {
    let archives = [Capability::ChangeListArchive, Capability::ChangeDumpArchive];
    head.capability().is_some_and(|it| archives.contains(it))
}

fn read_cursor(kept: &Cursor) -> changes::Cursor {
    let time = |text: &Option<String>| {
        text.as_deref().and_then(Datetime::read).map(|time| time.timestamp())
    };
    changes::Cursor {
        from: time(&kept.from),
        consumed: kept.consumed,
        last: kept.last_uri.clone().map(|uri| {
            (uri, time(&kept.last_datetime), kept.last_change.clone().unwrap_or_default())
        }),
        is_closed: kept.until.is_some(),
    }
}

fn written_cursor(url: &Url, cursor: &changes::Cursor, head: &Head) -> Cursor {
    let text = |time: Option<i64>| {
        time.and_then(|time| chrono::DateTime::from_timestamp(time, 0))
            .map(|time| Datetime::from(time).to_string())
    };
    let (uri, time, change) = match &cursor.last {
        Some((uri, time, change)) => (Some(uri.clone()), text(*time), Some(change.clone())),
        None => (None, None, None),
    };
    Cursor {
        document: url.to_string(),
        from: text(cursor.from),
        until: head.md.until.map(|until| until.to_string()),
        consumed: cursor.consumed,
        last_uri: uri,
        last_datetime: time,
        last_change: change,
    }
}

fn datetime(time: i64) -> Option<Datetime> {
    chrono::DateTime::from_timestamp(time, 0).map(Datetime::from)
}

pub(super) fn later(one: Option<Datetime>, other: Option<Datetime>) -> Option<Datetime> {
    match (one, other) {
        (Some(one), Some(other)) if other.time() < one.time() => Some(one),
        (one, other) => other.or(one),
    }
}
