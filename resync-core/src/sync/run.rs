//! What every run needs: the list it goes by, the folder, and who is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use tempfile::TempDir;
use url::Url;

use super::download::Downloads;
use super::{Difference, Event, Failure, Mirror, Observer, Places, Report, State, Totals, Tree};
use crate::client::{Resolved, Wanted};
use crate::document::Capability;
use crate::transport::{BodyLimits, without_credentials};
use crate::{Error, ErrorKind, Result};

/// How much of a list is accepted, in bytes, unpacked.
const LIST: u64 = 1 << 30;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Baseline,
    Incremental,
    Audit,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Incremental => "incremental",
            Self::Audit => "audit",
        }
    }
}

/// A run in a folder that nobody else works in.
pub(super) struct Run {
    pub(super) state: State,
    pub(super) downloads: Arc<Downloads>,
    pub(super) lists: BodyLimits,
    pub(super) places: Places,
    pub(super) told: Arc<Told>,
    /// What there is of what is wanted: lists, or indexes of lists. The first is gone by.
    pub(super) offers: Vec<(Capability, Url)>,
    /// Where state and temporary files are, if nothing is to be made in the folder.
    pub(super) aside: Option<TempDir>,
}

/// What was done, and who is told.
pub(super) struct Told {
    report: Mutex<Report>,
    observer: Option<Observer>,
}

impl Told {
    pub(super) fn report(&self) -> MutexGuard<'_, Report> {
        lock(&self.report)
    }

    pub(super) fn event(&self, event: &Event<'_>) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }

    pub(super) fn fail(&self, uri: impl Into<String>, message: impl Into<String>) {
        let failure = Failure { uri: uri.into(), message: message.into() };
        self.event(&Event::Failed(&failure));
        self.report().fail(failure);
    }

    /// Tells of files for which there was no place; whether there are any.
    pub(super) fn not_placed(&self, totals: Totals, list: &Url) -> bool {
        if totals.failed > 0 {
            let detail = "files could not be put in their places: something else is there";
            self.fail(list.as_str(), format!("{} {detail}", totals.failed));
        }
        totals.failed > 0
    }

    pub(super) fn differ(&self, difference: Difference) {
        self.event(&Event::Different(&difference));
        self.report().differ(difference);
    }

    pub(super) fn notice(&self, text: impl Into<String>) {
        let text = text.into();
        self.event(&Event::Notice(&text));
        self.report().notice(text);
    }

    /// The report, once all is done.
    pub(super) fn take(&self) -> Report {
        std::mem::take(&mut *self.report())
    }
}

impl Run {
    /// Finds the list and opens the folder.
    ///
    /// `wanted` says what is looked for, the best first; whether nothing is here yet is what it is
    /// told.
    ///
    /// # Errors
    /// When there is no such list, the folder belongs to another source, or another run is at work
    /// in it.
    pub(super) async fn begin(
        mirror: &Mirror,
        url: &Url,
        purpose: Purpose,
        wanted: impl FnOnce(bool) -> [Capability; 2],
    ) -> Result<Self> {
        let options = &mirror.options;
        let cannot_open = |cause| {
            let detail = format!("the folder {} cannot be opened", mirror.folder.display());
            Error::new(ErrorKind::Io, detail).with_source(cause)
        };
        let is_looking = options.dry_run || purpose == Purpose::Audit;
        // Where nothing is known of a copy, whoever only looks leaves nothing behind.
        let aside = (is_looking && !State::exists(&mirror.folder)).then(tempfile::tempdir);
        let aside = aside.transpose().map_err(|cause| {
            Error::new(ErrorKind::Io, "no temporary folder can be made").with_source(cause)
        })?;
        let tree = match &aside {
            Some(aside) => Tree::look(&mirror.folder, aside.path()),
            None => Tree::open(&mirror.folder),
        };
        let tree = Arc::new(tree.map_err(cannot_open)?);
        let mut state = State::open(aside.as_ref().map_or(mirror.folder.as_path(), TempDir::path))?;
        let told = Arc::new(Told { report: Mutex::default(), observer: options.observer.clone() });
        // What is known of the copy is written down, and secrets must not be.
        let bare = without_credentials(url);
        if bare != *url {
            told.notice("the user name and password in the address are not used");
        }
        let url = &bare;
        let authority = mirror.authority(url);

        let is_empty = state.reader()?.session().count()? == 0 && tree.files().next().is_none();
        let wanted = wanted(is_empty);
        let key = key(purpose, url, options.set.as_deref());
        let mut offers = known_offers(&kept(&mut state, &key)?.unwrap_or_default());
        if offers.is_empty() {
            let permit = authority.clone();
            let client = mirror
                .client
                .clone()
                .permit(move |url| permit.check(url).map_err(|error| error.to_string()));
            let looked_for = Wanted::new(purpose.name(), wanted.clone()).set(options.set.clone());
            let found = client.resolve(url.as_str(), &looked_for).await.map_err(of_client)?;
            for notice in &found.notices {
                told.notice(notice.to_string());
            }
            offers = offers_of(found, &wanted);
            if !options.dry_run {
                let lines: Vec<_> = offers.iter().map(|(it, url)| format!("{it} {url}")).collect();
                keep(&mut state, &key, &lines.join("\n"))?;
            }
        }
        // What an earlier run found best may not be that any more.
        offers.sort_by_key(|(it, _)| wanted.iter().position(|wanted| wanted == it));
        let base = options.base.clone().unwrap_or_else(|| folder_of(url));
        claim(&mut state, &base, options.dry_run)?;
        let downloads = Arc::new(Downloads {
            transport: Arc::clone(&mirror.transport),
            authority,
            tree,
            limits: BodyLimits::default().max(options.max_resource).sniff(false),
        });
        let lists = BodyLimits::default().max(LIST);
        let places = Places::new(base);
        Ok(Self { state, downloads, lists, places, told, offers, aside })
    }
}

