//! What was found at an address.

use schemars::JsonSchema;
use serde::Serialize;

/// What was found at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The kind of sources that it is.
    pub(crate) kind: String,
    /// The address to harvest.
    pub(crate) url: String,
    /// What it calls itself.
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) description: String,
    /// The mail addresses of those who look after it.
    pub(crate) administrators: Vec<String>,
    /// No record is older than this, by what it says.
    pub(crate) earliest: Option<String>,
    /// How finely it tells time: `day` or `second`.
    pub(crate) granularity: Option<&'static str>,
    /// What becomes of deleted records: `no`, `transient` or `persistent`.
    pub(crate) deleted: Option<&'static str>,
    /// The formats that it has records in.
    pub(crate) formats: Vec<Choice>,
    /// Its sets; of a ResourceSync source, its capability lists.
    pub(crate) sets: Vec<Choice>,
    /// What it offers: documents of ResourceSync; of a harvest list, the first documents.
    pub(crate) documents: Vec<Document>,
    /// How many documents a harvest list names.
    pub(crate) listed: Option<u64>,
    /// What could not be had, or is not as the standard has it.
    pub(crate) warnings: Vec<String>,
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Choice {
    /// What is set.
    pub(crate) value: String,
    /// What it is called, or stands for.
    pub(crate) name: String,
}

/// A document that is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Document {
    /// What it is: a capability of ResourceSync, or a docid.
    pub(crate) what: String,
    /// Where it is.
    pub(crate) url: String,
    /// How many entries it has, if it was read.
    pub(crate) entries: Option<u64>,
}

impl Found {
    /// What can be chosen for an option of its kind.
    pub(crate) fn choices(&self, option: &str) -> &[Choice] {
        match option {
            "format" => &self.formats,
            "set" => &self.sets,
            _ => &[],
        }
    }

    /// The same with nothing in it that would move a cursor or break a line.
    pub(super) fn on_lines(mut self) -> Self {
        let texts = [&mut self.name, &mut self.description].into_iter();
        let texts = texts.chain(&mut self.administrators).chain(&mut self.warnings);
        let choices = self.formats.iter_mut().chain(&mut self.sets);
        texts.chain(choices.map(|choice| &mut choice.name)).for_each(|text| {
            *text = crate::output::one_line(text);
        });
        self
    }
}
