use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::path::Path;

use super::stage::{Rank, Stage};
use crate::document::{Algorithm, Datetime};

/// The file that says what the last publication was.
const STATE: &str = ".resync-state";

/// What begins the name of the file with the resources.
const RECORDS: &str = ".resync-records-";

const FORMAT: &str = "resync-publication 1";

/// What the next publication goes by, apart from the resources.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) at: Option<Datetime>,
    pub(super) algorithms: String,
    /// The file with the resources has this number.
    pub(super) generation: u64,
    /// What the snapshots were made of, by the names of their documents.
    pub(super) keys: BTreeMap<String, String>,
    /// The parts of the snapshots.
    pub(super) parts: BTreeSet<String>,
    /// Length and digest of packages, by their names.
    pub(super) packages: BTreeMap<String, (u64, String)>,
}

/// A resource of the last publication.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) uri: String,
    /// Time of the file; none where it says nothing.
    pub(super) stamp: Option<u128>,
    pub(super) length: u64,
    pub(super) hashes: String,
}

/// The resources of the last publication, in the order of their addresses.
#[derive(Debug)]
pub(super) struct Records(Option<Lines<BufReader<File>>>);

impl State {
    /// What the last publication left; `None` before the first.
    pub(super) fn load(dir: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(dir.join(STATE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return Err(damaged("of another version"));
        }
        let mut state = Self::default();
        for line in lines {
            let mut words = line.split('\t');
            let mut word = || words.next().ok_or_else(|| damaged(line));
            match word()? {
                "at" => state.at = Some(Datetime::read(word()?).ok_or_else(|| damaged(line))?),
                "algorithms" => word()?.clone_into(&mut state.algorithms),
                "generation" => state.generation = word()?.parse().map_err(|_| damaged(line))?,
                "key" => {
                    let (name, key) = (word()?.to_owned(), word()?.to_owned());
                    state.keys.insert(name, key);
                }
                "part" => {
                    state.parts.insert(word()?.to_owned());
                }
                "package" => {
                    let name = word()?.to_owned();
                    let length = word()?.parse().map_err(|_| damaged(line))?;
                    let package = (length, word()?.to_owned());
                    state.packages.insert(name, package);
                }
                _ => return Err(damaged(line)),
            }
        }
        if state.at.is_none() {
            return Err(damaged("without a time"));
        }
        Ok(Some(state))
    }

    pub(super) fn store(&self, stage: &mut Stage) -> io::Result<()> {
        let at = self.at.map(|at| at.to_string()).unwrap_or_default();
        let mut text = format!(
            "{FORMAT}\nat\t{at}\nalgorithms\t{}\ngeneration\t{}\n",
            self.algorithms, self.generation
        );
        for (name, key) in &self.keys {
            let _ = writeln!(text, "key\t{name}\t{key}");
        }
        for name in &self.parts {
            let _ = writeln!(text, "part\t{name}");
        }
        for (name, (length, hash)) in &self.packages {
            let _ = writeln!(text, "package\t{name}\t{length}\t{hash}");
        }
        stage.text(Rank::State, STATE, &text)
    }

    /// The name of the file with the resources.
    pub(super) fn records_name(generation: u64) -> String {
        format!("{RECORDS}{generation}")
    }

    pub(super) fn is_records(name: &str) -> bool {
        name.starts_with(RECORDS)
    }

    pub(super) fn records(&self, dir: &Path) -> io::Result<Records> {
        let file = File::open(dir.join(Self::records_name(self.generation)))?;
        Ok(Records(Some(BufReader::new(file).lines())))
    }
}

impl Records {
    /// Before the first publication.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn read(&mut self) -> io::Result<Option<Record>> {
        let Some(line) = self.0.as_mut().and_then(Iterator::next).transpose()? else {
            return Ok(None);
        };
        let mut words = line.split('\t');
        let (Some(uri), Some(stamp), Some(length), Some(hashes)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(damaged(&line));
        };
        let length = length.parse().map_err(|_| damaged(&line))?;
        let (uri, hashes) = (uri.to_owned(), hashes.to_owned());
        Ok(Some(Record { uri, stamp: stamp.parse().ok(), length, hashes }))
    }
}

impl Record {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{}\t", self.uri)?;
        match self.stamp {
            Some(stamp) => write!(out, "{stamp}")?,
            None => out.write_all(b"-")?,
        }
        writeln!(out, "\t{}\t{}", self.length, self.hashes)
    }
}

/// As the state names them.
pub(super) fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
}

fn damaged(what: &str) -> io::Error {
    let what = format!("the state of the last publication ({STATE}) cannot be read: {what}");
    io::Error::new(io::ErrorKind::InvalidData, what)
}
