//! What is typed about a source, and what it means.

use std::fmt::Display;

use harvest_pipeline::store::{SourceDefinition, SourceStatus};
use harvest_pipeline::{Kind, SourceId};
use maud::{Markup, html};

use super::typed::Typed;
use super::{kind_title, kinds, options, policies, schedule};
use crate::connect::Found;
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field, is_mail};
use crate::web::visitor::Visitor;
use crate::words::Words;

/// The longest id.
const LONGEST_ID: usize = 200;
/// Ids that would hide behind addresses of ours.
const RESERVED: [&str; 2] = ["new", "options"];

/// A form about a source: the one that it changes, or none yet.
#[derive(Debug)]
pub(super) struct SourceForm<'a> {
    pub(super) app: &'a App,
    pub(super) visitor: &'a Visitor,
    pub(super) source: Option<&'a SourceDefinition>,
    /// The names of all filter sets.
    pub(super) filter_sets: Vec<String>,
    /// What was found at the address.
    pub(super) found: Option<Found>,
}

/// What a form begins with that nothing was typed into yet.
pub(super) fn fresh() -> Typed {
    fill(None, &SourceDefinition::new("", "oai-pmh", serde_json::json!({})))
}

/// A definition of this kind, as if it had been typed.
pub(super) fn fill(kind: Option<&Kind>, definition: &SourceDefinition) -> Typed {
    let mut typed = Typed::default();
    typed.put("title", &definition.title);
    typed.put("id", definition.id.as_str());
    typed.put("description", &definition.description);
    typed.put("licence", &definition.licence);
    typed.put("kind", &definition.kind);
    typed.put("target", definition.target.as_deref().unwrap_or_default());
    typed.put("status", definition.status.as_str());
    typed.put("output", if definition.output.is_on() { "on" } else { "off" });
    typed.tick("push", definition.push);
    typed.put("contacts", definition.contacts.join(", "));
    typed.put("owner", definition.owner.as_deref().unwrap_or_default());
    for set in &definition.filter_sets {
        typed.put("filter_sets", set);
    }
    options::fill(kind, definition, &mut typed);
    schedule::fill(&definition.schedule, &mut typed);
    policies::fill(&definition.policies, &mut typed);
    typed
}

