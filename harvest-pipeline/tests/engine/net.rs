//! A network without sockets: hosts by name, and what was asked of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::{Datestamp, Header, Identify, MetadataFormat, Record};
use resync_core::transport::{Body, Payload, Request, Response, Transport};
use tokio::sync::Semaphore;
use url::Url;

const SLIM: &str = "http://www.loc.gov/MARC21/slim";

/// What a host answers.
#[derive(Clone, Debug)]
pub(crate) enum Host {
    Repository(Provider),
    /// Files by path.
    Files(HashMap<String, String>),
    /// Always this status, perhaps with a wish to be left alone for so many seconds.
    Fault(StatusCode, Option<u32>),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Net(Arc<State>);

#[derive(Debug, Default)]
struct State {
    hosts: Mutex<HashMap<String, Host>>,
    asked: Mutex<Vec<Url>>,
    /// Hosts that answer only as often as they are let.
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Net {
    pub(crate) fn set(&self, name: &str, host: Host) {
        self.0.hosts.lock().unwrap().insert(name.to_owned(), host);
    }

    /// What was asked since this was asked last.
    pub(crate) fn asked(&self) -> Vec<Url> {
        std::mem::take(&mut *self.0.asked.lock().unwrap())
    }

    /// From now on the host answers so many requests only, and more as permits are added.
    pub(crate) fn gate(&self, name: &str, answers: usize) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(answers));
        self.0.gates.lock().unwrap().insert(name.to_owned(), Arc::clone(&gate));
        gate
    }

    pub(crate) fn open(&self, name: &str) {
        self.0.gates.lock().unwrap().remove(name);
    }
}

#[async_trait]
impl Transport for Net {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        let name = request.url.host_str().unwrap().to_owned();
        self.0.asked.lock().unwrap().push(request.url.clone());
        let gate = self.0.gates.lock().unwrap().get(&name).cloned();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let host = self.0.hosts.lock().unwrap().get(&name).cloned().unwrap();
        let answer = |status, headers, text: String| {
            let body = Body::Whole(Payload::Memory(text.into()));
            Ok(Response::new(status, headers, request.url.clone(), body))
        };
        match host {
            Host::Repository(provider) => {
                let asked = http::Request::get(request.url.as_str()).body([]).unwrap();
                let (head, body) = provider.handle(&asked).await.into_parts();
                let body = Body::Whole(Payload::Memory(body));
                Ok(Response::new(head.status, head.headers, request.url, body))
            }
            Host::Files(files) => match files.get(request.url.path()) {
                Some(text) => answer(StatusCode::OK, HeaderMap::new(), text.clone()),
                None => answer(StatusCode::NOT_FOUND, HeaderMap::new(), String::new()),
            },
            Host::Fault(status, wait) => {
                let mut headers = HeaderMap::new();
                if let Some(seconds) = wait {
                    headers.insert("retry-after", HeaderValue::from(seconds));
                }
                answer(status, headers, String::new())
            }
        }
    }
}

/// An empty repository of MARC 21 records.
pub(crate) fn repository() -> MemoryRepository {
    let identify = Identify::new("Kytice", "http://x.org/oai", "a@x.org");
    MemoryRepository::new(identify, [MetadataFormat::new("marc21", "http://x.org/marc.xsd", SLIM)])
}

pub(crate) fn name(n: usize) -> String {
    format!("oai:x:{n:02}")
}

pub(crate) fn put(repository: &MemoryRepository, n: usize, stamp: &str, title: &str) {
    let record = format!(
        "<record xmlns='{SLIM}'><datafield tag='245'><subfield code='a'>{title}</subfield>\
         </datafield></record>"
    );
    put_xml(repository, n, stamp, &record);
}

/// A record that is not MARC 21, whatever the repository says.
pub(crate) fn put_broken(repository: &MemoryRepository, n: usize, stamp: &str) {
    let record = format!("<collection xmlns='{SLIM}'><title>{n}</title></collection>");
    put_xml(repository, n, stamp, &record);
}

fn put_xml(repository: &MemoryRepository, n: usize, stamp: &str, record: &str) {
    let header = Header::new(name(n), stamp.parse::<Datestamp>().unwrap());
    repository.put("marc21", Record::new(header, record).unwrap()).unwrap();
}

/// A repository of so many records, all from long ago.
pub(crate) fn filled(records: usize) -> MemoryRepository {
    let repository = repository();
    (0..records).for_each(|n| put(&repository, n, "2024-01-31T12:00:00Z", &format!("Title {n}")));
    repository
}
