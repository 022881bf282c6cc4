//! Many rows, some at a time.

use rusqlite::params;

use super::rows::{known, pending};
use super::{Changes, Known, PAGE, PendingChange, Seen, Unseen, database};
use crate::Result;

impl Seen {
    /// Notes a resource, by its row.
    pub fn insert(&mut self, id: i64) {
        let Ok(id) = usize::try_from(id) else { return };
        let word = id / 64;
        if word >= self.0.len() {
            self.0.resize((word + 1).max(self.0.len() * 2), 0);
        }
        self.0[word] |= 1 << (id % 64);
    }

    /// Whether a resource was noted.
    #[must_use]
    pub fn contains(&self, id: i64) -> bool {
        let word = usize::try_from(id).ok().and_then(|id| Some((self.0.get(id / 64)?, id % 64)));
        word.is_some_and(|(word, bit)| word >> bit & 1 == 1)
    }

    /// Notes those that were noted there.
    pub fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

impl<F: Fn(Option<i64>) -> bool> Unseen<'_, F> {
    fn read(&mut self) -> rusqlite::Result<Vec<Known>> {
        const SQL: &str = resources_where!("id > ?1 ORDER BY id");
        let mut page = Vec::new();
        let mut statement = self.connection.prepare(SQL)?;
        let mut rows = statement.query([self.after])?;
        while let Some(row) = rows.next()? {
            self.after = row.get(0)?;
            if !self.seen.contains(self.after) && (self.is_settled)(row.get(3)?) {
                page.push(known(row)?);
                if page.len() == PAGE {
                    return Ok(page);
                }
            }
        }
        self.done = true;
        Ok(page)
    }
}

impl<F: Fn(Option<i64>) -> bool> Iterator for Unseen<'_, F> {
    type Item = Result<Known>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.done {
            match self.read() {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.done = true;
                    return Some(Err(database(error)));
                }
            }
        }
        self.page.next().map(Ok)
    }
}

impl Changes<'_> {
    pub(super) fn read(&mut self) -> rusqlite::Result<Vec<PendingChange>> {
        let sql = "SELECT uri, time, seq, change, lastmod, length, hash, package, path, mirrors
            FROM changes WHERE (time, seq, uri) > (?1, ?2, ?3) ORDER BY time, seq, uri LIMIT 1000";
        let (time, seq, uri) = &self.after;
        let mut statement = self.connection.prepare(sql)?;
        let page = statement.query_map(params![time, seq, uri], pending)?;
        page.collect()
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<PendingChange>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.done {
            match self.read() {
                Ok(page) => {
                    self.done = page.len() < PAGE;
                    if let Some(last) = page.last() {
                        self.after = (last.time, last.seq, last.uri.clone());
                    }
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(database(error)));
                }
            }
        }
        self.page.next().map(Ok)
    }
}
