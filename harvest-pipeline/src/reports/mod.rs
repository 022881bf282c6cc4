//! What people are told when a harvest is over: one text for those who run the installation, one for
//! those who look after a source.
//!
//! A [`Report`] is plain text and HTML; `Mailer` (feature `mail`) sends it. Which words it is written in
//! is a [`Style`]: Metacat's harvest report, or the result mail of IRDB.

mod gather;
mod irdb;
#[cfg(feature = "mail")]
mod mail;
mod metacat;

use chrono::{DateTime, Utc};

pub use self::gather::Harvested;
#[cfg(feature = "mail")]
pub use self::mail::{MailError, Mailer, Security};
use crate::store::EventLevel;

/// For whom a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Audience {
    /// Those who run the installation: all sources, everything that happened.
    Administrator,
    /// Those who look after a source: that source, and what they can do something about.
    SiteContact,
}

impl Audience {
    /// How little an event may matter and still be told.
    #[must_use]
    pub fn least(self) -> EventLevel {
        match self {
            Self::Administrator => EventLevel::Debug,
            Self::SiteContact => EventLevel::Notice,
        }
    }
}

/// In which words a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// Metacat's harvest report.
    #[default]
    Metacat,
    /// The result mail of IRDB, in Japanese.
    Irdb,
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// The same as a page of HTML.
    pub html: String,
}

impl Report {
    /// Something else that people are told.
    #[must_use]
    pub fn plain(subject: impl Into<String>, text: impl Into<String>) -> Self {
        let (subject, text) = (subject.into(), text.into());
        let html = page(&subject, &text);
        Self { subject, text, html }
    }

    /// A report on harvests that were asked for together.
    #[must_use]
    pub fn new(
        style: Style,
        harvests: &[Harvested],
        audience: Audience,
        now: DateTime<Utc>,
    ) -> Self {
        let (subject, text) = match style {
            Style::Metacat => metacat::write(harvests, audience, now),
            Style::Irdb => irdb::write(harvests, audience, now),
        };
        Self::plain(subject, text)
    }
}

/// The text as a page; lines and alignment stay.
fn page(title: &str, text: &str) -> String {
    let escaped = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
         <body><pre style=\"white-space: pre-wrap; font-family: ui-monospace, monospace\">{}</pre>\
         </body></html>\n",
        escaped(title),
        escaped(text)
    )
}
