//! Baseline: the folder holds what the source lists.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use url::Url;

use super::choice;
use super::copying::{AHEAD, Copying};
use super::download::{Wanted, http_time};
use super::incremental::later;
use super::list::Opened;
use super::packages::check_guard;
use super::planner::{LISTS, Planner};
use super::run::{Purpose, Run, lock};
use super::state::{self, KnownDocument, Seen};
use super::{Event, Mirror, Report, Validators};
use crate::document::{Capability, Datetime};
use crate::{Error, ErrorKind, Result};

/// How deep indexes may be nested.
pub(super) const DEPTH: usize = 4;
/// How often a list that breaks off is begun again.
const TRIES: usize = 3;
/// Under which name it is kept whether there is something that the source does not list.
const KEPT: &str = "kept";
/// Under which name it is kept that there is a copy, even if of no known time.
pub(super) const COPIED: &str = "copied";
/// How much older than its file a list may be: it takes time to write one. In seconds.
const SLACK: i64 = 60 * 60;
/// Under which name it is kept how many resources could not be had.
pub(super) const MISSING: &str = "missing";

pub(super) async fn run(mirror: &Mirror, url: &Url) -> Result<Report> {
    let run = Run::begin(mirror, url, Purpose::Baseline, |is_empty| {
        match is_empty && mirror.options.dumps {
            true => [Capability::ResourceDump, Capability::ResourceList],
            false => [Capability::ResourceList, Capability::ResourceDump],
        }
    });
    let mut run = Copying::begin(run.await?, &mirror.options)?;
    choice::choose(&mut run).await;
    Baseline::begin(run)?.run().await
}

/// A baseline under way.
struct Baseline {
    run: Copying,
    is_dump: bool,
    /// The last row there was when the run began: what is behind it is new.
    last_row: i64,
    is_adopting: bool,
    seen: Seen,
    /// The lists that are part of the source, by their rows; `None`: they have not changed.
    documents: HashMap<i64, Option<(Url, Validators, u64)>>,
    at: Option<Datetime>,
    /// Where the list does not say of when it is: a time before that, by what its server says.
    guessed: Option<Datetime>,
    /// Up to when the copy was complete before.
    since: Option<Datetime>,
    has_read: bool,
    /// Whether all lists are read, changed or not: what a run before kept is to be deleted.
    reads_all: bool,
}

impl Baseline {
    fn begin(run: Copying) -> Result<Self> {
        let is_dump = run.capability == Capability::ResourceDump;
        let last_row = lock(&run.reader).session().last_row()?;
        let since = run.meta("since")?;
        let reads_all = run.options.delete && run.meta(KEPT)?.is_some_and(|it| it != "0");
        let is_adopting = last_row == 0 && run.downloads.tree.files().next().is_some();
        Ok(Self {
            run,
            is_dump,
            last_row,
            is_adopting,
            seen: Seen::default(),
            documents: HashMap::new(),
            at: None,
            guessed: None,
            since: since.as_deref().and_then(Datetime::read),
            has_read: false,
            reads_all,
        })
    }

    async fn run(mut self) -> Result<Report> {
        let report = self.all().await;
        self.run.workers.end().await;
        report
    }

    async fn all(&mut self) -> Result<Report> {
        let mut pending = vec![(self.run.list.clone(), 0)];
        let mut asked = HashSet::new();
        while let Some((url, depth)) = pending.pop() {
            if !asked.insert(url.clone()) {
                self.run.told.notice(format!("listed more than once: {url}"));
                continue;
            }
            if asked.len() > LISTS || depth > DEPTH {
                let detail =
                    format!("more than {LISTS} lists, or more than {DEPTH} levels of them");
                return Err(Error::new(ErrorKind::TooLarge, detail).with_url(&url));
            }
            let parts = self.list(&url).await?;
            // The last is taken first.
            pending.extend(parts.into_iter().rev().map(|part| (part, depth + 1)));
        }
        self.run.workers.drain().await?;
        self.delete().await?;
        self.finish().await
    }

