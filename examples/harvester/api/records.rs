//! Records: what was harvested, its versions, and what failed.

use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harvest_pipeline::store::Page;
use harvest_pipeline::{RecordQuery, RunId, SourceId, StoredError, StoredRecord, StoredVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::exchange::{Gone, Limit, Listing, Params, Reply};
use super::{confine, reach};
use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{Run, View};
    vec![
        Endpoint::get("/api/records", View, "Looks for records", search),
        Endpoint::get("/api/sources/{source}/records/{identifier}", View, "A record", get),
        Endpoint::get(
            "/api/sources/{source}/records/{identifier}/versions",
            View,
            "All versions of a record that are kept, oldest first",
            versions,
        ),
        Endpoint::get(
            "/api/sources/{source}/summary",
            View,
            "How many records there are of a source",
            summary,
        ),
        Endpoint::get("/api/sources/{source}/errors", View, "The records that failed", errors),
        Endpoint::delete(
            "/api/sources/{source}/errors/{key}",
            Run,
            "Forgets that a record failed",
            dismiss,
        ),
    ]
}

/// A record.
#[derive(Debug, Serialize, JsonSchema)]
struct Record {
    /// The source it was harvested from.
    source: String,
    /// What identifies it within the source.
    identifier: String,
    /// When the source last changed it, as the source wrote it.
    datestamp: Option<String>,
    /// The sets it belongs to.
    sets: Vec<String>,
    /// Whether it is a tombstone.
    deleted: bool,
    /// The metadata format.
    format: Option<String>,
    /// The metadata, as XML.
    metadata: Option<String>,
    /// What the parser read.
    fields: Option<Value>,
    /// Statements about the metadata, each as XML.
    abouts: Vec<String>,
    /// The URL that this version was fetched from.
    request_url: Option<String>,
    /// The time on the server's clock when it was fetched.
    response_date: Option<String>,
    /// When it arrived here.
    harvested: String,
    /// The run that saw it first.
    first_run: i64,
    /// The run that saw it last.
    last_run: i64,
}

impl From<StoredRecord> for Record {
    fn from(of: StoredRecord) -> Self {
        Self {
            source: of.source.to_string(),
            identifier: of.identifier,
            datestamp: of.datestamp,
            sets: of.sets,
            deleted: of.deleted,
            format: of.format,
            metadata: of.metadata,
            fields: of.fields.as_deref().and_then(json),
            abouts: of.abouts,
            request_url: of.request_url,
            response_date: of.response_date,
            harvested: of.harvested,
            first_run: of.first_run,
            last_run: of.last_run,
        }
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those that have all these words, in metadata, identifier or set.
    text: Option<String>,
    /// Only those of this source. Site contacts must name one of theirs.
    source: Option<String>,
    /// Only tombstones, or only live records.
    deleted: Option<bool>,
    /// Only those that this run changed.
    run: Option<i64>,
    /// Whether metadata and fields are told, too.
    #[serde(default)]
    metadata: bool,
    /// Only those behind this key: `next` of the page before.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn search(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Record>, Problem> {
    let limit = wanted.limit.get();
    let mut query = RecordQuery::default();
    query.source = confine(&app, &visitor, wanted.source).await?;
    query.text = wanted.text;
    query.deleted = wanted.deleted;
    query.run = wanted.run.map(RunId);
    query.page = Page::first(limit);
    if let Some(after) = &wanted.after {
        let key = read_key(after).ok_or_else(|| {
            Problem::bad_request("after: that is no key of a list of records; take it from `next`")
        })?;
        query.page = query.page.after(key);
    }
    let found = app.catalogue.list(&query).await?.into_iter().map(|mut record| {
        if !wanted.metadata {
            (record.metadata, record.fields) = (None, None);
            record.abouts.clear();
        }
        Record::from(record)
    });
    let key = |record: &Record| write_key(&record.source, &record.identifier);
    Ok(Listing::new(&visitor, limit, found.collect(), key))
}

/// Source and identifier can hold anything: the key of both is opaque.
fn write_key(source: &str, identifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([source, identifier]).to_string())
}

fn read_key(key: &str) -> Option<(SourceId, String)> {
    let json = URL_SAFE_NO_PAD.decode(key).ok()?;
    let (source, identifier): (String, String) = serde_json::from_slice(&json).ok()?;
    (!source.contains('\0') && !identifier.contains('\0')).then(|| (source.into(), identifier))
}

