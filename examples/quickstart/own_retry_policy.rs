//! Trying again by rules of your own: a policy says how long to wait after a try that failed.
//!
//! `cargo run --example own_retry_policy -- https://export.example.org/oai` lists the identifiers,
//! and waits through a server's maintenance if it must.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use oai_pmh::retry::{Attempt, RetryPolicy, Retrying};
use oai_pmh::transport::HttpTransport;
use oai_pmh::{Client, Selection};
use resync_core::ErrorKind;

const MINUTE: Duration = Duration::from_secs(60);

/// Sits out an hour of maintenance (503), a minute at a time; else gives a server three seconds.
#[derive(Debug)]
struct Patient;

impl RetryPolicy for Patient {
    fn next_delay(&self, attempt: &Attempt<'_>) -> Option<Duration> {
        if !attempt.error.is_transient() {
            return None;
        }
        let maintenance = matches!(attempt.error.kind(), ErrorKind::Status(it) if it == 503);
        let (longest, delay) = match maintenance {
            true => (60 * MINUTE, MINUTE),
            false => (Duration::from_secs(3), Duration::from_secs(1)),
        };
        // What the server asks for (`Retry-After`) is not for a policy to undercut.
        let delay = attempt.error.retry_after().map_or(delay, |asked| asked.max(delay));
        (attempt.elapsed + delay <= longest).then_some(delay)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: own_retry_policy URL")?;
    let transport = Retrying::new(HttpTransport::builder().build()?, Patient)
        .on_retry(Arc::new(|event| eprintln!("{event}")));
    let client = Client::with_transport(url.parse()?, transport);

    let mut headers = client.list_identifiers(Selection::prefix("oai_dc")).items();
    while let Some(header) = headers.try_next().await? {
        match header {
            Ok(header) => println!("{}", header.identifier),
            Err(broken) => eprintln!("{broken}"),
        }
    }
    println!("{}", headers.summary().verdict);
    Ok(())
}
