//! Reads a file of MARC 21 in XML on one thread, and says how many records there are in it: for a
//! comparison with programs of others (`run.py marc`).
//!
//! `marc-read FILE` filters each record by five expressions and reads it into the bibliographic model,
//! `marc-read FILE record` reads it into fields and subfields only, `marc-read FILE make N` makes a
//! file of N records.
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a number")]

use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use harvest_benches::metadata;
use harvest_pipeline::filters::{FilterSet, FilterSets, Match};
use harvest_pipeline::parsers::{ByFormat, MarcRecord};
use harvest_pipeline::{Candidate, Decision, Filter, Item, Parser, Payload};
use resync_core::xml::{Cursor, ParseErrorKind};

/// How much of the file is in memory at once, in bytes.
const WINDOW: usize = 1 << 18;

const FILTERS: [&str; 5] = [
    "245a not contains lorem",
    "100a not starts-with zzz",
    "650a not equals astrology",
    "020a exists",
    "041a matches ^(cze|eng)$",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let records = match *arguments {
        [file] => bibliographic(file)?,
        [file, "record"] => {
            each_record(file, |record| Ok(black_box(MarcRecord::read(record)?).is_some()))?
        }
        [file, "make", records] => make(file, records.parse()?)?,
        _ => return Err("arguments: FILE [record | make N]".into()),
    };
    println!("{records}");
    Ok(())
}

/// As the pipeline does it.
fn bibliographic(file: &str) -> Result<usize, Box<dyn Error>> {
    let expressions = FILTERS.map(str::parse).into_iter().collect::<Result<Vec<_>, _>>()?;
    let filter = FilterSets::new([FilterSet::new("all", Match::All, expressions)?]);
    let (parser, wanted) = (ByFormat::new(), filter.keys());
    each_record(file, |record| {
        let item = Item::put("oai:bench:1", Payload::new("marc21", record.to_owned()));
        let payload = item.payload().ok_or("it was put")?;
        let early = Cell::new(None);
        let extract = || {
            let preview = parser.fields(&item, payload, &wanted)?;
            early.set(preview.parsed);
            Ok(preview.fields)
        };
        let decision = filter.decide(&Candidate::new(&item, None, &extract))?;
        let parsed = match early.take() {
            Some(parsed) => parsed,
            None => parser.parse(&item, payload)?,
        };
        Ok(decision == Decision::Accept && black_box(parsed).issues.is_empty())
    })
}

/// Cuts the records out of the collection, a window of it at a time, and counts those that `read` says
/// yes to.
fn each_record(
    file: &str,
    mut read: impl FnMut(&str) -> Result<bool, Box<dyn Error>>,
) -> Result<usize, Box<dyn Error>> {
    let mut lines = BufReader::with_capacity(WINDOW, fs::File::open(file)?);
    let mut head = String::new();
    lines.read_line(&mut head)?;
    let mut root = Cursor::new(&head);
    root.next_child()?.ok_or("there is nothing in it")?;
    let bindings = Arc::new(root.bindings());
    let (mut records, mut rest) = (0, Vec::new());
    loop {
        let is_last = (&mut lines).take(WINDOW as u64).read_to_end(&mut rest)? == 0;
        let behind = rest.split_off(rest.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        let window = Arc::new(String::from_utf8(rest)?);
        let mut cursor = Cursor::resume(&window, 0, 0, &["collection"], &bindings);
        rest = loop {
            let from = cursor.offset();
            let record = match cursor.next_child() {
                Ok(Some(element)) => cursor.raw(&element),
                Ok(None) => return Ok(records),
                Err(error) => Err(error),
            };
            match record {
                Ok(record) => records += usize::from(read(&record.standalone())?),
                Err(error) if error.kind() == ParseErrorKind::Truncated && !is_last => {
                    break [&window.as_bytes()[from..], &behind].concat();
                }
                Err(error) => return Err(error.into()),
            }
        };
    }
}

fn make(file: &str, records: u64) -> Result<usize, Box<dyn Error>> {
    let mut out = BufWriter::new(fs::File::create(file)?);
    writeln!(out, "<collection xmlns=\"http://www.loc.gov/MARC21/slim\">")?;
    for index in 0..records {
        out.write_all(metadata::marc(1, index).as_bytes())?;
    }
    writeln!(out, "</collection>")?;
    out.flush()?;
    Ok(records.try_into()?)
}
