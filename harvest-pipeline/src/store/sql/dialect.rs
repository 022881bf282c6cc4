//! Where SQLite and PostgreSQL use other words.

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

impl Dialect {
    /// Begins a transaction that writes. SQLite takes its one lock at once: later it might be refused,
    /// because another has written meanwhile.
    pub(super) fn begin(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "BEGIN IMMEDIATE",
            #[cfg(feature = "postgres")]
            Self::Postgres => "BEGIN",
        }
    }

    /// The time as it is stored: `$1`, or if that is null the database's.
    pub(super) fn now(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "COALESCE($1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                "COALESCE($1, to_char(statement_timestamp() AT TIME ZONE 'UTC',
                    'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))"
            }
        }
    }

    /// Nobody else changes the rows of `t` that are selected until the transaction ends; whoever wants
    /// to, waits.
    pub(super) fn lock(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "",
            #[cfg(feature = "postgres")]
            Self::Postgres => "FOR NO KEY UPDATE OF t",
        }
    }

    /// The same, but rows that another has locked are left to it.
    pub(super) fn lock_free(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "",
            #[cfg(feature = "postgres")]
            Self::Postgres => "FOR NO KEY UPDATE OF t SKIP LOCKED",
        }
    }

    /// What writes a file anew, so that nothing is left in it of what was overwritten.
    pub(super) fn rewrite(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"],
            #[cfg(feature = "postgres")]
            Self::Postgres => &[],
        }
    }

    /// The tables and columns of the catalogue that name a row of `pages`.
    pub(super) fn points_at_pages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &[("records", "page"), ("versions", "page"), ("record_errors", "page")],
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                &[("records", "page"), ("record_versions", "page"), ("record_errors", "page")]
            }
        }
    }
}

/// The tables and columns that name a run for as long as it must be there.
pub(super) const POINTS_AT_RUNS: &[(&str, &str)] = &[
    ("staged", "run"),
    ("pages", "run"),
    ("records", "first_run"),
    ("records", "last_run"),
    ("record_errors", "first_run"),
    ("record_errors", "last_run"),
];
