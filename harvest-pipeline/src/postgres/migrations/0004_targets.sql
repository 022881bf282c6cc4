-- Who is to have the records, and what they have.
CREATE TABLE targets (
    name TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL              -- JSON
);

-- How a target stands with a source.
CREATE TABLE target_sources (
    target   TEXT COLLATE "C" NOT NULL,
    source   BIGINT NOT NULL REFERENCES sources (id),
    offered  TEXT,                  -- JSON; up to which change everything was offered
    served   TEXT,                  -- when it was last offered all there was
    failure  TEXT,                  -- why it could not be
    failed   TEXT,                  -- and when
    PRIMARY KEY (target, source)
);

-- What a target has of a record, or why it could not be given it.
CREATE TABLE deliveries (
    target     TEXT COLLATE "C" NOT NULL,
    source     BIGINT NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    version    TEXT,                -- absent: it never had any; empty: it is to have it once more
    datestamp  TEXT,
    withdrawn  BIGINT NOT NULL DEFAULT 0,
    time       TEXT,
    failure    TEXT,
    tries      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (target, source, identifier)
);
CREATE INDEX deliveries_owed ON deliveries (target, source, identifier) WHERE failure IS NOT NULL;

-- In which format the metadata is that could not be read, and what else came with it (JSON).
ALTER TABLE record_errors ADD COLUMN format TEXT;
ALTER TABLE record_errors ADD COLUMN header TEXT;
