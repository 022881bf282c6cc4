//! What is to be said in an entry (§7 to §13).

use url::{ParseError, Url};

use super::times::{is_before, said};
use super::{Checker, Code, Seen, Severity, Version, has_changes};
use crate::document::{Capability, Change, Datetime, Entry, Head};

/// What of the entries so far is needed to judge those that follow.
#[derive(Debug, Default)]
pub(super) struct Memory {
    locs: Seen,
    is_full: bool,
    is_abroad: bool,
    capabilities: Vec<Capability>,
    /// `datetime` or `from`, and `lastmod`, of the entry before.
    time: Option<Datetime>,
    lastmod: Option<Datetime>,
    /// Whether the part before has no `until`.
    is_open: bool,
}

impl Checker {
    /// Checks an entry.
    pub(super) fn entry(&mut self, entry: &Entry<'_>, head: &Head) {
        self.loc(entry, head);
        self.entry_capability(entry, head);
        self.change(entry, head);
        self.order(entry, head);
        self.times(&entry.md, head, "the entry", true);
        self.fineness("datetime", entry.md.datetime);
        self.fineness("lastmod", entry.lastmod);
        self.path(entry, head);
        self.recommended(entry, head);
        self.md(&entry.md);
        for link in &entry.links {
            self.link(link);
            self.patch(link, head);
        }
    }

    fn loc(&mut self, entry: &Entry<'_>, head: &Head) {
        let loc = &*entry.loc;
        if loc.is_empty() {
            return self.find(Code::MissingLoc, Severity::Error, "the entry has no loc");
        }
        if loc.len() > 2048 && loc.chars().count() > 2048 {
            let detail = format!("{} bytes, where 2048 characters are allowed", loc.len());
            self.find(Code::LongLoc, Severity::Error, detail);
        }
        match Url::parse(loc) {
            Ok(url) => {
                let is_abroad =
                    self.host.as_deref().zip(url.host_str()).is_some_and(|(a, b)| a != b);
                if is_abroad && !self.entries.is_abroad {
                    // Once: in such a list it is the rule.
                    self.entries.is_abroad = true;
                    self.find(Code::ForeignHost, Severity::Info, format!("{loc} is elsewhere"));
                }
            }
            Err(ParseError::RelativeUrlWithoutBase) => {
                self.find(Code::RelativeLoc, Severity::Error, format!("{loc:?} is relative"));
            }
            Err(error) => self.find(Code::BadLoc, Severity::Error, format!("{loc:?}: {error}")),
        }
        if head.capability() == Some(&Capability::ResourceList) && !self.entries.is_full {
            match self.entries.locs.again(loc) {
                Some(false) => {}
                Some(true) => self.find(Code::DuplicateLoc, Severity::Warning, loc),
                None => {
                    self.entries.is_full = true;
                    self.entries.locs = Seen::default();
                    let detail = "from here on, what is there twice is not looked for";
                    self.find(Code::DuplicatesUnchecked, Severity::Info, detail);
                }
            }
        }
    }

    fn entry_capability(&mut self, entry: &Entry<'_>, head: &Head) {
        let Some(own) = &entry.md.capability else {
            if head.capability() == Some(&Capability::CapabilityList) && !head.is_index() {
                let detail = "an entry of a Capability List does not say what it leads to";
                self.find(Code::MissingCapability, Severity::Error, detail);
            }
            return;
        };
        let wrong = || format!("{own} does not belong here");
        match head.capability() {
            Some(Capability::Description) => match own {
                // The second by the standard for notifications.
                Capability::CapabilityList | Capability::FrameworkNotification => {}
                Capability::Description if head.is_index() => {}
                _ => self.find(Code::WrongCapability, Severity::Error, wrong()),
            },
            Some(Capability::CapabilityList) => match own {
                Capability::Description
                | Capability::CapabilityList
                | Capability::ResourceDumpManifest
                | Capability::ChangeDumpManifest
                    if !head.is_index() =>
                {
                    self.find(Code::WrongCapability, Severity::Error, wrong());
                }
                own => self.one_of_a_kind(own),
            },
            // What these may say is said in other standards.
            Some(
                Capability::ResourceListArchive
                | Capability::ResourceDumpArchive
                | Capability::ChangeListArchive
                | Capability::ChangeDumpArchive
                | Capability::ChangeNotification
                | Capability::FrameworkNotification,
            ) => {}
            _ if head.is_index() => {
                let detail = format!("{own}, as the index itself");
                self.find(Code::ForbiddenCapability, Severity::Info, detail);
            }
            _ if matches!(own, Capability::ResourceList | Capability::ChangeList)
                || own.lists_packages() =>
            {
                let detail = format!("an entry leads to a {own}, but the root is urlset");
                self.find(Code::IndexAsList, Severity::Error, detail);
            }
            _ => self.find(Code::ForbiddenCapability, Severity::Warning, wrong()),
        }
    }

    fn one_of_a_kind(&mut self, own: &Capability) {
        if let Capability::Other(name) = own {
            self.find(Code::UnknownCapability, Severity::Info, format!("{name:?} is not known"));
            return;
        }
        if self.entries.capabilities.contains(own) {
            let detail = format!("{own} was there before");
            return self.find(Code::DuplicateCapability, Severity::Error, detail);
        }
        self.entries.capabilities.push(own.clone());
    }

