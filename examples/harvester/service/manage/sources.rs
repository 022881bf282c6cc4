//! `harvester source`

use std::fmt::Write;
use std::num::NonZeroU32;

use chrono::Utc;
use harvest_pipeline::engine::Installation;
use harvest_pipeline::schedule::Rhythm;
use harvest_pipeline::store::{
    SourceDefinition, SourceEntry, SourceQuery, SourceStatus, Store, StoreError,
};
use harvest_pipeline::{Kind, Registry, SourceId};
use serde_json::json;

use super::{connect, options, shown};
use crate::args::{GlobalArgs, ListSourcesArgs, OnOff, SourceCommand, SourceSettings};
use crate::output::one_line;
use crate::report::Failure;
use crate::service::clerk::Clerk;

/// Manages sources; what is to be printed.
///
/// # Errors
/// If there is no such source, what is asked for makes no sense, or the database cannot be used.
pub(in crate::service) async fn run(
    command: &SourceCommand,
    installation: &Installation,
    clerk: Clerk<'_>,
    global: &GlobalArgs,
) -> Result<String, Failure> {
    let as_json = global.json;
    let store = &**installation.store();
    let (what, entry) = match command {
        SourceCommand::List(args) => return list(store, args, as_json).await,
        SourceCommand::Kinds(_) => return Ok(kinds(installation.registry(), as_json)),
        SourceCommand::Connect(args) => return connect(&args.url, global).await,
        SourceCommand::Show(args) => {
            let entry = known(store, &args.id).await?;
            return Ok(match as_json {
                true => format!("{}\n", shown::source_json(&entry)),
                false => shown::source(&entry),
            });
        }
        SourceCommand::Remove(args) => {
            store.remove_source(&SourceId::from(args.id.as_str())).await?;
            clerk.did("source.delete", &args.id).await;
            return Ok(String::new());
        }
        SourceCommand::Add(args) => {
            let mut definition = SourceDefinition::new(args.id.as_str(), &args.kind, json!({}));
            if args.draft {
                definition.status = SourceStatus::Draft;
            }
            apply(installation, &mut definition, &args.settings).await?;
            ("source.create", store.add_source(&definition).await?)
        }
        SourceCommand::Change(args) => {
            let mut definition = known(store, &args.id).await?.definition;
            if let Some(kind) = &args.kind {
                definition.kind.clone_from(kind);
            }
            apply(installation, &mut definition, &args.settings).await?;
            ("source.change", store.change_source(&definition).await?)
        }
        SourceCommand::Pause(args) => {
            ("source.paused", set_status(store, &args.id, SourceStatus::Paused).await?)
        }
        SourceCommand::Resume(args) => {
            ("source.active", set_status(store, &args.id, SourceStatus::Active).await?)
        }
        SourceCommand::Archive(args) => {
            ("source.archived", set_status(store, &args.id, SourceStatus::Archived).await?)
        }
    };
    clerk.did(what, &entry.definition.id).await;
    Ok(match as_json {
        true => format!("{}\n", shown::source_json(&entry)),
        false => format!("{}\n", one_line(&shown::source_line(&entry))),
    })
}

/// The kinds of sources, and their options.
pub(in crate::service) fn kinds(registry: &Registry, as_json: bool) -> String {
    options::kinds(registry, as_json)
}

async fn known(store: &dyn Store, id: &str) -> Result<SourceEntry, Failure> {
    let entry = store.source(&SourceId::from(id)).await?;
    entry.ok_or_else(|| {
        Failure::new(StoreError::missing("source", &id).to_string())
            .with_advice("`harvester source list` names those that there are.")
    })
}

async fn set_status(
    store: &dyn Store,
    id: &str,
    status: SourceStatus,
) -> Result<SourceEntry, Failure> {
    let mut definition = known(store, id).await?.definition;
    definition.status = status;
    Ok(store.change_source(&definition).await?)
}

