//! Sources: what is harvested, how and when.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use harvest_pipeline::schedule::Schedule;
use harvest_pipeline::store::{
    Output, Page, Policies, SourceDefinition, SourceEntry, SourceQuery, SourceStatus,
};
use harvest_pipeline::{RunId, SourceId, secrets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::exchange::{Body, Gone, Limit, Listing, Params, Put, Reply};
use super::version::{Expected, Version, Versioned};
use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::sources::{find, is_sound_id, settled_options};
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{EditSources, View};
    vec![
        Endpoint::get("/api/sources", View, "The sources, by id", list),
        Endpoint::get("/api/sources/{source}", View, "A source", get),
        Endpoint::put("/api/sources/{source}", EditSources, "Sets a source up, or changes it", put),
        Endpoint::delete(
            "/api/sources/{source}",
            EditSources,
            "Removes a source that was never harvested",
            delete,
        ),
        Endpoint::get(
            "/api/sources/{source}/subscription",
            View,
            "What became of the subscription to a source's changes",
            subscription,
        ),
        Endpoint::post(
            "/api/sources/{source}/pause",
            EditSources,
            "Lets a source be harvested by hand only",
            pause,
        ),
        Endpoint::post(
            "/api/sources/{source}/resume",
            EditSources,
            "Lets a source be harvested on schedule again",
            resume,
        ),
        Endpoint::post(
            "/api/sources/{source}/archive",
            EditSources,
            "Ends the harvesting of a source; its records and history stay",
            archive,
        ),
    ]
}

/// How a source is set up.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Definition {
    /// What people call it.
    #[schemars(length(min = 1), regex(pattern = r"\S"))]
    title: String,
    /// What else there is to say about it.
    #[serde(default)]
    description: String,
    /// Under which terms its records may be used.
    #[serde(default)]
    licence: String,
    /// The name of its kind: see `/api/kinds`.
    kind: String,
    /// The options that the kind declares, such as the URL. Passwords and tokens are never in an
    /// answer: those that are not sent stay as they are, `null` takes one away.
    options: Value,
    /// Where its records belong here: a collection, an index.
    #[serde(default)]
    target: Option<String>,
    /// When it is harvested.
    #[serde(default)]
    schedule: Schedule,
    /// The mail addresses of those who look after the source.
    #[serde(default)]
    contacts: Vec<String>,
    /// The names of its filter sets; a record that any of them accepts is taken.
    #[serde(default)]
    filter_sets: Vec<String>,
    /// What is done in the cases in which opinions differ.
    #[serde(default)]
    policies: Policies,
    /// Whether it is harvested at all.
    #[serde(default)]
    status: SourceStatus,
    /// Whether its records are given out to those who harvest from here: on, unless it was turned off.
    /// Left out, it stays as it is.
    #[serde(default)]
    output: Option<Switch>,
    /// Whether its hub, if it names one, is asked to tell of changes. Left out, it stays as it is.
    #[serde(default)]
    push: Option<Switch>,
    /// Whose it is; site contacts see theirs only.
    #[serde(default)]
    owner: Option<String>,
    /// Whatever else is to be kept with it.
    #[serde(default)]
    extra: Value,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

impl From<Output> for Switch {
    fn from(output: Output) -> Self {
        if output.is_on() { Self::On } else { Self::Off }
    }
}

impl Definition {
    /// The definition of a source, whose output and push were like this until now.
    fn for_source(
        self,
        id: SourceId,
        output: Output,
        push: bool,
        now: DateTime<Utc>,
    ) -> SourceDefinition {
        let mut definition = SourceDefinition::new(id, self.kind, self.options);
        definition.title = self.title;
        definition.description = self.description;
        definition.licence = self.licence;
        definition.target = self.target;
        definition.schedule = self.schedule;
        definition.contacts = self.contacts;
        definition.filter_sets = self.filter_sets;
        definition.policies = self.policies;
        definition.status = self.status;
        definition.output = match self.output {
            Some(to) => output.turned(to == Switch::On, now),
            None => output,
        };
        definition.push = self.push.map_or(push, |to| to == Switch::On);
        definition.owner = self.owner;
        definition.extra = self.extra;
        definition
    }
}

