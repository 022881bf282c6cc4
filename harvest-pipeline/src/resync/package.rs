//! The packages of dumps: one request for many resources.

use std::io::{Cursor, Read, Seek};
use std::sync::{Arc, Mutex};

use http::{HeaderValue, header};
use resync_core::document::Entry;
use resync_core::dump::{Bitstream, Package, PackageError};
use resync_core::fixity::of_reader;
use resync_core::transport::{BodyLimits, Payload, Request, Transport};
use tokio::sync::mpsc;
use url::Url;

use super::Reference;
use super::resource::Resource;
use crate::batch::Item;
use crate::error::{RecordError, RunError, Stage};

/// How many members are unpacked ahead.
const AHEAD: usize = 8;
/// The most bytes of metadata after which a page is full.
const BYTES: usize = 8 << 20;

/// The packages of a dump, one after the other.
pub(super) struct Packages {
    left: std::vec::IntoIter<Wanted>,
    open: Option<mpsc::Receiver<Result<Member, RunError>>>,
    transport: Arc<dyn Transport>,
    /// How many members were no metadata, and the first of them.
    left_out: (u64, Option<String>),
}

impl Packages {
    pub(super) fn new(packages: Vec<Wanted>, transport: Arc<dyn Transport>) -> Self {
        Self { left: packages.into_iter(), open: None, transport, left_out: (0, None) }
    }

    /// The next resources, so many at most; `None` when there are no more.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<Vec<Reference>>, RunError> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < most && bytes < BYTES {
            let Some(members) = &mut self.open else {
                let Some(wanted) = self.left.next() else { break };
                self.open = Some(members(wanted, Arc::clone(&self.transport)));
                continue;
            };
            match members.recv().await {
                None => {
                    let message = "reading a package was given up";
                    return Err(RunError::new(Stage::Source, message));
                }
                Some(Err(error)) => return Err(error),
                Some(Ok(Member::End)) => self.open = None,
                Some(Ok(Member::LeftOut(uri))) => {
                    self.left_out.0 += 1;
                    self.left_out.1.get_or_insert(uri);
                }
                Some(Ok(Member::Resource(member))) => {
                    let (resource, item) = *member;
                    let payload = item.as_ref().ok().and_then(Item::payload);
                    bytes += payload.map_or(0, |payload| payload.body.len());
                    let unpacked = Some(Mutex::new(Some(item)));
                    page.push(Reference { resource, unpacked });
                }
            }
        }
        Ok((!page.is_empty()).then_some(page))
    }

    /// How many members were no metadata so far, and the first of them.
    pub(super) fn left_out(&self) -> (u64, Option<String>) {
        self.left_out.clone()
    }
}

/// What is in a package.
enum Member {
    /// A resource, and what became of it.
    Resource(Box<(Resource, Result<Item, RecordError>)>),
    /// It is not metadata.
    LeftOut(String),
    /// That was all.
    End,
}

/// What is wanted of a package.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) url: Url,
    /// What the dump says of the package itself.
    pub(super) listed: Resource,
    /// The most bytes of a member.
    pub(super) max: u64,
    /// Changes before this, in seconds since 1970, are known.
    pub(super) since: Option<i64>,
}

/// Fetches a package and hands out its members, in the order of its manifest.
fn members(
    wanted: Wanted,
    transport: Arc<dyn Transport>,
) -> mpsc::Receiver<Result<Member, RunError>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let payload = match fetch(&wanted, &*transport).await {
            Ok(payload) => payload,
            Err(error) => {
                // Whoever asked may be gone.
                let _ = sender.send(Err(error)).await;
                return;
            }
        };
        let unpacking = tokio::task::spawn_blocking(move || {
            let unpacked = match payload {
                Payload::Memory(bytes) => unpack(Cursor::new(bytes), &wanted, &sender),
                Payload::Spooled(spool) => match spool.reader() {
                    Ok(file) => unpack(file, &wanted, &sender),
                    Err(error) => Err(Stop::Failed(error.into())),
                },
                _ => Ok(()),
            };
            let last = match unpacked {
                Ok(()) => Ok(Member::End),
                Err(Stop::Failed(error)) => Err(broken(&wanted.url, &error.to_string())),
                Err(Stop::GivenUp) => return,
            };
            // Whoever asked may be gone.
            let _ = sender.blocking_send(last);
        });
        // A panic closes the channel before the end was sent.
        drop(unpacking.await);
    });
    receiver
}

