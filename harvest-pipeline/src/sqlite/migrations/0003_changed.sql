-- When this version of the record was stored, in seconds since 1970: its datestamp where the catalogue
-- is published. That of its source says nothing about when it came here.
ALTER TABLE records ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE records SET changed =
    ifnull((SELECT CAST(strftime('%s', received) AS INTEGER) FROM pages WHERE id = page), 0);
-- The order in which records are listed then.
CREATE INDEX records_changed ON records (source, changed, identifier);