impl From<SourceDefinition> for Definition {
    fn from(of: SourceDefinition) -> Self {
        Self {
            title: of.title,
            description: of.description,
            licence: of.licence,
            kind: of.kind,
            options: of.options,
            target: of.target,
            schedule: of.schedule,
            contacts: of.contacts,
            filter_sets: of.filter_sets,
            policies: of.policies,
            status: of.status,
            output: Some(of.output.into()),
            push: Some(if of.push { Switch::On } else { Switch::Off }),
            owner: of.owner,
            extra: of.extra,
        }
    }
}

/// A source.
#[derive(Debug, Serialize, JsonSchema)]
struct Source {
    /// Under what its records are kept.
    id: String,
    /// How it is set up.
    definition: Definition,
    /// The names of the options that are set and not shown: passwords and tokens.
    secrets: Vec<String>,
    /// When it was set up.
    created: DateTime<Utc>,
    /// When that was changed last.
    updated: DateTime<Utc>,
    /// Since when its records are not given out; none: they are.
    output_off_since: Option<DateTime<Utc>>,
    /// When the next run is due by its schedule; none: never.
    next_due: Option<DateTime<Utc>>,
    /// How many runs its schedule has started.
    scheduled_runs: u32,
    /// Its run that is not over.
    open_run: Option<RunId>,
    /// The last run that was asked for.
    last_run: Option<RunId>,
}

impl Source {
    fn of(app: &App, mut entry: SourceEntry) -> Self {
        let kind = app.registry.kind(&entry.definition.kind);
        let secrets = secrets::set(kind, &entry.definition.options);
        entry.definition.options = secrets::shown(kind, &entry.definition.options);
        Self {
            id: entry.definition.id.to_string(),
            secrets,
            output_off_since: entry.definition.output.off_since(),
            definition: entry.definition.into(),
            created: entry.created,
            updated: entry.updated,
            next_due: entry.next_due,
            scheduled_runs: entry.scheduled_runs,
            open_run: entry.open_run,
            last_run: entry.last_run,
        }
    }
}

impl Source {
    /// Runs change a source, but not what people say of it.
    fn version(&self) -> Version {
        Version::of(&self.definition)
    }

