//! Lists the records of a repository, page by page, and knows at the end whether these were all.
//!
//! `cargo run --example list_records -- https://export.example.org/oai [SET]`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use oai_pmh::{Client, Selection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: list_records URL [SET]")?;
    let mut selection = Selection::prefix("oai_dc");
    if let Some(set) = args.next() {
        selection = selection.set(set);
    }

    let mut list = Client::new(&url)?.list_records(selection);
    // The next page is fetched while this one is in use. A list that breaks off ends in an error.
    while let Some(page) = list.next_page().await {
        for record in page?.items {
            match record {
                Ok(record) if record.header.is_deleted => {
                    println!("{} was deleted", record.header.identifier);
                }
                Ok(record) => {
                    let length = record.metadata.map_or(0, |xml| xml.as_str().len());
                    println!("{}: {length} bytes of metadata", record.header.identifier);
                }
                // One broken record costs neither its page nor its neighbours.
                Err(broken) => eprintln!("{broken}"),
            }
        }
    }
    println!("{} records: {}", list.summary().items, list.summary().verdict);
    Ok(())
}
