//! Closed lists with a way out: what records call something is kept where no list has it.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of])* $variant,)*
            /// Another kind, as the record calls it.
            Other(String),
        }

        impl $name {
            /// The kind of this name, in upper or lower case.
            #[must_use]
            pub fn named(name: &str) -> Self {
                $(if name.eq_ignore_ascii_case($text) {
                    return Self::$variant;
                })*
                Self::Other(name.to_owned())
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

kinds! {
    /// What a title is to the work.
    #[derive(Default)]
    TitleKind {
        /// What the work is called.
        #[default]
        Main "Title",
        /// Another name for it.
        Alternative "AlternativeTitle",
        /// What stands below the title.
        Subtitle "Subtitle",
        /// The title in another language.
        Translated "TranslatedTitle",
        /// The title under which libraries bring its versions together.
        Uniform "UniformTitle",
        /// The title cut short.
        Abbreviated "AbbreviatedTitle",
    }
}

kinds! {
    /// What happened on a date, in the words of DataCite.
    DateKind {
        /// A publisher took the work.
        Accepted "Accepted",
        /// It can be had since then.
        Available "Available",
        /// Its data were collected.
        Collected "Collected",
        /// It is under copyright since then.
        Copyrighted "Copyrighted",
        /// The time it is about.
        Coverage "Coverage",
        /// It was made.
        Created "Created",
        /// The degree was granted.
        Granted "Granted",
        /// It was published.
        Issued "Issued",
        /// It was handed in.
        Submitted "Submitted",
        /// It was changed.
        Updated "Updated",
        /// It holds good then.
        Valid "Valid",
        /// It was taken back.
        Withdrawn "Withdrawn",
    }
}

kinds! {
    /// What a description says of the work, in the words of DataCite.
    DescriptionKind {
        /// What it says, in short.
        Abstract "Abstract",
        /// How it was done.
        Methods "Methods",
        /// The series it is in.
        SeriesInformation "SeriesInformation",
        /// Its contents.
        TableOfContents "TableOfContents",
        /// What it takes to use it.
        TechnicalInfo "TechnicalInfo",
        /// A note.
        Note "Note",
    }
}

/// Who an [`Agent`](super::Agent) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AgentKind {
    /// One person.
    Person,
    /// A body.
    Organisation,
    /// A conference or another event.
    Meeting,
}