    fn versioned(self) -> Versioned<Reply<Self>> {
        Versioned { version: self.version(), answer: Reply(self) }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those that have this text in title, id or URL.
    text: Option<String>,
    /// Only those of this status. Left out, archived ones are left out.
    status: Option<SourceStatus>,
    /// Only those of this kind.
    kind: Option<String>,
    /// Only those behind this id.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Source>, Problem> {
    let limit = wanted.limit.get();
    let mut query = SourceQuery::default();
    query.text = wanted.text;
    query.status = wanted.status;
    query.kind = wanted.kind;
    query.owner = visitor.confined_to().map(str::to_owned);
    query.page = Page::first(limit);
    query.page.after = wanted.after.map(SourceId::from);
    let found = app.store.sources(&query).await?.into_iter();
    let found = found.map(|entry| Source::of(&app, entry)).collect();
    Ok(Listing::new(&visitor, limit, found, |source: &Source| source.id.clone()))
}

async fn get(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Versioned<Reply<Source>>, Problem> {
    Ok(Source::of(&app, find(&app, &visitor, &id).await?).versioned())
}

/// What became of the subscription at the hub of a source.
#[derive(Debug, Serialize, JsonSchema)]
struct Subscription {
    /// How far it has come: `off`, `looking` for the hub, `no-hub`, `pending`, `active`, `denied`,
    /// `failed` or `ending`.
    state: &'static str,
    /// Why, where there is something to say.
    why: Option<String>,
    /// When the lease ends that the hub granted last.
    until: Option<DateTime<Utc>>,
    /// How many notices came.
    notices: u64,
    /// When the last one came.
    last_notice: Option<DateTime<Utc>>,
}

async fn subscription(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Reply<Subscription>, Problem> {
    let source = find(&app, &visitor, &id).await?;
    let kept = app.callbacks.subscriptions.of(&source.definition.id).await;
    let kept = kept.map_err(Problem::unavailable)?.map(|document| document.body);
    Ok(Reply(match kept {
        None => Subscription {
            state: if source.definition.push { "looking" } else { "off" },
            why: None,
            until: None,
            notices: 0,
            last_notice: None,
        },
        Some(kept) => Subscription {
            state: kept.state.as_str(),
            why: kept.state.why().map(str::to_owned),
            until: kept.until,
            notices: kept.notices,
            last_notice: kept.last_notice,
        },
    }))
}

async fn put(
    State(app): State<App>,
    visitor: Visitor,
    expected: Expected,
    Path(id): Path<String>,
    Body(mut sent): Body<Definition>,
) -> Result<Versioned<Put<Source>>, Problem> {
    let id = SourceId::from(id);
    // One of another's is as good as taken: whose it is is not told.
    let before = app.store.source(&id).await?;
    if before.is_some() {
        find(&app, &visitor, id.as_str()).await?;
    } else if !is_sound_id(id.as_str()) {
        return Err(Problem::bad_request(format!(
            "id: {}",
            visitor.words.text("source.id-invalid")
        )));
    }
    if sent.title.trim().is_empty() {
        return Err(Problem::bad_request("title: a source needs one"));
    }
    let was = before.as_ref().map(|entry| &entry.definition);
    sent.options = settled_options(&app, &visitor, &sent.kind, was, sent.options)
        .map_err(Problem::bad_request)?;
    for name in &sent.filter_sets {
        if app.store.filter_set(name).await?.is_none() {
            return Err(Problem::bad_request(format!("filter_sets: there is no {name}")));
        }
    }
    let output = before.as_ref().map(|before| before.definition.output).unwrap_or_default();
    let push = before.as_ref().is_some_and(|before| before.definition.push);
    let mut definition = sent.for_source(id, output, push, app.now());
    if let Some(owner) = visitor.confined_to() {
        // Theirs it is, and stays.
        definition.owner = Some(owner.to_owned());
    }
    expected.check(before.clone().map(|entry| Source::of(&app, entry).version()).as_ref())?;
    let is_new = before.is_none();
    let (entry, what) = match before {
        None => (app.store.add_source(&definition).await?, "source.create"),
        Some(before) if expected.is_some() => {
            let replaced = app.store.replace_source(&before.definition, &definition).await?;
            (replaced, "source.change")
        }
        Some(_) => (app.store.change_source(&definition).await?, "source.change"),
    };
    visitor.did(&app, what, &definition.id).await;
    app.provide.make_up().await?;
    let value = Source::of(&app, entry);
    Ok(Versioned { version: value.version(), answer: Put { is_new, value } })
}

async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    expected: Expected,
    Path(id): Path<String>,
) -> Result<Gone, Problem> {
    let source = Source::of(&app, find(&app, &visitor, &id).await?);
    expected.check(Some(&source.version()))?;
    app.store.remove_source(&SourceId::from(source.id)).await?;
    visitor.did(&app, "source.delete", &id).await;
    Ok(Gone)
}

async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Versioned<Reply<Source>>, Problem> {
    set_status(&app, &visitor, &id, SourceStatus::Paused).await
}

async fn resume(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Versioned<Reply<Source>>, Problem> {
    set_status(&app, &visitor, &id, SourceStatus::Active).await
}

async fn archive(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Versioned<Reply<Source>>, Problem> {
    set_status(&app, &visitor, &id, SourceStatus::Archived).await
}

async fn set_status(
    app: &App,
    visitor: &Visitor,
    id: &str,
    status: SourceStatus,
) -> Result<Versioned<Reply<Source>>, Problem> {
    let mut definition = find(app, visitor, id).await?.definition;
    definition.status = status;
    let changed = app.store.change_source(&definition).await?;
    visitor.did(app, &format!("source.{}", status.as_str()), id).await;
    Ok(Source::of(app, changed).versioned())
}
