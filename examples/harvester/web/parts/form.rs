//! Fields of forms: each with its label, what it is for, and what is wrong with it.

use maud::{Markup, html};
use resync_core::transport::without_credentials;
use url::Url;

use crate::words::Words;

/// What is wrong with what was sent, by field; what is wrong with all of it, under the name `""`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors(Vec<(String, String)>);

impl Errors {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push((field.into(), message.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, message)| message.as_str())
    }

    /// All of it, in the order it was found.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, message)| message.as_str())
    }

    /// All of it at the top of a form, with links to the fields.
    pub(crate) fn summary(&self, words: Words) -> Markup {
        html! {
            @if !self.is_empty() {
                div.errors role="alert" {
                    p { (words.text("form.summary")) }
                    ul {
                        @for (field, message) in &self.0 {
                            li {
                                @if field.is_empty() { (message) }
                                @else { a href={ "#" (id(field)) } { (message) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    name: String,
    label: String,
    input: Input,
    value: String,
    hint: Option<String>,
    is_required: bool,
    autocomplete: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Input {
    Line(&'static str),
    Number { least: Option<i64>, most: Option<i64> },
    Lines,
    Tick,
    Choice(Vec<(String, String)>),
    Radio(Vec<(String, String)>),
}

impl Field {
    fn new(name: impl Into<String>, label: &str, input: Input) -> Self {
        Self {
            name: name.into(),
            label: label.to_owned(),
            input,
            value: String::new(),
            hint: None,
            is_required: false,
            autocomplete: None,
        }
    }

    /// A line of text.
    pub(crate) fn text(name: impl Into<String>, label: &str) -> Self {
        Self::new(name, label, Input::Line("text"))
    }

    /// An address on the web. A name and a password in it are never filled in.
    pub(crate) fn url(name: impl Into<String>, label: &str) -> Self {
        Self::new(name, label, Input::Line("url"))
    }

    /// A day, chosen in a calendar.
    pub(crate) fn date(name: impl Into<String>, label: &str) -> Self {
        Self::new(name, label, Input::Line("date"))
    }

    /// A password, which is never filled in.
    pub(crate) fn password(name: impl Into<String>, label: &str) -> Self {
        Self::new(name, label, Input::Line("password")).required()
    }

    /// A whole number.
    pub(crate) fn number(
        name: impl Into<String>,
        label: &str,
        least: Option<i64>,
        most: Option<i64>,
    ) -> Self {
        Self::new(name, label, Input::Number { least, most })
    }

    /// Several lines of text.
    pub(crate) fn lines(name: impl Into<String>, label: &str) -> Self {
        Self::new(name, label, Input::Lines)
    }

    /// Something to tick; it is sent as `on`, or not at all.
    pub(crate) fn tick(name: impl Into<String>, label: &str) -> Self {
        Self::new(name, label, Input::Tick)
    }

    /// One of several values, each with its name.
    pub(crate) fn choice(
        name: impl Into<String>,
        label: &str,
        choices: Vec<(String, String)>,
    ) -> Self {
        Self::new(name, label, Input::Choice(choices))
    }

    /// The same with all of them in view.
    pub(crate) fn radio(
        name: impl Into<String>,
        label: &str,
        choices: Vec<(String, String)>,
    ) -> Self {
        Self::new(name, label, Input::Radio(choices))
    }

    /// What it is called.
    pub(crate) fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// What it is filled with.
    pub(crate) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// What is said of it below.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// It may not be empty.
    pub(crate) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// It may be empty.
    pub(crate) fn optional(mut self) -> Self {
        self.is_required = false;
        self
    }

    /// What browsers may fill in.
    pub(crate) fn autocomplete(mut self, what: &'static str) -> Self {
        self.autocomplete = Some(what);
        self
    }

    /// The field, with what is wrong with it.
    pub(crate) fn show(&self, words: Words, errors: &Errors) -> Markup {
        let error = errors.of(&self.name);
        let id = id(&self.name);
        let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
        let mut described = Vec::new();
        described.extend(self.hint.is_some().then_some(hint_id.as_str()));
        described.extend(error.is_some().then_some(error_id.as_str()));
        let described = (!described.is_empty()).then(|| described.join(" "));
        let about = About { id: &id, described: described.as_deref(), invalid: error.is_some() };
        let below = html! {
            @if let Some(hint) = &self.hint { span.hint id=(hint_id) { (hint) } }
            @if let Some(error) = error { span.error id=(error_id) { (error) } }
        };
        match &self.input {
            Input::Tick => html! {
                div.field.tick { (self.input(&about)) label for=(id) { (self.label) } (below) }
            },
            Input::Radio(choices) => html! {
                fieldset.field.radio id=(id) {
                    legend { (self.label) }
                    @for (value, name) in choices {
                        label {
                            input type="radio" name=(self.name) value=(value)
                                checked[*value == self.value];
                            (name)
                        }
                    }
                    (below)
                }
            },
            _ => html! {
                div.field {
                    label for=(id) {
                        (self.label)
                        @if !self.is_required {
                            " " span.quiet { "(" (words.text("form.optional")) ")" }
                        }
                    }
                    (self.input(&about))
                    (below)
                }
            },
        }
    }

    /// What a line is filled with.
    fn refill(&self, kind: &str) -> Option<String> {
        match kind {
            "password" => None,
            "url" => Some(refilled(&self.value)),
            _ => Some(self.value.clone()),
        }
    }

    fn input(&self, about: &About<'_>) -> Markup {
        let About { id, described, invalid } = *about;
        let invalid = invalid.then_some("true");
        html! {
            @match &self.input {
                Input::Line(kind) => input id=(id) name=(self.name) type=(kind)
                    value=[self.refill(kind)] required[self.is_required]
                    autocomplete=[self.autocomplete] aria-describedby=[described]
                    aria-invalid=[invalid];,
                Input::Number { least, most } => input id=(id) name=(self.name) type="number"
                    min=[*least] max=[*most] step="1" value=(self.value) required[self.is_required]
                    aria-describedby=[described] aria-invalid=[invalid];,
                Input::Lines => textarea id=(id) name=(self.name) rows="3"
                    required[self.is_required] aria-describedby=[described]
                    aria-invalid=[invalid] { (self.value) },
                Input::Tick => input id=(id) name=(self.name) type="checkbox"
                    checked[self.value == "on"] aria-describedby=[described]
                    aria-invalid=[invalid];,
                Input::Choice(choices) => select id=(id) name=(self.name)
                    required[self.is_required] aria-describedby=[described]
                    aria-invalid=[invalid] {
                    @for (value, name) in choices {
                        option value=(value) selected[*value == self.value] { (name) }
                    }
                },
                Input::Radio(_) => {},
            }
        }
    }
}

#[derive(Clone, Copy)]
struct About<'a> {
    id: &'a str,
    described: Option<&'a str>,
    invalid: bool,
}

/// Whether something can be a mail address.
pub(crate) fn is_mail(address: &str) -> bool {
    let parts = address.split_once('@');
    parts.is_some_and(|(who, at)| !who.is_empty() && !at.is_empty() && !at.contains('@'))
        && !address.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether a name or a password stands in an address.
pub(crate) fn holds_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// An address as it may be filled in again.
fn refilled(typed: &str) -> String {
    match Url::parse(typed) {
        Ok(url) if holds_credentials(&url) => without_credentials(&url).into(),
        _ => typed.to_owned(),
    }
}

/// The button that sends a form.
pub(crate) fn submit(label: &str) -> Markup {
    html! { div.buttons { button.primary { (label) } } }
}

/// Names of fields may have dots and brackets.
fn id(name: &str) -> String {
    format!("field-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_stays_a_text() {
        let evil = r#""><script>alert(1)</script>"#;
        let mut errors = Errors::none();
        errors.add("a", evil);
        let words = Words::default();
        let fields = [
            Field::text("a", evil).hint(evil),
            Field::lines("a", evil),
            Field::choice("a", evil, vec![(evil.to_owned(), evil.to_owned())]),
            Field::radio("a", evil, vec![(evil.to_owned(), evil.to_owned())]),
            Field::tick("a", evil),
        ];
        for field in fields {
            let shown = field.value(evil).show(words, &errors).into_string();
            assert!(!shown.contains("<script"), "{shown}");
        }
        assert!(!errors.summary(words).into_string().contains("<script"));
    }

    #[test]
    fn a_field_is_tied_to_its_label_hint_and_error() {
        let mut errors = Errors::none();
        errors.add("source.id", "Id is required");
        let field = Field::text("source.id", "Id").hint("Letters").required();
        let shown = field.show(Words::default(), &errors).into_string();
        for part in [
            r#"label for="field-source-id""#,
            r#"aria-describedby="field-source-id-hint field-source-id-error""#,
            r#"aria-invalid="true""#,
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn passwords_are_not_sent_back() {
        let field = Field::url("url", "Address").value("https://me:secret@x.example/");
        let shown = field.show(Words::default(), &Errors::none()).into_string();
        assert!(!shown.contains("secret") && shown.contains("https://x.example/"), "{shown}");
        let field = Field::password("password", "Password").value("secret");
        assert!(!field.show(Words::default(), &Errors::none()).into_string().contains("secret"));
    }
}
