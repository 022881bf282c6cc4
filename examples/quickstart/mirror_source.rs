//! A copy of a source in a folder: everything at first, then only what has changed.
//!
//! `cargo run --example mirror_source -- https://example.org/ copy`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::sync::Arc;

use resync_core::retry::{Backoff, Retrying};
use resync_core::sync::{Event, Mirror, Options};
use resync_core::transport::{HttpTransport, Politeness, Throttled, Transport};
use url::Url;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: mirror_source URL FOLDER".into());
    };
    let url = Url::parse(&url)?;

    let mut options = Options::default();
    // Lists may be under way while so many resources are fetched.
    let politeness = Politeness::default().concurrency(options.concurrency.saturating_add(2));
    let http = HttpTransport::builder().build()?;
    let polite: Arc<dyn Transport> = Arc::new(Throttled::new(http, politeness));
    // What the source does not have any more goes, but never most of it at once.
    options.delete = true;
    options.observer = Some(Arc::new(|event: &Event<'_>| match event {
        Event::Written { uri, bytes, .. } => println!("{uri}: {bytes} bytes"),
        Event::Deleted { uri } => println!("{uri}: deleted"),
        _ => {}
    }));
    let mirror = Mirror::new(Retrying::new(polite, Backoff::default()), folder, options);

    // Given again, or broken off and given again, it fetches only what is not there yet.
    let report = mirror.baseline(&url).await?;
    println!("{} created, {} updated, {} failed", report.created, report.updated, report.failed);
    for failure in &report.failures {
        println!("failed: {}: {}", failure.uri, failure.message);
    }

    let audit = mirror.audit(&url).await?;
    println!("in sync: {}", audit.is_in_sync());
    Ok(())
}
