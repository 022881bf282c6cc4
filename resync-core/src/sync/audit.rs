//! Audit: what is different, and nothing touched.

use std::collections::HashSet;
use std::sync::Arc;

use url::Url;

use super::baseline::DEPTH;
use super::download::algorithms;
use super::list::{self, Opened, unreadable};
use super::planner::{LISTS, add, address, is_part};
use super::run::{Purpose, Run, Told, lock};
use super::state::{self, Known, Seen};
use super::{Difference, DifferenceKind, Event, Mirror, Place, Places, Report, Tree};
use crate::document::{Capability, Change, Entry, Reader};
use crate::fixity;
use crate::transport::ReadHalf;
use crate::{Error, ErrorKind, Result};

pub(super) async fn run(mirror: &Mirror, url: &Url) -> Result<Report> {
    let wanted = |_| [Capability::ResourceList, Capability::ChangeList];
    let run = Run::begin(mirror, url, Purpose::Audit, wanted).await?;
    let Run { state, downloads, lists, places, told, mut offers, aside: _aside } = run;
    let (capability, list) = offers.remove(0);
    let reader = state.reader()?;
    let last_row = reader.session().last_row()?;
    let state = Arc::new(std::sync::Mutex::new(reader));
    let tells_all = capability == Capability::ResourceList;
    let mut seen = Seen::default();
    let mut pending = vec![(list, 0)];
    let mut asked = HashSet::new();
    while let Some((url, depth)) = pending.pop() {
        if asked.len() >= LISTS || depth > DEPTH {
            let detail = format!("more than {LISTS} lists, or more than {DEPTH} levels of them");
            return Err(Error::new(ErrorKind::TooLarge, detail).with_url(&url));
        }
        if !asked.insert(url.clone()) {
            continue;
        }
        let opened =
            list::open(&downloads.transport, &url, None, &downloads.authority, &lists).await?;
        let Opened::List(list) = opened else { continue };
        told.event(&Event::Document { url: &url });
        told.report().documents += 1;
        let auditor = Auditor {
            base: list.url.clone(),
            places: places.clone(),
            tree: Arc::clone(&downloads.tree),
            told: Arc::clone(&told),
            reads_content: mirror.options.check_content,
            seen: std::mem::take(&mut seen),
        };
        let state = Arc::clone(&state);
        let (found, parts) = list.read(move |reader| auditor.read(reader, &lock(&state))).await?;
        seen = found;
        pending.extend(parts.into_iter().rev().map(|part| (part, depth + 1)));
    }
    if tells_all {
        let state = lock(&state);
        for row in state.unseen(&seen, |_| true) {
            let row = row?;
            if row.id > last_row {
                continue;
            }
            told.differ(Difference {
                uri: row.uri,
                kind: DifferenceKind::Extra,
                detail: "the source does not list it".to_owned(),
            });
        }
    }
    Ok(told.take())
}

struct Auditor {
    base: Url,
    places: Places,
    tree: Arc<Tree>,
    told: Arc<Told>,
    reads_content: bool,
    seen: Seen,
}

impl Auditor {
    fn read(
        mut self,
        mut reader: Reader<ReadHalf>,
        state: &state::Reader,
    ) -> Result<(Seen, Vec<Url>)> {
        let head = reader.head().map_err(unreadable)?.clone();
        let mut session = state.session();
        let mut parts = Vec::new();
        let (mut listed, mut same) = (0, 0);
        while let Some(part) = reader.next_part().map_err(unreadable)? {
            for entry in part {
                let entry = entry.map_err(unreadable)?;
                if is_part(&head, &entry) {
                    match self.base.join(&entry.loc) {
                        Ok(url) => add(&mut parts, url)?,
                        Err(_) => self.told.fail(&*entry.loc, "this is no address of a list"),
                    }
                    continue;
                }
                listed += 1;
                let Some(uri) = address(&self.base, &entry.loc) else {
                    self.told.fail(&*entry.loc, "this is no address");
                    continue;
                };
                let known = session.lookup(&uri)?;
                if let Some(known) = &known {
                    self.seen.insert(known.id);
                }
                match self.compare(&uri, &entry, known.as_ref()) {
                    Ok(None) => {
                        self.told.event(&Event::Same { uri: &uri });
                        same += 1;
                    }
                    Ok(Some((kind, detail))) => {
                        self.told.differ(Difference { uri, kind, detail });
                    }
                    Err(cause) => self.told.fail(uri, format!("cannot be looked at: {cause}")),
                }
            }
        }
        let mut report = self.told.report();
        report.listed += listed;
        report.same += same;
        drop(report);
        Ok((self.seen, parts))
    }

    /// In which way the file differs from what is listed, if it does.
    fn compare(
        &self,
        uri: &str,
        entry: &Entry<'_>,
        known: Option<&Known>,
    ) -> std::io::Result<Option<(DifferenceKind, String)>> {
        let kept = known.and_then(|known| Place::from_kept(&known.place));
        let place = kept.unwrap_or_else(|| self.places.place(uri));
        let stat = self.tree.stat(&place)?;
        if entry.md.change == Some(Change::Deleted) {
            let detail = "the source has deleted it".to_owned();
            return Ok(stat.map(|_| (DifferenceKind::Extra, detail)));
        }
        let Some(stat) = stat else {
            return Ok(Some((DifferenceKind::Missing, format!("there is no file {place}"))));
        };
        let changed = |detail| Ok(Some((DifferenceKind::Changed, detail)));
        if let Some(length) = entry.md.length.filter(|length| *length != stat.len) {
            return changed(format!("{length} bytes there, {} here", stat.len));
        }
        let has_digest = entry.md.hash.digests().next().is_some();
        let is_as_written =
            known.is_some_and(|known| super::plan::is_untouched(known, Some(&stat)));
        if has_digest && (self.reads_content || !is_as_written) {
            let file = self.tree.open_file(&place)?;
            let measured = fixity::of_file(file, algorithms(&entry.md.hash))?;
            return match fixity::verify(&measured, entry.md.length, &entry.md.hash) {
                Ok(_) => Ok(None),
                Err(mismatch) => changed(mismatch.to_string()),
            };
        }
        if let Some(known) = known.filter(|_| is_as_written) {
            return match super::plan::decide(entry, known) {
                super::plan::Step::Fetch => changed("listed as changed".to_owned()),
                _ => Ok(None),
            };
        }
        let Some(lastmod) = entry.lastmod else { return Ok(None) };
        let modified = stat.modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let modified = i64::try_from(modified.as_secs()).unwrap_or(i64::MAX);
        match lastmod.timestamp().abs_diff(modified) {
            0 | 1 => Ok(None),
            _ => changed(format!("modified {lastmod} there, at another time here")),
        }
    }
}
