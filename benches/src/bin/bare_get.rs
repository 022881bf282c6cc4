//! The floor of a baseline: fetch every resource over some connections and throw the bodies away.
//!
//! `bare-get URL RESOURCES CONNECTIONS`.
#![allow(clippy::print_stdout, reason = "the counts are this program's result")]

use std::{
    env,
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use harvest_benches::{Client, Page, resource_path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [url, resources, connections] = arguments.as_slice() else {
        return Err("usage: bare-get URL RESOURCES CONNECTIONS".into());
    };
    let host = url.strip_prefix("http://").ok_or("not an http:// URL")?.trim_end_matches('/');
    let resources: u64 = resources.parse()?;
    let connections: u64 = connections.parse()?;

    let start = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (host, next) = (host.to_owned(), Arc::clone(&next));
            thread::spawn(move || fetch(&host, &next, resources))
        })
        .collect();
    let mut bytes = 0;
    for thread in threads {
        bytes += thread.join().map_err(|_| "a connection panicked")??;
    }
    let speed = resources as f64 / start.elapsed().as_secs_f64();
    println!("{resources} files, {bytes} bytes, {speed:.0} files/s");
    Ok(())
}

fn fetch(host: &str, next: &AtomicU64, resources: u64) -> io::Result<usize> {
    let mut client = Client::connect(host)?;
    let mut page = Page::default();
    let mut bytes = 0;
    loop {
        let index = next.fetch_add(1, Relaxed);
        if index >= resources {
            return Ok(bytes);
        }
        client.get(&resource_path(index), &mut page)?;
        bytes += page.len();
    }
}
