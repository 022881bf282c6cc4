//! Registering one's site, and taking that back.

use std::ops::RangeInclusive;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::secrets;
use harvest_pipeline::store::{SourceDefinition, SourceEntry, SourceStatus, StoreError};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::check::address;
use super::{Step, owner, page as stepped, site_id};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field, is_mail};
use crate::web::parts::{action, card, facts, moment_or};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

const KIND: &str = "document-list";
/// What Metacat allows.
const FREQUENCIES: RangeInclusive<u32> = 1..=99;
const UNITS: [(Unit, &str); 3] =
    [(Unit::Days, "days"), (Unit::Weeks, "weeks"), (Unit::Months, "months")];

/// What was typed.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    contacts: String,
    list: String,
    frequency: String,
    unit: String,
}

impl Default for Typed {
    /// Metacat's: every day.
    fn default() -> Self {
        Self {
            contacts: String::new(),
            list: String::new(),
            frequency: "1".to_owned(),
            unit: "days".to_owned(),
        }
    }
}

impl From<&SourceDefinition> for Typed {
    fn from(definition: &SourceDefinition) -> Self {
        let mut typed = Self {
            contacts: definition.contacts.join(", "),
            list: definition.url().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        if let Rhythm::Every { count, unit } = definition.schedule.rhythm {
            typed.frequency = count.to_string();
            let known = UNITS.iter().find(|(known, _)| *known == unit);
            known.map_or("days", |(_, name)| name).clone_into(&mut typed.unit);
        }
        typed
    }
}

/// A registration that can be kept.
struct Registration {
    contacts: Vec<String>,
    list: Url,
    rhythm: Rhythm,
}

impl Typed {
    fn read(&self, words: Words) -> Result<Registration, Errors> {
        let mut errors = Errors::none();
        let contacts = self.contacts.split([',', ';']).map(str::trim).filter(|it| !it.is_empty());
        let contacts: Vec<_> = contacts.map(str::to_owned).collect();
        if contacts.is_empty() || !contacts.iter().all(|address| is_mail(address)) {
            let field = words.text("site.contacts");
            errors.add("contacts", words.fill("form.mail", &[("field", &field)]));
        }
        let list = address(words, &self.list);
        if let Err(message) = &list {
            errors.add("list", message.as_str());
        }
        let unit = UNITS.iter().find(|(_, name)| *name == self.unit).map(|(unit, _)| *unit);
        if unit.is_none() {
            errors.add("unit", words.fill("form.choice", &[("field", &words.text("site.unit"))]));
        }
        let count = self.frequency.trim().parse().ok().filter(|it| FREQUENCIES.contains(it));
        let rhythm = count.zip(unit).and_then(|(count, unit)| Rhythm::every(count, unit).ok());
        if unit.is_some() && rhythm.is_none() {
            errors.add("frequency", words.text("site.frequency-range"));
        }
        match list.ok().zip(rhythm).filter(|_| errors.is_empty()) {
            Some((list, rhythm)) => Ok(Registration { contacts, list, rhythm }),
            None => Err(errors),
        }
    }
}

/// What was just done, for the page that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Said {
    Registered,
    Removed,
    NotFound,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    said: Option<Said>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let site = registered(&app, &visitor).await?;
    let typed = site.as_ref().map(|site| Typed::from(&site.definition)).unwrap_or_default();
    show(&visitor, site.as_ref(), &typed, &Errors::none(), asked.said)
}

pub(super) async fn register(
    State(app): State<App>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let user = owner(&visitor)?;
    let site = registered(&app, &visitor).await?;
    let registration = match typed.read(words) {
        Ok(registration) => registration,
        Err(errors) => return show(&visitor, site.as_ref(), &typed, &errors, None),
    };
    let id = site_id(&user);
    let before = app.store.source(&id).await?;
    let definition = define(&app, &user, &registration, before.as_ref()).await?;
    let kept = match before {
        Some(_) => app.store.change_source(&definition).await,
        None => app.store.add_source(&definition).await,
    };
    match kept {
        Ok(_) => {}
        Err(error) if error.is_conflict() => {
            let mut errors = Errors::none();
            errors.add("list", error.to_string());
            return show(&visitor, site.as_ref(), &typed, &errors, None);
        }
        Err(error) => return Err(error.into()),
    }
    visitor.did(&app, "site.register", &id).await;
    Ok(Done::go(&app, "/sites?said=registered").into_response())
}