/// Searches for the list anew in the next run, if it is gone from where it was found.
pub(super) fn search_again(mirror: &Mirror, url: &Url, purpose: Purpose, error: &Error) {
    let ErrorKind::Status(StatusCode::NOT_FOUND | StatusCode::GONE) = error.kind() else { return };
    if !State::exists(&mirror.folder) {
        return;
    }
    let Ok(mut state) = State::open(&mirror.folder) else { return };
    // The error that led here is the one that tells.
    let _ = keep(&mut state, &key(purpose, url, mirror.options.set.as_deref()), "");
}

/// Under which name it is kept what was found.
fn key(purpose: Purpose, url: &Url, set: Option<&str>) -> String {
    format!("{} {url} {}", purpose.name(), set.unwrap_or_default())
}

fn known_offers(text: &str) -> Vec<(Capability, Url)> {
    let known = |line: &str| {
        let (capability, url) = line.split_once(' ')?;
        Some((Capability::read(capability), url.parse().ok()?))
    };
    text.lines().filter_map(known).collect()
}

/// What was found, and what else its Capability List has of what is wanted; but who names a list
/// wants that one.
fn offers_of(found: Resolved, wanted: &[Capability]) -> Vec<(Capability, Url)> {
    let Resolved { capability: best, url, capabilities, is_given, .. } = found;
    let listed = capabilities.filter(|_| !is_given);
    let others = wanted.iter().filter(|it| **it != best).filter_map(|it| {
        let url = listed.as_ref()?.get(it)?;
        Some((it.clone(), url.clone()))
    });
    let others: Vec<_> = others.collect();
    [(best, url)].into_iter().chain(others).collect()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kept(state: &mut State, name: &str) -> Result<Option<String>> {
    let reader = state.reader()?;
    reader.session().meta(name)
}

fn keep(state: &mut State, name: &str, value: &str) -> Result<()> {
    let mut group = state.group()?;
    group.put_meta(name, value)?;
    group.commit()
}

/// Sees to it that the folder holds a copy of one source only: what one does not list, a baseline
/// of it would delete.
fn claim(state: &mut State, base: &Url, is_dry: bool) -> Result<()> {
    match kept(state, "base")? {
        Some(known) if known == base.as_str() => Ok(()),
        Some(known) => Err(Error::new(
            ErrorKind::Request,
            format!(
                "the folder holds a copy of {known}, not of {base}: use another folder, or name \
                 the address whose folder is the root of the copy"
            ),
        )),
        None if is_dry => Ok(()),
        None => keep(state, "base", base.as_str()),
    }
}

/// The folder that a document is in. What is well-known (RFC 8615) belongs to the whole site.
fn folder_of(url: &Url) -> Url {
    let mut folder = url.clone();
    folder.set_query(None);
    folder.set_fragment(None);
    let path = url.path();
    let end = path.find("/.well-known/").or_else(|| path.rfind('/')).unwrap_or(0);
    folder.set_path(&path[..end + usize::from(!path.is_empty())]);
    without_credentials(&folder)
}

/// An error of finding the list as one of the run.
fn of_client(error: crate::client::Error) -> Error {
    let kind = error.net().map_or(ErrorKind::Unexpected, Error::kind);
    Error::new(kind, error.to_string()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_copy_is_the_folder_of_its_source() {
        for (url, folder) in [
            ("http://x.org", "http://x.org/"),
            ("http://x.org/a/resourcelist.xml?x", "http://x.org/a/"),
            ("http://x.org/a/", "http://x.org/a/"),
            ("http://x.org/.well-known/resourcesync", "http://x.org/"),
            ("http://me:secret@x.org/a", "http://x.org/"),
        ] {
            assert_eq!(folder_of(&url.parse().unwrap()).as_str(), folder, "{url}");
        }
    }
}