async fn list(store: &dyn Store, args: &ListSourcesArgs, as_json: bool) -> Result<String, Failure> {
    let mut query = SourceQuery::default();
    query.text.clone_from(&args.search);
    query.status = args.status;
    query.kind.clone_from(&args.kind);
    let mut text = String::new();
    loop {
        let page = store.sources(&query).await?;
        for entry in &page {
            // Writing to a text cannot fail.
            let _ = match as_json {
                true => writeln!(text, "{}", shown::source_json(entry)),
                false => writeln!(text, "{}", one_line(&shown::source_line(entry))),
            };
        }
        match page.last() {
            Some(last) => query.page.after = Some(last.definition.id.clone()),
            None => return Ok(text),
        }
    }
}

/// Takes over what was said of a source, and checks it.
async fn apply(
    installation: &Installation,
    definition: &mut SourceDefinition,
    said: &SourceSettings,
) -> Result<(), Failure> {
    let kind = kind(installation, &definition.kind)?;
    options::set(kind, &mut definition.options, &said.options)?;
    for (text, field) in [
        (&said.title, &mut definition.title),
        (&said.description, &mut definition.description),
        (&said.licence, &mut definition.licence),
    ] {
        if let Some(text) = text {
            field.clone_from(text);
        }
    }
    let optional = |text: &Option<String>, field: &mut Option<String>| {
        if let Some(text) = text {
            *field = Some(text.clone()).filter(|text| !text.is_empty());
        }
    };
    if let Some(output) = said.output {
        definition.output = definition.output.turned(output == OnOff::On, Utc::now());
    }
    if let Some(push) = said.push {
        definition.push = push == OnOff::On;
    }
    optional(&said.target, &mut definition.target);
    optional(&said.owner, &mut definition.owner);
    if !said.contacts.is_empty() {
        definition.contacts = kept(&said.contacts);
    }
    if !said.filter_sets.is_empty() {
        definition.filter_sets = kept(&said.filter_sets);
        for name in &definition.filter_sets {
            if installation.store().filter_set(name).await?.is_none() {
                return Err(Failure::new(format!("there is no filter set {name}")));
            }
        }
    }
    schedule(definition, said)?;
    policies(definition, said);
    installation.source(definition).map_err(|error| Failure::usage(error.message()))?;
    Ok(())
}

/// A list as it was given; one empty item is an empty list.
pub(super) fn kept(items: &[String]) -> Vec<String> {
    items.iter().filter(|item| !item.is_empty()).cloned().collect()
}

fn kind<'a>(installation: &'a Installation, name: &str) -> Result<&'a Kind, Failure> {
    let kinds = installation.registry().kinds();
    kinds.iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let names: Vec<_> = kinds.iter().map(Kind::name).collect();
        Failure::usage(format!("there is no kind {name}; the kinds are {}", names.join(", ")))
    })
}

fn schedule(definition: &mut SourceDefinition, said: &SourceSettings) -> Result<(), Failure> {
    let schedule = &mut definition.schedule;
    if let Some(every) = &said.every {
        schedule.rhythm = every.clone();
    } else if let Some(expression) = &said.cron {
        let zone = said.zone.as_deref().unwrap_or("UTC");
        let rhythm = Rhythm::cron(expression.as_str(), zone);
        schedule.rhythm = rhythm.map_err(|error| Failure::usage(error.to_string()))?;
    } else if said.manual {
        schedule.rhythm = Rhythm::Manual;
    }
    if let Some(delay) = said.start_delay {
        schedule.start_delay = delay.as_secs();
    }
    if let Some(most) = said.most_runs {
        schedule.most_runs = Some(most);
    }
    Ok(())
}

fn policies(definition: &mut SourceDefinition, said: &SourceSettings) {
    let policies = &mut definition.policies;
    if let Some(policy) = said.empty_window {
        policies.empty_window = policy.into();
    }
    if let Some(lists) = said.absent_after {
        policies.deletions.absent_after = NonZeroU32::new(lists);
    }
    if let Some(ignore) = said.ignore_deletions {
        policies.deletions.ignore_reported = ignore;
    }
    if let Some(records) = said.guard_records {
        policies.guard.records = records;
    }
    if let Some(percent) = said.guard_share {
        policies.guard.share = f64::from(percent) / 100.0;
    }
    if let Some(most) = said.most_failures {
        policies.most_failures = Some(most);
    }
    if let Some(refilter) = said.refilter_known {
        policies.refilter_known = refilter;
    }
}
