//! What is to be said in front of the entries (§7 to §13).

use url::{ParseError, Url};

use super::lines::Place;
use super::{Checker, Code, Severity, has_changes};
use crate::document::{Capability, Head, Link, Metadata, RESOURCESYNC, rel};

impl Checker {
    /// Checks the head, and reports what was found.
    pub(super) fn head(&mut self, head: &Head, place: Place) {
        self.has_head = true;
        if self.host.is_none() {
            let up = head.link(rel::UP).and_then(|href| Url::parse(href).ok());
            self.host = up.and_then(|up| up.host_str().map(str::to_owned));
        }
        self.capability(head);
        let of = head.capability().map_or("the document", Capability::as_str).to_owned();
        self.times(&head.md, head, &of, false);
        self.md(&head.md);
        for (is_there, code) in [
            (head.md.change.is_some(), Code::ForbiddenChange),
            (head.md.datetime.is_some(), Code::ForbiddenDatetime),
            (head.md.path.is_some(), Code::ForbiddenPath),
        ] {
            if is_there {
                self.find(code, Severity::Error, "it belongs to an entry, not to the document");
            }
        }
        self.navigation(head);
        for link in &head.links {
            self.link(link);
        }
        for found in std::mem::take(&mut self.found) {
            self.report.add(&found, None, || place);
        }
    }

    fn capability(&mut self, head: &Head) {
        let Some(capability) = head.capability() else {
            let (code, what) = if head.md.is_empty() {
                (Code::MissingMd, "the document has no rs:md: a Sitemap, but not of ResourceSync")
            } else {
                (Code::MissingCapability, "the document does not say what it is")
            };
            return self.find(code, Severity::Error, what);
        };
        match capability {
            Capability::Other(name) => {
                let detail = format!("{name:?} is not known");
                self.find(Code::UnknownCapability, Severity::Error, detail);
            }
            // Before 1.1, extensions were free to bring one (§9).
            Capability::CapabilityList if head.is_index() => {
                let is_1_1 = self.options.version == super::Version::V1_1;
                let severity = if is_1_1 { Severity::Error } else { Severity::Warning };
                self.find(Code::WrongRoot, severity, "a Capability List needs no index");
            }
            Capability::ResourceDumpManifest
            | Capability::ChangeDumpManifest
            | Capability::ChangeNotification
            | Capability::FrameworkNotification
                if head.is_index() =>
            {
                let detail = format!("{capability} cannot be an index");
                self.find(Code::WrongRoot, Severity::Error, detail);
            }
            _ => {}
        }
    }

    fn navigation(&mut self, head: &Head) {
        let ups = head.links.iter().filter(|link| link.is(rel::UP)).count();
        let needs_up = match head.capability() {
            Some(Capability::Description | Capability::Other(_)) | None => None,
            // Their own standards are less strict, and drafts of them are about.
            Some(Capability::ChangeNotification | Capability::FrameworkNotification) => {
                Some(Severity::Info)
            }
            Some(known) if known.as_str().ends_with("-archive") => Some(Severity::Info),
            Some(_) => Some(Severity::Error),
        };
        match (ups, needs_up) {
            (0, Some(severity)) => {
                self.find(Code::MissingUp, severity, "no link leads one level up");
            }
            (2.., _) => {
                self.find(Code::RepeatedUp, Severity::Warning, "several links lead one level up");
            }
            _ => {}
        }
        if let Some(up) = head.link(rel::UP) {
            self.up(head, up);
        }
        if self.options.is_part && !head.is_index() && head.link(rel::INDEX).is_none() {
            self.find(Code::MissingIndex, Severity::Info, "no link leads to the index");
        }
        if matches!(head.capability(), Some(Capability::Description | Capability::CapabilityList))
            && head.link(rel::DESCRIBED_BY).is_none()
        {
            self.find(Code::MissingDescribedBy, Severity::Info, "no link leads to a description");
        }
    }

    fn up(&mut self, head: &Head, up: &str) {
        if let Some(own) = &self.options.address
            && own.join(up).is_ok_and(|up| up == *own)
        {
            self.find(Code::WrongUp, Severity::Error, format!("{up} is the document itself"));
        }
        let expected = match head.capability() {
            Some(Capability::CapabilityList | Capability::FrameworkNotification) => {
                Capability::Description
            }
            Some(Capability::Description | Capability::Other(_)) | None => return,
            Some(_) => Capability::CapabilityList,
        };
        if let Some(above) = &self.options.above
            && *above != expected
        {
            let detail = format!("{up} is a {above}, where a {expected} belongs");
            self.find(Code::WrongUp, Severity::Error, detail);
        }
    }

