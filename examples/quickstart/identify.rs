//! Who is there? Asks a repository to describe itself.
//!
//! `cargo run --example identify -- https://export.example.org/oai`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use oai_pmh::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: identify URL")?;
    let client = Client::new(&url)?;

    let reply = client.identify().await?;
    println!("{}", reply.body.repository_name);
    println!("datestamps are written {}", reply.body.granularity);
    println!("deleted records: {}", reply.body.deleted_record.name());

    for format in client.list_metadata_formats(None).await?.body {
        println!("format {} ({})", format.prefix, format.namespace);
    }
    // What the standard does not allow, and had to be repaired to be understood.
    for issue in &reply.issues {
        println!("repaired: {issue}");
    }
    Ok(())
}
