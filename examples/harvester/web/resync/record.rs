//! A Resync record: a source in WEKO's words.

use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::store::{SourceDefinition, SourceStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// The kind of the sources that are records.
pub(super) const KIND: &str = "resync";
/// Under what the definition keeps what only WEKO has.
const EXTRA: &str = "weko";
const HOURS_OF_A_DAY: u64 = 24;

/// How a record is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// By hand.
    Manual,
    /// At its interval, while it is ON.
    #[default]
    Automatic,
}

/// What a sync does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    Audit,
    #[default]
    Baseline,
    Incremental,
}

/// In which form metadata are saved; more may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    JpcoarXml,
}

macro_rules! words_of {
    ($type:ty { $($variant:ident => $value:literal, $key:literal;)+ }) => {
        impl $type {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is sent and kept.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value),+ }
            }

            /// The key of its name.
            pub(super) fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            pub(super) fn of(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}

words_of!(Status {
    Manual => "manual", "resync.status-manual";
    Automatic => "automatic", "resync.status-automatic";
});
words_of!(Mode {
    Audit => "audit", "resync.mode-audit";
    Baseline => "baseline", "resync.mode-baseline";
    Incremental => "incremental", "resync.mode-incremental";
});
words_of!(Format {
    JpcoarXml => "JPCOAR-XML", "resync.format-jpcoar";
});

/// A record as WEKO shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) repository_name: String,
    pub(super) base_url: String,
    pub(super) status: Status,
    /// In days; of a manual record, what it was or will be.
    pub(super) interval: u32,
    pub(super) from_date: String,
    pub(super) until_date: String,
    /// The number of the index; another text where the source was set up elsewhere.
    pub(super) target_index: String,
    pub(super) mode: Mode,
    pub(super) format: Format,
    /// Whether an automatic one is ON.
    pub(super) is_running: bool,
}

/// What the definition keeps besides what it has a place for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Extra {
    automatic: bool,
    interval: Option<u32>,
    base_url: Option<String>,
    from_date: String,
    until_date: String,
    saving_format: String,
}

impl Record {
    /// A source as a record.
    pub(super) fn of(definition: &SourceDefinition) -> Self {
        let known: Option<Extra> = definition
            .extra
            .get(EXTRA)
            .and_then(|extra| serde_json::from_value(extra.clone()).ok());
        let has_rhythm = definition.schedule.rhythm != Rhythm::Manual;
        let is_automatic = known.as_ref().map_or(has_rhythm, |extra| extra.automatic);
        let extra = known.unwrap_or_default();
        let mode = definition.options["mode"].as_str().and_then(Mode::of).unwrap_or_default();
        Self {
            repository_name: definition.title.clone(),
            base_url: extra
                .base_url
                .unwrap_or_else(|| definition.url().unwrap_or_default().to_owned()),
            status: if is_automatic { Status::Automatic } else { Status::Manual },
            interval: days(&definition.schedule).or(extra.interval).unwrap_or(1),
            from_date: extra.from_date,
            until_date: extra.until_date,
            target_index: definition.target.clone().unwrap_or_default(),
            mode,
            format: Format::of(&extra.saving_format).unwrap_or_default(),
            is_running: is_automatic && definition.status == SourceStatus::Active && has_rhythm,
        }
    }

    /// Writes the record into a source, and leaves what else that has.
    pub(super) fn write(&self, definition: &mut SourceDefinition) {
        let was = Self::of(definition);
        definition.title.clone_from(&self.repository_name);
        definition.target = Some(self.target_index.clone());
        // An index has one record.
        definition.occupies = Some(format!("index {}", self.target_index));
        if !definition.options.is_object() {
            definition.options = json!({});
        }
        definition.options["url"] = self.list_url().into();
        definition.options["mode"] = self.mode.as_str().into();
        match (self.mode, self.from_date.is_empty()) {
            (Mode::Incremental, false) => definition.options["from"] = json!(self.from_date),
            _ => _ = definition.options.as_object_mut().map(|options| options.remove("from")),
        }
        let extra = Extra {
            automatic: self.status == Status::Automatic,
            interval: Some(self.interval),
            base_url: Some(self.base_url.clone()),
            from_date: self.from_date.clone(),
            until_date: self.until_date.clone(),
            saving_format: self.format.as_str().to_owned(),
        };
        if !definition.extra.is_object() {
            definition.extra = json!({});
        }
        definition.extra[EXTRA] = serde_json::to_value(extra).unwrap_or(Value::Null);
        self.schedule(&was, definition);
    }

