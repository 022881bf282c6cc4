//! The floor of any harvest: follow the tokens and throw the pages away.
//!
//! `bare-download [--count] URL…` takes each URL in a thread of its own.
#![allow(clippy::print_stdout, reason = "the counts are this program's result")]

use std::{env, io, thread};

use harvest_benches::{Page, Pages};
use memchr::memmem;

fn main() -> io::Result<()> {
    let (flags, urls): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|arg| arg == "--count");
    let count = !flags.is_empty();
    let threads: Vec<_> =
        urls.into_iter().map(|url| thread::spawn(move || download(&url, count))).collect();
    for thread in threads {
        let result = thread.join().map_err(|_| io::Error::other("a download panicked"))?;
        println!("{}", result?);
    }
    Ok(())
}

fn download(url: &str, count: bool) -> io::Result<String> {
    let mut chain = Pages::open(url)?;
    let mut page = Page::default();
    let record = memmem::Finder::new("<record>");
    let (mut pages, mut bytes, mut records) = (0, 0, 0);
    while chain.next_into(&mut page)? {
        pages += 1;
        bytes += page.len();
        if count {
            records += record.find_iter(&page).count();
        }
    }
    Ok(match count {
        true => format!("{pages} pages, {bytes} bytes, {records} records"),
        false => format!("{pages} pages, {bytes} bytes"),
    })
}
