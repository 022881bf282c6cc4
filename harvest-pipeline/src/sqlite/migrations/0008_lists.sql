-- What lists are read by, so that none looks at all rows however many there are.
CREATE INDEX runs_state ON runs (state);
CREATE INDEX runs_together ON runs (together) WHERE together IS NOT NULL;
CREATE INDEX events_level ON events (level);
CREATE INDEX record_errors_open ON record_errors (source, key) WHERE NOT resolved;
CREATE INDEX sources_owner ON sources (owner) WHERE owner IS NOT NULL;
-- Everything that lists of sources are narrowed by.
CREATE INDEX sources_listed ON sources (name, status, kind, owner, searched)
    WHERE definition IS NOT NULL;
-- Those that have records, and those that have tombstones.
CREATE INDEX sources_stocked ON sources (name, live, tombstones) WHERE live + tombstones > 0;
CREATE INDEX sources_live ON sources (name) WHERE live > 0;
CREATE INDEX sources_buried ON sources (name) WHERE tombstones > 0;

-- Which filter sets the definitions of sources name.
CREATE TABLE source_filter_sets (
    name   TEXT NOT NULL,
    source INTEGER NOT NULL REFERENCES sources (id),
    PRIMARY KEY (name, source)
) WITHOUT ROWID;
CREATE INDEX source_filter_sets_source ON source_filter_sets (source);
INSERT INTO source_filter_sets (name, source)
    SELECT DISTINCT used.value, s.id FROM sources s, json_each(s.definition, '$.filter_sets') used
    WHERE s.definition IS NOT NULL;

-- The rows of the search have their source in the upper half of their number: so the index finds what
-- sources have some words, and what one source has, by the numbers alone. It is filled anew.
DROP TABLE search_words;
DROP TABLE search_records;
CREATE VIRTUAL TABLE search_words USING fts5 (
    words, content='', contentless_delete=1, detail='none', tokenize="ascii tokenchars ':'"
);
CREATE TABLE search_records (
    id         INTEGER PRIMARY KEY,
    source     INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    UNIQUE (source, identifier)
);
UPDATE search_mark SET page = 0, source = 0, identifier = '';
DELETE FROM search_stale;
