//! Which works a repository has, and when they last changed.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Kind, Rng, Stream};

/// The time of the first work.
const FIRST: DateTime<Utc> = DateTime::from_timestamp(1_325_376_000, 0).expect("2012 is in range");
/// The works that are there from the beginning were changed within so many seconds of the first.
const SPAN: u64 = 12 * 365 * 86_400;
/// One work in so many is gone from the beginning.
const DELETED: u64 = 33;

/// The works of a repository, in the order in which they last changed.
///
/// Those that are there from the beginning are not in memory: their times are as far from each other
/// as their number allows, so that each can be told from the other. What changed later is, and comes
/// after all of them.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    seed: u64,
    /// How many there were at the beginning.
    original: u64,
    /// How many there are now, those that are gone included.
    total: u64,
    steps: u64,
    /// By number, when it last changed.
    last: HashMap<u64, DateTime<Utc>>,
    changed: BTreeMap<Place, Held>,
}

/// A work that a repository has, or had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) number: u64,
    /// From 1 on.
    pub(crate) version: u32,
    /// When it was created, changed or deleted, to the second.
    pub(crate) datestamp: DateTime<Utc>,
    pub(crate) deleted: bool,
}

/// A place in the list: the time of the last change, and the number.
pub(crate) type Place = (DateTime<Utc>, u64);

/// What a step of the world did, as numbers of works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) created: Vec<u64>,
    pub(crate) updated: Vec<u64>,
    pub(crate) deleted: Vec<u64>,
}

impl Held {
    pub(crate) fn place(&self) -> Place {
        (self.datestamp, self.number)
    }
}

impl Holdings {
    /// The most works that there can be: their times are whole seconds.
    pub(crate) const MAX: u64 = 9_000_000;

    /// So many works, [`MAX`](Self::MAX) at most.
    pub(crate) fn new(seed: u64, works: u64) -> Self {
        let original = works.clamp(1, Self::MAX);
        let (last, changed) = (HashMap::new(), BTreeMap::new());
        Self { seed, original, total: original, steps: 0, last, changed }
    }

    /// The seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many works there are, and were.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many of them are gone.
    pub(crate) fn deleted(&self) -> u64 {
        (0..self.total).filter_map(|number| self.get(number)).filter(|held| held.deleted).count()
            as u64
    }

    /// The time before which nothing changed.
    pub(crate) fn earliest() -> DateTime<Utc> {
        FIRST
    }

    /// The work of this number.
    pub(crate) fn get(&self, number: u64) -> Option<Held> {
        match self.last.get(&number) {
            Some(at) => self.changed.get(&(*at, number)).copied(),
            None => (number < self.original).then(|| self.first_state(number)),
        }
    }

    /// The works behind a place, in order, that changed within the times, both included.
    pub(crate) fn list(
        &self,
        after: Option<Place>,
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> impl Iterator<Item = Held> {
        let begin = from.map(|from| (from, 0));
        let begin = match (after, begin) {
            (Some(after), Some(begin)) if after < begin => Bound::Included(begin),
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(begin)) => Bound::Included(begin),
            (None, None) => Bound::Unbounded,
        };
        let first = self.first_behind(begin);
        let originals = (first..self.original)
            .filter(|number| !self.last.contains_key(number))
            .map(|number| self.first_state(number));
        let changed = self.changed.range((begin, Bound::Unbounded)).map(|(_, held)| *held);
        originals
            .chain(changed)
            .take_while(move |held| until.is_none_or(|until| held.datestamp <= until))
    }

    /// Lets time pass: at `now`, works are created, changed and deleted. A few of each, and more
    /// where there are many; none any more when there would be too many.
    pub(crate) fn step(&mut self, now: DateTime<Utc>) -> Moved {
        self.steps += 1;
        let mut rng = Rng::new(self.seed, Stream::Step, self.steps);
        let share = (self.original / 200).clamp(1, 50);
        let now = now.max(FIRST + TimeDelta::seconds(SPAN as i64 + 1));
        let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
        let mut moved = Moved::default();
        for _ in 0..(2 + share).min(Self::MAX - self.total) {
            moved.created.push(self.total);
            self.put(Held { number: self.total, version: 1, datestamp: now, deleted: false });
            self.total += 1;
        }
        let mut touched = moved.created.clone();
        for (many, deleted) in [(3 + share, false), (1 + share / 2, true)] {
            for _ in 0..many {
                let number = rng.below(self.total);
                let Some(held) = self.get(number) else { continue };
                if held.deleted || touched.contains(&number) {
                    continue;
                }
                touched.push(number);
                let version = held.version + u32::from(!deleted);
                self.put(Held { number, version, datestamp: now, deleted });
                if deleted { &mut moved.deleted } else { &mut moved.updated }.push(number);
            }
        }
        moved
    }

    fn put(&mut self, held: Held) {
        if let Some(before) = self.last.insert(held.number, held.datestamp) {
            self.changed.remove(&(before, held.number));
        }
        self.changed.insert(held.place(), held);
    }

    /// What a work was at the beginning.
    fn first_state(&self, number: u64) -> Held {
        let datestamp = FIRST + TimeDelta::seconds((number * self.apart()) as i64);
        let deleted = Rng::new(self.seed, Stream::Deletion, number).one_in(DELETED);
        Held { number, version: 1, datestamp, deleted }
    }

    /// Seconds between one original work and the next.
    fn apart(&self) -> u64 {
        SPAN / self.original
    }

    /// The first original work that is not before this place.
    fn first_behind(&self, begin: Bound<Place>) -> u64 {
        let (Bound::Included((at, _)) | Bound::Excluded((at, _))) = begin else { return 0 };
        let seconds = u64::try_from((at - FIRST).num_seconds()).unwrap_or(0);
        let number = seconds.div_ceil(self.apart()).min(self.original);
        let place = |number| self.first_state(number).place();
        match begin {
            Bound::Excluded(after) if number < self.original && place(number) <= after => {
                number + 1
            }
            _ => number,
        }
    }
}

/// Whether a work is in a set: of its own kind, or of all texts.
pub(crate) fn is_in(seed: u64, number: u64, set: &str) -> bool {
    let own = Kind::of(seed, number).set();
    own.strip_prefix(set).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}
