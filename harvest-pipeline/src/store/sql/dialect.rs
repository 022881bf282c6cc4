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

    /// The texts of a JSON list, to be looked for.
    pub(super) fn each(self, list: &str) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => format!("(SELECT value FROM json_each({list}))"),
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                format!("(SELECT json_array_elements_text({list}::json) COLLATE \"C\")")
            }
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

    /// Erases what belongs to the records of a source, `$1`, before those are deleted.
    pub(super) fn erase_records(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &[
                "UPDATE payloads SET refs = refs - gone.times
                 FROM (SELECT payload, count(*) AS times
                       FROM (SELECT payload FROM records WHERE source = $1
                             UNION ALL SELECT payload FROM versions WHERE source = $1)
                       WHERE payload IS NOT NULL GROUP BY payload) gone
                 WHERE payloads.id = gone.payload",
                "DELETE FROM payloads WHERE refs <= 0
                    AND id IN (SELECT payload FROM records WHERE source = $1
                               UNION SELECT payload FROM versions WHERE source = $1)",
                "DELETE FROM search_words
                 WHERE rowid IN (SELECT id FROM search_records WHERE source = $1)",
                "DELETE FROM search_records WHERE source = $1",
                "DELETE FROM search_stale WHERE source = $1",
                "DELETE FROM versions WHERE source = $1",
            ],
            // Payloads that somebody is about to refer to are locked: they are left alone. Whoever comes
            // later waits, and does not find them.
            #[cfg(feature = "postgres")]
            Self::Postgres => &[
                "CREATE TEMPORARY TABLE erased_payloads ON COMMIT DROP AS
                 SELECT id FROM payloads
                 WHERE id IN (SELECT payload FROM records WHERE source = $1
                              UNION SELECT v.payload FROM record_versions v
                              JOIN records r ON r.id = v.record WHERE r.source = $1)
                 FOR UPDATE SKIP LOCKED",
                "DELETE FROM record_versions
                 WHERE record IN (SELECT id FROM records WHERE source = $1)",
                "DELETE FROM record_words WHERE record IN (SELECT id FROM records WHERE source = $1)",
            ],
        }
    }

    /// Deletes the payloads that nothing refers to any more, behind that.
    pub(super) fn release_payloads(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &[],
            #[cfg(feature = "postgres")]
            Self::Postgres => &["DELETE FROM payloads p USING erased_payloads e WHERE p.id = e.id
                    AND NOT EXISTS (SELECT FROM records WHERE payload = p.id)
                    AND NOT EXISTS (SELECT FROM record_versions WHERE payload = p.id)"],
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
