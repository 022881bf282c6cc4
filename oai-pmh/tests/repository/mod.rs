//! An orderly repository that remembers what it was asked.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use oai_pmh::{Datestamp, NAMESPACE, Window};
use url::form_urlencoded;
use wiremock::Request;

pub(crate) type Arguments = Vec<(String, String)>;

/// An orderly repository.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Identifiers with their datestamps.
    pub(crate) records: Vec<(String, Datestamp)>,
    pub(crate) page_size: usize,
    pub(crate) is_daily: bool,
    /// How many characters each token has at least.
    pub(crate) token_length: usize,
    /// What came, in order.
    seen: Mutex<Vec<Arguments>>,
    /// What each token given out stands for: the list's arguments, and how many come before.
    tokens: Mutex<Vec<(Arguments, usize)>>,
    tokens_expired_below: AtomicUsize,
}

impl Repository {
    /// Four records a day from the beginning of 2024 on, six hours apart.
    pub(crate) fn new(count: i64) -> Self {
        let first: Datestamp = "2024-01-01T03:00:00Z".parse().unwrap();
        let stamp = |n| Datestamp::second(first.time() + TimeDelta::hours(6 * n));
        Self {
            records: (0..count).map(|n| (format!("oai:x:{n}"), stamp(n))).collect(),
            page_size: 7,
            is_daily: false,
            token_length: 0,
            seen: Mutex::default(),
            tokens: Mutex::default(),
            tokens_expired_below: AtomicUsize::new(0),
        }
    }

    pub(crate) fn identifiers(&self) -> BTreeSet<String> {
        self.records.iter().map(|(identifier, _)| identifier.clone()).collect()
    }

    pub(crate) fn seen(&self) -> Vec<Arguments> {
        self.seen.lock().unwrap().clone()
    }

    /// The tokens given out so far are worth nothing from now on.
    pub(crate) fn expire_tokens(&self) {
        let count = self.tokens.lock().unwrap().len();
        self.tokens_expired_below.store(count, Ordering::SeqCst);
    }

    pub(crate) fn answer(&self, arguments: &Arguments) -> String {
        let mut seen = self.seen.lock().unwrap();
        let body = match argument(arguments, "verb") {
            Some("Identify") => self.identify(),
            Some("ListRecords") => self.list(arguments),
            _ => "<error code='idDoesNotExist'>no such thing</error>".to_owned(),
        };
        // Each answer is a second later than the one before.
        let date = format!("2024-06-01T12:{:02}:{:02}Z", seen.len() / 60, seen.len() % 60);
        seen.push(arguments.clone());
        document(&date, &body)
    }

    fn identify(&self) -> String {
        let (time, form) = match self.is_daily {
            true => ("", ""),
            false => ("T00:00:00Z", "Thh:mm:ssZ"),
        };
        format!(
            "<Identify><repositoryName>X</repositoryName><baseURL>http://x.org/</baseURL>\
             <protocolVersion>2.0</protocolVersion><adminEmail>a@x.org</adminEmail>\
             <earliestDatestamp>2024-01-01{time}</earliestDatestamp>\
             <deletedRecord>no</deletedRecord><granularity>YYYY-MM-DD{form}</granularity></Identify>"
        )
    }

    fn list(&self, arguments: &Arguments) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        let (selected_by, start) = match argument(arguments, "resumptionToken") {
            None => (arguments.clone(), 0),
            Some(token) => {
                let number = token.trim_end_matches('z').parse().unwrap_or(usize::MAX);
                let is_valid = number >= self.tokens_expired_below.load(Ordering::SeqCst);
                match tokens.get(number).filter(|_| is_valid) {
                    Some(list) => list.clone(),
                    None => return "<error code='badResumptionToken'/>".to_owned(),
                }
            }
        };
        let end = |name| argument(&selected_by, name).map(|end| end.parse::<Datestamp>().unwrap());
        let window = Window::new(end("from"), end("until")).unwrap();
        let matching: Vec<_> =
            self.records.iter().filter(|(_, stamp)| window.contains(stamp)).collect();
        if matching.is_empty() {
            return "<error code='noRecordsMatch'/>".to_owned();
        }
        let records: String = matching
            .iter()
            .skip(start)
            .take(self.page_size)
            .map(|(identifier, stamp)| record(identifier, &stamp.to_string()))
            .collect();
        let token = if start + self.page_size < matching.len() {
            tokens.push((selected_by, start + self.page_size));
            format!("{:z<1$}", tokens.len() - 1, self.token_length)
        } else {
            String::new()
        };
        let size = matching.len();
        format!(
            "<ListRecords>{records}<resumptionToken completeListSize='{size}' cursor='{start}'>\
             {token}</resumptionToken></ListRecords>"
        )
    }
}

pub(crate) fn document(date: &str, body: &str) -> String {
    format!(
        "<?xml version='1.0'?><OAI-PMH xmlns='{NAMESPACE}'><responseDate>{date}</responseDate>\
         <request>http://x.org/oai</request>{body}</OAI-PMH>"
    )
}

pub(crate) fn record(identifier: &str, stamp: &str) -> String {
    format!(
        "<record><header><identifier>{identifier}</identifier><datestamp>{stamp}</datestamp>\
         </header><metadata><m xmlns='urn:m'/></metadata></record>"
    )
}

pub(crate) fn argument<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    arguments.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(crate) fn arguments(request: &Request) -> Arguments {
    let query = request.url.query().unwrap_or_default().as_bytes();
    let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(&request.body));
    pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}
