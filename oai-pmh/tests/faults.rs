//! Every misbehaviour of servers that is known to us, as a server that misbehaves so.

#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use oai_pmh::parse::ListItem;
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::HttpTransport;
use oai_pmh::xml::Mode;
use oai_pmh::{Client, Error, ErrorKind, List, Selection, Verdict, Window};
use resync_core::ErrorKind as NetKind;
use support::fault_server::{Ask, Expect, Failure, FaultServer, Repair, SCENARIOS, Scenario};

/// What came of a scenario.
#[derive(Debug)]
struct Outcome {
    keys: BTreeSet<String>,
    /// Delivered more often than once.
    repeats: usize,
    broken: Vec<String>,
    first_title: Option<String>,
    issues: u64,
    verdict: Option<Verdict>,
    error: Option<Error>,
}

impl Outcome {
    fn is_complete(&self) -> bool {
        self.error.is_none() && self.verdict == Some(Verdict::Complete)
    }

    fn is_suspicious(&self) -> bool {
        self.error.is_none() && matches!(self.verdict, Some(Verdict::Suspicious(_)))
    }
}

fn client(server: &FaultServer, scenario: &Scenario, mode: Mode) -> Client {
    let patience = if scenario.short_timeout { 300 } else { 10_000 };
    let http = HttpTransport::builder().read_timeout(Duration::from_millis(patience));
    let policy = Backoff::default()
        .retries(4)
        .first(Duration::from_millis(5))
        .cap(Duration::from_millis(20));
    let transport = Retrying::new(http.build().unwrap(), policy);
    let base = server.url(scenario.name).parse().unwrap();
    Client::with_transport(base, transport).mode(mode)
}

async fn drain<T: ListItem>(mut list: List<T>, title: impl Fn(&T) -> Option<String>) -> Outcome {
    let mut outcome = Outcome::nothing();
    while let Some(page) = list.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                outcome.error = Some(error);
                continue;
            }
        };
        for item in page.items {
            match item {
                Ok(item) => {
                    outcome.first_title = outcome.first_title.or_else(|| title(&item));
                    outcome.repeats += usize::from(!outcome.keys.insert(item.key().to_owned()));
                }
                Err(broken) => outcome.broken.push(broken.to_string()),
            }
        }
    }
    outcome.issues = list.summary().issues;
    outcome.verdict = Some(list.summary().verdict.clone());
    outcome
}

impl Outcome {
    fn nothing() -> Self {
        Self {
            keys: BTreeSet::new(),
            repeats: 0,
            broken: Vec::new(),
            first_title: None,
            issues: 0,
            verdict: None,
            error: None,
        }
    }

    fn of_one<T>(result: Result<oai_pmh::Reply<T>, Error>) -> Self {
        let mut outcome = Self::nothing();
        match result {
            Ok(reply) => {
                outcome.keys.insert("one".to_owned());
                outcome.issues = reply.issues.total();
                outcome.verdict = Some(Verdict::Complete);
            }
            Err(error) => outcome.error = Some(error),
        }
        outcome
    }
}

fn title(record: &oai_pmh::Record) -> Option<String> {
    let xml = record.metadata.as_ref()?.standalone();
    let mut cursor = oai_pmh::xml::Cursor::new(&xml);
    cursor.next_child().ok()?;
    while let Some(child) = cursor.next_child().ok()? {
        if child.local() == "title" {
            return cursor.text().ok().map(|text| text.into_owned());
        }
        cursor.skip().ok()?;
    }
    None
}

async fn run(client: &Client, ask: Ask) -> Outcome {
    let selection = Selection::prefix("oai_dc");
    match ask {
        Ask::Records => drain(client.list_records(selection), title).await,
        Ask::RecordsFrom(from) => {
            let window = Window::new(Some(from.parse().unwrap()), None).unwrap();
            drain(client.list_records(selection.window(window)), title).await
        }
        Ask::RecordsInSet(set) => drain(client.list_records(selection.set(set)), title).await,
        Ask::Identifiers => drain(client.list_identifiers(selection), |_| None).await,
        Ask::Sets => drain(client.list_sets(), |_| None).await,
        Ask::Identify => Outcome::of_one(client.identify().await),
        Ask::Record(identifier) => Outcome::of_one(client.get_record(identifier, "oai_dc").await),
    }
}

