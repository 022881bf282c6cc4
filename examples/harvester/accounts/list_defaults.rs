//! What somebody's harvest list editor begins with.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AccountError, Accounts};

const DEFAULTS: &str = "list-defaults";

/// With what rows are filled, as in Metacat's `.harvestListEditor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListDefaults {
    /// The address of the list that is opened first; empty: none.
    pub(crate) list: String,
    pub(crate) scope: String,
    pub(crate) identifier: String,
    pub(crate) revision: String,
    pub(crate) document_type: String,
    pub(crate) document_url: String,
}

impl Default for ListDefaults {
    fn default() -> Self {
        Self {
            list: String::new(),
            scope: "dataset".to_owned(),
            identifier: "1".to_owned(),
            revision: "1".to_owned(),
            document_type: "eml://ecoinformatics.org/eml-2.0.0".to_owned(),
            document_url: "http://".to_owned(),
        }
    }
}

impl Accounts {
    /// Somebody's defaults; Metacat's if they never set any.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn list_defaults(&self, user: &str) -> Result<ListDefaults, AccountError> {
        let found = self.documents.get(DEFAULTS, user).await?;
        Ok(found.map(|document| document.body).unwrap_or_default())
    }

    /// Sets somebody's defaults.
    ///
    /// # Errors
    /// If they cannot be kept.
    pub(crate) async fn set_list_defaults(
        &self,
        user: &str,
        defaults: &ListDefaults,
        now: DateTime<Utc>,
    ) -> Result<(), AccountError> {
        Ok(self.documents.put(DEFAULTS, user, defaults, now).await?)
    }
}
