//! The floor of a harvest that reads its XML: download in one thread, tokenise in a second.
//!
//! `bare-scan [--namespaces] URL`. Without the option quick-xml's `Reader` goes over the bytes as
//! they came: no namespaces, nothing kept. (It checks that each event is UTF-8.)
#![allow(clippy::print_stdout, reason = "the counts are this program's result")]

use std::{env, error::Error, io, sync::mpsc, thread};

use harvest_benches::{Page, Pages};
use quick_xml::{NsReader, Reader, events::Event, name::Namespace, name::ResolveResult};

const OAI_PMH: ResolveResult<'_> =
    ResolveResult::Bound(Namespace("http://www.openarchives.org/OAI/2.0/"));

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, urls): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|arg| arg == "--namespaces");
    let [url] = urls.as_slice() else { return Err("usage: bare-scan [--namespaces] URL".into()) };
    let scan = if flags.is_empty() { scan } else { scan_namespaces };

    let mut chain = Pages::open(url)?;
    let (full, to_scan) = mpsc::sync_channel::<Page>(1);
    let (empty, to_fill) = mpsc::channel::<Page>();
    // Three pages go round: one being filled, one waiting, one being scanned.
    for _ in 0..3 {
        empty.send(Page::default())?;
    }
    let download = thread::spawn(move || {
        // Either channel closes only when the scan has failed.
        while let Ok(mut page) = to_fill.recv() {
            if !chain.next_into(&mut page)? || full.send(page).is_err() {
                break;
            }
        }
        Ok::<_, io::Error>(())
    });

    let (mut elements, mut records) = (0, 0);
    for page in to_scan {
        scan(&page, &mut elements, &mut records)?;
        // Fails after the last page, when nobody wants to fill it again.
        let _ = empty.send(page);
    }
    download.join().map_err(|_| "the download panicked")??;
    println!("{elements} elements, {records} records");
    Ok(())
}

fn scan(page: &[u8], elements: &mut u64, records: &mut u64) -> quick_xml::Result<()> {
    let mut reader = Reader::from_reader(page);
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                *elements += 1;
                *records += u64::from(start.name().as_ref() == "record");
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn scan_namespaces(page: &[u8], elements: &mut u64, records: &mut u64) -> quick_xml::Result<()> {
    let mut reader = NsReader::from_reader(page);
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                let (namespace, name) = reader.resolver().resolve_element(start.name());
                *elements += 1;
                *records += u64::from(name.as_ref() == "record" && namespace == OAI_PMH);
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}
