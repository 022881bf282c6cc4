-- What lists are read by, so that none looks at all rows however many there are.
CREATE INDEX runs_state ON runs (state, id);
DROP INDEX runs_source;
CREATE INDEX runs_source ON runs (source, id);
CREATE INDEX runs_together ON runs (together) WHERE together IS NOT NULL;
CREATE INDEX events_level ON events (level, id);
DROP INDEX record_errors_open;
CREATE INDEX record_errors_open ON record_errors (source, key) WHERE NOT resolved;
CREATE INDEX sources_owner ON sources (owner) WHERE owner IS NOT NULL;
CREATE INDEX records_deleted ON records (source, identifier) WHERE deleted;

-- Which filter sets the definitions of sources name.
CREATE TABLE source_filter_sets (
    name   TEXT NOT NULL,
    source BIGINT NOT NULL REFERENCES sources (id),
    PRIMARY KEY (name, source)
);
CREATE INDEX source_filter_sets_source ON source_filter_sets (source);
INSERT INTO source_filter_sets (name, source)
    SELECT DISTINCT used.value, s.id FROM sources s,
        json_array_elements_text(s.definition::json -> 'filter_sets') AS used (value)
    WHERE s.definition IS NOT NULL;
