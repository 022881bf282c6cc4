//! Targets: who gets the records, what they have, and delivering again.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use harvest_pipeline::SourceId;
use harvest_pipeline::store::{
    Condition, Owed, Page, Requested, Standing, StoreError, TargetDefinition, Trigger,
};
use harvest_pipeline::targets::Withdrawal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::exchange::{Accepted, Body, Gone, Limit, Listing, Params, Put, Reply};
use super::reach;
use crate::accounts::Permission;
use crate::deliveries::{self, Wanted};
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::sources::find;
use crate::web::targets::{check, is_sound, public_options};
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{Administer, Approve, View};
    vec![
        Endpoint::get("/api/targets", View, "All targets, by name", list),
        Endpoint::get("/api/target-kinds", View, "The kinds of targets, and their options", kinds),
        Endpoint::get("/api/targets/{target}", View, "A target, and what it has", get),
        Endpoint::put("/api/targets/{target}", Administer, "Sets a target up, or changes it", put),
        Endpoint::delete(
            "/api/targets/{target}",
            Administer,
            "Removes a target; what it has stays there",
            delete,
        ),
        Endpoint::get(
            "/api/targets/{target}/owed",
            View,
            "The records of a source that a target could not be given, by identifier",
            owed,
        ),
        Endpoint::post(
            "/api/targets/{target}/deliver",
            Approve,
            "Asks for runs that deliver what is owed, or everything again",
            deliver,
        ),
    ]
}

/// What can be said of a target.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Definition {
    /// What people call it.
    #[schemars(length(min = 1), regex(pattern = r"\S"))]
    title: String,
    /// The name of its kind: see `/api/target-kinds`.
    kind: String,
    /// The options that the kind declares, such as the URL. Credentials in it are not shown again.
    options: Value,
    /// The sources whose records it gets; none: all there are.
    #[serde(default)]
    sources: Option<Vec<String>>,
    /// Which versions of a record it gets.
    #[serde(default)]
    condition: Condition,
    /// When what was delivered may be withdrawn.
    #[serde(default)]
    withdrawal: Withdrawal,
    /// Nothing is delivered for now.
    #[serde(default)]
    paused: bool,
}

impl Definition {
    fn named(self, name: &str) -> TargetDefinition {
        let mut target = TargetDefinition::new(name, self.kind, self.options);
        target.title = self.title;
        let ids = |sources: Vec<String>| sources.into_iter().map(SourceId::from).collect();
        target.sources = self.sources.map(ids);
        target.condition = self.condition;
        target.withdrawal = self.withdrawal;
        target.paused = self.paused;
        target
    }
}

/// A target.
#[derive(Debug, Serialize, JsonSchema)]
struct Named {
    /// Under what its deliveries are noted.
    name: String,
    /// As it was set up.
    definition: Definition,
}

impl From<&TargetDefinition> for Named {
    fn from(target: &TargetDefinition) -> Self {
        let ids = |sources: &Vec<SourceId>| {
            sources.iter().map(|source| source.as_str().to_owned()).collect()
        };
        Self {
            name: target.name.clone(),
            definition: Definition {
                title: target.title.clone(),
                kind: target.kind.clone(),
                options: public_options(target),
                sources: target.sources.as_ref().map(ids),
                condition: target.condition.clone(),
                withdrawal: target.withdrawal,
                paused: target.paused,
            },
        }
    }
}

/// A target, and what it has.
#[derive(Debug, Serialize, JsonSchema)]
struct Known {
    #[serde(flatten)]
    target: Named,
    /// How it stands with each source of which it was offered something.
    standings: Vec<Stands>,
}

/// How a target stands with a source.
#[derive(Debug, Serialize, JsonSchema)]
struct Stands {
    /// The source.
    source: String,
    /// How many of its records the target has.
    delivered: u64,
    /// How many were withdrawn from it.
    withdrawn: u64,
    /// How many it could not be given.
    owed: u64,
    /// When it was last offered all there was.
    served: Option<DateTime<Utc>>,
    /// Why it could not be offered anything last.
    failure: Option<String>,
    /// When that was.
    failed: Option<DateTime<Utc>>,
}

