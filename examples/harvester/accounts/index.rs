//! The index tree: where collected records belong here, as WEKO has it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AccountError, Accounts, DocumentError};

const INDEXES: &str = "index";
/// So many indexes are read; they are chosen from a list.
const MOST: i64 = 10_000;

/// A place in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Its number, which stays.
    pub(crate) id: i64,
    /// Its English name.
    pub(crate) name: String,
    /// What it is called in Japanese; empty: as in English.
    #[serde(default)]
    pub(crate) name_ja: String,
    /// The index that it is in.
    #[serde(default)]
    pub(crate) parent: Option<i64>,
}

impl Accounts {
    /// All indexes, by their numbers.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn indexes(&self) -> Result<Vec<Index>, AccountError> {
        let found = self.documents.after::<Index>(INDEXES, None, MOST).await?;
        Ok(found.into_iter().map(|document| document.body).collect())
    }

    /// Adds an index, and gives it a number: the time, as WEKO does.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn add_index(
        &self,
        name: &str,
        name_ja: &str,
        parent: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Index, AccountError> {
        let mut index = Index {
            id: now.timestamp_millis(),
            name: name.to_owned(),
            name_ja: name_ja.to_owned(),
            parent,
        };
        loop {
            match self.documents.insert(INDEXES, &key(index.id), &index, now).await {
                Ok(()) => return Ok(index),
                // Another one was added in the same millisecond.
                Err(DocumentError::Taken { .. }) => index.id += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Calls an index something else; says whether there is one of this number.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn rename_index(
        &self,
        id: i64,
        name: &str,
        name_ja: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, AccountError> {
        let found = self.documents.get::<Index>(INDEXES, &key(id)).await?;
        let Some(mut document) = found else { return Ok(false) };
        name.clone_into(&mut document.body.name);
        name_ja.clone_into(&mut document.body.name_ja);
        self.documents.replace(INDEXES, &document, now).await?;
        Ok(true)
    }

    /// Puts an index into another, or at the top; says whether there is one of this number. That it is
    /// not put into itself is for whoever knows the tree.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn move_index(
        &self,
        id: i64,
        parent: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<bool, AccountError> {
        let found = self.documents.get::<Index>(INDEXES, &key(id)).await?;
        let Some(mut document) = found else { return Ok(false) };
        document.body.parent = parent;
        self.documents.replace(INDEXES, &document, now).await?;
        Ok(true)
    }

    /// Removes an index; says whether there was one of this number.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(crate) async fn remove_index(&self, id: i64) -> Result<bool, AccountError> {
        Ok(self.documents.remove(INDEXES, &key(id)).await?)
    }
}

/// In the order of the numbers.
fn key(id: i64) -> String {
    format!("{id:020}")
}
