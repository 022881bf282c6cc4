//! What is typed about a filter set, and what it means.

use harvest_pipeline::filters::{Expression, FilterSet, Match, Test};
use maud::{Markup, html};

use super::preview::Preview;
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field};
use crate::web::problem::Problem;
use crate::web::sources::{self, Typed};
use crate::web::visitor::Visitor;
use crate::words::Words;

/// The longest name, and the most expressions.
const LONGEST_NAME: usize = 200;
const MOST: usize = 100;
/// A name that would hide behind an address of ours.
const RESERVED: &str = "new";
/// What an expression can ask, as it is sent.
const OPERATIONS: [&str; 6] =
    ["equals", "contains", "starts-with", "ends-with", "matches", "exists"];
/// Fields that are proposed; those of MARC 21 are tag and code, as in `100a`.
const FIELDS: [&str; 20] = [
    "title",
    "creator",
    "subject",
    "description",
    "publisher",
    "contributor",
    "date",
    "type",
    "format",
    "identifier",
    "source",
    "language",
    "relation",
    "coverage",
    "rights",
    "@identifier",
    "@datestamp",
    "@set",
    "@format",
    "245a",
];
/// Formats that are proposed.
const FORMATS: [&str; 7] =
    ["oai_dc", "marc21", "marcxml", "mods", "jpcoar_2.0", "oai_datacite", "eml"];

/// What an expression asks, and of what value.
pub(super) fn parts(test: &Test) -> (&'static str, &str) {
    match test {
        Test::Equals(value) => ("equals", value),
        Test::Contains(value) => ("contains", value),
        Test::StartsWith(value) => ("starts-with", value),
        Test::EndsWith(value) => ("ends-with", value),
        Test::Matches(value) => ("matches", value),
        _ => ("exists", ""),
    }
}

/// A form about a filter set: the one that it changes, or none yet.
#[derive(Debug)]
pub(super) struct SetForm<'a> {
    pub(super) app: &'a App,
    pub(super) visitor: &'a Visitor,
    /// The name of the set that is changed.
    pub(super) name: Option<&'a str>,
}

/// What a form begins with: one empty expression.
pub(super) fn fresh() -> Typed {
    let mut typed = Typed::default();
    typed.put("match", "any");
    typed.tick("ignore_case", true);
    add_row(&mut typed);
    typed
}

/// A set, as if it had been typed.
pub(super) fn fill(set: &FilterSet) -> Typed {
    let mut typed = Typed::default();
    typed.put("name", set.name());
    typed.put("format", set.format().unwrap_or_default());
    typed.put("match", if set.combine() == Match::All { "all" } else { "any" });
    typed.tick("ignore_case", set.ignores_case());
    for expression in set.expressions() {
        let (operation, value) = parts(&expression.test);
        typed.put("field", &expression.field);
        typed.put("not", if expression.not { "not" } else { "" });
        typed.put("operation", operation);
        typed.put("value", value);
    }
    typed
}

/// Adds an empty expression.
pub(super) fn add_row(typed: &mut Typed) {
    for (name, value) in [("field", ""), ("not", ""), ("operation", "contains"), ("value", "")] {
        typed.put(name, value);
    }
}

/// The same without the expression in this place.
pub(super) fn without_row(typed: &Typed, gone: usize) -> Typed {
    let mut kept = Typed::default();
    for name in ["name", "format", "match", "ignore_case", "source"] {
        for value in typed.all(name) {
            kept.put(name, value);
        }
    }
    for (_, row) in rows(typed).into_iter().enumerate().filter(|(at, _)| *at != gone) {
        kept.put("field", row.field);
        kept.put("not", row.not);
        kept.put("operation", row.operation);
        kept.put("value", row.value);
    }
    kept
}

/// An expression as it was typed.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    field: &'a str,
    not: &'a str,
    operation: &'a str,
    value: &'a str,
}

fn rows(typed: &Typed) -> Vec<Row<'_>> {
    let (mut nots, mut operations, mut values) =
        (typed.all("not"), typed.all("operation"), typed.all("value"));
    let row = |field| Row {
        field,
        not: nots.next().unwrap_or_default(),
        operation: operations.next().unwrap_or_default(),
        value: values.next().unwrap_or_default(),
    };
    typed.all("field").take(MOST).map(row).collect()
}

