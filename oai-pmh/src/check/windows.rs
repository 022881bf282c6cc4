//! Selective lists: by time and by set.

use std::collections::BTreeSet;

use chrono::{Days, Months};

use super::items::{Whole, is_below};
use super::lists::Walk;
use super::query::Query;
use super::{Check, Rule};
use crate::{Datestamp, ErrorCode, Granularity, Header, Selection, Window};

impl Check {
    /// Lists by time span, around a record in the middle of the whole list.
    pub(super) async fn windows(&mut self, whole: &Whole) {
        let Some((header, stamp)) = whole.middle() else { return };
        let stamp = stamp.at(self.granularity());
        let id = header.identifier.as_str();
        let at = |from: Option<&Datestamp>, until: Option<&Datestamp>| {
            Window::new(from.cloned(), until.cloned()).unwrap_or(Window::ALL)
        };
        let both = at(Some(&stamp), Some(&stamp));
        self.window(whole, &both, (id, Rule::FromEqualsUntil)).await;
        if whole.is_complete {
            self.window(whole, &at(Some(&stamp), None), (id, Rule::FromInclusive)).await;
            self.window(whole, &at(None, Some(&stamp)), (id, Rule::UntilInclusive)).await;
        }
        if self.granularity() == Granularity::Second {
            let day = stamp.at(Granularity::Day);
            self.window(whole, &at(Some(&day), Some(&day)), (id, Rule::DayGranularity)).await;
        }
        self.refused_windows(&stamp).await;
    }

    /// A list by time span. The record named must be in it, or its rule is broken.
    async fn window(&mut self, whole: &Whole, window: &Window, (id, rule): (&str, Rule)) {
        let query = Self::query(Selection::prefix("oai_dc").window(window.clone()));
        let walk: Walk<Header> = self.walk(&query, |header, _, _| header).await;
        let report = &mut self.asker.report;
        let listed: BTreeSet<&str> = walk.kept.iter().map(|it| it.identifier.as_str()).collect();
        let is_outside =
            |it: &&Header| it.datestamp.as_ref().is_some_and(|stamp| !window.contains(stamp));
        if let Some(outside) = walk.kept.iter().find(is_outside) {
            let detail = format!("{} is outside of {window}", outside.identifier);
            report.add(Rule::WindowOutside, &walk.url, detail);
        }
        if walk.is_refused() && !walk.is_refused_as(&ErrorCode::NoRecordsMatch) {
            report.add(rule, &walk.url, "it is refused");
            return;
        }
        if !walk.is_complete {
            return;
        }
        if !listed.contains(id) {
            report.add(rule, &walk.url, format!("{id} is left out"));
            return;
        }
        let missing = whole.items.values().find(|header| {
            let is_in = header.datestamp.as_ref().is_some_and(|stamp| window.contains(stamp));
            let is_expected = is_in && !header.is_deleted && whole.is_settled(header);
            is_expected && !listed.contains(header.identifier.as_str())
        });
        if let Some(missing) = missing {
            let detail = format!("{} is left out", missing.identifier);
            report.add(Rule::WindowIncomplete, &walk.url, detail);
        }
    }

    /// Time spans that are refused, or in which there is nothing.
    async fn refused_windows(&mut self, stamp: &Datestamp) {
        let list = |from: Option<String>, until: Option<String>| {
            let mut query = Self::query(Selection::prefix("oai_dc"));
            if let Some(from) = from {
                query = query.with("from", &from);
            }
            match until {
                Some(until) => query.with("until", &until),
                None => query,
            }
        };
        let granularity = self.granularity();
        let told = |time| Datestamp::second(time).at(granularity).to_string();
        let day = stamp.at(Granularity::Day).to_string();
        let second = Datestamp::second(stamp.last_second()).to_string();
        let refused = [ErrorCode::BadArgument];
        let nothing = [ErrorCode::NoRecordsMatch];
        let mixed = list(Some(day), Some(second.clone()));
        self.expect(Rule::GranularityMixed, &mixed, &refused).await;
        if granularity == Granularity::Day {
            let finer = list(Some(second), None);
            self.expect(Rule::GranularityFiner, &finer, &refused).await;
        }
        if let Some(before) = stamp.time().checked_sub_days(Days::new(2)) {
            let reversed = list(Some(told(stamp.time())), Some(told(before)));
            self.expect(Rule::FromAfterUntil, &reversed, &refused).await;
        }
        let now = self.about.began.as_ref().unwrap_or(stamp).time();
        if let Some(future) = now.checked_add_months(Months::new(12)) {
            let query = list(Some(told(future)), None);
            self.expect(Rule::FromFuture, &query, &nothing).await;
        }
        let earliest = self.about.identify.earliest_datestamp.as_ref();
        let before = earliest.and_then(|it| it.time().checked_sub_months(Months::new(12)));
        if let Some(before) = before {
            let query = list(None, Some(told(before)));
            self.expect(Rule::UntilEarly, &query, &nothing).await;
        }
    }

    /// Lists by set: some sets, those above others first.
    pub(super) async fn set_lists(&mut self, whole: &Whole) {
        let Some(sets) = &self.about.sets else { return };
        let mut specs: Vec<String> = sets.iter().map(|set| set.spec.clone()).collect();
        let has_below =
            |spec: &str| sets.iter().any(|it| it.spec != spec && is_below(&it.spec, spec));
        specs.sort_by_key(|spec| !has_below(spec));
        specs.truncate(self.options.samples);
        for spec in specs {
            let query = Self::query(Selection::prefix("oai_dc").set(spec.as_str()));
            let walk: Walk<Header> = self.walk(&query, |header, _, _| header).await;
            let report = &mut self.asker.report;
            let is_in = |header: &Header| header.sets.iter().any(|it| is_below(it, &spec));
            if let Some(other) = walk.kept.iter().find(|header| !is_in(header)) {
                let detail = format!("{} is not in {spec}", other.identifier);
                report.add(Rule::SetMembership, &walk.url, detail);
            }
            if !walk.is_complete || !whole.is_complete {
                continue;
            }
            let listed: BTreeSet<&str> =
                walk.kept.iter().map(|it| it.identifier.as_str()).collect();
            let missing = whole.items.values().find(|header| {
                let is_expected = is_in(header) && !header.is_deleted && whole.is_settled(header);
                is_expected && !listed.contains(&*header.identifier)
            });
            if let Some(missing) = missing {
                let rule = match missing.sets.contains(&spec) {
                    true => Rule::SetIncomplete,
                    false => Rule::SetHierarchy,
                };
                report.add(rule, &walk.url, format!("{} is left out", missing.identifier));
            }
        }
    }
}

impl Check {
    /// Sends a request that is to be answered with one of these errors.
    pub(super) async fn expect(&mut self, rule: Rule, query: &Query, codes: &[ErrorCode]) {
        let Some(document) = self.asker.provoke(query).await else { return };
        if !codes.iter().any(|code| document.has(code)) {
            let names: Vec<&str> = codes.iter().map(ErrorCode::name).collect();
            let detail = format!("{} and not {}", document.told(), names.join(" or "));
            self.asker.report.add(rule, &document.url, detail);
        }
    }
}