async fn get(
    State(app): State<App>,
    visitor: Visitor,
    Path((source, identifier)): Path<(String, String)>,
) -> Result<Reply<Record>, Problem> {
    let source = reach(&app, &visitor, source).await?;
    let record = app.catalogue.find(&source, &identifier).await?;
    Ok(Reply(record.ok_or_else(Problem::not_found)?.into()))
}

/// A version of a record.
#[derive(Debug, Serialize, JsonSchema)]
struct Version {
    /// Counts the versions of the record from 1.
    number: u32,
    /// The run that brought it.
    run: RunId,
    /// When it arrived here.
    harvested: String,
    /// The datestamp that the source gave it.
    datestamp: Option<String>,
    /// Whether it is a tombstone.
    deleted: bool,
    /// The metadata format.
    format: Option<String>,
    /// The metadata, as XML.
    metadata: Option<String>,
    /// What the parser read.
    fields: Option<Value>,
    /// What the parser found wrong.
    issues: Option<Value>,
    /// The URL that it was fetched from.
    request_url: Option<String>,
}

impl From<StoredVersion> for Version {
    fn from(of: StoredVersion) -> Self {
        Self {
            number: of.number,
            run: of.run,
            harvested: of.harvested,
            datestamp: of.datestamp,
            deleted: of.deleted,
            format: of.format,
            metadata: of.metadata,
            fields: of.fields.as_deref().and_then(json),
            issues: of.issues.as_deref().and_then(json),
            request_url: of.request_url,
        }
    }
}

async fn versions(
    State(app): State<App>,
    visitor: Visitor,
    Path((source, identifier)): Path<(String, String)>,
) -> Result<Listing<Version>, Problem> {
    let source = reach(&app, &visitor, source).await?;
    let versions = app.catalogue.versions(&source, &identifier).await?;
    if versions.is_empty() {
        return Err(Problem::not_found());
    }
    Ok(Listing::whole(versions.into_iter().map(Version::from).collect()))
}

/// How many records there are of a source.
#[derive(Debug, Serialize, JsonSchema)]
struct Summary {
    /// How many records are live.
    live: u64,
    /// How many are tombstones.
    deleted: u64,
    /// How many failed and did not come through since.
    errors: u64,
}

async fn summary(
    State(app): State<App>,
    visitor: Visitor,
    Path(source): Path<String>,
) -> Result<Reply<Summary>, Problem> {
    let source = reach(&app, &visitor, source).await?;
    let summary = app.catalogue.summary(&source).await?.ok_or_else(Problem::not_found)?;
    let (live, deleted, errors) = (summary.live, summary.deleted, summary.errors);
    Ok(Reply(Summary { live, deleted, errors }))
}

/// A record that failed.
#[derive(Debug, Serialize, JsonSchema)]
struct Failed {
    /// The identifier, or the place in the list.
    key: String,
    /// The identifier, if the record got far enough to have one.
    identifier: Option<String>,
    /// Where it failed: `source`, `filter`, `parse` or `sink`.
    stage: String,
    /// Why.
    message: String,
    /// Whether it came through later.
    resolved: bool,
    /// How often it failed.
    tries: i64,
    /// The metadata, if there was any; what is no text in it is replaced.
    body: Option<String>,
}

impl From<StoredError> for Failed {
    fn from(of: StoredError) -> Self {
        Self {
            key: of.key,
            identifier: of.identifier,
            stage: of.stage,
            message: of.message,
            resolved: of.resolved,
            tries: of.tries,
            body: of.body.map(|body| String::from_utf8_lossy(&body).into_owned()),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ErrorsWanted {
    /// Whether those that came through later are told, too.
    #[serde(default)]
    resolved: bool,
    /// Only those behind this key.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn errors(
    State(app): State<App>,
    visitor: Visitor,
    Path(source): Path<String>,
    Params(wanted): Params<ErrorsWanted>,
) -> Result<Listing<Failed>, Problem> {
    let source = reach(&app, &visitor, source).await?;
    let limit = wanted.limit.get();
    let mut page = Page::first(limit);
    page.after = wanted.after;
    let failed = app.catalogue.list_errors(&source, wanted.resolved, &page).await?;
    let page = failed.into_iter().map(Failed::from).collect();
    Ok(Listing::new(&visitor, limit, page, |failed: &Failed| failed.key.clone()))
}

async fn dismiss(
    State(app): State<App>,
    visitor: Visitor,
    Path((source, key)): Path<(String, String)>,
) -> Result<Gone, Problem> {
    let source = reach(&app, &visitor, source).await?;
    app.catalogue.dismiss_error(&source, &key).await?;
    visitor.did(&app, "record.dismiss", format!("{source}: {key}")).await;
    Ok(Gone)
}