impl SetForm<'_> {
    /// The form.
    pub(super) async fn show(
        &self,
        typed: &Typed,
        errors: &Errors,
        preview: Option<&Preview>,
    ) -> Result<Markup, Problem> {
        let words = self.visitor.words;
        let formats = html! {
            datalist #formats { @for format in FORMATS { option value=(format) {} } }
            datalist #fields { @for field in FIELDS { option value=(field) {} } }
        };
        let back = self.name.map_or_else(|| "/filter-sets".to_owned(), super::address);
        Ok(html! {
            form.wide method="post" {
                // What the key for going on presses: not the first button that is seen.
                button.unseen name="then" value="save" tabindex="-1" aria-hidden="true" {}
                (csrf(self.visitor))
                (errors.summary(words))
                (formats)
                (self.head(typed, errors))
                fieldset.part {
                    legend { (words.text("filter.expressions")) }
                    p.hint { (words.text("filter.expressions-hint")) }
                    (expressions(words, typed, errors))
                    button name="then" value="add" formnovalidate { (words.text("filter.add")) }
                }
                fieldset.part #preview {
                    legend { (words.text("filter.preview")) }
                    p.hint { (words.text("filter.preview-hint")) }
                    div.search {
                        (sources::picker(self.app, self.visitor, typed.get("source")).await?)
                        button name="then" value="preview" formnovalidate {
                            (words.text("filter.preview"))
                        }
                    }
                    @if let Some(preview) = preview { (preview.show(words)) }
                }
                div.buttons {
                    button.primary name="then" value="save" { (words.text(match self.name {
                        Some(_) => "form.save",
                        None => "form.create",
                    })) }
                    a.button href=(back) { (words.text("form.cancel")) }
                }
            }
        })
    }

    fn head(&self, typed: &Typed, errors: &Errors) -> Markup {
        let words = self.visitor.words;
        let matches = ["any", "all"].map(|value| {
            (value.to_owned(), words.text(&format!("filter.match-{value}")).to_owned())
        });
        let format = Field::text("format", words.text("record.format"))
            .hint(words.text("filter.format-hint"))
            .value(typed.get("format"));
        html! {
            div.row {
                @if self.name.is_none() {
                    (Field::text("name", words.text("source.name")).required()
                        .value(typed.get("name")).show(words, errors))
                }
                (format.show(words, errors))
                (Field::radio("match", words.text("filter.match"), matches.into())
                    .value(typed.get("match")).show(words, errors))
                (Field::tick("ignore_case", words.text("filter.ignore-case"))
                    .value(typed.get("ignore_case")).show(words, errors))
            }
        }
    }

    /// The set that was typed.
    ///
    /// # Errors
    /// What is wrong with it, field by field.
    pub(super) fn read(&self, typed: &Typed) -> Result<FilterSet, Errors> {
        let words = self.visitor.words;
        let mut errors = Errors::none();
        let name = self.name.unwrap_or_else(|| typed.get("name"));
        let is_sound = name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
        if name.is_empty() {
            let field = [("field", &words.text("source.name") as &dyn std::fmt::Display)];
            errors.add("name", words.fill("form.required", &field));
        } else if !is_sound || name == RESERVED || name.chars().all(|it| it == '.') {
            errors.add("name", words.text("filter.name-invalid"));
        }
        let set = self.set(name, typed, &mut errors);
        set.filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// The set, as far as it makes sense: to be tried, its name does not matter.
    pub(super) fn set(&self, name: &str, typed: &Typed, errors: &mut Errors) -> Option<FilterSet> {
        let words = self.visitor.words;
        let mut expressions = Vec::new();
        for (at, row) in rows(typed).iter().enumerate() {
            if row.field.is_empty() && row.value.is_empty() {
                continue;
            }
            match expression(row) {
                Some(expression)
                    if FilterSet::new("", Match::Any, [expression.clone()]).is_ok() =>
                {
                    expressions.push(expression);
                }
                Some(expression) => {
                    let wrong = FilterSet::new("", Match::Any, [expression]).err();
                    let why = wrong.map(|error| error.to_string()).unwrap_or_default();
                    errors.add(format!("expression-{at}"), why);
                }
                None => {
                    let number = at + 1;
                    let message = words.fill("filter.incomplete", &[("number", &number)]);
                    errors.add(format!("expression-{at}"), message);
                }
            }
        }
        if expressions.is_empty() && errors.is_empty() {
            errors.add("expression-0", words.text("filter.empty"));
        }
        if !errors.is_empty() {
            return None;
        }
        let combine = if typed.get("match") == "all" { Match::All } else { Match::Any };
        let set = FilterSet::new(name, combine, expressions);
        let set = set.and_then(|set| match typed.is_ticked("ignore_case") {
            true => Ok(set),
            false => set.case_sensitive(),
        });
        let set = set.map_err(|error| errors.add("expression-0", error.to_string())).ok()?;
        Some(match typed.some("format") {
            Some(format) => set.for_format(format),
            None => set,
        })
    }
}

