//! Reports by mail, about runs that are over.
//!
//! ```text
//! runs that are over ─▶ letters, kept as documents ─▶ mail server
//!                              ▲ again, later ◀──────────┘ what went wrong is an event
//! ```
//!
//! Several may run at once: a letter is sent by whoever takes it first, and by another if that one is
//! lost. A letter that was sent just before that comes twice; none is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use harvest_pipeline::engine::Installation;
use harvest_pipeline::reports::{Audience, Harvested, Mailer, Report, Style};
use harvest_pipeline::store::{Event, EventLevel, Page, RunEntry, RunQuery, SourceDefinition};
use harvest_pipeline::{RunId, RunState};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::letters::{LETTERS, Letter, Letters};
use crate::accounts::{Document, DocumentError, Documents};
use crate::report::Failure;

/// How long to wait before looking again.
const LOOK: Duration = Duration::from_secs(2);
/// What was over longer ago, while nothing was there to report it, is no news.
const NEWS: TimeDelta = TimeDelta::days(7);
/// So many runs, or letters, are looked at in one go.
const AT_ONCE: usize = 500;
/// How long whoever took a letter has to send it.
const TAKEN: TimeDelta = TimeDelta::minutes(5);
/// How often a letter is tried. The last time is more than a day after the first.
const MOST_ATTEMPTS: u32 = 12;
/// The longest wait between two attempts.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(8);

const POSITION: &str = "reports";
const KEY: &str = "position";

/// Up to where runs were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// Runs up to this one were seen.
    seen: i64,
    /// Of these, the ones that were not over.
    open: BTreeSet<i64>,
}

/// Sends reports.
pub(super) struct Reporter {
    pub(super) installation: Installation,
    pub(super) documents: Documents,
    pub(super) mailer: Mailer,
    pub(super) style: Style,
    pub(super) administrators: Vec<String>,
    /// How long after the first failure a letter is tried again.
    pub(super) retry_delay: Duration,
}

