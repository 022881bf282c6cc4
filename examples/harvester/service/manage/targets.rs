//! `harvester target`

use std::fmt::Write;

use harvest_pipeline::engine::Installation;
use harvest_pipeline::store::{Requested, Standing, Store, StoreError, TargetDefinition};
use harvest_pipeline::{SourceId, targets};
use serde_json::{Value, json};

use super::options;
use super::runs::{Manager, told_of, wait};
use super::sources::kept;
use crate::args::{DeliverArgs, TargetCommand, TargetSettings};
use crate::deliveries::{self, Wanted};
use crate::output::{one_line, print};
use crate::report::{Failure, Status};
use crate::service::clerk::system_user;

/// Manages targets.
///
/// # Errors
/// If there is no such target, what is asked for makes no sense, or the database cannot be used.
pub(in crate::service) async fn run(
    command: &TargetCommand,
    installation: &Installation,
    manager: &Manager<'_>,
) -> Result<Status, Failure> {
    let store = &**installation.store();
    let target = match command {
        TargetCommand::Deliver(args) => return deliver(args, manager).await,
        TargetCommand::Kinds(_) => {
            print(kinds(manager.as_json))?;
            return Ok(Status::Complete);
        }
        TargetCommand::List(_) => {
            for target in store.targets().await? {
                told(&target, manager.as_json)?;
            }
            return Ok(Status::Complete);
        }
        TargetCommand::Show(args) => {
            let target = known(store, &args.name).await?;
            let standings = store.standings(&target.name).await?;
            print(match manager.as_json {
                true => format!("{}\n", json(&target, &standings)),
                false => text(&target, &standings),
            })?;
            return Ok(Status::Complete);
        }
        TargetCommand::Remove(args) => {
            store.remove_target(&args.name).await?;
            manager.clerk.did("target.delete", &args.name).await;
            return Ok(Status::Complete);
        }
        TargetCommand::Add(args) => {
            if store.target(&args.name).await?.is_some() {
                let message = format!("there is a target {} already", args.name);
                return Err(
                    Failure::new(message).with_advice("`harvester target edit` changes it.")
                );
            }
            let mut target = TargetDefinition::new(&*args.name, &*args.kind, json!({}));
            apply(installation, &mut target, &args.settings)?;
            target
        }
        TargetCommand::Edit(args) => {
            let mut target = known(store, &args.name).await?;
            if let Some(kind) = &args.kind {
                target.kind.clone_from(kind);
            }
            apply(installation, &mut target, &args.settings)?;
            target
        }
    };
    store.put_target(&target).await?;
    let is_new = matches!(command, TargetCommand::Add(_));
    let what = if is_new { "target.create" } else { "target.change" };
    manager.clerk.did(what, &target.name).await;
    told(&target, manager.as_json)?;
    Ok(Status::Complete)
}

/// The kinds of targets, and their options.
pub(in crate::service) fn kinds(as_json: bool) -> String {
    options::kinds(&targets::kinds(), as_json)
}

async fn known(store: &dyn Store, name: &str) -> Result<TargetDefinition, Failure> {
    store.target(name).await?.ok_or_else(|| {
        Failure::new(StoreError::missing("target", name).to_string())
            .with_advice("`harvester target list` names those that there are.")
    })
}

/// Takes over what was said of a target, and checks it.
fn apply(
    installation: &Installation,
    target: &mut TargetDefinition,
    said: &TargetSettings,
) -> Result<(), Failure> {
    let kinds = targets::kinds();
    let kind = kinds.kind(&target.kind).ok_or_else(|| {
        let names: Vec<_> = kinds.kinds().iter().map(|kind| kind.name()).collect();
        let kind = &target.kind;
        Failure::usage(format!("there is no kind {kind}; the kinds are {}", names.join(", ")))
    })?;
    options::set(kind, &mut target.options, &said.options)?;
    if let Some(title) = &said.title {
        target.title.clone_from(title);
    }
    if said.all_sources {
        target.sources = None;
    } else if !said.sources.is_empty() {
        target.sources = Some(said.sources.iter().map(|id| SourceId::from(id.as_str())).collect());
    }
    if let Some(issues) = said.issues {
        target.condition.issues = issues.into();
    }
    if !said.filter_sets.is_empty() {
        target.condition.filter_sets = kept(&said.filter_sets);
    }
    if let Some(policy) = said.withdraw {
        target.withdrawal = policy.into();
    }
    if let Some(paused) = said.paused {
        target.paused = paused;
    }
    installation.receiver(target).map_err(|error| Failure::usage(error.message()))?;
    Ok(())
}

/// Asks for deliveries; with `--now` does them.
async fn deliver(args: &DeliverArgs, manager: &Manager<'_>) -> Result<Status, Failure> {
    let target = known(manager.store, &args.name).await?;
    let wanted = Wanted {
        sources: args.sources.iter().map(|id| SourceId::from(id.as_str())).collect(),
        again: args.again,
        by: system_user(),
        ..Wanted::default()
    };
    let asked = deliveries::ask(manager.store, &target, &wanted).await?;
    manager.clerk.did("target.deliver", &target.name).await;
    if asked.is_empty() {
        manager.console.notice("nothing was harvested that it could be given");
        return Ok(Status::Complete);
    }
    for (source, requested) in &asked {
        if let Requested::AlreadyOpen(run) = requested {
            let message = format!("{source} has run {run}, which delivers at its end");
            manager.console.notice(&message);
        }
    }
    let runs: Vec<_> = asked.iter().map(|(_, requested)| requested.run()).collect();
    if !args.now && !args.wait {
        for run in runs {
            told_of(run, manager).await?;
        }
        return Ok(Status::Complete);
    }
    let worker = args.now.then_some(&manager.worker);
    wait(&runs, worker, manager).await
}

fn told(target: &TargetDefinition, as_json: bool) -> Result<(), Failure> {
    print(match as_json {
        true => format!("{}\n", json!(target)),
        false => format!("{}\n", one_line(&line(target))),
    })
}

/// A target on one line.
fn line(target: &TargetDefinition) -> String {
    let place = ["url", "path"].iter().find_map(|name| target.options[name].as_str());
    let sources = match &target.sources {
        None => "all sources".to_owned(),
        Some(sources) => sources.iter().map(SourceId::as_str).collect::<Vec<_>>().join(", "),
    };
    let paused = if target.paused { "  paused" } else { "" };
    format!("{}  {}  {}  {sources}{paused}", target.name, target.kind, place.unwrap_or_default())
}

fn json(target: &TargetDefinition, standings: &[Standing]) -> Value {
    let mut all = json!(target);
    all["standings"] = standings
        .iter()
        .map(|it| {
            json!({
                "source": it.source,
                "delivered": it.delivered,
                "withdrawn": it.withdrawn,
                "owed": it.owed,
                "served": it.served,
                "failure": it.failure.as_ref().map(|(message, _)| message),
            })
        })
        .collect();
    all
}

fn text(target: &TargetDefinition, standings: &[Standing]) -> String {
    let mut text = format!("{}\n", one_line(&line(target)));
    for it in standings {
        let failure = it.failure.as_ref().map_or(String::new(), |(message, at)| {
            format!("  failed {}: {message}", at.format("%Y-%m-%d %H:%M:%S UTC"))
        });
        let standing = format!(
            "{}  {} delivered, {} withdrawn, {} owed{failure}",
            it.source, it.delivered, it.withdrawn, it.owed
        );
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {}", one_line(&standing));
    }
    text
}
