//! Is somebody's repository as the standard has it?
//!
//! A [`Checker`] asks a repository everything that harvesters rely on, one request at a time, and
//! gives a [`Report`] of what is wrong: which [`Rule`], the section of the standard, a request that
//! shows it, and what to do about it. It never changes anything.
//!
//! The answers are judged in the modules `document` and `items`, without I/O; the others are the
//! asking.

mod ask;
mod document;
mod items;
mod lists;
mod query;
mod refusals;
mod report;
mod rule;
mod schema;
mod windows;

use std::fmt;
use std::sync::Arc;

pub use resync_core::document::Severity;
use resync_core::transport::Transport;
use url::Url;

pub use self::report::{Finding, Report};
pub use self::rule::Rule;

use self::ask::Asker;
use self::items::Whole;
use self::query::Query;
use crate::{Datestamp, Granularity, Identify, MetadataFormat, Request, Result, Selection, Set};

/// Checks a repository.
///
/// ```no_run
/// use oai_pmh::check::Checker;
/// # async fn example(transport: impl oai_pmh::transport::Transport) -> oai_pmh::Result<()> {
/// # let url = "https://example.org/oai".parse().unwrap();
/// let report = Checker::new(url, transport).records(1000).run().await?;
/// for finding in &report.findings {
///     println!("{finding}: {}", finding.rule.fix());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Checker {
    base: Url,
    transport: Arc<dyn Transport>,
    options: Options,
    on_progress: Arc<dyn Fn(&Report) + Send + Sync>,
}

/// How much is asked for.
#[derive(Clone, Copy, Debug)]
struct Options {
    records: u64,
    samples: usize,
}

impl Checker {
    /// A check over this transport. It should be a [`Retrying`](crate::retry::Retrying) one.
    pub fn new(base: Url, transport: impl Transport) -> Self {
        let options = Options { records: 10_000, samples: 5 };
        Self { base, transport: Arc::new(transport), options, on_progress: Arc::new(|_| {}) }
    }

    /// The most records of a list that are read; 10 000 unless said otherwise. A longer list is
    /// read up to there, which the report says.
    #[must_use]
    pub fn records(mut self, records: u64) -> Self {
        self.options.records = records;
        self
    }

    /// How many records, sets and formats are looked at one by one; 5 unless said otherwise.
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.options.samples = samples;
        self
    }

    /// Who is told after each request. Must not block.
    #[must_use]
    pub fn on_progress(mut self, observer: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.on_progress = Arc::new(observer);
        self
    }

    /// Asks, and judges the answers.
    ///
    /// # Errors
    /// When there is no answer to `Identify`: then nothing can be checked.
    pub async fn run(self) -> Result<Report> {
        let Self { base, transport, options, on_progress } = self;
        let mut asker = Asker::new(base, transport, on_progress);
        let about = About::ask(&mut asker).await?;
        let mut check = Check { asker, options, about };
        check.formats().await;
        check.sets().await;
        let records = check.records().await;
        let headers = check.headers().await;
        items::compare(&headers, &records, &mut check.asker.report);
        check.about_lists(&headers, &records);
        check.samples(&records).await;
        check.windows(&headers).await;
        check.set_lists(&headers).await;
        check.tokens().await;
        check.refusals(&headers).await;
        check.by_post().await;
        let mut report = check.asker.report;
        report.records = records.items.len().max(headers.items.len()) as u64;
        Ok(report)
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A check under way.
struct Check {
    asker: Asker,
    options: Options,
    about: About,
}

/// What the repository says of itself.
struct About {
    identify: Identify,
    url: Url,
    /// The time of the first answer.
    began: Option<Datestamp>,
    formats: Vec<MetadataFormat>,
    /// `None`: it has no set hierarchy.
    sets: Option<Vec<Set>>,
}

impl About {
    async fn ask(asker: &mut Asker) -> Result<Self> {
        let document = asker.first(&Query::from(&Request::Identify)).await?;
        let reply = document.identify().map_err(|error| error.with_url(&document.url))?;
        let (identify, url) = (reply.body, document.url.clone());
        let report = &mut asker.report;
        if Url::parse(&identify.base_url).ok().as_ref() != Some(&asker.shown) {
            let detail = format!("baseURL is {:?}", identify.base_url);
            report.add(Rule::IdentifyBaseUrl, &url, detail);
        }
        for email in
            identify.admin_emails.iter().filter(|it| it.ends_with("@localhost.localdomain"))
        {
            report.add(Rule::IdentifyEmail, &url, format!("{email:?} as <adminEmail>"));
        }
        if let Some(earliest) = &identify.earliest_datestamp
            && earliest.original().is_none()
            && earliest.granularity() != identify.granularity
        {
            let detail = format!("{earliest} with the granularity {}", identify.granularity);
            report.add(Rule::IdentifyEarliest, &url, detail);
        }
        items::judge_scheme(&identify, &url, report);
        asker.base_url = Some(identify.base_url.clone());
        let began = document.response_date;
        Ok(Self { identify, url, began, formats: Vec::new(), sets: None })
    }
}

impl Check {
    fn granularity(&self) -> Granularity {
        self.about.identify.granularity
    }

    /// The list of all headers in `oai_dc`, selected further.
    fn query(selection: Selection) -> Query {
        Query::from(&Request::ListIdentifiers(selection))
    }

    async fn formats(&mut self) {
        let request = Request::ListMetadataFormats { identifier: None };
        let Some(document) = self.asker.ask(&Query::from(&request)).await else { return };
        let formats = document.formats().unwrap_or_default();
        items::judge_formats(&formats, &document.url, &mut self.asker.report);
        self.about.formats = formats;
    }

    async fn sets(&mut self) {
        let walk = self.walk(&Query::from(&Request::ListSets), |set: Set, _, _| set).await;
        let url = walk.url.clone();
        if walk.is_refused_as(&crate::ErrorCode::NoSetHierarchy) {
            return;
        }
        items::judge_sets(&walk.kept, &url, &mut self.asker.report);
        self.about.sets = Some(walk.kept);
    }

    /// What the whole list says against what the repository says of itself.
    fn about_lists(&mut self, headers: &Whole, records: &Whole) {
        let report = &mut self.asker.report;
        for whole in [headers, records] {
            items::judge_stamps(whole, &self.about.identify, self.about.began.as_ref(), report);
        }
        items::judge_policy(records, headers, self.about.identify.deleted_record, report);
        let sets = self.about.sets.as_deref();
        items::judge_named_sets(headers, sets, &self.about.url, report);
    }
}
