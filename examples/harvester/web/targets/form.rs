//! What is typed about a target, and what it means.

use std::sync::Arc;

use harvest_pipeline::SourceId;
use harvest_pipeline::store::TargetDefinition;
use harvest_pipeline::targets::{Tolerance, Withdrawal};
use maud::{Markup, html};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::detail::{tolerance, withdrawal};
use super::{address, kind_title};
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field};
use crate::web::sources::{Typed, options};
use crate::web::visitor::Visitor;

/// The longest name.
const LONGEST_NAME: usize = 100;
/// Names that would hide behind addresses of ours.
const RESERVED: [&str; 3] = ["new", "options", "reports"];

/// A form about a target: the one that it changes, or none yet.
#[derive(Debug)]
pub(super) struct TargetForm<'a> {
    pub(super) app: &'a App,
    pub(super) visitor: &'a Visitor,
    pub(super) target: Option<&'a TargetDefinition>,
    pub(super) filter_sets: Vec<String>,
}

/// What a form begins with.
pub(super) fn fresh() -> Typed {
    let mut typed = Typed::default();
    typed.put("kind", "http-post");
    typed.put("issues", word(Tolerance::default()));
    typed.put("withdrawal", word(Withdrawal::default()));
    typed
}

/// A target, as if it had been typed.
pub(super) fn fill(target: &TargetDefinition) -> Typed {
    let mut typed = Typed::default();
    typed.put("title", &target.title);
    typed.put("kind", &target.kind);
    for (name, value) in target.options.as_object().into_iter().flatten() {
        options::put(name, value, &mut typed);
    }
    let sources = target.sources.iter().flatten().map(SourceId::as_str);
    typed.put("sources", sources.collect::<Vec<_>>().join("\n"));
    typed.put("issues", word(target.condition.issues));
    typed.put("withdrawal", word(target.withdrawal));
    for set in &target.condition.filter_sets {
        typed.put("filter_sets", set);
    }
    typed.tick("paused", target.paused);
    typed
}

/// A choice as it is sent.
fn word(choice: impl Serialize) -> String {
    json!(choice).as_str().unwrap_or_default().to_owned()
}

fn choice<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(json!(word)).ok()
}

