//! Filter sets: what is taken; and what of the records that are here would be.

use axum::extract::{Path, State};
use harvest_pipeline::filters::{Expression, FilterSet, FilterSets, Match};
use harvest_pipeline::parsers::ByFormat;
use harvest_pipeline::store::Page;
use harvest_pipeline::{
    Candidate, Decision, Fields, Filter, Item, Parser, Payload, RecordQuery, StoredRecord,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::exchange::{Body, Gone, Limit, Listing, Put, Reply};
use super::reach;
use super::version::{Expected, Version, Versioned};
use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// The longest name of a filter set.
const LONGEST_NAME: usize = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{EditFilterSets, View};
    vec![
        Endpoint::get("/api/filter-sets", View, "All filter sets, by name", list),
        Endpoint::get("/api/filter-sets/{name}", View, "A filter set", get),
        Endpoint::put(
            "/api/filter-sets/{name}",
            EditFilterSets,
            "Sets a filter set up, or changes it",
            put,
        ),
        Endpoint::delete(
            "/api/filter-sets/{name}",
            EditFilterSets,
            "Removes a filter set that no source uses",
            delete,
        ),
        Endpoint::post(
            "/api/filter-set-preview",
            View,
            "Says which records of a source a filter set would take",
            preview,
        ),
    ]
}

/// What a filter set asks of a record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// The metadata format that it is for; none: any.
    #[serde(default)]
    format: Option<String>,
    /// How many of its expressions must hold.
    #[serde(default, rename = "match")]
    combine: Match,
    /// Whether `A` and `a` are the same.
    #[serde(default = "yes")]
    ignore_case: bool,
    /// Its expressions.
    #[schemars(length(min = 1, max = 1000))]
    expressions: Vec<Expression>,
}

fn yes() -> bool {
    true
}

impl Rules {
    fn named(self, name: &str) -> Result<FilterSet, Problem> {
        let refused = |error: harvest_pipeline::filters::FilterError| {
            Problem::bad_request(format!("expressions: {error}"))
        };
        let mut set = FilterSet::new(name, self.combine, self.expressions).map_err(refused)?;
        if let Some(format) = self.format {
            set = set.for_format(format);
        }
        if self.ignore_case { Ok(set) } else { set.case_sensitive().map_err(refused) }
    }
}

/// A filter set.
#[derive(Debug, Serialize, JsonSchema)]
struct Named {
    /// What sources refer to it by.
    name: String,
    /// What it asks of a record.
    rules: Rules,
}

impl From<&FilterSet> for Named {
    fn from(set: &FilterSet) -> Self {
        Self {
            name: set.name().to_owned(),
            rules: Rules {
                format: set.format().map(str::to_owned),
                combine: set.combine(),
                ignore_case: set.ignores_case(),
                expressions: set.expressions().to_vec(),
            },
        }
    }
}

impl Named {
    fn version(&self) -> Version {
        Version::of(&self.rules)
    }
}

/// The version of the filter set of this name, if there is one.
async fn version(app: &App, name: &str) -> Result<Option<Version>, Problem> {
    Ok(app.store.filter_set(name).await?.map(|set| Named::from(&set).version()))
}

async fn list(State(app): State<App>) -> Result<Listing<Named>, Problem> {
    let sets = app.store.filter_sets().await?;
    Ok(Listing::whole(sets.iter().map(Named::from).collect()))
}

async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Versioned<Reply<Named>>, Problem> {
    let set = app.store.filter_set(&name).await?.ok_or_else(Problem::not_found)?;
    let set = Named::from(&set);
    Ok(Versioned { version: set.version(), answer: Reply(set) })
}

async fn put(
    State(app): State<App>,
    visitor: Visitor,
    expected: Expected,
    Path(name): Path<String>,
    Body(rules): Body<Rules>,
) -> Result<Versioned<Put<Named>>, Problem> {
    let is_sound = |name: &str| {
        name.trim() == name
            && name.chars().count() <= LONGEST_NAME
            && !name.contains(char::is_control)
    };
    if !is_sound(&name) {
        return Err(Problem::bad_request(
            "name: it has at most 200 characters, none at its ends a \
                                         space",
        ));
    }
    let set = rules.named(&name)?;
    let before = version(&app, &name).await?;
    expected.check(before.as_ref())?;
    app.store.put_filter_set(&set).await?;
    let is_new = before.is_none();
    let what = if is_new { "filter-set.create" } else { "filter-set.change" };
    visitor.did(&app, what, &name).await;
    let value = Named::from(&set);
    Ok(Versioned { version: value.version(), answer: Put { is_new, value } })
}

async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    expected: Expected,
    Path(name): Path<String>,
) -> Result<Gone, Problem> {
    expected.check(version(&app, &name).await?.as_ref())?;
    app.store.remove_filter_set(&name).await?;
    visitor.did(&app, "filter-set.delete", &name).await;
    Ok(Gone)
}

/// A filter set, and records to try it on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tried {
    /// What it asks of a record.
    rules: Rules,
    /// The source whose records are tried.
    source: String,
    /// Only those that have these words.
    #[serde(default)]
    text: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

/// What becomes of a record.
#[derive(Debug, Serialize, JsonSchema)]
struct Verdict {
    /// The record.
    identifier: String,
    /// Whether it is taken.
    taken: bool,
    /// Why not.
    reason: Option<String>,
}

async fn preview(
    State(app): State<App>,
    visitor: Visitor,
    Body(tried): Body<Tried>,
) -> Result<Listing<Verdict>, Problem> {
    let mut query = RecordQuery::default();
    query.source = Some(reach(&app, &visitor, tried.source).await?);
    query.text = tried.text;
    query.deleted = Some(false);
    query.page = Page::first(tried.limit.get());
    let set = tried.rules.named("preview")?;
    let records = app.catalogue.list(&query).await?;
    let judged = tokio::task::spawn_blocking(move || {
        let filter = FilterSets::new([set]);
        let parser = ByFormat::new().keep_others();
        records.iter().map(|record| judge(&filter, &parser, record)).collect()
    });
    Ok(Listing::whole(judged.await.map_err(Problem::unavailable)?))
}

fn judge(filter: &FilterSets, parser: &ByFormat, record: &StoredRecord) -> Verdict {
    let format = record.format.as_deref().unwrap_or_default();
    let payload = Payload::new(format, record.metadata.as_deref().unwrap_or_default());
    let mut item = Item::put(&record.identifier, payload.clone());
    item.datestamp.clone_from(&record.datestamp);
    item.sets.clone_from(&record.sets);
    let extract = || -> Result<Fields, _> {
        parser.fields(&item, &payload, &filter.keys()).map(|preview| preview.fields)
    };
    let reason = match filter.decide(&Candidate::new(&item, None, &extract)) {
        Ok(Decision::Reject(reason)) => Some(reason),
        Ok(_) => None,
        Err(error) => Some(error.message),
    };
    Verdict { identifier: record.identifier.clone(), taken: reason.is_none(), reason }
}