    /// Checks what can be said anywhere.
    pub(super) fn md(&mut self, md: &Metadata<'_>) {
        self.hash(md.hash.as_str());
        self.media_type(md.media_type.as_deref());
        if md.modified.is_some() {
            self.find(Code::ModifiedMd, Severity::Info, "modified, which is said of links only");
        }
        const KNOWN: [&str; 8] =
            ["at", "completed", "from", "until", "datetime", "modified", "change", "length"];
        for other in &md.other {
            self.attribute(&other.name, other.namespace.as_deref(), &KNOWN);
        }
    }

    pub(super) fn link(&mut self, link: &Link<'_>) {
        let Link { rel, href, .. } = link;
        if rel.trim_ascii().is_empty() {
            self.find(Code::MissingRel, Severity::Error, format!("a link to {href:?} has no rel"));
        }
        match Url::parse(href) {
            _ if href.is_empty() => {
                self.find(
                    Code::MissingHref,
                    Severity::Error,
                    format!("a link {rel:?} has no href"),
                );
            }
            Ok(_) => {}
            Err(ParseError::RelativeUrlWithoutBase) => {
                let detail = format!("{rel}: {href:?} is relative");
                self.find(Code::RelativeHref, Severity::Warning, detail);
            }
            Err(error) => {
                let detail = format!("{rel}: {href:?}: {error}");
                self.find(Code::BadHref, Severity::Error, detail);
            }
        }
        self.hash(link.hash.as_str());
        self.media_type(link.media_type.as_deref());
        self.fineness("modified", link.modified);
        for other in &link.other {
            self.attribute(&other.name, other.namespace.as_deref(), &["length", "modified", "pri"]);
        }
    }

    /// Checks a link to a difference (§14), which is for changes only and has to say how it works.
    pub(super) fn patch(&mut self, link: &Link<'_>, head: &Head) {
        if !link.is(rel::PATCH) {
            return;
        }
        if !has_changes(head) {
            let detail = format!("{} is a difference, but nothing changes here", link.href);
            self.find(Code::ForbiddenPatch, Severity::Error, detail);
        }
        if link.media_type.is_none() {
            let detail = format!("the difference {} has no type", link.href);
            self.find(Code::MissingType, Severity::Error, detail);
        }
        if head.capability() == Some(&Capability::ChangeDumpManifest) && link.path.is_none() {
            let detail = format!("the difference {} has no path", link.href);
            self.find(Code::MissingPath, Severity::Error, detail);
        }
    }

    /// The reader has seen to those that are known.
    fn hash(&mut self, text: &str) {
        for word in text.split_ascii_whitespace() {
            let Some((name, digest)) = word.split_once(':') else { continue };
            match crate::document::Algorithm::read(name) {
                None if name.is_empty() => {}
                None => {
                    let name: String = name.chars().take(40).collect();
                    self.find(Code::UnknownHash, Severity::Info, format!("{name:?}"));
                }
                Some(algorithm)
                    if digest.len() == 2 * algorithm.digest_len()
                        && digest.bytes().any(|byte| byte.is_ascii_uppercase()) =>
                {
                    self.find(Code::UppercaseHash, Severity::Info, "hexadecimal capital letters");
                }
                Some(_) => {}
            }
        }
    }

    fn media_type(&mut self, text: Option<&str>) {
        if let Some(text) = text
            && text
                .split_once('/')
                .is_none_or(|(major, minor)| major.is_empty() || minor.is_empty())
        {
            self.find(Code::BadMediaType, Severity::Warning, format!("{text:?}"));
        }
    }

    /// An attribute that was not understood; the reader has seen to the values of those `known`.
    fn attribute(&mut self, name: &str, namespace: Option<&str>, known: &[&str]) {
        match namespace {
            Some(RESOURCESYNC) => {
                self.find(Code::PrefixedAttribute, Severity::Error, name);
            }
            Some(_) => {}
            None if known.contains(&name) || name.starts_with("xml:") => {}
            None => self.find(Code::UnknownAttribute, Severity::Warning, name),
        }
    }
}