impl TargetForm<'_> {
    pub(super) fn show(&self, typed: &Typed, errors: &Errors) -> Markup {
        let words = self.visitor.words;
        let text = |name: &str, key| Field::text(name, words.text(key)).value(typed.get(name));
        let tolerances = Tolerance::ALL.map(|it| (word(it), tolerance(words, it).to_owned()));
        let withdrawals = Withdrawal::ALL.map(|it| (word(it), withdrawal(words, it).to_owned()));
        html! {
            form.wide method="post" {
                (csrf(self.visitor))
                (errors.summary(words))
                div.row {
                    (text("title", "source.name").required().show(words, errors))
                    @if self.target.is_none() {
                        (text("name", "target.name").hint(words.text("target.name-hint"))
                            .required().show(words, errors))
                    }
                }
                (self.kind(typed, errors))
                fieldset.part {
                    legend { (words.text("source.options")) }
                    div #options aria-live="polite" { (self.options(typed, errors)) }
                }
                fieldset.part {
                    legend { (words.text("target.condition")) }
                    (Field::lines("sources", words.text("target.sources"))
                        .hint(words.text("target.sources-hint")).value(typed.get("sources"))
                        .show(words, errors))
                    (Field::radio("issues", words.text("target.issues"), tolerances.into())
                        .required().value(typed.get("issues")).show(words, errors))
                    @if !self.filter_sets.is_empty() { (self.filters(typed)) }
                    (Field::radio("withdrawal", words.text("target.withdrawal"), withdrawals.into())
                        .required().value(typed.get("withdrawal")).show(words, errors))
                    p.hint { (words.text("target.never-withdrawn")) }
                }
                (Field::tick("paused", words.text("target.pause")).value(typed.get("paused"))
                    .show(words, errors))
                div.buttons {
                    button.primary {
                        (words.text(if self.target.is_some() { "form.save" } else { "form.create" }))
                    }
                    a.button href=(self.back()) { (words.text("form.cancel")) }
                }
            }
        }
    }

    fn back(&self) -> String {
        self.target.map_or_else(|| "/targets".to_owned(), |target| address(&target.name))
    }

    /// The kind; when another is chosen, the fields of its options are fetched.
    fn kind(&self, typed: &Typed, errors: &Errors) -> Markup {
        let words = self.visitor.words;
        html! {
            div.field {
                label for="field-kind" { (words.text("source.kind")) }
                select #field-kind name="kind" required hx-get="/targets/options"
                    hx-target="#options" hx-include="closest form" hx-params="not csrf" {
                    @for kind in self.app.targets.kinds() {
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

    /// The fields of the kind that was chosen.
    pub(super) fn options(&self, typed: &Typed, errors: &Errors) -> Markup {
        match self.app.targets.kind(typed.get("kind")) {
            Some(kind) => options::fields(kind, self.visitor, None, typed, errors),
            None => html! {},
        }
    }

    fn filters(&self, typed: &Typed) -> Markup {
        let words = self.visitor.words;
        html! {
            p.hint { (words.text("target.filter-sets-hint")) }
            @for set in &self.filter_sets {
                label.tick {
                    input type="checkbox" name="filter_sets" value=(set)
                        checked[typed.all("filter_sets").any(|chosen| chosen == set)];
                    (set)
                }
            }
        }
    }

    /// The target that was typed.
    ///
    /// # Errors
    /// What is wrong with it, field by field.
    pub(super) fn read(&self, typed: &Typed) -> Result<TargetDefinition, Errors> {
        let words = self.visitor.words;
        let mut errors = Errors::none();
        let required = |key: &'static str| {
            words.fill("form.required", &[("field", &words.text(key) as &dyn std::fmt::Display)])
        };
        if typed.some("title").is_none() {
            errors.add("title", required("source.name"));
        }
        let name = match self.target {
            Some(target) => target.name.clone(),
            None => {
                let name = typed.get("name");
                if name.is_empty() {
                    errors.add("name", required("target.name"));
                } else if !is_sound(name) {
                    errors.add("name", words.text("target.name-invalid"));
                }
                name.to_owned()
            }
        };
        let mut target = TargetDefinition::new(name, typed.get("kind"), Value::Null);
        target.title = typed.get("title").to_owned();
        target.options = self.read_options(typed, &mut errors);
        let sources = typed.get("sources").lines().map(str::trim).filter(|line| !line.is_empty());
        target.sources =
            Some(sources.map(SourceId::from).collect::<Vec<_>>()).filter(|all| !all.is_empty());
        let known = |set: &&str| self.filter_sets.iter().any(|known| known == set);
        target.condition.filter_sets =
            typed.all("filter_sets").filter(known).map(str::to_owned).collect();
        target.condition.issues = choice(typed.get("issues")).unwrap_or_default();
        target.withdrawal = choice(typed.get("withdrawal")).unwrap_or_default();
        target.paused = typed.is_ticked("paused");
        if errors.is_empty() { Ok(target) } else { Err(errors) }
    }

    fn read_options(&self, typed: &Typed, errors: &mut Errors) -> Value {
        let words = self.visitor.words;
        let Some(kind) = self.app.targets.kind(typed.get("kind")) else {
            let field = [("field", &words.text("source.kind") as &dyn std::fmt::Display)];
            errors.add("kind", words.fill("form.choice", &field));
            return Value::Null;
        };
        let known = errors.messages().count();
        let options = options::typed_options(kind, self.visitor, typed, errors);
        if errors.messages().count() == known
            && let Err(error) = check(self.app, kind.name(), &options)
        {
            errors.add("", error);
        }
        options
    }
}

/// Whether these are options of a kind.
///
/// # Errors
/// Why not, for people.
pub(crate) fn check(app: &App, kind: &str, options: &Value) -> Result<(), String> {
    let made = app.targets.create(kind, options.clone(), Arc::new(options::Offline));
    made.map(drop).map_err(|error| error.to_string())
}

/// Whether something can be the name of a target.
pub(crate) fn is_sound(name: &str) -> bool {
    let is_sound = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
    name.trim() == name
        && !name.is_empty()
        && name.chars().count() <= LONGEST_NAME
        && name.chars().all(is_sound)
        && !RESERVED.contains(&name)
}
