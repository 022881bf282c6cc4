use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::parse::ListItem;
use crate::{Page, ResumptionToken, Selection, Window};

/// Follows a list from page to page and judges, at its end, whether it was complete.
///
/// It does no I/O: it is shown each page as it comes, and says what comes next. Servers end lists
/// early, repeat pages for ever, and forget the filter they were asked with; what is noticed is in
/// the [`Verdict`].
///
/// ```
/// use oai_pmh::{Flow, Paging, PagingLimits, Record, Verdict, parse::Parser};
///
/// let page = |token: &str| {
///     let body = format!(
///         "<OAI-PMH xmlns='{}'><ListRecords><resumptionToken completeListSize='9'>{token}\
///          </resumptionToken></ListRecords></OAI-PMH>",
///         oai_pmh::NAMESPACE,
///     );
///     Parser::new().page::<Record>(body.into(), None)
/// };
/// let mut paging = Paging::new(PagingLimits::default());
/// assert!(matches!(paging.accept(&page("a")?), Flow::Next(token) if token.value == "a"));
/// assert!(matches!(paging.accept(&page("a")?), Flow::Stop)); // the same again: it would never end
/// assert!(matches!(paging.verdict(), Verdict::Truncated(_)));
/// # Ok::<_, oai_pmh::Error>(())
/// ```
#[derive(Debug)]
pub struct Paging {
    limits: PagingLimits,
    window: Window,
    set: Option<String>,
    /// Whether it began in the middle of the list, so that its length says nothing.
    is_resumed: bool,
    /// Hashes of the tokens and pages seen: eight bytes a page, whatever is in it.
    tokens: HashSet<u64, Seed>,
    pages: HashSet<u64, Seed>,
    /// Of the page whose parts are coming in.
    current: Current,
    page_count: u64,
    item_count: u64,
    empty_run: u32,
    announced: Option<u64>,
    outside_window: u64,
    outside_set: u64,
    suspicious: Vec<Reason>,
    truncated: Vec<Reason>,
}

type Seed = BuildHasherDefault<DefaultHasher>;

#[derive(Debug, Default)]
struct Current {
    hash: u64,
    items: u64,
}

/// How patient [`Paging`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PagingLimits {
    /// Empty pages in a row.
    pub empty_pages: u32,
    /// How many times the announced size a list may grow to (and a thousand items on top): sizes
    /// are estimates, but a list ten times as long as announced is going in circles.
    pub growth: u64,
    /// Pages of one list.
    pub pages: u64,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there is no fourth way
pub enum Flow {
    /// The page that this token stands for.
    Next(ResumptionToken),
    /// Nothing: the list has ended.
    End,
    /// Nothing: the list would never end. The verdict is `Truncated`.
    Stop,
    /// Another part of the same page.
    SamePage,
}

/// Whether a list was complete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    Complete,
    /// It ended as lists should, but something does not fit.
    Suspicious(Vec<Reason>),
    /// It did not come to its end.
    Truncated(Vec<Reason>),
}

