//! A folder for others to copy: writes the documents that say what is in it, and what has changed.
//!
//! `cargo run --example publish_folder -- /srv/www/data https://example.org/data/`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use resync_core::publish::{Folder, Publisher};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(base_url)) = (args.next(), args.next()) else {
        return Err("usage: publish_folder FOLDER BASE_URL".into());
    };

    // The resources may as well come from elsewhere: any iterator in the order of addresses will do.
    let resources = Folder::walk(&folder, &base_url)?;
    // Documents are put in place after what they lead to; given again, only what changed is written.
    let publication = Publisher::new(&folder, &base_url)?.publish(resources)?;

    println!("{} created", publication.created);
    println!("{} updated", publication.updated);
    println!("{} deleted", publication.deleted);
    for name in &publication.written {
        println!("wrote {name}");
    }
    Ok(())
}