impl Reporter {
    /// Remembers where runs are the first time: what was before there was anybody to report is no news.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub(super) async fn begin(&self) -> Result<(), Failure> {
        let now = self.installation.store().now().await?;
        let open = self.open().await?;
        let seen = self.newer(None).await?.first().map_or(0, |run| run.id.0);
        let begun = self.documents.insert(POSITION, KEY, &Position { seen, open }, now).await;
        unless_another(begun)
    }

    /// Sends reports until it is stopped.
    pub(super) async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let tick = async {
                if let Err(failure) = self.tick().await {
                    let error = failure.text().unwrap_or_default();
                    tracing::warn!(%error, "reports have to wait");
                }
                tokio::time::sleep(LOOK).await;
            };
            stop.run_until_cancelled(tick).await;
        }
    }

    async fn tick(&self) -> Result<(), Failure> {
        self.write().await?;
        self.send_all().await
    }

    /// Writes the letters about runs that are over since it last looked.
    async fn write(&self) -> Result<(), Failure> {
        let now = self.installation.store().now().await?;
        let open = self.open().await?;
        let position = self.documents.get::<Position>(POSITION, KEY).await?;
        let Some(mut position) = position else { return self.begin().await };
        let new = self.newer(Some(position.body.seen)).await?;
        let (still_open, over): (Vec<_>, Vec<_>) = new.iter().partition(|run| run.state.is_open());
        let mut over: Vec<RunEntry> = over.into_iter().cloned().collect();
        let mut next = Position {
            seen: new.first().map_or(position.body.seen, |run| run.id.0),
            open: open.clone(),
        };
        next.open.extend(still_open.iter().map(|run| run.id.0));
        for run in &over {
            next.open.remove(&run.id.0);
        }
        for ended in position.body.open.difference(&open) {
            over.extend(self.installation.store().run(RunId(*ended)).await?);
        }
        for (key, letter) in self.letters(&over, now).await? {
            unless_another(self.documents.insert(LETTERS, &key, &letter, now).await)?;
        }
        if next == position.body {
            return Ok(());
        }
        position.body = next;
        unless_another(self.documents.replace(POSITION, &position, now).await)
    }

    /// The runs that are not over.
    async fn open(&self) -> Result<BTreeSet<i64>, Failure> {
        let mut query = RunQuery::default();
        query.states = RunState::ALL.into_iter().filter(|state| state.is_open()).collect();
        query.page = Page::first(AT_ONCE);
        let mut open = BTreeSet::new();
        loop {
            let page = self.installation.store().runs(&query).await?;
            open.extend(page.iter().map(|run| run.id.0));
            match page.last() {
                Some(last) => query.page.after = Some(last.id),
                None => return Ok(open),
            }
        }
    }

    /// The runs after this one, newest first; of `None`, the newest.
    async fn newer(&self, seen: Option<i64>) -> Result<Vec<RunEntry>, Failure> {
        let mut query = RunQuery::default();
        query.page = Page::first(if seen.is_some() { AT_ONCE } else { 1 });
        let mut newer = Vec::new();
        loop {
            let page = self.installation.store().runs(&query).await?;
            let next = page.last().map(|run| run.id);
            let before = page.len();
            newer.extend(page.into_iter().filter(|run| seen.is_none_or(|seen| run.id.0 > seen)));
            let is_through = seen.is_none_or(|seen| next.is_none_or(|last| last.0 <= seen));
            if is_through || before == 0 {
                return Ok(newer);
            }
            query.page.after = next;
        }
    }

    /// What is to be told about these runs, and to whom.
    async fn letters(
        &self,
        over: &[RunEntry],
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, Letter)>, Failure> {
        let mut letters = Vec::new();
        let mut groups = BTreeSet::new();
        let letter = |runs: Vec<i64>, to: &[String], for_administrators| Letter {
            runs,
            to: to.to_vec(),
            for_administrators,
            attempts: 0,
            next: now,
        };
        let is_news = |run: &&RunEntry| run.ended.is_some_and(|ended| ended > now - NEWS);
        for run in over.iter().filter(is_news).filter(|run| !run.request.dry_run) {
            let contacts = contacts(run);
            if !contacts.is_empty() && concerns_contacts(run) {
                let key = format!("{:020} contacts", run.id.0);
                letters.push((key, letter(vec![run.id.0], &contacts, false)));
            }
            if self.administrators.is_empty() {
                continue;
            }
            match run.request.group {
                Some(group) => drop(groups.insert(group)),
                None if concerns_administrators(run, &contacts) => {
                    let key = format!("{:020} administrators", run.id.0);
                    letters.push((key, letter(vec![run.id.0], &self.administrators, true)));
                }
                None => {}
            }
        }
        for group in groups {
            let mut query = RunQuery::default();
            query.group = Some(group);
            query.page = Page::first(AT_ONCE);
            let runs = self.installation.store().runs(&query).await?;
            let concerns = |run: &RunEntry| concerns_administrators(run, &contacts(run));
            if !runs.iter().any(|run| run.state.is_open()) && runs.iter().any(concerns) {
                let ids = runs.iter().rev().map(|run| run.id.0).collect();
                let key = format!("group {group:020}");
                letters.push((key, letter(ids, &self.administrators, true)));
            }
        }
        Ok(letters)
    }

    /// Sends the letters whose time has come.
    async fn send_all(&self) -> Result<(), Failure> {
        let mut after: Option<String> = None;
        loop {
            let page = self.documents.after::<Letter>(LETTERS, after.as_deref(), AT_ONCE as i64);
            let page = page.await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            let now = self.installation.store().now().await?;
            for letter in page.into_iter().filter(|letter| letter.body.next <= now) {
                self.send(letter).await?;
            }
        }
    }

    /// Takes a letter and sends it; if that fails, puts it back for later.
    async fn send(&self, mut taken: Document<Letter>) -> Result<(), Failure> {
        let now = self.installation.store().now().await?;
        taken.body.attempts += 1;
        taken.body.next = now + TAKEN;
        match self.documents.replace(LETTERS, &taken, now).await {
            Err(DocumentError::Changed { .. }) => return Ok(()),
            done => done?,
        }
        let key = taken.key.clone();
        let Some(mut letter) = self.documents.get::<Letter>(LETTERS, &key).await? else {
            return Ok(());
        };
        let Letter { to, attempts, .. } = letter.body.clone();
        let (level, code, message) = match self.deliver(&letter.body, now).await {
            Ok(()) => {
                self.put_away(&key, &letter.body, None, now).await?;
                (
                    EventLevel::Info,
                    "ReportSent",
                    format!("the report was sent to {}", to.join(", ")),
                )
            }
            Err(why) if attempts >= MOST_ATTEMPTS => {
                self.put_away(&key, &letter.body, Some(why.clone()), now).await?;
                let message = format!("{why}; it was tried {attempts} times, and is not any more");
                (EventLevel::Error, "ReportGivenUp", message)
            }
            Err(why) => {
                letter.body.next = now + wait(self.retry_delay, attempts);
                unless_another(self.documents.replace(LETTERS, &letter, now).await)?;
                let again = letter.body.next.format("%Y-%m-%d %H:%M:%S UTC");
                (EventLevel::Warning, "ReportFailed", format!("{why}; it is tried again {again}"))
            }
        };
        self.say(&letter.body, Event::new(code, level, message)).await
    }

    /// It waits no longer; what became of it is kept.
    async fn put_away(
        &self,
        key: &str,
        letter: &Letter,
        failure: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        Letters(self.documents.clone()).keep(key, letter, failure, now).await?;
        self.documents.remove(LETTERS, key).await?;
        Ok(())
    }

    async fn deliver(&self, letter: &Letter, now: DateTime<Utc>) -> Result<(), String> {
        let mut harvests = Vec::with_capacity(letter.runs.len());
        for run in &letter.runs {
            let harvested = Harvested::gather(&self.installation, RunId(*run)).await;
            harvests.push(harvested.map_err(|error| error.message().to_owned())?);
        }
        let audience = match letter.for_administrators {
            true => Audience::Administrator,
            false => Audience::SiteContact,
        };
        let report = Report::new(self.style, &harvests, audience, now);
        self.mailer.send(&report, &letter.to).await.map_err(|error| error.to_string())
    }

    async fn say(&self, letter: &Letter, event: Event) -> Result<(), Failure> {
        let store = self.installation.store();
        let event = match letter.runs.first() {
            Some(run) => match store.run(RunId(*run)).await? {
                Some(run) => event.in_run(run.request.source, run.id),
                None => event,
            },
            None => event,
        };
        Ok(store.record(&[event]).await?)
    }
}