/// Why a list may be, or is, incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A token came again: the list would go in circles.
    TokenRepeated,
    /// A whole page came again under another token.
    PageRepeated,
    /// So many empty pages in a row.
    EmptyPages(u32),
    /// So many pages.
    TooManyPages(u64),
    /// More items than announced.
    MoreThanAnnounced {
        /// The server's `completeListSize`.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// Fewer items than announced.
    FewerThanAnnounced {
        /// The server's `completeListSize`.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// The last page has no token at all, and fewer items came than were announced.
    NoEndToken {
        /// The server's `completeListSize`.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// So many records lie outside of the time span that was asked for: the repository, or its
    /// resumption token, forgets it.
    OutsideWindow(u64),
    /// So many records are not in the set that was asked for.
    OutsideSet(u64),
    /// The repository reported errors beside the list.
    ErrorsReported(String),
    /// The repository did not accept its own token, and starting over did not help.
    TokenRejected(String),
    /// The records of a time span could not be had.
    WindowFailed {
        /// The time span.
        window: Window,
        /// Why.
        error: String,
    },
}

impl Default for PagingLimits {
    fn default() -> Self {
        Self { empty_pages: 10, growth: 10, pages: 10_000_000 }
    }
}

impl Paging {
    /// Before the first page.
    #[must_use]
    pub fn new(limits: PagingLimits) -> Self {
        Self {
            limits,
            window: Window::ALL,
            set: None,
            is_resumed: false,
            tokens: HashSet::default(),
            pages: HashSet::default(),
            current: Current::default(),
            page_count: 0,
            item_count: 0,
            empty_run: 0,
            announced: None,
            outside_window: 0,
            outside_set: 0,
            suspicious: Vec::new(),
            truncated: Vec::new(),
        }
    }

    /// Watches whether the records are those that were selected.
    #[must_use]
    pub fn selected_by(mut self, selection: &Selection) -> Self {
        self.window = selection.time_span().clone();
        self.set = selection.set_spec().map(str::to_owned);
        self
    }

    /// The list is gone on with behind a token from an earlier time: how many items came before is
    /// not known.
    #[must_use]
    pub fn resumed(mut self) -> Self {
        self.is_resumed = true;
        self
    }

    /// Takes a page, or a part of one, into account.
    pub fn accept<T: ListItem>(&mut self, page: &Page<T>) -> Flow {
        for item in &page.items {
            self.count(item.as_ref().ok());
        }
        if !page.is_last_part {
            return Flow::SamePage;
        }
        let current = std::mem::take(&mut self.current);
        self.page_count += 1;
        self.item_count += current.items;
        if let Some(size) = page.token.as_ref().and_then(|token| token.complete_list_size) {
            // Zero is what servers say who do not know.
            self.announced = (size > 0).then_some(size);
        }
        if !page.errors.is_empty() && (current.items > 0 || self.page_count > 1) {
            let errors: Vec<_> = page.errors.iter().map(ToString::to_string).collect();
            self.suspect(Reason::ErrorsReported(errors.join(" and ")));
        }
        match page.token.as_ref().filter(|token| !token.value.is_empty()) {
            None => self.end(page.token.is_some()),
            Some(token) => match self.endless(&current, token) {
                Some(reason) => {
                    self.truncated.push(reason);
                    Flow::Stop
                }
                None => Flow::Next(token.clone()),
            },
        }
    }

    /// Whether this token would lead on to a page not seen yet, so far as can be told before the
    /// page it stands on has been looked at.
    #[must_use]
    pub fn is_new(&self, token: &str) -> bool {
        !self.tokens.contains(&hash(token))
    }

    /// Notes something that does not fit.
    pub fn suspect(&mut self, reason: Reason) {
        if !self.suspicious.contains(&reason) {
            self.suspicious.push(reason);
        }
    }

    /// Notes that something is missing.
    pub fn miss(&mut self, reason: Reason) {
        self.truncated.push(reason);
    }

    /// Takes over what was noticed on a part of the list.
    #[cfg(feature = "client")]
    pub(crate) fn absorb(&mut self, part: Self) {
        self.outside_window += part.outside_window;
        self.outside_set += part.outside_set;
        part.suspicious.into_iter().for_each(|reason| self.suspect(reason));
        self.truncated.extend(part.truncated);
    }

    /// The list is asked for anew from its beginning, behind a token that was not accepted.
    pub fn restart(&mut self) {
        let limits = self.limits;
        let window = std::mem::take(&mut self.window);
        let kept = Self { window, set: self.set.take(), ..Self::new(limits) };
        *self = Self {
            suspicious: std::mem::take(&mut self.suspicious),
            truncated: std::mem::take(&mut self.truncated),
            outside_window: self.outside_window,
            outside_set: self.outside_set,
            ..kept
        };
    }

    /// How long the whole list is, by what the server said last.
    #[must_use]
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Whether the list was complete, judged by what has been seen so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let outside = [
            (self.outside_window, Reason::OutsideWindow as fn(u64) -> Reason),
            (self.outside_set, Reason::OutsideSet),
        ];
        let outside = outside.into_iter().filter(|(n, _)| *n > 0).map(|(n, reason)| reason(n));
        let suspicious: Vec<_> = self.suspicious.iter().cloned().chain(outside).collect();
        if !self.truncated.is_empty() {
            Verdict::Truncated(self.truncated.clone())
        } else if !suspicious.is_empty() {
            Verdict::Suspicious(suspicious)
        } else {
            Verdict::Complete
        }
    }

    fn count<T: ListItem>(&mut self, item: Option<&T>) {
        self.current.items += 1;
        let Some(item) = item else { return };
        let header = item.header();
        let stamp = header.and_then(|header| header.datestamp.as_ref());
        // A sum, so that a page is the same whatever order its items are in.
        let seconds = stamp.map(|stamp| stamp.time().timestamp());
        self.current.hash = self.current.hash.wrapping_add(hash((item.key(), seconds)));
        if stamp.is_some_and(|stamp| !self.window.contains(stamp)) {
            self.outside_window += 1;
        }
        if let (Some(set), Some(header)) = (&self.set, header)
            && !header.sets.is_empty()
            && !header.sets.iter().any(|spec| is_in_set(spec, set))
        {
            self.outside_set += 1;
        }
    }

    fn end(&mut self, has_token: bool) -> Flow {
        let received = self.item_count;
        match self.announced.filter(|_| !self.is_resumed) {
            Some(announced) if received < announced && !has_token => {
                self.truncated.push(Reason::NoEndToken { announced, received });
            }
            Some(announced) if received < announced => {
                self.suspect(Reason::FewerThanAnnounced { announced, received });
            }
            Some(announced) if received > announced => {
                self.suspect(Reason::MoreThanAnnounced { announced, received });
            }
            _ => {}
        }
        Flow::End
    }

    fn endless(&mut self, current: &Current, token: &ResumptionToken) -> Option<Reason> {
        let received = self.item_count;
        self.empty_run = if current.items == 0 { self.empty_run + 1 } else { 0 };
        if !self.tokens.insert(hash(token.value.as_str())) {
            return Some(Reason::TokenRepeated);
        }
        if current.items > 0 && !self.pages.insert(current.hash) {
            return Some(Reason::PageRepeated);
        }
        if self.empty_run > self.limits.empty_pages {
            return Some(Reason::EmptyPages(self.empty_run));
        }
        if self.page_count >= self.limits.pages {
            return Some(Reason::TooManyPages(self.page_count));
        }
        let announced = self.announced?;
        let bound = announced.saturating_mul(self.limits.growth).saturating_add(1000);
        (received > bound).then_some(Reason::MoreThanAnnounced { announced, received })
    }
}

/// Harvesting a set includes the sets below it (§2.7.2).
fn is_in_set(spec: &str, set: &str) -> bool {
    spec.strip_prefix(set).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

fn hash(value: impl std::hash::Hash) -> u64 {
    Seed::default().hash_one(value)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenRepeated => f.write_str("the same resumption token came twice"),
            Self::PageRepeated => f.write_str("the same page came twice"),
            Self::EmptyPages(n) => write!(f, "{n} empty pages in a row"),
            Self::TooManyPages(n) => write!(f, "{n} pages, which is the limit"),
            Self::MoreThanAnnounced { announced, received } => {
                write!(f, "{received} items came, {announced} were announced")
            }
            Self::FewerThanAnnounced { announced, received } => {
                write!(f, "only {received} of {announced} announced items came")
            }
            Self::NoEndToken { announced, received } => write!(
                f,
                "the list broke off without an end token after {received} of {announced} items"
            ),
            Self::OutsideWindow(n) => {
                write!(f, "{n} records lie outside of the time span that was asked for")
            }
            Self::OutsideSet(n) => write!(f, "{n} records are not in the set that was asked for"),
            Self::ErrorsReported(errors) => write!(f, "the repository also reported {errors}"),
            Self::TokenRejected(error) => {
                write!(f, "the repository does not accept its own resumption token: {error}")
            }
            Self::WindowFailed { window, error } => {
                write!(f, "nothing from the time span {window} could be had: {error}")
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reasons) = match self {
            Self::Complete => return f.write_str("complete"),
            Self::Suspicious(reasons) => ("suspicious", reasons),
            Self::Truncated(reasons) => ("truncated", reasons),
        };
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        write!(f, "{word}: {}", reasons.join("; "))
    }
}
