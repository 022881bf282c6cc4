-- What a store keeps besides sources and runs.
ALTER TABLE sources ADD COLUMN searched TEXT NOT NULL DEFAULT ''; -- id, title and URL in lower case

CREATE TABLE coverage (
    id        INTEGER PRIMARY KEY,
    source    INTEGER NOT NULL REFERENCES sources (id),
    run       INTEGER NOT NULL,
    beginning TEXT NOT NULL,        -- empty: that of time
    ending    TEXT NOT NULL,
    records   INTEGER NOT NULL,
    failed    INTEGER NOT NULL
);
CREATE UNIQUE INDEX coverage_ending ON coverage (source, ending, beginning, run);

CREATE TABLE events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,  -- no number is given twice
    time    TEXT NOT NULL,
    source  TEXT,                   -- by name: events outlive sources
    run     INTEGER,
    record  TEXT,
    code    TEXT NOT NULL,
    level   INTEGER NOT NULL,       -- the more serious, the lower
    message TEXT NOT NULL,
    url     TEXT
);
CREATE INDEX events_source ON events (source, id);
CREATE INDEX events_run ON events (run, id);
CREATE INDEX events_time ON events (time);

CREATE TABLE filter_sets (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL              -- JSON
) WITHOUT ROWID;

CREATE TABLE hosts (
    name        TEXT PRIMARY KEY,
    next_turn   TEXT NOT NULL DEFAULT '',
    alone_until TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- What was fetched and not stored yet: one row a batch.
CREATE TABLE staged (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL REFERENCES sources (id),
    run    INTEGER NOT NULL,
    fence  INTEGER NOT NULL,        -- by which claim; each counts its batches from 0
    number INTEGER NOT NULL,
    dry    INTEGER NOT NULL,
    time   TEXT NOT NULL,
    body   BLOB NOT NULL            -- a zstd frame of JSON
);
CREATE UNIQUE INDEX staged_number ON staged (run, fence, number);
CREATE INDEX staged_source ON staged (source, id);
