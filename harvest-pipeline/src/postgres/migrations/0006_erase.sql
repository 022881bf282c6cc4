-- What a source has for itself: no two have the same, unless one is archived.
ALTER TABLE sources ADD COLUMN occupies TEXT COLLATE "C";
CREATE UNIQUE INDEX sources_occupies ON sources (occupies) WHERE status <> 'archived';

-- What others have in common with a source that was erased was made with its dictionary, which stays.
ALTER TABLE dictionaries ALTER COLUMN source DROP NOT NULL;
