//! The history of a source, read change by change (§12). Nothing here does I/O of its own.

use std::io::Read;

use super::list::unreadable;
use crate::document::{Change, Datetime, Entry, Head, Reader};
use crate::{Error, ErrorKind, Result};

/// How far a Change List has been read.
///
/// A time would not do: several changes may have the same, and up to 1.0 they may have none. So it
/// is the number of entries, and the last of them to see that they are still the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // to be kept, and made again
pub struct Cursor {
    /// The list's `from`: where it is another, this is another list.
    pub from: Option<i64>,
    /// How many entries were read.
    pub consumed: u64,
    /// The last entry: address, time of change in seconds, and what happened.
    pub last: Option<(String, Option<i64>, String)>,
    /// The list is closed and does not change any more.
    pub is_closed: bool,
}

/// A change, and its rank: of two changes of one resource the one with the higher rank is the
/// later.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ranked<'e> {
    /// The change.
    pub entry: Entry<'e>,
    /// Its rank within the list.
    pub rank: (i64, i64),
}

/// What the reading of a list came to.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // it is that list or another
pub enum Outcome {
    /// All of it was read.
    Read {
        /// How far it was read.
        cursor: Cursor,
        /// When the latest of the changes was, in seconds.
        latest: Option<i64>,
        /// Whether the newest change stands first, against the standard.
        is_reversed: bool,
    },
    /// It is not the list that was read before: it must be read from its beginning.
    Replaced,
}

/// Whether changes may be missing between what is known and where a list begins.
///
/// A list that does not say where it begins is taken to go back far enough.
#[must_use]
pub fn has_gap(head: &Head, since: Option<i64>) -> bool {
    match (head.md.from, since) {
        (Some(from), Some(since)) => from.timestamp() > since,
        _ => false,
    }
}

/// Reads a Change List behind what was read before. With no `cursor`, changes that are surely older
/// than `since` are passed over.
///
/// # Errors
/// When the list cannot be read, and what `take` gives.
pub fn read<R: Read>(
    mut reader: Reader<R>,
    cursor: Option<&Cursor>,
    since: Option<i64>,
    mut take: impl FnMut(Ranked<'_>) -> Result<()>,
) -> Result<Outcome> {
    let head = reader.head().map_err(unreadable)?;
    let from = head.md.from.map(|from| from.timestamp());
    let is_closed = head.md.until.is_some();
    let known = cursor.filter(|cursor| cursor.from == from);
    if cursor.is_some() && known.is_none() {
        return Ok(Outcome::Replaced);
    }
    let consumed = known.map_or(0, |cursor| cursor.consumed);
    let mut number = 0;
    let mut order = Order::default();
    let (mut last, mut latest) = (None, None);
    while let Some(part) = reader.next_part().map_err(unreadable)? {
        for entry in part {
            let entry = entry.map_err(unreadable)?;
            number += 1;
            let rank = order.rank(&entry, number);
            latest = latest.max(entry.changed().map(|time| time.timestamp()));
            // What follows are the changes since; those before are looked at for their order only.
            if number == consumed && known.and_then(|it| it.last.as_ref()) != Some(&mark(&entry)) {
                return Ok(Outcome::Replaced);
            }
            if number > consumed && !(known.is_none() && is_older(&entry, since)) {
                last = Some(mark(&entry));
                take(Ranked { entry, rank })?;
            } else if number > consumed {
                last = Some(mark(&entry));
            }
        }
    }
    if number < consumed || order.is_reversed && known.is_some() && number > consumed {
        // Shorter than before; or new changes in front, where the count says nothing.
        return Ok(Outcome::Replaced);
    }
    let last = last.or_else(|| known.and_then(|known| known.last.clone()));
    let cursor = Cursor { from, consumed: number, last, is_closed };
    Ok(Outcome::Read { cursor, latest, is_reversed: order.is_reversed })
}

/// Whether the change surely happened before. `lastmod` says nothing of the kind: in 1.1 it is the
/// `Last-Modified` of the resource (§12.1), and may be older than the change.
fn is_older(entry: &Entry<'_>, since: Option<i64>) -> bool {
    let time = entry.md.datetime.map(|time| time.timestamp());
    time.zip(since).is_some_and(|(time, since)| time < since)
}

fn mark(entry: &Entry<'_>) -> (String, Option<i64>, String) {
    let change = entry.md.change.map_or("", Change::as_str);
    (
        entry.loc.clone().into_owned(),
        entry.changed().map(|time| time.timestamp()),
        change.to_owned(),
    )
}

/// Finds out in which order a list stands. The standard wants the oldest change first; some servers
/// have the newest first.
#[derive(Debug, Default)]
struct Order {
    previous: Option<Datetime>,
    is_known: bool,
    is_reversed: bool,
    latest: i64,
}

impl Order {
    fn rank(&mut self, entry: &Entry<'_>, number: u64) -> (i64, i64) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        if let Some(time) = entry.changed() {
            if let Some(previous) = self.previous.filter(|_| !self.is_known) {
                self.is_known = time.time() != previous.time();
                self.is_reversed = time.time() < previous.time();
            }
            self.previous = Some(time);
        }
        // Where a change has no time, it has that of the one before it.
        if let Some(time) = entry.md.datetime {
            self.latest = time.timestamp();
        }
        (self.latest, if self.is_reversed { -number } else { number })
    }
}

