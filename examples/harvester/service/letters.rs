//! Reports as letters: those that wait, and those that were sent.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::accounts::{AccountError, Document, Documents, Search};

/// Those that wait.
pub(super) const LETTERS: &str = "letters";
/// Those that were sent, or given up.
const SENT: &str = "letters-sent";
/// For so long it is kept what was sent.
const KEPT: TimeDelta = TimeDelta::days(90);

/// A report that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// The runs it is about.
    pub(crate) runs: Vec<i64>,
    /// The mail addresses it goes to.
    pub(crate) to: Vec<String>,
    /// Whether it is for administrators, or else for those who look after the source.
    pub(crate) for_administrators: bool,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// Not before this time.
    pub(crate) next: DateTime<Utc>,
}

/// A report that was sent, or given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) letter: Letter,
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// Why it was given up.
    pub(crate) failure: Option<String>,
}

/// The letters of an installation.
#[derive(Clone, Debug)]
pub(crate) struct Letters(pub(crate) Documents);

impl Letters {
    /// Those that wait, at most so many.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn waiting(&self, most: i64) -> Result<Vec<Document<Letter>>, AccountError> {
        Ok(self.0.after(LETTERS, None, most).await?)
    }

    /// Those that were sent, newest first, at most so many.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn sent(&self, most: i64) -> Result<Vec<Document<Sent>>, AccountError> {
        Ok(self.0.search(SENT, &Search::default(), most).await?)
    }

    /// Keeps that one was sent, or why it was not.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(super) async fn keep(
        &self,
        key: &str,
        letter: &Letter,
        failure: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), AccountError> {
        let sent = Sent { letter: letter.clone(), at: now, failure };
        self.0.purge(SENT, now - KEPT).await?;
        // By time, and one sent twice in the same moment is the same.
        let key = format!("{:020} {key}", now.timestamp_millis());
        Ok(self.0.insert(SENT, &key, &sent, now).await?)
    }

    /// Has one that was sent, or given up, sent once more. Says whether it is there.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn again(&self, key: &str, now: DateTime<Utc>) -> Result<bool, AccountError> {
        let Some(sent) = self.0.get::<Sent>(SENT, key).await? else { return Ok(false) };
        let letter = Letter { attempts: 0, next: now, ..sent.body.letter };
        let key = format!("again {:020} {key}", now.timestamp_millis());
        self.0.insert(LETTERS, &key, &letter, now).await?;
        Ok(true)
    }

    /// Has one that waits tried at once. Says whether it is there.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn hurry(&self, key: &str, now: DateTime<Utc>) -> Result<bool, AccountError> {
        let Some(mut waiting) = self.0.get::<Letter>(LETTERS, key).await? else { return Ok(false) };
        waiting.body.next = now;
        self.0.replace(LETTERS, &waiting, now).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_sent_is_kept_and_can_be_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let db = format!("sqlite:{}", folder.path().join("harvest.db").display());
        let letters = Letters(Documents::open(&db).await.unwrap());
        let now = Utc::now();
        let to = vec!["keeper@x.example".to_owned()];
        let letter =
            Letter { runs: vec![7], to, for_administrators: false, attempts: 2, next: now };
        letters.keep("one", &letter, None, now).await.unwrap();
        let later = now + TimeDelta::seconds(1);
        letters.keep("two", &letter, Some("no server".to_owned()), later).await.unwrap();
        let sent = letters.sent(10).await.unwrap();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0].body.failure.as_deref(), Some("no server"), "newest first");

        assert!(!letters.again("nothing", later).await.unwrap());
        assert!(letters.again(&sent[1].key, later).await.unwrap());
        let waiting = letters.waiting(10).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!((waiting[0].body.attempts, &waiting[0].body.to), (0, &letter.to));
        assert!(letters.hurry(&waiting[0].key, now).await.unwrap());
        assert_eq!(letters.waiting(10).await.unwrap()[0].body.next, now);

        letters.keep("three", &letter, None, now + TimeDelta::days(91)).await.unwrap();
        assert_eq!(letters.sent(10).await.unwrap().len(), 1, "what is old is forgotten");
    }
}