    fn change(&mut self, entry: &Entry<'_>, head: &Head) {
        let md = &entry.md;
        let is_sure = matches!(head.capability(), Some(capability)
            if !matches!(capability, Capability::Other(_) | Capability::FrameworkNotification));
        if !has_changes(head) {
            if is_sure && said(md, "change") {
                self.find(Code::ForbiddenChange, Severity::Error, "nothing changes here");
            }
            if is_sure && said(md, "datetime") {
                self.find(Code::ForbiddenDatetime, Severity::Error, "nothing changes here");
            }
            return;
        }
        if !said(md, "change") {
            self.find(Code::MissingChange, Severity::Error, "what happened is not said");
        }
        if self.options.version == Version::V1_0 {
            if said(md, "datetime") {
                self.find(Code::ForbiddenDatetime, Severity::Error, "datetime came with 1.1");
            }
            if entry.lastmod.is_none() {
                self.find(Code::MissingLastmod, Severity::Error, "1.0 demands lastmod of a change");
            }
            return;
        }
        let Some(datetime) = md.datetime else {
            if !said(md, "datetime") {
                let detail = "when the change happened is not said in datetime";
                self.find(Code::MissingDatetime, Severity::Info, detail);
            }
            return;
        };
        for (bound, is_outside) in [
            (head.md.from, head.md.from.is_some_and(|from| is_before(datetime, from))),
            (head.md.until, head.md.until.is_some_and(|until| is_before(until, datetime))),
        ] {
            if let (Some(bound), true) = (bound, is_outside) {
                let detail = format!("{datetime} is on the wrong side of {bound}");
                self.find(Code::DatetimeOutside, Severity::Error, detail);
            }
        }
    }

    /// Changes are listed oldest first (§12), and so are the parts of an index.
    fn order(&mut self, entry: &Entry<'_>, head: &Head) {
        let is_dump = matches!(head.capability(), Some(Capability::ChangeDump));
        let is_index = head.is_index() && head.capability() == Some(&Capability::ChangeList);
        if is_dump || is_index {
            if is_index {
                self.closed(entry);
            }
            // Of packages it is only recommended (§13).
            let severity = if is_index { Severity::Error } else { Severity::Info };
            let last = std::mem::replace(&mut self.entries.time, entry.md.from);
            self.in_order(last, entry.md.from, severity);
            return;
        }
        if !has_changes(head) || head.capability() == Some(&Capability::ChangeNotification) {
            return;
        }
        let version = self.options.version;
        if version != Version::V1_0
            && let Some(time) = entry.md.datetime
        {
            let last = self.entries.time.replace(time);
            return self.in_order(last, Some(time), Severity::Error);
        }
        // Before 1.1 it is the time of the change; since then it says nothing of the order.
        let severity = match version {
            Version::V1_0 => Severity::Error,
            Version::Either => Severity::Info,
            Version::V1_1 => return,
        };
        if let Some(time) = entry.lastmod {
            let last = self.entries.lastmod.replace(time);
            self.in_order(last, Some(time), severity);
        }
    }

    fn in_order(&mut self, last: Option<Datetime>, time: Option<Datetime>, severity: Severity) {
        if let (Some(last), Some(time)) = (last, time)
            && is_before(time, last)
        {
            let detail = format!("{time} comes behind {last}");
            self.find(Code::OutOfOrder, severity, detail);
        }
    }

    /// Only the newest part of an index can still be open (§12).
    fn closed(&mut self, entry: &Entry<'_>) {
        let is_open = !said(&entry.md, "until");
        if std::mem::replace(&mut self.entries.is_open, is_open) {
            let detail = "a part follows one that has no until, and thus is still open";
            self.find(Code::MissingUntil, Severity::Warning, detail);
        }
    }

    fn path(&mut self, entry: &Entry<'_>, head: &Head) {
        let is_sure = matches!(head.capability(), Some(it) if !matches!(it, Capability::Other(_)));
        let is_manifest = matches!(
            head.capability(),
            Some(Capability::ResourceDumpManifest | Capability::ChangeDumpManifest)
        );
        let is_deleted = entry.md.change == Some(Change::Deleted);
        match &entry.md.path {
            None if is_manifest && !is_deleted => {
                let detail = "where in the package it is, is not said";
                self.find(Code::MissingPath, Severity::Error, detail);
            }
            None => {}
            Some(_) if is_sure && !is_manifest => {
                self.find(Code::ForbiddenPath, Severity::Error, "this is not in a package");
            }
            Some(_) if is_deleted => {
                let detail = "what is deleted is not in the package";
                self.find(Code::ForbiddenPath, Severity::Warning, detail);
            }
            Some(path) => self.form_of_path(path),
        }
        for path in entry.links.iter().filter_map(|link| link.path.as_deref()) {
            if is_sure && !is_manifest {
                let detail = "the target of a link is not in a package";
                self.find(Code::ForbiddenPath, Severity::Warning, detail);
            } else {
                self.form_of_path(path);
            }
        }
    }

    fn form_of_path(&mut self, path: &str) {
        if !path.starts_with('/') || path.ends_with('/') || path.split('/').any(|it| it == "..") {
            self.find(Code::BadPath, Severity::Error, format!("{path:?}"));
        }
    }

    fn recommended(&mut self, entry: &Entry<'_>, head: &Head) {
        let is_package =
            head.capability().is_some_and(Capability::lists_packages) && !head.is_index();
        let is_manifest = matches!(
            head.capability(),
            Some(Capability::ResourceDumpManifest | Capability::ChangeDumpManifest)
        );
        let is_there = entry.md.change != Some(Change::Deleted);
        if (is_package || is_manifest && is_there) && entry.md.media_type.is_none() {
            self.find(Code::MissingType, Severity::Info, "the media type is not said");
        }
        if is_package && !said(&entry.md, "length") {
            self.find(Code::MissingLength, Severity::Info, "the length is not said");
        }
    }
}