/// What a person is told when the history does not reach back far enough.
pub(super) fn gap(head: &Head, since: i64) -> Error {
    let since = chrono::DateTime::from_timestamp(since, 0).map(Datetime::from);
    let from = head.md.from.map_or_else(String::new, |from| from.to_string());
    let since = since.map_or_else(String::new, |since| since.to_string());
    Error::new(
        ErrorKind::Gap,
        format!(
            "a baseline is needed: the copy is of {since}, but the changes begin at {from} only, \
             so some may be missing"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(from: &str, entries: &[(&str, &str, &str)]) -> String {
        let entries: String = entries
            .iter()
            .map(|(loc, change, time)| {
                format!("<url><loc>{loc}</loc><rs:md change=\"{change}\" {time}/></url>")
            })
            .collect();
        format!(
            "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
             xmlns:rs=\"http://www.openarchives.org/rs/terms/\">\
             <rs:md capability=\"changelist\" from=\"{from}\"/>{entries}</urlset>"
        )
    }

    fn at(day: u32) -> String {
        format!("datetime=\"2024-01-{day:02}T00:00:00Z\"")
    }

    /// An address and the rank of its change.
    type Taken = (String, (i64, i64));

    fn run(xml: &str, cursor: Option<&Cursor>, since: Option<i64>) -> (Outcome, Vec<Taken>) {
        let mut taken = Vec::new();
        let outcome = read(Reader::new(xml.as_bytes()), cursor, since, |ranked| {
            taken.push((ranked.entry.loc.into_owned(), ranked.rank));
            Ok(())
        });
        (outcome.unwrap(), taken)
    }

    fn cursor(outcome: Outcome) -> Cursor {
        match outcome {
            Outcome::Read { cursor, .. } => cursor,
            Outcome::Replaced => panic!("replaced"),
        }
    }

    const JANUARY: &str = "2024-01-01T00:00:00Z";

    #[test]
    fn only_what_was_appended_is_taken() {
        let (one, two, three) = (at(1), at(2), at(2));
        let all = [("a", "created", &*one), ("b", "updated", &two), ("b", "updated", &three)];
        let (outcome, taken) = run(&list(JANUARY, &all[..2]), None, None);
        assert_eq!(taken.len(), 2);
        let first = cursor(outcome);
        let (outcome, taken) = run(&list(JANUARY, &all[..2]), Some(&first), None);
        assert_eq!((taken.len(), cursor(outcome)), (0, first.clone()));
        let (outcome, taken) = run(&list(JANUARY, &all), Some(&first), None);
        assert_eq!(taken.len(), 1, "the same resource at the same time, but one change more");
        assert_eq!(cursor(outcome).consumed, 3);
    }

    #[test]
    fn another_list_at_the_same_address_is_noticed() {
        let (one, two) = (at(1), at(2));
        let all = [("a", "created", &*one), ("b", "updated", &two)];
        let (outcome, _) = run(&list(JANUARY, &all), None, None);
        let before = cursor(outcome);
        for other in [
            list("2024-02-01T00:00:00Z", &all),
            list(JANUARY, &all[..1]),
            list(JANUARY, &[all[1], all[0]]),
            list(JANUARY, &[all[0], ("b", "deleted", &two)]),
        ] {
            let (outcome, taken) = run(&other, Some(&before), None);
            assert!(matches!(outcome, Outcome::Replaced), "{other}");
            assert_eq!(taken, []);
        }
    }

    #[test]
    fn lastmod_does_not_make_a_change_old() {
        let since = Datetime::read("2024-01-02").unwrap().timestamp();
        let (old, new) = (at(1), at(3));
        let xml =
            list(JANUARY, &[("a", "updated", &*old), ("b", "updated", &new), ("c", "updated", "")])
                .replace("<loc>c</loc>", "<loc>c</loc><lastmod>2020-01-01</lastmod>");
        let (_, taken) = run(&xml, None, Some(since));
        let taken: Vec<_> = taken.iter().map(|(loc, _)| loc.as_str()).collect();
        assert_eq!(taken, ["b", "c"]);
    }

    #[test]
    fn of_two_changes_the_later_has_the_higher_rank_in_either_order() {
        let (one, two) = (at(1), at(2));
        let (_, taken) =
            run(&list(JANUARY, &[("x", "created", &*one), ("x", "deleted", &two)]), None, None);
        assert!(taken[1].1 > taken[0].1);
        let (outcome, taken) =
            run(&list(JANUARY, &[("x", "deleted", &*two), ("x", "created", &one)]), None, None);
        assert!(taken[0].1 > taken[1].1);
        assert!(matches!(outcome, Outcome::Read { is_reversed: true, .. }));
    }

    #[test]
    fn a_history_that_begins_too_late_has_a_gap() {
        let mut head = Head::default();
        assert!(!has_gap(&head, Some(5)));
        head.md.from = Datetime::read(JANUARY);
        let begin = head.md.from.unwrap().timestamp();
        assert!(!has_gap(&head, Some(begin)) && !has_gap(&head, None));
        assert!(has_gap(&head, Some(begin - 1)));
        assert!(gap(&head, begin - 1).to_string().contains("baseline is needed"));
    }
}
