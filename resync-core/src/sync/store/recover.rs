//! What an earlier run may have left.

use std::collections::HashSet;

use super::files::{Staged, at_temp, matches, open_temp, put_in_place, recognize, time};
use super::{Recovered, Store};
use crate::sync::Place;
use crate::{Error, Result};

impl Store {
    /// Puts staged files in their places if they are whole, and forgets what is not there.
    ///
    /// # Errors
    /// When the file system or the database says no.
    pub(super) fn recover(&mut self) -> Result<Recovered> {
        let mut recovered = Recovered::default();
        let mut group = self.state.group()?;
        let mut number = |name: &str| {
            let kept = group.session().meta(name)?;
            Ok::<i64, Error>(kept.and_then(|text| text.parse().ok()).unwrap_or(0))
        };
        let (last, durable) = (number("batch")?, number("durable_batch")?);
        drop(group);
        // Rows of the batch that was being filled have a higher number.
        self.batch = last + 1;
        let mut after = i64::MIN;
        loop {
            let mut group = self.state.group()?;
            let page = group.session().doubtful(after, None)?;
            drop(group);
            let Some(end) = page.last().map(|row| row.id) else { break };
            after = end;
            let mut whole = Vec::new();
            for row in page {
                let is_whole = match &row.temp {
                    Some(temp) => matches(open_temp(&self.state, temp), &row, temp)?,
                    None => false,
                };
                whole.push((row, is_whole));
            }
            let temps = whole.iter().filter(|(_, is_whole)| *is_whole);
            let temps: Vec<String> = temps.filter_map(|(row, _)| row.temp.clone()).collect();
            self.tree.make_durable(&temps).map_err(at_temp("*"))?;
            let mut group = self.state.group()?;
            for (row, is_whole) in whole {
                let id = row.id;
                let place = Place::from_kept(&row.place);
                let mended = match (place, row.temp.clone()) {
                    (Some(place), Some(temp)) => {
                        let found = Staged {
                            place,
                            temp,
                            length: row.length,
                            mtime: row.mtime.and_then(time),
                            old_place: row.old_place.as_deref().and_then(Place::from_kept),
                            uri: row.uri.clone(),
                        };
                        if is_whole {
                            put_in_place(&self.tree, &mut group, id, &found)?
                        } else {
                            // It may have been put in its place, and only the row does not say so.
                            recognize(&self.tree, &mut group, &row, &found)?
                        }
                    }
                    _ => false,
                };
                if mended {
                    recovered.installed += 1;
                } else {
                    group.forget(id)?;
                    recovered.forgotten += 1;
                }
            }
            group.commit()?;
        }
        if last > durable {
            recovered.forgotten += self.check_late(durable)?;
        }
        let nothing = HashSet::new();
        let removed = self.tree.clear_temps_except(&nothing).map_err(at_temp("*"))?;
        recovered.removed = removed as u64;
        self.batch += 1;
        self.settle()?;
        Ok(recovered)
    }

    /// Looks at files that were put in their places, but may not have stayed there.
    fn check_late(&mut self, durable: i64) -> Result<u64> {
        let (mut after, mut forgotten) = (i64::MIN, 0);
        loop {
            let mut group = self.state.group()?;
            let page = group.session().doubtful(after, Some(durable))?;
            let Some(end) = page.last().map(|row| row.id) else { return Ok(forgotten) };
            after = end;
            for row in page.iter().filter(|row| row.error.is_none()) {
                let place = Place::from_kept(&row.place);
                let is_right = match &place {
                    Some(place) => matches(self.tree.open_file(place), row, place.as_str())?,
                    None => false,
                };
                if !is_right {
                    group.forget(row.id)?;
                    forgotten += 1;
                }
            }
            group.commit()?;
        }
    }
}
