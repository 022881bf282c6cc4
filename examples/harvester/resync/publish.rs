//! The documents of a folder of one's own.

use std::io;
use std::time::Instant;

use resync_core::publish::{Folder, Publication, Publisher};
use serde_json::json;

use super::word;
use crate::args::{GlobalArgs, PublishArgs};
use crate::output;
use crate::progress::{Console, count, counted, took};
use crate::report::{Failure, Status};

/// Where others begin, below the base URL.
const DESCRIPTION: &str = ".well-known/resourcesync";

pub(super) async fn run(
    args: &PublishArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let mut base = args.base_url.clone();
    if base.query().is_some() || base.fragment().is_some() {
        let message = format!("--base-url {base}: names of files are put behind it");
        return Err(Failure::usage(message));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Failure::usage("--base-url is published: it cannot have a name or password"));
    }
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let started = Instant::now();
    let progress = console.progress(args.folder.display().to_string(), false);
    let (folder, address, has_dumps) = (args.folder.clone(), base.to_string(), args.dump);
    // The folder is read and hashed where it holds up nobody.
    let published = tokio::task::spawn_blocking(move || {
        let publisher = Publisher::new(&folder, &address)?.dumps(has_dumps);
        publisher.publish(Folder::walk(&folder, &address)?)
    });
    let published = published.await.unwrap_or_else(|cause| Err(cause.into()));
    drop(progress);
    let done = published.map_err(|error| failure(args, &error))?;
    let start = format!("{base}{DESCRIPTION}");
    if global.json {
        let summary = json!({
            "event": "summary",
            "mode": "publish",
            "folder": args.folder,
            "base_url": base.as_str(),
            "at": done.at.to_string(),
            "created": done.created,
            "updated": done.updated,
            "deleted": done.deleted,
            "unchanged": done.unchanged,
            "measured": done.measured,
            "written": done.written,
            "description": start,
            "seconds": started.elapsed().as_secs_f64(),
        });
        output::print(format!("{summary}\n"))?;
    } else {
        let seconds = took(started.elapsed());
        output::print(summary(args, &done, &start, &seconds))?;
    }
    Ok(Status::Complete)
}

/// What a person reads at the end.
fn summary(args: &PublishArgs, done: &Publication, start: &str, seconds: &str) -> String {
    let mut text = format!(
        "{}: {} created, {} updated, {} deleted, {} unchanged in {seconds}\n",
        args.folder.display(),
        count(done.created),
        count(done.updated),
        count(done.deleted),
        count(done.unchanged),
    );
    match done.written.len() {
        0 => text += "nothing to write: the documents are as they were\n",
        n => text += &format!("{} written:\n", counted(n as u64, "document")),
    }
    for name in &done.written {
        text += &format!("  {name}\n");
    }
    text + &format!("others start at {start}\n  harvester resync check {}\n", word(start))
}

fn failure(args: &PublishArgs, error: &io::Error) -> Failure {
    let folder = args.folder.display();
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "Name a folder that is there.",
        io::ErrorKind::PermissionDenied => {
            "It must be possible to read all of the folder, and to write into it."
        }
        io::ErrorKind::WouldBlock => "Wait until the other one has finished.",
        io::ErrorKind::InvalidData => {
            "Remove that file to begin anew: others then have to copy everything again."
        }
        _ => "What was published before is as it was: run the same command again.",
    };
    Failure::new(format!("{folder} cannot be published: {error}")).with_advice(advice)
}