/// This long at first, then twice as long each time.
fn wait(first: Duration, attempts: u32) -> TimeDelta {
    let times = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let wait = TimeDelta::from_std(first.saturating_mul(times));
    wait.map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}

/// Those who look after the source, as it was set up for the run.
fn contacts(run: &RunEntry) -> Vec<String> {
    let definition = serde_json::from_value::<SourceDefinition>(run.settings.clone());
    definition.map(|definition| definition.contacts).unwrap_or_default()
}

/// What went wrong here is nothing that the source's people can do something about.
fn concerns_contacts(run: &RunEntry) -> bool {
    run.failure.as_ref().is_none_or(|failure| failure.at_source)
}

/// What went wrong at the source is for its people, if they are known.
fn concerns_administrators(run: &RunEntry, contacts: &[String]) -> bool {
    contacts.is_empty() || run.failure.as_ref().is_none_or(|failure| !failure.at_source)
}

/// Two that do the same at once: one of them has done it.
fn unless_another(done: Result<(), DocumentError>) -> Result<(), Failure> {
    match done {
        Err(DocumentError::Taken { .. } | DocumentError::Changed { .. }) => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_tried_for_days_before_it_is_given_up() {
        let first = Duration::from_secs(60);
        let wait = |attempts| wait(first, attempts);
        let all = (1..MOST_ATTEMPTS).map(wait).fold(TimeDelta::zero(), |sum, wait| sum + wait);
        assert_eq!(wait(1), TimeDelta::minutes(1));
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
        assert!(all > TimeDelta::hours(24), "{all}");
    }
}
