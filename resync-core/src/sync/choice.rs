//! Packages, or a request for each file: what costs less.
//!
//! A source may offer its resources both ways. Where nothing is here yet, packages are the fewest
//! requests for all of it. Otherwise the lists that have changed are looked through for what must be
//! asked for, and that is weighed against all packages: what is said to be their length, and
//! [`REQUEST`] bytes for each request. Packages that are no newer than the copy are never used: they
//! would bring back what has changed since.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use url::Url;

use super::baseline::{DEPTH, parts_of};
use super::copying::Copying;
use super::list::{Opened, unreadable};
use super::plan::{self, Step};
use super::planner::{LISTS, add, address, is_part};
use super::run::lock;
use super::state;
use super::{Places, Tree};
use crate::document::{Capability, Datetime, Entry, Reader};
use crate::transport::ReadHalf;
use crate::{Error, ErrorKind, Result};

/// What a request costs beside its answer, in bytes that could have come meanwhile.
const REQUEST: u64 = 16 << 10;
/// How many documents of a dump are looked through.
const DUMPS: usize = 64;

/// What it takes to have something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    requests: u64,
    bytes: u64,
}

impl Cost {
    fn total(self) -> u64 {
        self.requests.saturating_mul(REQUEST).saturating_add(self.bytes)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number| if number == 1 { "" } else { "s" };
        let Self { requests, bytes } = self;
        write!(f, "{requests} request{} and {bytes} byte{}", plural(*requests), plural(*bytes))
    }
}

/// Sees to it that the run goes by packages if these are offered and cost less, and says why.
pub(super) async fn choose(run: &mut Copying) {
    if run.capability == Capability::ResourceDump {
        let why = match run.offered(&Capability::ResourceList) {
            Some(_) => "nothing is here yet, and they are the fewest requests for all of it",
            None => "that is what there is",
        };
        run.told.notice(format!("packages are used: {why}"));
        return;
    }
    let Some(dump) = run.offered(&Capability::ResourceDump).filter(|_| run.options.dumps) else {
        return;
    };
    let dump = dump.clone();
    match weigh(run, &dump).await {
        Ok(Weighed::Same) => {}
        Ok(Weighed::Packages(why)) => {
            run.told.notice(format!("packages are used: {why}"));
            (run.list, run.capability) = (dump, Capability::ResourceDump);
        }
        Ok(Weighed::Files(why)) => {
            run.told.notice(format!("files are fetched one by one, not in packages: {why}"));
        }
        Err(error) => run.told.notice(format!(
            "files are fetched one by one: what packages would cost is not known: {error}"
        )),
    }
}

/// What costs less, and why.
enum Weighed {
    /// There is nothing to be fetched.
    Same,
    Packages(String),
    Files(String),
}

async fn weigh(run: &Copying, dump: &Url) -> Result<Weighed> {
    if run.options.check_files {
        let why = "only that finds files that were tampered with";
        return Ok(Weighed::Files(why.to_owned()));
    }
    let offer = offer(run, dump).await?;
    let since = run.meta("since")?.as_deref().and_then(Datetime::read);
    if let Some(since) = since
        && offer.at.is_none_or(|at| at.time() <= since.time())
    {
        let of = match offer.at {
            Some(at) => format!("these are of {at}"),
            None => "nobody knows of when these are".to_owned(),
        };
        return Ok(Weighed::Files(format!("{of}, and the copy is of {since}")));
    }
    let Some(packages) = offer.cost else {
        return Ok(Weighed::Files("the source does not say how large these are".to_owned()));
    };
    let needs = needs(run, packages.total()).await?;
    let files = needs.cost(packages);
    let Needs { listed, asked, .. } = needs;
    let (of, more) = match needs.is_cut {
        true => (format!("at least {asked} resources must be asked for"), "at least "),
        false => (format!("{asked} of {listed} resources must be asked for"), ""),
    };
    Ok(match files.total() {
        0 => Weighed::Same,
        total if total > packages.total() => Weighed::Packages(format!(
            "{of}, which would be {more}{files}; all packages are {packages}"
        )),
        _ => Weighed::Files(format!("{of}, which is {files}; all packages are {packages}")),
    })
}

/// What a dump offers.
#[derive(Debug, Default)]
struct Offer {
    at: Option<Datetime>,
    /// Of all its packages; `None` if it does not say how large each is.
    cost: Option<Cost>,
}

/// Reads the documents of a dump.
async fn offer(run: &Copying, dump: &Url) -> Result<Offer> {
    let mut offer = Offer { at: None, cost: Some(Cost::default()) };
    let mut pending = vec![dump.clone()];
    let mut asked = HashSet::new();
    while let Some(url) = pending.pop() {
        if asked.len() == DUMPS {
            offer.cost = None;
            break;
        }
        if !asked.insert(url.clone()) {
            continue;
        }
        let Opened::List(list) = run.open(&url, None).await? else { continue };
        let base = list.url.clone();
        let (at, parts, cost) = list.read(move |reader| read_dump(reader, &base)).await?;
        offer.at = offer.at.or(at);
        offer.cost = offer.cost.zip(cost).map(|(one, other)| Cost {
            requests: one.requests + other.requests,
            bytes: one.bytes.saturating_add(other.bytes),
        });
        pending.extend(parts);
    }
    Ok(offer)
}

