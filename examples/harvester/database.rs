//! Which database `--db` names.

use std::path::Path;

use crate::report::Failure;

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

/// There is no such database, and nothing that this command could do with an empty one.
pub(crate) fn missing(db: &str) -> Failure {
    Failure::new(format!("there is no database {db}")).with_advice(
        "Is the name right? `harvester all` and `harvester source add` begin a new one.",
    )
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
