-- What is harvested: one row per name.
CREATE TABLE sources (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    checkpoint TEXT             -- JSON; stands after the last batch that was committed
);

-- One row per run. Counters are raised in the transaction that stores the records they count.
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY,
    source          INTEGER NOT NULL REFERENCES sources (id),
    state           TEXT NOT NULL,  -- running | interrupted | one of RunState
    started         TEXT NOT NULL,
    ended           TEXT,
    batches         INTEGER NOT NULL DEFAULT 0,
    bytes           INTEGER NOT NULL DEFAULT 0,
    created         INTEGER NOT NULL DEFAULT 0,
    updated         INTEGER NOT NULL DEFAULT 0,
    unchanged       INTEGER NOT NULL DEFAULT 0,
    deleted         INTEGER NOT NULL DEFAULT 0,
    skipped_deleted INTEGER NOT NULL DEFAULT 0,
    filtered        INTEGER NOT NULL DEFAULT 0,
    failed          INTEGER NOT NULL DEFAULT 0,
    error           TEXT
);
CREATE INDEX runs_source ON runs (source);
-- At most one open run a source; a commit by a run that is not open any more is refused.
CREATE UNIQUE INDEX runs_open ON runs (source) WHERE state = 'running';

-- Provenance: one row per batch.
CREATE TABLE pages (
    id            INTEGER PRIMARY KEY,
    run           INTEGER NOT NULL REFERENCES runs (id),
    number        INTEGER NOT NULL,
    request_url   TEXT,
    response_date TEXT,
    received      TEXT NOT NULL
);

-- The metadata as it came and as it was parsed, addressed by content. Rows are appended; the only
-- index over random values is one of integers, so that a batch touches few pages of the file.
CREATE TABLE payloads (
    id     INTEGER PRIMARY KEY,
    place  INTEGER NOT NULL,        -- the first 8 bytes of hash
    hash   BLOB NOT NULL,           -- SHA-256 of the metadata
    size   INTEGER NOT NULL,        -- of the metadata, in bytes
    codec  INTEGER NOT NULL,        -- 0: body is the metadata; 1: it is a zstd frame of it;
                                    -- else: made with this row of dictionaries
    refs   INTEGER NOT NULL,        -- how many records point here
    body   BLOB NOT NULL,
    fields TEXT,                    -- what the parser made of it, as JSON
    issues TEXT                     -- what the parser found wrong, as JSON
);
CREATE INDEX payloads_place ON payloads (place);

-- What the records of a source have in common, for zstd. Rows count from 2.
CREATE TABLE dictionaries (
    id     INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES sources (id),
    body   BLOB NOT NULL
);

-- The current version of each record, and the tombstones.
CREATE TABLE records (
    source     INTEGER NOT NULL REFERENCES sources (id),
    identifier TEXT NOT NULL,
    deleted    INTEGER NOT NULL,
    datestamp  TEXT,
    sets       TEXT,                -- JSON list, absent if empty
    about      TEXT,                -- JSON list of XML documents, absent if empty
    format     TEXT,
    digest     BLOB NOT NULL,       -- over all that makes up the version, to tell whether it changed
    payload    INTEGER,             -- a tombstone keeps what the record had last
    page       INTEGER NOT NULL,    -- where this version came from
    first_run  INTEGER NOT NULL,
    last_run   INTEGER NOT NULL,    -- the last that saw it, changed or not
    PRIMARY KEY (source, identifier)
) WITHOUT ROWID;

-- Records that could not be had, read or stored. A later success resolves the error.
CREATE TABLE record_errors (
    source     INTEGER NOT NULL REFERENCES sources (id),
    key        TEXT NOT NULL,       -- the identifier, or the place in the list
    identifier TEXT,
    stage      TEXT NOT NULL,
    message    TEXT NOT NULL,
    resolved   INTEGER NOT NULL DEFAULT 0,
    tries      INTEGER NOT NULL DEFAULT 1,
    page       INTEGER NOT NULL,
    first_run  INTEGER NOT NULL,
    last_run   INTEGER NOT NULL,
    body       BLOB,                -- the metadata, if there was any
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
