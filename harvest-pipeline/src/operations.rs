//! The operations of Metacat's harvester, by the words that its logs and reports have for them.

use crate::store::EventLevel;

/// Something a harvest does that ends well or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The word, such as `GetDocError`.
    pub code: &'static str,
    /// What it means, for people.
    pub explanation: &'static str,
    /// How much it matters.
    pub level: EventLevel,
}

impl Operation {
    /// Whether it went wrong: status 1 in the log, 0 otherwise.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == EventLevel::Error
    }

    /// Whether it concerns the list of what there is to harvest, and no single document.
    #[must_use]
    pub fn is_about_the_list(&self) -> bool {
        self.code.contains("HarvestList")
    }

    /// All of them, in the order of the code.
    pub const ALL: [Self; 15] = [
        error("GetDocError", "The document could not be fetched from the site"),
        debug("GetDocSuccess", "The document was fetched from the site"),
        error("GetHarvestListError", "The harvest list could not be fetched from the site"),
        debug("GetHarvestListSuccess", "The harvest list was fetched from the site"),
        info("HarvesterShutdown", "A worker of the harvester was stopped"),
        info("HarvesterStartup", "A worker of the harvester began"),
        error("InsertDocError", "The document could not be stored"),
        info("InsertDocSuccess", "The document was stored"),
        info("MetacatHasDoc", "The document is here already in this revision or a higher one"),
        error("UpdateDocError", "The document could not be updated"),
        info("UpdateDocSuccess", "The document was updated"),
        error("ValidateDocError", "The document is not valid"),
        debug("ValidateDocSuccess", "The document is valid"),
        error("ValidateHarvestListError", "The harvest list is not valid"),
        debug("ValidateHarvestListSuccess", "The harvest list is valid"),
    ];

    /// The operation of this code.
    ///
    /// ```
    /// use harvest_pipeline::{Operation, store::EventLevel};
    ///
    /// assert_eq!(Operation::named("GetDocError").map(|it| it.level), Some(EventLevel::Error));
    /// assert_eq!(Operation::named("Nonsense"), None);
    /// ```
    #[must_use]
    pub fn named(code: &str) -> Option<&'static Self> {
        const { &Self::ALL }.iter().find(|operation| operation.code == code)
    }

    /// The operation that a message begins with (`GetDocError: the server …`), and what follows.
    #[must_use]
    pub fn of_message(message: &str) -> Option<(&'static Self, &str)> {
        let (code, rest) = message.split_once(": ")?;
        Some((Self::named(code)?, rest))
    }
}

const fn error(code: &'static str, explanation: &'static str) -> Operation {
    Operation { code, explanation, level: EventLevel::Error }
}

const fn info(code: &'static str, explanation: &'static str) -> Operation {
    Operation { code, explanation, level: EventLevel::Info }
}

const fn debug(code: &'static str, explanation: &'static str) -> Operation {
    Operation { code, explanation, level: EventLevel::Debug }
}
