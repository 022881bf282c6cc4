//! Which database `--db` names, and the catalogue in it.

use std::path::Path;
use std::sync::Arc;

use harvest_pipeline::{Catalogue, PostgresCatalogue, RunError, SqliteCatalogue};
use resync_core::transport::without_credentials;

use crate::report::Failure;
use crate::service::Payloads;

/// A database, by its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database<'u> {
    /// `sqlite:harvest.db`.
    Sqlite(&'u str),
    /// `postgres://user:password@host/database`.
    Postgres(&'u str),
}

/// The database that `--db` names. What is wrong is not shown in full: the URL can hold a password.
///
/// # Errors
/// If it is another kind of database.
pub(crate) fn named(db: &str) -> Result<Database<'_>, Failure> {
    let scheme = db.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "postgres" | "postgresql" => Ok(Database::Postgres(db)),
        "sqlite" if db.len() > "sqlite:".len() => Ok(Database::Sqlite(db)),
        _ => Err(Failure::usage(
            "--db is written sqlite:FILE, such as sqlite:harvest.db, or \
             postgres://USER:PASSWORD@HOST/DATABASE",
        )),
    }
}

/// The file of a command that reads no other database.
///
/// # Errors
/// If it is another kind of database.
pub(crate) fn sqlite(db: &str) -> Result<&str, Failure> {
    match named(db)? {
        Database::Sqlite(db) => Ok(db),
        Database::Postgres(_) => {
            Err(Failure::usage("--db: this command cannot work with PostgreSQL; use sqlite:FILE"))
        }
    }
}

/// Whether there is a file of this name (`sqlite:path` or `sqlite://path`).
pub(crate) fn exists(db: &str) -> bool {
    let path = db.trim_start_matches("sqlite:");
    Path::new(path.strip_prefix("//").unwrap_or(path)).exists()
}

/// Whether this names a database, and no folder.
pub(crate) fn is_named(from: &str) -> bool {
    from.starts_with("sqlite:") || matches!(named(from), Ok(Database::Postgres(_)))
}

/// The same for people: without the credentials that a URL may have.
pub(crate) fn shown(from: &str) -> String {
    match url::Url::parse(from) {
        Ok(url) if url.has_host() => without_credentials(&url).into(),
        _ => from.to_owned(),
    }
}

/// A catalogue, by the database that it is in.
#[derive(Debug)]
pub(crate) enum Records {
    Sqlite(SqliteCatalogue),
    Postgres(PostgresCatalogue),
}

impl Records {
    /// Opens the catalogue in a database, and makes one if there is none.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) async fn open(db: &str) -> Result<Self, Failure> {
        Ok(match named(db)? {
            Database::Sqlite(db) => Self::Sqlite(SqliteCatalogue::open(db).await?),
            Database::Postgres(db) => Self::Postgres(PostgresCatalogue::open(db).await?),
        })
    }

    /// Opens the catalogue in a database, which must have one.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub(crate) async fn open_existing(db: &str) -> Result<Self, Failure> {
        let records = match named(db)? {
            Database::Sqlite(db) => Self::Sqlite(SqliteCatalogue::open_existing(db).await?),
            Database::Postgres(db) => Self::Postgres(PostgresCatalogue::open_existing(db).await?),
        };
        records.keeping(&Payloads::of_environment()?)
    }

    /// The same with its metadata kept there.
    ///
    /// # Errors
    /// If nothing can be kept there.
    pub(crate) fn keeping(self, payloads: &Payloads) -> Result<Self, Failure> {
        Ok(match (self, payloads.open()?) {
            (records, None) => records,
            (Self::Sqlite(catalogue), Some(archive)) => {
                Self::Sqlite(catalogue.with_payloads(archive))
            }
            (Self::Postgres(catalogue), Some(archive)) => {
                Self::Postgres(catalogue.with_payloads(archive))
            }
        })
    }

    /// The catalogue.
    pub(crate) fn catalogue(&self) -> Arc<dyn Catalogue> {
        match self {
            Self::Sqlite(catalogue) => Arc::new(catalogue.clone()),
            Self::Postgres(catalogue) => Arc::new(catalogue.clone()),
        }
    }

    /// Closes it, when nothing else uses it any more.
    ///
    /// # Errors
    /// If what is left to write cannot be.
    pub(crate) async fn close(self) -> Result<(), RunError> {
        match self {
            Self::Sqlite(catalogue) => catalogue.close().await,
            Self::Postgres(catalogue) => {
                catalogue.close().await;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_told_apart_and_passwords_are_not_shown() {
        for db in ["sqlite:harvest.db", "sqlite:///var/lib/harvest.db"] {
            assert_eq!(named(db).unwrap(), Database::Sqlite(db));
            assert_eq!(sqlite(db).unwrap(), db);
        }
        let postgres = "postgres://me:secret@x/db";
        assert_eq!(named(postgres).unwrap(), Database::Postgres(postgres));
        for failure in [
            sqlite(postgres).unwrap_err(),
            named("mysql://me:secret@x").unwrap_err(),
            named("harvest.db").unwrap_err(),
            named("sqlite:").unwrap_err(),
            named("").unwrap_err(),
        ] {
            assert!(!failure.text().unwrap().contains("secret"));
        }
    }
}
