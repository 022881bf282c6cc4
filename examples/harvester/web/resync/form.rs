//! What is typed for a record, and what is wrong with it.

use std::fmt::Display;

use chrono::NaiveDate;
use harvest_pipeline::schedule::Rhythm;
use maud::{Markup, html};
use serde::Deserialize;
use url::Url;

use super::indexes::Tree;
use super::record::{Format, Mode, Record, Status};
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field, holds_credentials};
use crate::web::visitor::Visitor;
use crate::words::Words;

/// As long as WEKO's columns are.
const LONGEST_NAME: usize = 50;
const LONGEST_URL: usize = 255;
/// In days.
const LONGEST_INTERVAL: u32 = Rhythm::MOST;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    repository_name: String,
    base_url: String,
    status: String,
    interval: String,
    from_date: String,
    until_date: String,
    target_index: String,
    resync_mode: String,
    saving_format: String,
    /// `another`: a fresh form comes next.
    pub(super) then: String,
}

impl Default for Typed {
    /// A fresh form.
    fn default() -> Self {
        Self::from(&Record { interval: 1, ..Record::default() })
    }
}

impl From<&Record> for Typed {
    fn from(record: &Record) -> Self {
        Self {
            repository_name: record.repository_name.clone(),
            base_url: record.base_url.clone(),
            status: record.status.as_str().to_owned(),
            interval: record.interval.to_string(),
            from_date: record.from_date.clone(),
            until_date: record.until_date.clone(),
            target_index: record.target_index.clone(),
            resync_mode: record.mode.as_str().to_owned(),
            saving_format: record.format.as_str().to_owned(),
            then: String::new(),
        }
    }
}

impl Typed {
    /// The record that was typed, switched ON or OFF as this says.
    ///
    /// # Errors
    /// What is wrong with it, in WEKO's order: name, index, address, and then the rest.
    pub(super) fn read(
        &self,
        words: Words,
        tree: &Tree,
        is_running: bool,
    ) -> Result<Record, Errors> {
        let mut errors = Errors::none();
        let mut required = |field: &str, key: &str, value: &str| {
            let value = value.trim().to_owned();
            if value.is_empty() {
                errors.add(field, words.fill("form.required", &[("field", &words.text(key))]));
            }
            value
        };
        let repository_name =
            required("repository_name", "resync.repository-name", &self.repository_name);
        let target_index = required("target_index", "resync.target-index", &self.target_index);
        let base_url = required("base_url", "resync.base-url", &self.base_url);
        for (field, key, value, most) in [
            ("repository_name", "resync.repository-name", &repository_name, LONGEST_NAME),
            ("base_url", "resync.base-url", &base_url, LONGEST_URL),
        ] {
            if value.chars().count() > most {
                let values: [(&str, &dyn Display); 2] =
                    [("field", &words.text(key)), ("most", &most)];
                errors.add(field, words.fill("resync.too-long", &values));
            }
        }
        let field = |key: &str| words.text(key).to_owned();
        if !target_index.is_empty() && tree.named(&target_index).is_none() {
            let values: [(&str, &dyn Display); 1] = [("field", &field("resync.target-index"))];
            errors.add("target_index", words.fill("form.choice", &values));
        }
        if !base_url.is_empty() && !is_web(&base_url) {
            let values: [(&str, &dyn Display); 1] = [("field", &field("resync.base-url"))];
            errors.add("base_url", words.fill("form.url", &values));
        } else if Url::parse(&base_url).is_ok_and(|url| holds_credentials(&url)) {
            errors.add("base_url", words.text("form.url-credentials"));
        }
        let status =
            choice(Status::of(&self.status), "status", "resync.status", words, &mut errors);
        let mode =
            choice(Mode::of(&self.resync_mode), "resync_mode", "resync.mode", words, &mut errors);
        let format = choice(
            Format::of(&self.saving_format),
            "saving_format",
            "resync.format",
            words,
            &mut errors,
        );
        let interval = self.interval(words, status, &mut errors);
        let from_date = date(&self.from_date, "from_date", words, &mut errors);
        let until_date = date(&self.until_date, "until_date", words, &mut errors);
        if from_date.zip(until_date).is_some_and(|(from, until)| from > until) {
            errors.add("until_date", words.text("resync.period"));
        }
        let written = |date: Option<NaiveDate>| date.map(|it| it.to_string()).unwrap_or_default();
        let record = Record {
            repository_name,
            base_url,
            status,
            interval,
            from_date: written(from_date),
            until_date: written(until_date),
            target_index,
            mode,
            format,
            is_running: is_running && status == Status::Automatic,
        };
        if errors.is_empty() { Ok(record) } else { Err(errors) }
    }

