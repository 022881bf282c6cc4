//! Harvests with the `oai-pmh` crate of the public registry, as its README shows.
//!
//! `peer-harvest URL`. It fails on the empty token that ends a list: start the server with
//! `--no-end-token` to see it finish.
#![allow(clippy::print_stdout, reason = "the counts are this program's result")]

use std::{env, error::Error};

use peer_oai_pmh::{Client, ListRecordsArgs};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: peer-harvest URL")?;
    let client = Client::new(&url)?;
    let mut pages = client.list_records(ListRecordsArgs::new("oai_dc")).await?;
    let mut records = 0;
    loop {
        match pages.try_next().await {
            Ok(Some(page)) => records += page.payload.map_or(0, |list| list.record.len()),
            Ok(None) => break,
            Err(error) => return Err(format!("after {records} records: {error}").into()),
        }
    }
    println!("{records} records");
    Ok(())
}
