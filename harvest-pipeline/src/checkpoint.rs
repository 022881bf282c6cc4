//! Where a source stands, in a form that can be kept.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a source stands in its list: JSON that only the source understands, and the number of the
/// form it is written in.
///
/// ```
/// use harvest_pipeline::{Checkpoint, CheckpointError};
///
/// let checkpoint = Checkpoint::new(2, &("token-17", 1700))?;
/// assert_eq!(checkpoint.state::<(String, u64)>(2)?, ("token-17".to_owned(), 1700));
/// // A program that writes form 3 does not guess what form 2 meant.
/// assert!(matches!(
///     checkpoint.state::<(String, u64)>(3),
///     Err(CheckpointError::OtherSchema { found: 2, understood: 3 })
/// ));
/// # Ok::<(), CheckpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    schema: u32,
    state: Value,
    #[serde(default, skip_serializing_if = "is_false")]
    end: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Checkpoint {
    /// Writes down where a source stands; `schema` is raised whenever the form of `state` changes.
    ///
    /// # Errors
    /// If `state` cannot be written as JSON, such as a map whose keys are not strings.
    pub fn new<T: Serialize + ?Sized>(schema: u32, state: &T) -> Result<Self, CheckpointError> {
        let state = serde_json::to_value(state).map_err(CheckpointError::Malformed)?;
        Ok(Self { schema, state, end: false })
    }

    /// The same at the end of a list: what begins there is a list of its own. It belongs to the last batch,
    /// so that whoever goes on with the run knows that there is nothing to go on with.
    ///
    /// ```
    /// # use harvest_pipeline::Checkpoint;
    /// let checkpoint = Checkpoint::new(1, "2024-01-31")?.at_end();
    /// assert!(Checkpoint::from_json(&checkpoint.to_json())?.is_end());
    /// # Ok::<(), harvest_pipeline::CheckpointError>(())
    /// ```
    #[must_use]
    pub fn at_end(mut self) -> Self {
        self.end = true;
        self
    }

    /// Whether a list came to its end here, as far as the source says so.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.end
    }

    /// The number of the form the state is written in.
    #[must_use]
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// Reads the state, if it is written in the form `schema`.
    ///
    /// # Errors
    /// If it is written in another form, or does not fit `T`.
    pub fn state<T: DeserializeOwned>(&self, schema: u32) -> Result<T, CheckpointError> {
        if self.schema != schema {
            let found = self.schema;
            return Err(CheckpointError::OtherSchema { found, understood: schema });
        }
        T::deserialize(&self.state).map_err(CheckpointError::Malformed)
    }

    /// The checkpoint on one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Of these, nothing fails to be JSON.
        serde_json::to_value(self).unwrap_or_default().to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// If `json` is not a checkpoint.
    pub fn from_json(json: &str) -> Result<Self, CheckpointError> {
        serde_json::from_str(json).map_err(CheckpointError::Malformed)
    }
}

/// Why a checkpoint cannot be used. The remedy is the same for all: start over from the beginning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It was written by another version of the source.
    #[error(
        "the checkpoint has form {found}, this version understands form {understood}; run once \
         without it, records that did not change will be recognised"
    )]
    OtherSchema {
        /// The form it has.
        found: u32,
        /// The form that was expected.
        understood: u32,
    },
    /// It is damaged, or belongs to another kind of source.
    #[error("the checkpoint cannot be read; run once without it")]
    Malformed(#[source] serde_json::Error),
}