    /// Of a manual record nobody sees it: then it is taken if it is one.
    fn interval(&self, words: Words, status: Status, errors: &mut Errors) -> u32 {
        let typed = self.interval.trim();
        let label = words.text("resync.interval");
        let sound = typed.parse().ok().filter(|days| (1..=LONGEST_INTERVAL).contains(days));
        match sound {
            Some(days) => return days,
            None if status == Status::Manual => {}
            None if typed.is_empty() => {
                errors.add("interval", words.fill("form.required", &[("field", &label)]));
            }
            None => {
                let values: [(&str, &dyn Display); 3] =
                    [("field", &label), ("least", &1), ("most", &LONGEST_INTERVAL)];
                errors.add("interval", words.fill("form.range", &values));
            }
        }
        1
    }

    /// The form; `send` is its last row.
    pub(super) fn show(
        &self,
        visitor: &Visitor,
        tree: &Tree,
        errors: &Errors,
        send: &Markup,
    ) -> Markup {
        let words = visitor.words;
        let label = |name: &str| words.text(&format!("resync.{name}")).to_owned();
        let named = |value: &str, key: &str| (value.to_owned(), words.text(key).to_owned());
        let statuses = Status::ALL.iter().map(|it| named(it.as_str(), it.key())).collect();
        let modes = Mode::ALL.iter().map(|it| named(it.as_str(), it.key())).collect();
        let formats = Format::ALL.iter().map(|it| named(it.as_str(), it.key())).collect();
        html! {
            (errors.summary(words))
            form.card.wide method="post" {
                (csrf(visitor))
                div.row {
                    (Field::text("repository_name", &label("repository-name")).required()
                        .value(&self.repository_name).show(words, errors))
                    (Field::url("base_url", &label("base-url")).required()
                        .hint(label("base-url-hint")).value(&self.base_url).show(words, errors))
                }
                div.row {
                    (Field::radio("status", &label("status"), statuses)
                        .value(&self.status).show(words, errors))
                    div.if-automatic {
                        (Field::number("interval", &label("interval"), Some(1),
                            Some(LONGEST_INTERVAL.into())).required()
                            .value(&self.interval).show(words, errors))
                    }
                }
                div.row {
                    (Field::date("from_date", &label("from-date")).value(&self.from_date)
                        .show(words, errors))
                    (Field::date("until_date", &label("until-date")).value(&self.until_date)
                        .show(words, errors))
                }
                (self.index(words, tree, errors))
                div.row {
                    (Field::choice("resync_mode", &label("mode"), modes).required()
                        .hint(label("mode-hint")).value(&self.resync_mode).show(words, errors))
                    (Field::choice("saving_format", &label("format"), formats).required()
                        .value(&self.saving_format).show(words, errors))
                }
                (send)
            }
        }
    }

    /// The tree to choose from; its first entry is empty and cannot be chosen.
    fn index(&self, words: Words, tree: &Tree, errors: &Errors) -> Markup {
        let error = errors.of("target_index");
        let described = error.map(|_| "field-target-index-error");
        html! {
            div.field {
                label for="field-target-index" { (words.text("resync.target-index")) }
                select #field-target-index name="target_index" required
                    aria-describedby=[described] aria-invalid=[error.map(|_| "true")] {
                    option value="" disabled selected[tree.named(&self.target_index).is_none()] {}
                    @for (id, path) in tree.choices(words) {
                        option value=(id) selected[id == self.target_index] { (path) }
                    }
                }
                @if tree.is_empty() {
                    span.hint {
                        (words.text("index.none")) " "
                        a href="/resync/indexes" { (words.text("index.new")) }
                    }
                }
                @if let Some(error) = error { span.error #field-target-index-error { (error) } }
            }
        }
    }
}

fn choice<T: Default>(
    chosen: Option<T>,
    field: &str,
    key: &str,
    words: Words,
    errors: &mut Errors,
) -> T {
    chosen.unwrap_or_else(|| {
        errors.add(field, words.fill("form.choice", &[("field", &words.text(key))]));
        T::default()
    })
}

/// A day as browsers send it, or as WEKO's calendar writes it.
fn date(typed: &str, field: &str, words: Words, errors: &mut Errors) -> Option<NaiveDate> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    let forms = ["%Y-%m-%d", "%m/%d/%Y"];
    let date = forms.iter().find_map(|form| NaiveDate::parse_from_str(typed, form).ok());
    if date.is_none() {
        errors.add(field, words.text("resync.date-format"));
    }
    date
}

fn is_web(address: &str) -> bool {
    let url = Url::parse(address);
    url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
