//! The table of all scenarios. Each topic has a file with its rows and what serves them.

mod broken;
mod encoding;
mod errors;
mod limits;
mod markup;
mod paging;
mod records;
mod tokens;
mod transport;

use super::exchange::Exchange;
use super::reply::Reply;

/// One misbehaving repository.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its path below `/s/`.
    pub name: &'static str,
    /// What is wrong with it, in one line.
    pub about: &'static str,
    /// The request it is made for.
    pub ask: Ask,
    /// What a careful client makes of it, with three or more retries and its repairs switched on.
    pub expect: Expect,
    /// Whether that takes a repair.
    pub repair: Repair,
    /// The text of the first record's `dc:title`, where that is the point.
    pub title: Option<&'static str>,
    /// How many requests with the verb of `ask` are enough.
    pub at_most: Option<usize>,
    /// To be asked by a client that gives up after some 300 ms of silence.
    pub short_timeout: bool,
    /// What follows the path in the base URL.
    pub(super) query: &'static str,
    pub(super) serve: fn(&mut Exchange<'_>) -> Reply,
}

/// The request that a scenario is made for; always for `oai_dc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// ListRecords.
    Records,
    /// ListRecords from this datestamp on.
    RecordsFrom(&'static str),
    /// ListRecords in this set.
    RecordsInSet(&'static str),
    /// ListIdentifiers.
    Identifiers,
    /// ListSets.
    Sets,
    /// Identify.
    Identify,
    /// GetRecord of this identifier.
    Record(&'static str),
}

/// What a careful client makes of a scenario. Nothing may ever be delivered twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// So many records (for `Ask::Sets`, sets); the verdict is complete.
    Records(usize),
    /// The list ends, so many records are good and so many are reported as broken by name.
    RecordsWithErrors { ok: usize, broken: usize },
    /// No records, the verdict is complete, no error.
    Empty,
    /// So many records; complete and suspicious are both fair verdicts.
    Ended(usize),
    /// So many records; the verdict is suspicious.
    Suspicious(usize),
    /// At least so many records; the verdict is suspicious or truncated, or an error follows.
    NotComplete { at_least: usize },
    /// At least so many records; the verdict is truncated, or an error follows.
    Truncated { at_least: usize },
    /// Depends on how hard the client tries: all records and complete or suspicious, or else at
    /// least so many and truncated (or an error).
    CompleteOrTruncated { all: usize, at_least: usize },
    /// A limit is reached or not, as the client is set: either all three records, or the large one
    /// is reported as broken, or an error names the limit. Memory stays bounded, nothing panics.
    Bounded,
    /// Nothing is delivered but this error.
    Fails(Failure),
    /// The answer to Identify is understood.
    Identified,
}

/// An error that a client can tell from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// This HTTP status.
    Http(u16),
    /// These OAI-PMH error codes, all of them.
    Oai(&'static [&'static str]),
    /// The body is something else: HTML, or nothing at all.
    NotOai,
    /// The XML is refused: a document type with an internal subset, say.
    Xml,
    /// The answer does not come.
    Timeout,
    /// The connection fails, or cannot be made.
    Network,
    /// Too many redirects.
    Redirects,
}

/// Whether the expected outcome takes a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// No issue is reported, and strict mode comes to the same outcome.
    No,
    /// At least one issue is reported, and strict mode refuses the page.
    Yes,
    /// Opinions differ.
    Maybe,
}

/// The scenario of this name.
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &{
    const TOPICS: &[&[Scenario]] = &[
        tokens::SCENARIOS,
        paging::SCENARIOS,
        transport::SCENARIOS,
        errors::SCENARIOS,
        encoding::SCENARIOS,
        markup::SCENARIOS,
        records::SCENARIOS,
        broken::SCENARIOS,
        limits::SCENARIOS,
    ];
    const COUNT: usize = {
        let (mut count, mut topic) = (0, 0);
        while topic < TOPICS.len() {
            count += TOPICS[topic].len();
            topic += 1;
        }
        count
    };
    let mut all = [TOPICS[0][0]; COUNT];
    let (mut count, mut topic) = (0, 0);
    while topic < TOPICS.len() {
        let mut row = 0;
        while row < TOPICS[topic].len() {
            all[count] = TOPICS[topic][row];
            count += 1;
            row += 1;
        }
        topic += 1;
    }
    all
};

/// A row for ListRecords that takes no repair.
const fn row(
    name: &'static str,
    about: &'static str,
    expect: Expect,
    serve: fn(&mut Exchange<'_>) -> Reply,
) -> Scenario {
    Scenario {
        name,
        about,
        ask: Ask::Records,
        expect,
        repair: Repair::No,
        title: None,
        at_most: None,
        short_timeout: false,
        query: "",
        serve,
    }
}

impl Scenario {
    const fn ask(mut self, ask: Ask) -> Self {
        self.ask = ask;
        self
    }

    const fn repaired(mut self) -> Self {
        self.repair = Repair::Yes;
        self
    }

    const fn perhaps_repaired(mut self) -> Self {
        self.repair = Repair::Maybe;
        self
    }

    const fn title(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    const fn at_most(mut self, requests: usize) -> Self {
        self.at_most = Some(requests);
        self
    }

    const fn short_timeout(mut self) -> Self {
        self.short_timeout = true;
        self
    }

    const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }
}