fn read_dump(
    mut reader: Reader<ReadHalf>,
    base: &Url,
) -> Result<(Option<Datetime>, Vec<Url>, Option<Cost>)> {
    let head = reader.head().map_err(unreadable)?.clone();
    if head.capability() != Some(&Capability::ResourceDump) {
        let detail = "what is listed as a resourcedump is none";
        return Err(Error::new(ErrorKind::Unexpected, detail));
    }
    let (mut parts, mut cost) = (Vec::new(), Some(Cost::default()));
    while let Some(part) = reader.next_part().map_err(unreadable)? {
        for entry in part {
            let entry = entry.map_err(unreadable)?;
            if is_part(&head, &entry) {
                if let Ok(url) = base.join(&entry.loc) {
                    add(&mut parts, url)?;
                }
            } else {
                cost = cost.zip(entry.md.length).map(|(cost, length)| Cost {
                    requests: cost.requests + 1,
                    bytes: cost.bytes.saturating_add(length),
                });
            }
        }
    }
    Ok((head.md.at, parts, cost))
}

/// What is not here as it is listed.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    /// How many resources are listed, as far as the lists were read.
    listed: u64,
    /// How many must be asked for.
    asked: u64,
    /// How long those are that are not the same, where it is said.
    bytes: u64,
    /// Of how many of those it is not said.
    untold: u64,
    /// Whether enough was seen before the end.
    is_cut: bool,
}

impl Needs {
    /// What it takes to have it file by file. What does not say how long it is, is taken to be as
    /// long as the packages have for each resource.
    fn cost(self, packages: Cost) -> Cost {
        let each = packages.bytes / self.listed.max(1);
        let untold = if self.is_cut { 0 } else { self.untold.saturating_mul(each) };
        Cost { requests: self.asked, bytes: self.bytes.saturating_add(untold) }
    }
}

/// Looks through the lists that have changed, until what differs costs more than `most`.
async fn needs(run: &Copying, most: u64) -> Result<Needs> {
    let mut needs = Needs::default();
    let mut pending = vec![(run.list.clone(), 0)];
    let mut asked = HashSet::new();
    while let Some((url, depth)) = pending.pop() {
        if asked.len() == LISTS || depth > DEPTH || !asked.insert(url.clone()) {
            continue;
        }
        let (known, parts) = {
            let reader = lock(&run.reader);
            let mut session = reader.session();
            (session.document(url.as_str())?.unwrap_or_default(), session.meta(&parts_of(&url))?)
        };
        let parts = match run.open(&url, known.condition()).await? {
            Opened::NotModified => {
                needs.listed += known.completed.unwrap_or(0);
                let parts = parts.unwrap_or_default();
                parts.lines().filter_map(|line| line.parse().ok()).collect()
            }
            Opened::List(list) => {
                let looking = Looking {
                    base: list.url.clone(),
                    places: run.places.clone(),
                    tree: Arc::clone(&run.downloads.tree),
                    most,
                };
                let state = Arc::clone(&run.reader);
                let reading = move |reader| looking.read(reader, &lock(&state), needs);
                let (seen, parts) = list.read(reading).await?;
                needs = seen;
                parts
            }
        };
        if needs.is_cut {
            break;
        }
        pending.extend(parts.into_iter().map(|part| (part, depth + 1)));
    }
    Ok(needs)
}

/// Looks through a list.
struct Looking {
    base: Url,
    places: Places,
    tree: Arc<Tree>,
    most: u64,
}

impl Looking {
    fn read(
        &self,
        mut reader: Reader<ReadHalf>,
        state: &state::Reader,
        mut needs: Needs,
    ) -> Result<(Needs, Vec<Url>)> {
        let head = reader.head().map_err(unreadable)?.clone();
        let mut session = state.session();
        let mut parts = Vec::new();
        while let Some(part) = reader.next_part().map_err(unreadable)? {
            for entry in part {
                let entry = entry.map_err(unreadable)?;
                if is_part(&head, &entry) {
                    if let Ok(url) = self.base.join(&entry.loc) {
                        add(&mut parts, url)?;
                    }
                    continue;
                }
                needs.listed += 1;
                match self.step(&entry, &mut session)? {
                    Step::Same | Step::Note => {}
                    Step::Ask(_) => needs.asked += 1,
                    Step::Fetch => {
                        needs.asked += 1;
                        match entry.md.length {
                            Some(length) => needs.bytes = needs.bytes.saturating_add(length),
                            None => needs.untold += 1,
                        }
                    }
                }
            }
            let sure = Cost { requests: needs.asked, bytes: needs.bytes };
            if sure.total() > self.most {
                needs.is_cut = true;
                break;
            }
        }
        Ok((needs, parts))
    }

    /// What is to be done with a resource, as far as can be told without reading its file.
    fn step(&self, entry: &Entry<'_>, session: &mut state::Session<'_>) -> Result<Step> {
        // What has no address is fetched in no way.
        let Some(uri) = address(&self.base, &entry.loc) else { return Ok(Step::Same) };
        if let Some(known) = session.lookup(&uri)? {
            return Ok(plan::decide(entry, &known));
        }
        let stat = self.tree.stat(&self.places.place(&uri)).ok().flatten();
        let is_here = stat.is_some_and(|stat| entry.md.length == Some(stat.len));
        Ok(if is_here { Step::Same } else { Step::Fetch })
    }
}