fn fails_so(error: &Error, failure: Failure) -> bool {
    use ErrorKind::{NotOai, Oai, Parse, Transport};
    match (failure, error.kind()) {
        (Failure::Http(code), Transport(NetKind::Status(status))) => status.as_u16() == code,
        (Failure::Oai(codes), Oai) => {
            error.oai_errors().iter().map(|error| error.code.name()).eq(codes.iter().copied())
        }
        (Failure::NotOai, NotOai | Transport(NetKind::Incomplete | NetKind::Unexpected)) => true,
        (Failure::Xml, Parse(_)) => true,
        (Failure::Timeout, Transport(NetKind::Timeout)) => true,
        (Failure::Network, Transport(NetKind::Connect | NetKind::Interrupted)) => true,
        (Failure::Redirects, Transport(NetKind::Redirect)) => true,
        _ => false,
    }
}

fn as_expected(outcome: &Outcome, expect: Expect) -> bool {
    let n = outcome.keys.len();
    let ended = outcome.is_complete() || outcome.is_suspicious();
    let truncated =
        outcome.error.is_some() || matches!(outcome.verdict, Some(Verdict::Truncated(_)));
    match expect {
        Expect::Records(all) => n == all && outcome.is_complete() && outcome.broken.is_empty(),
        Expect::RecordsWithErrors { ok, broken } => {
            n == ok && outcome.broken.len() == broken && ended
        }
        Expect::Empty => n == 0 && outcome.is_complete(),
        Expect::Ended(all) => n == all && ended,
        Expect::Suspicious(all) => n == all && outcome.is_suspicious(),
        Expect::NotComplete { at_least } => n >= at_least && !outcome.is_complete(),
        Expect::Truncated { at_least } => n >= at_least && truncated,
        Expect::CompleteOrTruncated { all, at_least } => {
            (n == all && ended) || (n >= at_least && truncated)
        }
        Expect::Bounded => {
            (n == 3 && ended) || (n == 2 && outcome.broken.len() == 1) || outcome.error.is_some()
        }
        Expect::Fails(failure) => {
            n == 0 && outcome.error.as_ref().is_some_and(|error| fails_so(error, failure))
        }
        Expect::Identified => n == 1 && outcome.error.is_none(),
    }
}

/// What is wrong with how a scenario came out; empty where nothing is.
async fn judge(scenario: &Scenario) -> Vec<String> {
    let mut wrong = Vec::new();
    let server = FaultServer::start().await;
    let outcome = run(&client(&server, scenario, Mode::Tolerant), scenario.ask).await;
    let mut complain = |what: String| {
        wrong.push(format!("{} ({}): {what}\n    {outcome:?}", scenario.name, scenario.about));
    };
    if !as_expected(&outcome, scenario.expect) {
        complain(format!("expected {:?}", scenario.expect));
    }
    // The server repeats records by itself only in lists made for that.
    if outcome.repeats > 0 && matches!(scenario.expect, Expect::Records(_)) {
        complain(format!("{} records came twice", outcome.repeats));
    }
    if let Some(title) = scenario.title
        && outcome.first_title.as_deref() != Some(title)
    {
        complain(format!("the first title should be {title:?}"));
    }
    if let Some(at_most) = scenario.at_most {
        let asked = server.requests_of(scenario.name, verb(scenario.ask)).len();
        if asked > at_most {
            complain(format!("{asked} requests, {at_most} are enough"));
        }
    }
    match scenario.repair {
        Repair::Yes if outcome.issues == 0 && outcome.broken.is_empty() => {
            complain("a repair is not reported".to_owned());
        }
        Repair::No if outcome.issues > 0 => complain("an issue is reported".to_owned()),
        _ => {}
    }
    let server = FaultServer::start().await;
    let strict = run(&client(&server, scenario, Mode::Strict), scenario.ask).await;
    match scenario.repair {
        Repair::Yes if strict.error.is_none() => {
            wrong.push(format!("{}: strict mode repairs\n    {strict:?}", scenario.name));
        }
        Repair::No if !as_expected(&strict, scenario.expect) => {
            wrong.push(format!("{}: strict mode differs\n    {strict:?}", scenario.name));
        }
        _ => {}
    }
    wrong
}

fn verb(ask: Ask) -> &'static str {
    match ask {
        Ask::Records | Ask::RecordsFrom(_) | Ask::RecordsInSet(_) => "ListRecords",
        Ask::Identifiers => "ListIdentifiers",
        Ask::Sets => "ListSets",
        Ask::Identify => "Identify",
        Ask::Record(_) => "GetRecord",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_comes_out_as_it_should() {
    // To look at one: SCENARIO=name cargo test -p oai-pmh --test faults
    let only = std::env::var("SCENARIO").ok();
    let chosen = SCENARIOS.iter().filter(|it| only.as_deref().is_none_or(|only| it.name == only));
    let wrong: Vec<Vec<String>> =
        futures_util::stream::iter(chosen).map(judge).buffered(12).collect().await;
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
