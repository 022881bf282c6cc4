//! A copy of a source, made and kept up with.

#![cfg(all(feature = "sync", feature = "reqwest"))]
#![allow(clippy::unwrap_used)]

#[path = "mirror/baseline.rs"]
mod baseline;
#[path = "mirror/changes.rs"]
mod changes;
#[path = "mirror/deletions.rs"]
mod deletions;
#[path = "mirror/dumps.rs"]
mod dumps;
#[path = "mirror/looking.rs"]
mod looking;
mod mirror_support;
#[path = "mirror/pending.rs"]
mod pending;
#[cfg(feature = "publish")]
#[path = "mirror/published.rs"]
mod published;
#[path = "mirror/running.rs"]
mod running;

use std::fs;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use mirror_support::{
    Copy, Reply, Source, change, changes, entry, index, list, listed, md, root, urlset, with_at,
};
use resync_core::sync::{DeleteGuard, DifferenceKind, Event, Places, Report};

/// How long to wait for what happens at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run came to: created, updated, same, deleted, kept, failed.
fn counts(report: &Report) -> [u64; 6] {
    let Report { created, updated, same, deleted, kept, failed, .. } = *report;
    [created, updated, same, deleted, kept, failed]
}

fn three() -> Source {
    let source = Source::start();
    source.list("/list.xml", &[("/a.txt", "one"), ("/b/c.txt", "two"), ("/b/d.txt", "three")]);
    source
}

fn all_may_go(copy: Copy) -> Copy {
    copy.with(|options| {
        options.delete = true;
        options.guard = DeleteGuard::new(1.0, 0);
    })
}

const JANUARY: &str = "from=\"2024-01-01T00:00:00Z\"";

/// A source whose list is copied, and a Change List of its own.
async fn followed(changes_of_it: &[String]) -> (Source, Copy) {
    let source = three();
    source.document("/changes.xml", changes(JANUARY, changes_of_it));
    let copy = Copy::of(&source, "/list.xml").with(|options| {
        options.delete = true;
        options.guard = DeleteGuard::new(1.0, 0);
    });
    copy.baseline().await;
    source.asked();
    (source, copy)
}
