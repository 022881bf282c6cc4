//! JSON documents in collections, in one table of SQLite or PostgreSQL.
//!
//! What accounts need of a database: a document by its key, the documents of a collection in the
//! order of their keys, and no change lost when two are made at once.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Row};

use super::AccountError;
use super::secret::Secret;

/// Connections are held for one statement at a time.
const MOST_CONNECTIONS: u32 = 4;

// Keys are compared by code point everywhere; PostgreSQL has to be told.
const CREATE_SQLITE: &str = "CREATE TABLE IF NOT EXISTS harvester_documents (
    collection TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    version BIGINT NOT NULL, updated BIGINT NOT NULL,
    PRIMARY KEY (collection, key)) WITHOUT ROWID";
const CREATE_POSTGRES: &str = "CREATE TABLE IF NOT EXISTS harvester_documents (
    collection TEXT COLLATE \"C\" NOT NULL, key TEXT COLLATE \"C\" NOT NULL, body TEXT NOT NULL,
    version BIGINT NOT NULL, updated BIGINT NOT NULL,
    PRIMARY KEY (collection, key))";
const GET: &str = "SELECT key, body, version, updated FROM harvester_documents
    WHERE collection = $1 AND key = $2";
const INSERT: &str = "INSERT INTO harvester_documents (collection, key, body, version, updated)
    VALUES ($1, $2, $3, 1, $4) ON CONFLICT (collection, key) DO NOTHING";
const REPLACE: &str =
    "UPDATE harvester_documents SET body = $4, version = version + 1, updated = $5
    WHERE collection = $1 AND key = $2 AND version = $3";
const REMOVE: &str = "DELETE FROM harvester_documents WHERE collection = $1 AND key = $2";
const FORWARD: &str = "SELECT key, body, version, updated FROM harvester_documents
    WHERE collection = $1 AND key > $2 ORDER BY key LIMIT $3";
const BACKWARD: &str = "SELECT key, body, version, updated FROM harvester_documents
    WHERE collection = $1 AND key < $2 ORDER BY key DESC LIMIT $3";
const PURGE: &str = "DELETE FROM harvester_documents WHERE collection = $1 AND updated < $2";

/// The collection of what must stay secret between the processes of an installation.
const SECRETS: &str = "secrets";

/// Behind every key there is: keys are printable.
const LAST: &str = "\u{10ffff}";

/// The documents of an installation.
#[derive(Clone)]
pub(crate) struct Documents {
    pool: AnyPool,
}

/// A document, and which version of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document<T> {
    pub(crate) key: String,
    pub(crate) body: T,
    version: i64,
    pub(crate) updated: DateTime<Utc>,
}