fn expression(row: &Row<'_>) -> Option<Expression> {
    let value = row.value.to_owned();
    let needs_value = row.operation != "exists";
    if row.field.is_empty() || (needs_value && value.is_empty()) {
        return None;
    }
    let test = match row.operation {
        "equals" => Test::Equals(value),
        "contains" => Test::Contains(value),
        "starts-with" => Test::StartsWith(value),
        "ends-with" => Test::EndsWith(value),
        "matches" => Test::Matches(value),
        "exists" => Test::Exists,
        _ => return None,
    };
    let expression = Expression::new(row.field, test);
    Some(if row.not == "not" { expression.negate() } else { expression })
}

/// The table of expressions.
fn expressions(words: Words, typed: &Typed, errors: &Errors) -> Markup {
    html! {
        div.scroll role="region" aria-label=(words.text("filter.expressions")) tabindex="0" {
            table.fields {
                thead {
                    tr {
                        th scope="col" { (words.text("filter.field")) }
                        th scope="col" { (words.text("filter.condition")) }
                        th scope="col" { (words.text("filter.operation-of")) }
                        th scope="col" { (words.text("filter.value")) }
                        th scope="col" { span.unseen { (words.text("list.actions")) } }
                    }
                }
                tbody {
                    @for (at, row) in rows(typed).iter().enumerate() {
                        (expression_row(words, at, row, errors))
                    }
                }
            }
        }
    }
}

fn expression_row(words: Words, at: usize, row: &Row<'_>, errors: &Errors) -> Markup {
    let error = errors.of(&format!("expression-{at}"));
    let error_id = format!("field-expression-{at}-error");
    let described = error.map(|_| error_id.as_str());
    let invalid = error.map(|_| "true");
    let numbered = |key: &str| format!("{} {}", words.text(key), at + 1);
    html! {
        tr {
            td {
                input id={ "field-expression-" (at) } name="field" value=(row.field) list="fields"
                    aria-label=(numbered("filter.field")) aria-invalid=[invalid]
                    aria-describedby=[described] autocomplete="off" spellcheck="false";
                @if let Some(error) = error { span.error id=(error_id) { (error) } }
            }
            td {
                select name="not" aria-label=(numbered("filter.condition")) {
                    option value="" { (words.text("filter.is")) }
                    option value="not" selected[row.not == "not"] { (words.text("filter.not")) }
                }
            }
            td {
                select name="operation" aria-label=(numbered("filter.operation-of")) {
                    @for operation in OPERATIONS {
                        option value=(operation) selected[row.operation == operation] {
                            (words.text(&format!("filter.operation.{operation}")))
                        }
                    }
                }
            }
            td {
                input name="value" value=(row.value) aria-label=(numbered("filter.value"))
                    aria-invalid=[invalid] autocomplete="off" spellcheck="false";
            }
            td {
                button name="remove" value=(at) formnovalidate
                    aria-label=(numbered("filter.remove")) { "✕" }
            }
        }
    }
}