impl From<Standing> for Stands {
    fn from(standing: Standing) -> Self {
        let (failure, failed) = standing.failure.unzip();
        Self {
            source: standing.source.as_str().to_owned(),
            delivered: standing.delivered,
            withdrawn: standing.withdrawn,
            owed: standing.owed,
            served: standing.served,
            failure,
            failed,
        }
    }
}

/// A kind of targets.
#[derive(Debug, Serialize, JsonSchema)]
struct KindOf {
    /// What targets refer to it by.
    name: String,
    /// What people call it.
    title: String,
    /// Its options, as a JSON Schema.
    options: Value,
}

async fn kinds(State(app): State<App>) -> Result<Listing<KindOf>, Problem> {
    let kinds = app.targets.kinds().iter().map(|kind| KindOf {
        name: kind.name().to_owned(),
        title: kind.title().to_owned(),
        options: kind.schema().clone(),
    });
    Ok(Listing::whole(kinds.collect()))
}

async fn list(State(app): State<App>) -> Result<Listing<Named>, Problem> {
    let targets = app.store.targets().await?;
    Ok(Listing::whole(targets.iter().map(Named::from).collect()))
}

async fn known(app: &App, name: &str) -> Result<TargetDefinition, Problem> {
    app.store.target(name).await?.ok_or_else(Problem::not_found)
}

async fn get(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Reply<Known>, Problem> {
    let target = known(&app, &name).await?;
    let mut standings = Vec::new();
    for standing in app.store.standings(&name).await? {
        let is_theirs = visitor.confined_to().is_none()
            || find(&app, &visitor, standing.source.as_str()).await.is_ok();
        if is_theirs {
            standings.push(standing.into());
        }
    }
    Ok(Reply(Known { target: Named::from(&target), standings }))
}

async fn put(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Body(definition): Body<Definition>,
) -> Result<Put<Named>, Problem> {
    if !is_sound(&name) {
        return Err(Problem::bad_request(
            "name: it has up to 100 letters, digits, spaces and . _ -, none at its ends a space",
        ));
    }
    if definition.title.trim().is_empty() {
        return Err(Problem::bad_request("title: it is empty"));
    }
    check(&app, &definition.kind, &definition.options).map_err(Problem::bad_request)?;
    let target = definition.named(&name);
    let is_new = app.store.target(&name).await?.is_none();
    app.store.put_target(&target).await.map_err(|error| match error {
        StoreError::Missing { .. } => Problem::bad_request(error.to_string()),
        error => error.into(),
    })?;
    let what = if is_new { "target.create" } else { "target.change" };
    visitor.did(&app, what, &name).await;
    Ok(Put { is_new, value: Named::from(&target) })
}

async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Gone, Problem> {
    app.store.remove_target(&name).await?;
    visitor.did(&app, "target.delete", &name).await;
    Ok(Gone)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Of {
    /// The source.
    source: String,
    /// Only those behind this identifier.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn owed(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Params(of): Params<Of>,
) -> Result<Listing<Owed>, Problem> {
    let target = known(&app, &name).await?;
    let source = reach(&app, &visitor, of.source).await?;
    let mut page = Page::first(of.limit.get());
    page.after = of.after;
    let owed = app.store.owed(&target.name, &source, &page).await?;
    Ok(Listing::new(&visitor, page.limit, owed, |last| last.identifier.clone()))
}

/// What is to be delivered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    /// Of these sources; none: of all that the target takes from.
    sources: Vec<String>,
    /// Everything, whatever it has.
    again: bool,
}

/// A run that delivers.
#[derive(Debug, Serialize, JsonSchema)]
struct Delivering {
    /// The source.
    source: String,
    /// The run: a new one, or one that goes on and delivers at its end.
    run: i64,
    /// Whether it is a new one.
    queued: bool,
}

async fn deliver(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Accepted<Vec<Delivering>>, Problem> {
    let target = known(&app, &name).await?;
    let wanted = Wanted {
        sources: asked.sources.into_iter().map(SourceId::from).collect(),
        again: asked.again,
        by: visitor.name(),
        trigger: Trigger::Api,
    };
    let runs = deliveries::ask(&*app.store, &target, &wanted).await?;
    visitor.did(&app, "target.deliver", &name).await;
    let runs = runs.into_iter().map(|(source, requested)| Delivering {
        source: source.as_str().to_owned(),
        run: requested.run().0,
        queued: matches!(requested, Requested::Queued(_)),
    });
    Ok(Accepted(runs.collect()))
}