/// A document cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    /// The key is taken.
    #[error("there is a {collection} {key} already")]
    Taken { collection: &'static str, key: String },
    /// Somebody else changed or removed it meanwhile.
    #[error("{collection} {key} was changed by somebody else meanwhile; try again")]
    Changed { collection: &'static str, key: String },
    /// The database cannot be used.
    #[error("the database cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// It is not what this version writes.
    #[error("{collection} {key} cannot be read by this version: {cause}")]
    Unreadable { collection: &'static str, key: String, cause: serde_json::Error },
}

type Result<T> = std::result::Result<T, DocumentError>;

impl Documents {
    /// Opens the documents in a database, `sqlite:FILE` or `postgres://…`, and makes their table if
    /// there is none.
    ///
    /// # Errors
    /// If the database cannot be opened or written.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let url = match (sqlite, url.contains('?')) {
            (true, false) => format!("{url}?mode=rwc"),
            _ => url.to_owned(),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        sqlx::query("PRAGMA busy_timeout = 30000").execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        let create = if sqlite { CREATE_SQLITE } else { CREATE_POSTGRES };
        if let Err(error) = sqlx::query(create).execute(&pool).await {
            // Of two that make the table at once, PostgreSQL may refuse one, and then it is there.
            tracing::debug!(%error, "making the table of documents again");
            sqlx::query(create).execute(&pool).await?;
        }
        Ok(Self { pool })
    }

    /// A document.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        collection: &'static str,
        key: &str,
    ) -> Result<Option<Document<T>>> {
        let row = sqlx::query(GET).bind(collection).bind(key).fetch_optional(&self.pool).await?;
        row.map(|row| document(collection, &row)).transpose()
    }

    /// A secret of the installation, the same in all processes: made when it is first asked for.
    ///
    /// # Errors
    /// If it can neither be read nor made.
    pub(crate) async fn secret(&self, name: &str) -> std::result::Result<String, AccountError> {
        loop {
            if let Some(secret) = self.get::<String>(SECRETS, name).await? {
                return Ok(secret.body);
            }
            let secret = Secret::random().map_err(AccountError::randomness)?;
            match self.insert(SECRETS, name, &secret.reveal(), Utc::now()).await {
                // Another process was faster; its secret is read then.
                Ok(()) | Err(DocumentError::Taken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Enters a document that is new.
    ///
    /// # Errors
    /// [`DocumentError::Taken`] if there is one of this key.
    pub(crate) async fn insert<T: Serialize + Sync>(
        &self,
        collection: &'static str,
        key: &str,
        body: &T,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let body = text(collection, key, body)?;
        let query = sqlx::query(INSERT).bind(collection).bind(key).bind(body);
        let done = query.bind(now.timestamp_millis()).execute(&self.pool).await?;
        match done.rows_affected() {
            0 => Err(DocumentError::Taken { collection, key: key.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Writes a document in place of the version that was read.
    ///
    /// # Errors
    /// [`DocumentError::Changed`] if that is not the last any more.
    pub(crate) async fn replace<T: Serialize + Sync>(
        &self,
        collection: &'static str,
        document: &Document<T>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let key = document.key.as_str();
        let body = text(collection, key, &document.body)?;
        let query = sqlx::query(REPLACE).bind(collection).bind(key).bind(document.version);
        let done = query.bind(body).bind(now.timestamp_millis()).execute(&self.pool).await?;
        match done.rows_affected() {
            0 => Err(DocumentError::Changed { collection, key: key.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Removes a document; says whether there was one.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn remove(&self, collection: &'static str, key: &str) -> Result<bool> {
        let done = sqlx::query(REMOVE).bind(collection).bind(key).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// So many documents behind a key, in the order of their keys.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn after<T: DeserializeOwned>(
        &self,
        collection: &'static str,
        key: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Document<T>>> {
        self.list(FORWARD, collection, key.unwrap_or_default(), limit).await
    }

    /// So many documents before a key, the last first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn before<T: DeserializeOwned>(
        &self,
        collection: &'static str,
        key: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Document<T>>> {
        self.list(BACKWARD, collection, key.unwrap_or(LAST), limit).await
    }

    async fn list<T: DeserializeOwned>(
        &self,
        statement: &'static str,
        collection: &'static str,
        key: &str,
        limit: i64,
    ) -> Result<Vec<Document<T>>> {
        let query = sqlx::query(statement).bind(collection).bind(key).bind(limit);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| document(collection, row)).collect()
    }

    /// Removes what was not changed since this time; says how much that was.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn purge(
        &self,
        collection: &'static str,
        before: DateTime<Utc>,
    ) -> Result<u64> {
        let query = sqlx::query(PURGE).bind(collection).bind(before.timestamp_millis());
        Ok(query.execute(&self.pool).await?.rows_affected())
    }
}

impl fmt::Debug for Documents {
    /// Nothing of the database: its URL can hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

fn text<T: Serialize>(collection: &'static str, key: &str, body: &T) -> Result<String> {
    serde_json::to_string(body).map_err(|cause| unreadable(collection, key, cause))
}

fn document<T: DeserializeOwned>(collection: &'static str, row: &AnyRow) -> Result<Document<T>> {
    let key: String = row.try_get(0)?;
    let body: String = row.try_get(1)?;
    let body = serde_json::from_str(&body).map_err(|cause| unreadable(collection, &key, cause))?;
    let updated = DateTime::from_timestamp_millis(row.try_get(3)?).unwrap_or_default();
    Ok(Document { key, body, version: row.try_get(2)?, updated })
}

fn unreadable(collection: &'static str, key: &str, cause: serde_json::Error) -> DocumentError {
    DocumentError::Unreadable { collection, key: key.to_owned(), cause }
}