async fn fetch(wanted: &Wanted, transport: &dyn Transport) -> Result<Payload, RunError> {
    let identity = HeaderValue::from_static("identity");
    let request = Request::get(wanted.url.clone()).header(header::ACCEPT_ENCODING, identity);
    let limits = BodyLimits::default().sniff(false);
    let received = async { transport.send(request).await?.collect(&limits).await };
    let answer = received.await.and_then(|answer| {
        answer.success()?;
        Ok(answer)
    });
    let answer = answer.map_err(|error| {
        RunError::new(Stage::Source, error.to_string())
            .with_transient(error.is_transient())
            .with_source(error)
    })?;
    let payload = answer.payload;
    let algorithms = wanted.listed.algorithms();
    let measured = tokio::task::spawn_blocking(move || {
        let measured = match &payload {
            Payload::Memory(bytes) => of_reader(&bytes[..], algorithms),
            Payload::Spooled(spool) => of_reader(spool.reader()?, algorithms),
            _ => Err(std::io::Error::other("an answer of an unknown kind")),
        };
        measured.map(|measured| (payload, measured))
    });
    let measured = measured.await.unwrap_or_else(|error| Err(error.into()));
    let (payload, measured) = measured.map_err(|error| broken(&wanted.url, &error.to_string()))?;
    wanted.listed.verify(&measured).map_err(|error| broken(&wanted.url, &error))?;
    Ok(payload)
}

fn broken(url: &Url, what: &str) -> RunError {
    let message = format!("the package cannot be used: {what}");
    RunError::new(Stage::Source, message).with_url(url.as_str())
}

/// Why a package is not read on.
enum Stop {
    Failed(PackageError),
    /// Nobody wants more.
    GivenUp,
}

impl From<PackageError> for Stop {
    fn from(error: PackageError) -> Self {
        Self::Failed(error)
    }
}

fn unpack<R: Read + Seek>(
    source: R,
    wanted: &Wanted,
    sender: &mpsc::Sender<Result<Member, RunError>>,
) -> Result<(), Stop> {
    Package::open(source)?.for_each_entry(|entry, bitstream| {
        let time = entry.md.datetime.map(|time| time.timestamp());
        if time.zip(wanted.since).is_some_and(|(time, since)| time < since) {
            return Ok(());
        }
        let resource = Resource::listed_at(&wanted.url, entry);
        let member = if resource.is_deleted {
            let item = resource.listed();
            Member::Resource(Box::new((resource, Ok(item))))
        } else if resource.is_metadata(entry) {
            let item = read(entry, bitstream, &resource, wanted.max);
            Member::Resource(Box::new((resource, item)))
        } else {
            Member::LeftOut(resource.uri)
        };
        sender.blocking_send(Ok(member)).map_err(|_| Stop::GivenUp)
    })?;
    Ok(())
}

fn read<R: Read>(
    entry: &Entry<'_>,
    bitstream: Result<Option<Bitstream<'_, R>>, PackageError>,
    resource: &Resource,
    max: u64,
) -> Result<Item, RecordError> {
    let failed = |what: String| RecordError::new(&*resource.uri, Stage::Source, what);
    let Some(mut bitstream) = bitstream.map_err(|error| failed(error.to_string()))? else {
        return Err(failed(format!("the package has nothing for {}", entry.loc)));
    };
    if bitstream.size() > max {
        return Err(failed(format!("more than {max} bytes")));
    }
    let mut bytes = Vec::new();
    bitstream.read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    resource.read(bytes, None)
}
