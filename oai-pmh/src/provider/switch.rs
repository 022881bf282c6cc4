//! Output, on and off.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::{Datestamp, Window};

/// Whether a repository lists its records: a switch for whoever runs it, for the time in which
/// records are being checked.
///
/// While output is off, `ListRecords` and `ListIdentifiers` with otherwise legal arguments are
/// answered with `noRecordsMatch`, also in the middle of a list; to harvesters, that is a
/// repository in which nothing has changed. Everything else is answered as before: `Identify`,
/// `ListSets` and `ListMetadataFormats` say nothing of records, and `GetRecord` lets a record be
/// looked at while it is being checked.
///
/// Harvesters that go by time never come back for what changed meanwhile: see
/// [`Pause::window`] and [`Touch`](super::Touch).
///
/// Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct OutputSwitch(Arc<RwLock<Option<DateTime<Utc>>>>);

/// A time in which output was off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it was switched on again.
    pub until: DateTime<Utc>,
}

impl OutputSwitch {
    /// On.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Off since then; for a switch that is kept in a database.
    #[must_use]
    pub fn off_since(since: DateTime<Utc>) -> Self {
        Self(Arc::new(RwLock::new(Some(since))))
    }

    /// Since when it is off; `None` when it is on.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches output off. If it was off already, it stays so since then.
    pub fn turn_off(&self, now: DateTime<Utc>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
    }

    /// Switches output on, and says since when it was off, if it was.
    pub fn turn_on(&self, now: DateTime<Utc>) -> Option<Pause> {
        let since = self.0.write().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Pause { since, until: now })
    }
}

impl Pause {
    /// What changed meanwhile has its datestamp in this time span; list it with
    /// [`Provider::changed`](super::Provider::changed).
    #[must_use]
    pub fn window(&self) -> Window {
        Window::new(Some(Datestamp::second(self.since)), Some(Datestamp::second(self.until)))
            .unwrap_or_default()
    }
}