    /// The first run of one that is switched ON is asked for by whoever does that, the next comes an
    /// interval later; one that was set up ON is due at once.
    fn schedule(&self, was: &Self, definition: &mut SourceDefinition) {
        let every = Rhythm::every(self.interval, Unit::Days).map(Schedule::new).unwrap_or_default();
        let (status, schedule) = match (self.status, self.is_running) {
            (Status::Manual, _) => (SourceStatus::Active, Schedule::default()),
            (Status::Automatic, false) => (SourceStatus::Paused, Schedule::default()),
            (Status::Automatic, true) if was.is_running && was.interval == self.interval => {
                return;
            }
            (Status::Automatic, true) => (SourceStatus::Active, every),
        };
        definition.status = status;
        definition.schedule = schedule;
    }

    /// Switches an automatic record ON or OFF.
    pub(super) fn switch(&mut self, on: bool, definition: &mut SourceDefinition) {
        self.is_running = on;
        self.write(definition);
        if on {
            definition.schedule.start_delay = u64::from(self.interval) * HOURS_OF_A_DAY * 3600;
        }
    }

    /// What is asked for: a server of WEKO takes the period as parameters.
    fn list_url(&self) -> String {
        let Ok(mut url) = Url::parse(&self.base_url) else { return self.base_url.clone() };
        for (name, date) in [("from_date", &self.from_date), ("to_date", &self.until_date)] {
            if !date.is_empty() {
                url.query_pairs_mut().append_pair(name, date);
            }
        }
        url.into()
    }
}

/// An interval in days, if it is one.
fn days(schedule: &Schedule) -> Option<u32> {
    match schedule.rhythm {
        Rhythm::Every { count, unit: Unit::Days } => Some(count),
        Rhythm::Every { count, unit: Unit::Weeks } => Some(count * 7),
        Rhythm::Every { count, unit: Unit::Months } => Some(count * 30),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            repository_name: "Library".to_owned(),
            base_url: "https://library.example/resync/1/resourcelist.xml".to_owned(),
            interval: 3,
            from_date: "2024-01-31".to_owned(),
            target_index: "1623632832836".to_owned(),
            mode: Mode::Incremental,
            is_running: true,
            ..Record::default()
        }
    }

    #[test]
    fn a_record_is_read_from_the_source_it_was_written_to() {
        let mut definition = SourceDefinition::new("resync-1", KIND, Value::Null);
        definition.extra = json!({ "other": 1 });
        record().write(&mut definition);
        assert_eq!(Record::of(&definition), record());
        let list = "https://library.example/resync/1/resourcelist.xml?from_date=2024-01-31";
        assert_eq!(definition.url(), Some(list));
        assert_eq!(definition.options["from"], "2024-01-31");
        assert_eq!(definition.extra["other"], 1);
    }

    #[test]
    fn one_that_is_off_has_no_rhythm_and_keeps_its_interval() {
        let mut definition = SourceDefinition::new("resync-1", KIND, Value::Null);
        let mut record = record();
        record.write(&mut definition);
        assert_eq!(definition.schedule.start_delay, 0);
        record.switch(false, &mut definition);
        assert_eq!(
            (definition.status, &definition.schedule.rhythm),
            (SourceStatus::Paused, &Rhythm::Manual)
        );
        let mut off = Record::of(&definition);
        assert_eq!((off.status, off.interval, off.is_running), (Status::Automatic, 3, false));
        off.switch(true, &mut definition);
        assert_eq!(definition.schedule.start_delay, 3 * 24 * 3600);
        assert!(Record::of(&definition).is_running);
    }
}
