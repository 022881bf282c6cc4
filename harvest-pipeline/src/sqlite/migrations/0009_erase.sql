-- What a source has for itself: no two have the same, unless one is archived.
ALTER TABLE sources ADD COLUMN occupies TEXT;
CREATE UNIQUE INDEX sources_occupies ON sources (occupies) WHERE status <> 'archived';

-- Not before this time a run is asked for once more whose date stood, because it could not take place.
ALTER TABLE sources ADD COLUMN due_again TEXT;
ALTER TABLE runs ADD COLUMN due TEXT;                 -- the date of the schedule that it was asked for at

-- Sources can be erased. No number of their runs and pages is given twice: tickets and marks are known by
-- them. And what others have in common with an erased source was made with its dictionary, which stays.
-- Both change only what tables are said to be, not what is in them.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'INTEGER PRIMARY KEY,', 'INTEGER PRIMARY KEY AUTOINCREMENT,')
    WHERE type = 'table' AND name IN ('runs', 'pages');
UPDATE sqlite_schema SET sql = replace(sql, 'source INTEGER NOT NULL', 'source INTEGER')
    WHERE type = 'table' AND name = 'dictionaries';
PRAGMA writable_schema = RESET;
