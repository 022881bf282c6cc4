//! Which database `--db` names.

use crate::report::Failure;

/// The catalogue's file, from `sqlite:harvest.db`. What is wrong is not shown in full: the URL of a
/// database can hold a password.
///
/// # Errors
/// If it is another kind of database.
pub(crate) fn sqlite(db: &str) -> Result<&str, Failure> {
    let scheme = db.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "postgres" | "postgresql" => Err(Failure::usage(
            "--db: PostgreSQL is not built yet: it comes with the workers that share it; use \
             sqlite:FILE",
        )),
        "sqlite" if db.len() > "sqlite:".len() => Ok(db),
        _ => Err(Failure::usage("--db is written sqlite:FILE, such as sqlite:harvest.db")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sqlite_is_there_and_passwords_are_not_shown() {
        for db in ["sqlite:harvest.db", "sqlite:///var/lib/harvest.db"] {
            assert_eq!(sqlite(db).unwrap(), db);
        }
        for db in ["postgres://me:secret@x/db", "mysql://me:secret@x", "harvest.db", "sqlite:", ""]
        {
            let failure = sqlite(db).unwrap_err();
            assert!(!failure.text().unwrap().contains("secret"), "{db}");
        }
    }
}
