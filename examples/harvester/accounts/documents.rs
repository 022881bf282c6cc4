//! JSON documents in collections, in one table of SQLite or PostgreSQL.
//!
//! What accounts need of a database: a document by its key, the documents of a collection in the
//! order of their keys, and no change lost when two are made at once.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, AssertSqlSafe, Row};

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
const PUT: &str = "INSERT INTO harvester_documents (collection, key, body, version, updated)
    VALUES ($1, $2, $3, 1, $4) ON CONFLICT (collection, key) DO UPDATE
    SET body = excluded.body, version = harvester_documents.version + 1,
        updated = excluded.updated";
const REMOVE: &str = "DELETE FROM harvester_documents WHERE collection = $1 AND key = $2";
const FORWARD: &str = "SELECT key, body, version, updated FROM harvester_documents
    WHERE collection = $1 AND key > $2 ORDER BY key LIMIT $3";
const SEARCH: &str = "SELECT key, body, version, updated FROM harvester_documents
    WHERE collection = $1 AND key >= $2 AND key < $3";
const PURGE: &str = "DELETE FROM harvester_documents WHERE collection = $1 AND updated < $2";

/// The collection of what must stay secret between the processes of an installation.
const SECRETS: &str = "secrets";

/// Behind every key there is: keys are printable.
const LAST: &str = "\u{10ffff}";

/// The documents of an installation.
#[derive(Clone)]
pub(crate) struct Documents {
    pool: AnyPool,
    dialect: Dialect,
}

/// Where the databases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    fn of(url: &str) -> Self {
        if url.starts_with("sqlite:") { Self::Sqlite } else { Self::Postgres }
    }

    /// A field of a document.
    fn field(self, name: &'static str) -> String {
        match self {
            Self::Sqlite => format!("json_extract(body, '$.{name}')"),
            Self::Postgres => format!("(body::json ->> '{name}')"),
        }
    }

    /// Where a text begins in another, from 1.
    fn position(self) -> &'static str {
        match self {
            Self::Sqlite => "instr",
            Self::Postgres => "strpos",
        }
    }
}

/// What is looked for in a collection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search<'a> {
    /// Documents of this key and behind it,
    pub(crate) from: &'a str,
    /// but before this one.
    pub(crate) before: Option<&'a str>,
    /// What their fields, which are texts, hold.
    pub(crate) fields: Vec<(&'static str, Holds<'a>)>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds<'a> {
    /// This, whether in capitals or not.
    Text(&'a str),
    /// What begins so.
    Beginning(&'a str),
    /// What has this in it, whether in capitals or not.
    Part(&'a str),
}

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Its name and version.
    pub(crate) version: String,
    /// How many bytes all of it takes.
    pub(crate) size: u64,
}

/// A document, and which version of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document<T> {
    pub(crate) key: String,
    pub(crate) body: T,
    /// Which version of the document this is: 1 for the first.
    pub(crate) version: i64,
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
        let dialect = Dialect::of(url);
        let url = match (dialect, url.contains('?')) {
            (Dialect::Sqlite, false) => format!("{url}?mode=rwc"),
            _ => url.to_owned(),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if dialect == Dialect::Sqlite {
                        sqlx::query("PRAGMA busy_timeout = 30000").execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        let create = match dialect {
            Dialect::Sqlite => CREATE_SQLITE,
            Dialect::Postgres => CREATE_POSTGRES,
        };
        if let Err(error) = sqlx::query(create).execute(&pool).await {
            // Of two that make the table at once, PostgreSQL may refuse one, and then it is there.
            tracing::debug!(%error, "making the table of documents again");
            sqlx::query(create).execute(&pool).await?;
        }
        Ok(Self { pool, dialect })
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

    /// Enters a document, in place of the one that has its key.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn put<T: Serialize + Sync>(
        &self,
        collection: &'static str,
        key: &str,
        body: &T,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let body = text(collection, key, body)?;
        let query = sqlx::query(PUT).bind(collection).bind(key).bind(body);
        query.bind(now.timestamp_millis()).execute(&self.pool).await?;
        Ok(())
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
        let query = sqlx::query(FORWARD).bind(collection).bind(key.unwrap_or_default());
        let rows = query.bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| document(collection, row)).collect()
    }

    /// So many documents of those that are looked for, the last first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn search<T: DeserializeOwned>(
        &self,
        collection: &'static str,
        wanted: &Search<'_>,
        limit: i64,
    ) -> Result<Vec<Document<T>>> {
        let mut sql = SEARCH.to_owned();
        for (n, (name, holds)) in wanted.fields.iter().enumerate() {
            let (field, position) = (self.dialect.field(name), self.dialect.position());
            let value = format!("CAST(${} AS TEXT)", n + 4);
            let condition = match holds {
                Holds::Text(_) => format!("lower({field}) = lower({value})"),
                Holds::Beginning(_) => format!("{position}({field}, {value}) = 1"),
                Holds::Part(_) => format!("{position}(lower({field}), lower({value})) > 0"),
            };
            sql = format!("{sql} AND {condition}");
        }
        sql = format!("{sql} ORDER BY key DESC LIMIT ${}", wanted.fields.len() + 4);
        // Put together from texts of this file and names of fields of this program.
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(collection).bind(wanted.from);
        query = query.bind(wanted.before.unwrap_or(LAST));
        for (_, Holds::Text(text) | Holds::Beginning(text) | Holds::Part(text)) in &wanted.fields {
            query = query.bind(*text);
        }
        let rows = query.bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| document(collection, row)).collect()
    }

    /// What the database says of itself.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub(crate) async fn engine(&self) -> Result<Engine> {
        let (version, size) = match self.dialect {
            Dialect::Sqlite => (
                "SELECT 'SQLite ' || sqlite_version()",
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
            ),
            Dialect::Postgres => {
                ("SELECT version()", "SELECT pg_database_size(current_database())")
            }
        };
        let version = sqlx::query_scalar(version).fetch_one(&self.pool).await?;
        let size: i64 = sqlx::query_scalar(size).fetch_one(&self.pool).await?;
        Ok(Engine { version, size: size.try_into().unwrap_or_default() })
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
