//! What does a source offer over ResourceSync? Finds its documents, and shows them as a tree.
//!
//! `cargo run --example explore_source -- https://example.org/`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use resync_core::client::{Client, Explore};
use resync_core::retry::{Backoff, Retrying};
use resync_core::transport::{HttpTransport, Politeness, Throttled};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: explore_source URL")?;
    // What fails for the moment is asked for again, and no server is asked too often.
    let http = Throttled::new(HttpTransport::builder().build()?, Politeness::default());
    let client = Client::new(Retrying::new(http, Backoff::default()));

    // Any address will do: that of the site, of a web page, or of any document.
    let found = client.discover(&url).await?;
    for attempt in &found.attempts {
        println!("tried {attempt}");
    }

    let top = found.description.as_ref().unwrap_or(found.document.url());
    // What cannot be had is told in its place.
    let tree = client.explore(top, &Explore::default()).await;
    print!("{tree}");
    Ok(())
}