/// The source of a registration. A new site is due now; one that was changed an interval after its
/// last harvest, and now at the earliest.
async fn define(
    app: &App,
    user: &str,
    registration: &Registration,
    before: Option<&SourceEntry>,
) -> Result<SourceDefinition, Problem> {
    let options = json!({ "url": registration.list.as_str() });
    let mut definition = match before {
        Some(site) => site.definition.clone(),
        None => SourceDefinition::new(site_id(user), KIND, options.clone()),
    };
    user.clone_into(&mut definition.title);
    // What an administrator set for another place, a password or the way into the local network, is
    // not for the new one.
    if secrets::leads_to(&definition.options) != secrets::leads_to(&options) {
        definition.options = options.clone();
    }
    definition.options["url"] = options["url"].clone();
    definition.owner = Some(user.to_owned());
    definition.contacts.clone_from(&registration.contacts);
    definition.status = SourceStatus::Active;
    if definition.schedule.rhythm != registration.rhythm {
        let mut schedule = Schedule::new(registration.rhythm.clone());
        if let Some(last) = last_harvest(app, before).await? {
            let now = app.store.now().await?;
            let wait = schedule.next(last, last).map_or(TimeDelta::zero(), |next| next - now);
            schedule.start_delay = u64::try_from(wait.num_seconds()).unwrap_or_default();
        }
        definition.schedule = schedule;
    }
    Ok(definition)
}

/// When a site that is registered was harvested last.
async fn last_harvest(
    app: &App,
    site: Option<&SourceEntry>,
) -> Result<Option<DateTime<Utc>>, Problem> {
    let run = site.filter(|site| is_registered(site)).and_then(|site| site.last_run);
    match run {
        Some(run) => Ok(app.store.run(run).await?.map(|run| run.queued)),
        None => Ok(None),
    }
}

/// Ends the harvests of the own site. What was harvested stays.
pub(super) async fn unregister(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let Some(mut site) = registered(&app, &visitor).await? else {
        return Ok(Done::go(&app, "/sites?said=not-found").into_response());
    };
    let id = site.definition.id.clone();
    match app.store.remove_source(&id).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => {
            site.definition.status = SourceStatus::Archived;
            // Registered again, it is due at once.
            site.definition.schedule = Schedule::default();
            app.store.change_source(&site.definition).await?;
        }
        Err(error) => return Err(error.into()),
    }
    visitor.did(&app, "site.unregister", &id).await;
    Ok(Done::go(&app, "/sites?said=removed").into_response())
}

/// The site that the visitor has registered.
pub(super) async fn registered(
    app: &App,
    visitor: &Visitor,
) -> Result<Option<SourceEntry>, Problem> {
    let site = app.store.source(&site_id(&owner(visitor)?)).await?;
    Ok(site.filter(is_registered))
}

fn is_registered(site: &SourceEntry) -> bool {
    site.definition.status != SourceStatus::Archived
}

fn show(
    visitor: &Visitor,
    site: Option<&SourceEntry>,
    typed: &Typed,
    errors: &Errors,
    said: Option<Said>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let dn = owner(visitor)?;
    let body = html! {
        @if let Some(said) = said { (told(words, said, &dn)) }
        @if let Some(site) = site { (card(words.text("site.registered"), &stored(words, site))) }
        (errors.summary(words))
        (form(visitor, typed, errors))
        // Also for whoever is not registered: that is said then.
        (action(visitor, "/sites/unregister", ("do", "unregister"), words.text("site.unregister")))
        p.hint { (words.text("site.unregister-hint")) }
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, stepped(visitor, Step::Register, &body)).into_response())
}

/// What Metacat says.
fn told(words: Words, said: Said, dn: &str) -> Markup {
    let of = |key: &str| words.fill(key, &[("dn", &dn)]);
    html! {
        div.notice role="status" {
            @match said {
                Said::Registered => p { (of("site.said-registered")) },
                Said::Removed => p { (of("site.said-removed")) },
                Said::NotFound => {
                    p { (of("site.said-not-found")) }
                    p { (words.text("site.said-no-action")) }
                }
            }
        }
    }
}

/// The fields of the registration, as they are kept.
fn stored(words: Words, site: &SourceEntry) -> Markup {
    let typed = Typed::from(&site.definition);
    let unit = words.text(&format!("rhythm.{}", typed.unit)).to_owned();
    let frequency = words.fill("rhythm.text", &[("count", &typed.frequency), ("unit", &unit)]);
    let next = moment_or(site.next_due, words.text("time.never"));
    html! {
        (facts(&[
            (words.text("site.contacts"), html! { (typed.contacts) }),
            (words.text("site.list"), html! { (typed.list) }),
            (words.text("site.frequency"), html! { (frequency) }),
        ]))
        p { (words.text("site.next")) ": " (next) }
    }
}

fn form(visitor: &Visitor, typed: &Typed, errors: &Errors) -> Markup {
    let words = visitor.words;
    let unit = |(_, name): (Unit, &str)| {
        (name.to_owned(), words.text(&format!("rhythm.{name}")).to_owned())
    };
    html! {
        form.card.wide method="post" action="/sites" {
            (csrf(visitor))
            (Field::text("contacts", words.text("site.contacts")).required()
                .hint(words.text("source.contacts-hint")).value(&typed.contacts)
                .show(words, errors))
            (Field::url("list", words.text("site.list")).required()
                .value(&typed.list).show(words, errors))
            div.row {
                (Field::number("frequency", words.text("site.frequency"), Some(1), Some(99))
                    .required().value(&typed.frequency).show(words, errors))
                (Field::choice("unit", words.text("site.unit"), UNITS.map(unit).into())
                    .required().value(&typed.unit).show(words, errors))
            }
            button.primary { (words.text("site.register")) }
        }
    }
}