    /// Reads a list, if it has changed, and sets off what follows from it. Gives the parts of an
    /// index.
    async fn list(&mut self, url: &Url) -> Result<Vec<Url>> {
        let (known, parts) = {
            let reader = lock(&self.run.reader);
            let mut session = reader.session();
            (session.document(url.as_str())?, session.meta(&parts_of(url))?)
        };
        // What is known of the list says nothing of files that were tampered with.
        let validators = known
            .as_ref()
            .filter(|_| !self.run.options.check_files && !self.reads_all)
            .and_then(KnownDocument::condition)
            .cloned();
        let mut tries = 0;
        loop {
            let list = match self.run.open(url, validators.as_ref()).await? {
                Opened::List(list) => list,
                Opened::NotModified => {
                    let known = known.unwrap_or_default();
                    let mut report = self.run.told.report();
                    report.not_modified += 1;
                    report.listed += known.completed.unwrap_or(0);
                    report.same += known.completed.unwrap_or(0);
                    drop(report);
                    self.documents.insert(known.id, None);
                    let parts = parts.unwrap_or_default();
                    return Ok(parts.lines().filter_map(|line| line.parse().ok()).collect());
                }
            };
            let document = self.document(url).await?;
            let validators = list.validators.clone();
            let (sender, receiver) = mpsc::channel(AHEAD);
            let planner = Planner {
                base: list.url.clone(),
                document,
                places: self.run.places.clone(),
                told: Arc::clone(&self.run.told),
                tree: Arc::clone(&self.run.downloads.tree),
                busy: Arc::clone(&self.run.workers.busy),
                options: self.run.options.clone(),
                is_adopting: self.is_adopting,
                is_dump: self.is_dump,
                sender,
            };
            let state = Arc::clone(&self.run.reader);
            let reading = list.read(move |reader| planner.read(reader, &lock(&state)));
            let (read, worked) =
                futures_util::future::join(reading, self.run.workers.work(receiver)).await;
            worked?;
            match read {
                Ok(read) => {
                    self.run.told.report().documents += 1;
                    if !self.has_read && read.at.is_none() {
                        self.guessed = guess(&validators);
                    }
                    self.has_read = true;
                    self.seen.merge(&read.seen);
                    self.packages(read.packages, document).await?;
                    if self.at.is_none() {
                        self.at = read.at;
                    }
                    self.documents.insert(
                        document,
                        Some((url.clone(), validators, read.entries - read.parts.len() as u64)),
                    );
                    let lines: Vec<_> = read.parts.iter().map(Url::as_str).collect();
                    let (name, lines) = (parts_of(url), lines.join("\n"));
                    if !self.run.options.dry_run && (parts.is_some() || !lines.is_empty()) {
                        let put = move |group: &mut state::Group<'_>| group.put_meta(&name, &lines);
                        self.run.workers.store.write(put).await?;
                    }
                    return Ok(read.parts);
                }
                Err(error) if error.is_transient() && tries < TRIES => {
                    tries += 1;
                    self.run
                        .told
                        .notice(format!("{error}; it is read once more from its beginning"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Applies the packages of a dump, one after the other.
    async fn packages(&mut self, packages: Vec<Wanted>, document: i64) -> Result<()> {
        for package in packages {
            let row = (document >= 0).then_some(document);
            let applied = self.run.apply(package, row).await?;
            if applied.lost > 0 {
                // What could not be unpacked must be had from the next run, changed or not.
                lock(&self.run.workers.failed).insert(document);
            }
            self.seen.merge(&applied.seen);
        }
        self.run.fetch_damaged().await
    }

    /// The row of a list.
    async fn document(&self, url: &Url) -> Result<i64> {
        if self.run.options.dry_run {
            let known = lock(&self.run.reader).session().document(url.as_str())?;
            return Ok(known.map_or(-1, |known| known.id));
        }
        // Until all that it lists is here, it counts as not read.
        let document = KnownDocument { url: url.to_string(), ..KnownDocument::default() };
        self.run.workers.store.write(move |group| group.put_document(&document)).await
    }

    /// Whether the list is older than the changes that were applied.
    fn is_old(&self) -> bool {
        self.at.zip(self.since).is_some_and(|(at, since)| at.time() < since.time())
    }

    fn tell_of_guess(&self) {
        let begin = match self.guessed {
            Some(guessed) => {
                format!("at {guessed}, an hour before its server says that it was written")
            }
            None => "with the first that the source lists".to_owned(),
        };
        self.run.told.notice(format!(
            "the list does not say of when it is: incremental runs take up the changes {begin}"
        ));
    }

    /// Deletes what no list has any more, or counts it.
    async fn delete(&mut self) -> Result<()> {
        if !self.has_read {
            return Ok(());
        }
        let unchanged = self.documents.iter().filter(|(_, read)| read.is_none());
        let gone = Gone {
            reader: Arc::clone(&self.run.reader),
            seen: std::mem::take(&mut self.seen),
            unchanged: unchanged.map(|(id, _)| *id).collect(),
            last_row: self.last_row,
        };
        if let (Some(at), Some(since), true) = (self.at, self.since, self.is_old()) {
            self.run.told.notice(format!(
                "the list is of {at}, and older than the changes that were applied, up to {since}: \
                 nothing is deleted"
            ));
            return Ok(());
        }
        let mut number = 0;
        gone.each(|_| {
            number += 1;
            true
        })?;
        if !self.run.options.delete {
            self.run.told.report().kept = number;
            return Ok(());
        }
        let known = lock(&self.run.reader).session().count()?;
        check_guard(&self.run.options.guard, number, known)
            .map_err(|it| it.with_url(&self.run.list))?;
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        let reading =
            tokio::task::spawn_blocking(move || gone.each(|uri| sender.blocking_send(uri).is_ok()));
        while let Some(uri) = receiver.recv().await {
            self.run.told.event(&Event::Deleted { uri: &uri });
            self.run.told.report().deleted += 1;
            if !self.run.options.dry_run {
                self.run.workers.store.forget(uri).await?.await?;
            }
        }
        reading.await.unwrap_or_else(|cause| {
            Err(Error::new(ErrorKind::Io, "reading the state was given up").with_source(cause))
        })
    }

    /// Remembers the lists that are done with.
    async fn finish(&mut self) -> Result<Report> {
        let totals = self.run.workers.store.flush().await?;
        let is_placed = !self.run.told.not_placed(totals, &self.run.list);
        let failed = std::mem::take(&mut *lock(&self.run.workers.failed));
        let at = later(self.since, self.at);
        if self.has_read && self.at.is_none() {
            self.tell_of_guess();
        }
        let guessed = self.guessed.filter(|_| self.at.is_none());
        let until = later(at, guessed).map(|until| until.to_string());
        let Report { kept, failed: missing, .. } = *self.run.told.report();
        let kept = (kept > 0 || self.reads_all).then(|| kept.to_string());
        // What waits for the next incremental run is in the lists, if they are not older than it.
        let is_overtaken = self.has_read && !self.is_old();
        if !self.run.options.dry_run {
            let documents = std::mem::take(&mut self.documents);
            let remember = move |group: &mut state::Group<'_>| {
                for (id, read) in documents {
                    if let (Some((url, validators, entries)), true) =
                        (read, is_placed && !failed.contains(&id))
                    {
                        group.put_document(&KnownDocument {
                            id,
                            url: url.to_string(),
                            validators,
                            completed: Some(entries),
                            generation: 0,
                        })?;
                    }
                }
                if let Some(until) = until {
                    group.put_meta("since", &until)?;
                }
                group.put_meta(COPIED, "1")?;
                group.put_meta(MISSING, &missing.to_string())?;
                if is_overtaken {
                    group.clear_changes()?;
                }
                if let Some(kept) = kept {
                    group.put_meta(KEPT, &kept)?;
                }
                Ok(())
            };
            self.run.workers.store.write(remember).await?;
        }
        self.run.workers.store.flush().await?;
        let mut report = self.run.told.take();
        report.complete_until = at;
        Ok(report)
    }
}

/// What no list has any more.
struct Gone {
    reader: Arc<Mutex<state::Reader>>,
    seen: Seen,
    /// What these list was not looked at.
    unchanged: HashSet<i64>,
    last_row: i64,
}

impl Gone {
    /// One resource after the other, until `take` has enough.
    fn each(&self, mut take: impl FnMut(String) -> bool) -> Result<()> {
        let reader = lock(&self.reader);
        let is_settled =
            |document: Option<i64>| !document.is_some_and(|id| self.unchanged.contains(&id));
        for row in reader.unseen(&self.seen, is_settled) {
            let row = row?;
            if row.id > self.last_row || !take(row.uri) {
                break;
            }
        }
        Ok(())
    }
}

/// A time before that of a list which does not say it.
fn guess(validators: &Validators) -> Option<Datetime> {
    let written = DateTime::<Utc>::from(http_time(validators.last_modified.as_deref()?)?);
    written.checked_sub_signed(TimeDelta::seconds(SLACK)).map(Datetime::from)
}

/// Under which name the parts of an index are kept.
pub(super) fn parts_of(url: &Url) -> String {
    format!("parts {url}")
}