impl SourceForm<'_> {
    /// The form.
    pub(super) fn show(&self, typed: &Typed, errors: &Errors) -> Markup {
        let words = self.visitor.words;
        let part = |title: &str, body: Markup| {
            html! { fieldset.part { legend { (title) } (body) } }
        };
        html! {
            form.wide method="post" {
                (csrf(self.visitor))
                // What Enter does.
                button.unseen tabindex="-1" aria-hidden="true" {}
                (errors.summary(words))
                (self.common(typed, errors))
                (part(words.text("source.options"), html! {
                    div #options aria-live="polite" {
                        (options::show(self.app, self.visitor, self.found.as_ref(), typed, errors))
                    }
                }))
                (part(words.text("source.schedule"), schedule::show(words, typed, errors)))
                @if !self.filter_sets.is_empty() {
                    (part(words.text("source.filter-sets"), self.filters(typed)))
                }
                details.part {
                    summary { (words.text("source.policies")) }
                    (policies::show(words, typed, errors))
                }
                (self.buttons())
            }
        }
    }

    fn common(&self, typed: &Typed, errors: &Errors) -> Markup {
        let words = self.visitor.words;
        let label = |name: &str| words.text(&format!("source.{name}")).to_owned();
        let text = |name| Field::text(name, &label(name)).value(typed.get(name));
        let statuses = [SourceStatus::Active, SourceStatus::Draft, SourceStatus::Paused];
        let status = statuses.map(|status| {
            let key = format!("source.status-name.{}", status.as_str());
            (status.as_str().to_owned(), words.text(&key).to_owned())
        });
        let output = ["on", "off"].map(|state| {
            (state.to_owned(), words.text(&format!("source.output-name.{state}")).to_owned())
        });
        html! {
            div.row {
                (text("title").label(&label("name")).required().show(words, errors))
                @if self.source.is_none() {
                    (text("id").hint(label("id-hint")).required().show(words, errors))
                    (Field::choice("status", &label("status"), status.into())
                        .required().value(typed.get("status")).show(words, errors))
                }
            }
            (Field::lines("description", &label("description"))
                .value(typed.get("description")).show(words, errors))
            div.row {
                (text("licence").show(words, errors))
                (text("target").hint(label("target-hint")).show(words, errors))
                (text("contacts").hint(label("contacts-hint")).show(words, errors))
                @if self.visitor.confined_to().is_none() {
                    (text("owner").show(words, errors))
                }
                (Field::choice("output", &label("output"), output.into())
                    .hint(label("output-hint")).required().value(typed.get("output"))
                    .show(words, errors))
            }
            (self.kind(typed, errors))
            (Field::tick("push", &label("push")).hint(label("push-hint")).value(typed.get("push"))
                .show(words, errors))
        }
    }

    /// The kind; when another is chosen, the fields of its options are fetched.
    fn kind(&self, typed: &Typed, errors: &Errors) -> Markup {
        let words = self.visitor.words;
        html! {
            div.field {
                label for="field-kind" { (words.text("source.kind")) }
                select #field-kind name="kind" required hx-get="/sources/options"
                    hx-target="#options" hx-include="closest form" hx-params="not csrf" {
                    @for kind in kinds(self.app, self.visitor) {
                        option value=(kind.name()) selected[typed.get("kind") == kind.name()] {
                            (kind_title(self.app, words, kind.name()))
                        }
                    }
                }
                @if let Some(error) = errors.of("kind") { span.error { (error) } }
                noscript {
                    button name="choose" value="on" formnovalidate { (words.text("form.choose")) }
                }
            }
        }
    }

    fn filters(&self, typed: &Typed) -> Markup {
        let words = self.visitor.words;
        html! {
            p.hint { (words.text("source.filter-sets-hint")) }
            @for set in &self.filter_sets {
                label.tick {
                    input type="checkbox" name="filter_sets" value=(set)
                        checked[typed.all("filter_sets").any(|chosen| chosen == set)];
                    (set)
                }
            }
        }
    }

    fn buttons(&self) -> Markup {
        let words = self.visitor.words;
        let back = self.source.map_or_else(|| "/sources".to_owned(), |it| super::address(&it.id));
        html! {
            div.buttons {
                @if self.source.is_some() {
                    button.primary { (words.text("form.save")) }
                } @else {
                    button.primary { (words.text("form.create")) }
                    button name="then" value="another" { (words.text("form.create-another")) }
                }
                a.button href=(back) { (words.text("form.cancel")) }
            }
        }
    }

    /// The definition that was typed.
    ///
    /// # Errors
    /// What is wrong with it, field by field.
    pub(super) fn read(&self, typed: &Typed) -> Result<SourceDefinition, Errors> {
        let words = self.visitor.words;
        let mut errors = Errors::none();
        if typed.some("title").is_none() {
            errors.add("title", required(words, "source.name"));
        }
        let id = match self.source {
            Some(source) => source.id.clone(),
            None => new_id(words, typed.get("id"), &mut errors),
        };
        let options = options::read(self.app, self.visitor, self.source, typed, &mut errors);
        let mut definition = match self.source {
            Some(source) => source.clone(),
            None => SourceDefinition::new(id, "", serde_json::Value::Null),
        };
        definition.title = typed.get("title").to_owned();
        definition.description = typed.get("description").to_owned();
        definition.licence = typed.get("licence").to_owned();
        definition.kind = typed.get("kind").to_owned();
        definition.options = options;
        definition.target = typed.some("target").map(str::to_owned);
        definition.push = typed.is_ticked("push");
        if let Some(output) = typed.some("output") {
            definition.output = definition.output.turned(output != "off", self.app.now());
        }
        definition.contacts = contacts(words, typed.get("contacts"), &mut errors);
        definition.schedule = schedule::read(words, typed, &mut errors);
        definition.policies = policies::read(words, typed, &mut errors);
        let known = |set: &&str| self.filter_sets.iter().any(|known| known == set);
        definition.filter_sets =
            typed.all("filter_sets").filter(known).map(str::to_owned).collect();
        match (self.visitor.confined_to(), self.source) {
            // Theirs it is, and stays.
            (Some(owner), _) => definition.owner = Some(owner.to_owned()),
            (None, _) => definition.owner = typed.some("owner").map(str::to_owned),
        }
        if self.source.is_none()
            && let Some(status) = typed.get("status").parse().ok().filter(|it| is_initial(*it))
        {
            definition.status = status;
        }
        if errors.is_empty() { Ok(definition) } else { Err(errors) }
    }
}

fn is_initial(status: SourceStatus) -> bool {
    status != SourceStatus::Archived
}

fn required(words: Words, label: &str) -> String {
    words.fill("form.required", &[("field", &words.text(label) as &dyn Display)])
}

fn new_id(words: Words, id: &str, errors: &mut Errors) -> SourceId {
    if id.is_empty() {
        errors.add("id", required(words, "source.id"));
    } else if !is_sound_id(id) {
        errors.add("id", words.text("source.id-invalid"));
    }
    SourceId::from(id)
}

/// Whether something can be the id of a new source.
pub(super) fn is_sound_id(id: &str) -> bool {
    let is_sound = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '-');
    id.chars().count() <= LONGEST_ID
        && id.chars().all(is_sound)
        && id.chars().any(char::is_alphanumeric)
        && !RESERVED.contains(&id)
}

fn contacts(words: Words, text: &str, errors: &mut Errors) -> Vec<String> {
    let addresses = text.split([',', ';']).map(str::trim).filter(|address| !address.is_empty());
    let all: Vec<_> = addresses.map(str::to_owned).collect();
    if !all.iter().all(|address| is_mail(address)) {
        let field = [("field", &words.text("source.contacts") as &dyn Display)];
        errors.add("contacts", words.fill("form.mail", &field));
    }
    all
}
