//! What the sink holds already, for sources that need not get it again.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use crate::error::{RunError, Stage};
use crate::filter::Known;

/// Answers what the sink of a run holds already.
///
/// The answer may lag behind batches that are still on their way to the sink. It says nothing of
/// what the sink will not tell: then everything is unknown.
#[derive(Clone, Debug, Default)]
pub struct Holdings(Option<mpsc::Sender<Question>>);

/// Which of these are known, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) identifiers: Vec<String>,
    pub(crate) answer: oneshot::Sender<Result<HashMap<String, Known>, RunError>>,
}

impl Holdings {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    pub(crate) fn asking(questions: mpsc::Sender<Question>) -> Self {
        Self(Some(questions))
    }

    /// What is held of these records; those that are not held are left out.
    ///
    /// # Errors
    /// If the sink cannot be read.
    pub async fn known(
        &self,
        identifiers: Vec<String>,
    ) -> Result<HashMap<String, Known>, RunError> {
        let Some(questions) = self.0.as_ref().filter(|_| !identifiers.is_empty()) else {
            return Ok(HashMap::new());
        };
        let (answer, answered) = oneshot::channel();
        let ended = || RunError::new(Stage::Source, "the run has ended meanwhile");
        questions.send(Question { identifiers, answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}
