-- The versions of a record before the present one. Each row, here and in records, counts as one
-- reference to its payload.
CREATE TABLE versions (
    source     INTEGER NOT NULL REFERENCES sources (id),
    identifier TEXT NOT NULL,
    number     INTEGER NOT NULL,    -- counts the versions of the record from 1
    deleted    INTEGER NOT NULL,
    datestamp  TEXT,
    version    TEXT,
    sets       TEXT,
    about      TEXT,
    format     TEXT,
    digest     BLOB NOT NULL,
    payload    INTEGER,
    page       INTEGER NOT NULL,    -- where it came from, and with that which run brought it
    changed    INTEGER NOT NULL,
    PRIMARY KEY (source, identifier, number)
) WITHOUT ROWID;
ALTER TABLE records ADD COLUMN number INTEGER NOT NULL DEFAULT 1;

-- Not what the run brought, but what there was before or instead, when the run was undone.
ALTER TABLE pages ADD COLUMN undoes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX pages_run ON pages (run);

-- What a run changed. Pages are numbered as they come, so this grows at its end.
CREATE INDEX records_page ON records (page);
CREATE INDEX records_deleted ON records (source, identifier) WHERE deleted;

-- How many records there are: counting them takes too long to be done each time somebody asks.
ALTER TABLE sources ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN tombstones INTEGER NOT NULL DEFAULT 0;
UPDATE sources SET
    live = (SELECT count(*) FROM records r WHERE r.source = sources.id AND NOT r.deleted),
    tombstones = (SELECT count(*) FROM records r WHERE r.source = sources.id AND r.deleted);

-- Finding records by words. Filled behind the harvest, from the pages as they come.
CREATE VIRTUAL TABLE search_words USING fts5 (
    words, content='', contentless_delete=1, detail='none', tokenize="ascii tokenchars ':'"
);
-- The rows of search_words.
CREATE TABLE search_records (
    id         INTEGER PRIMARY KEY,
    source     INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    UNIQUE (source, identifier)
);
-- The last record that was read for it, in the order of records_page.
CREATE TABLE search_mark (page INTEGER NOT NULL, source INTEGER NOT NULL, identifier TEXT NOT NULL);
INSERT INTO search_mark VALUES (0, 0, '');
-- Records that changed without coming from a new page.
CREATE TABLE search_stale (
    source     INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    PRIMARY KEY (source, identifier)
) WITHOUT ROWID;
