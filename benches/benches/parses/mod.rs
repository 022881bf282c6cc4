//! The ways of going through a page that are compared. Each gives a count, so that it has to be
//! done; the time includes dropping what was made.

use std::hint::black_box;

use harvest_pipeline::parsers::DublinCoreRecord;
use oai_pmh::Record;
use oai_pmh::parse::Parser;
use peer_oai_pmh::client::response::ListRecordsResponse;
use quick_xml::{NsReader, Reader, events::Event};

/// Our parser; metadata left as slices of the page.
pub(crate) fn raw(page: Vec<u8>) -> usize {
    Parser::new().page::<Record>(page, None).expect("a page").items.len()
}

/// The same, with every record's metadata read as Dublin Core.
pub(crate) fn oai_dc(page: Vec<u8>) -> usize {
    let page = Parser::new().page::<Record>(page, None).expect("a page");
    page.items.iter().flatten().map(|record| usize::from(dublin_core(record))).sum()
}

fn dublin_core(record: &Record) -> bool {
    let Some(metadata) = &record.metadata else { return true };
    black_box(DublinCoreRecord::read(&metadata.standalone())).is_ok_and(|read| read.is_some())
}

/// The text of the events is neither unescaped nor kept.
pub(crate) fn tokenise(page: &str) -> usize {
    let mut reader = Reader::from_str(page);
    let mut elements = 0;
    loop {
        match reader.read_event().expect("the corpus is well-formed") {
            Event::Start(start) => elements += black_box(start.name().as_ref()).len().min(1),
            Event::Eof => return elements,
            _ => {}
        }
    }
}

pub(crate) fn resolve(page: &str) -> usize {
    let mut reader = NsReader::from_str(page);
    let mut elements = 0;
    loop {
        match reader.read_event().expect("the corpus is well-formed") {
            Event::Start(start) => {
                let (namespace, name) = reader.resolver().resolve_element(start.name());
                black_box(namespace);
                elements += black_box(name.as_ref()).len().min(1);
            }
            Event::Eof => return elements,
            _ => {}
        }
    }
}

/// Metadata is kept as strings, unparsed.
pub(crate) fn peer(page: &str) -> usize {
    let response = ListRecordsResponse::new(page).expect("the token is not empty");
    response.payload.map_or(0, |list| list.record.len())
}
