-- What a source has for itself: no two have the same, unless one is archived.
ALTER TABLE sources ADD COLUMN occupies TEXT COLLATE "C";
CREATE UNIQUE INDEX sources_occupies ON sources (occupies) WHERE status <> 'archived';

-- Not before this time a run is asked for once more whose date stood, because it could not take place.
ALTER TABLE sources ADD COLUMN due_again TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN due TEXT COLLATE "C";     -- the date of the schedule that it was asked for at

-- What others have in common with a source that was erased was made with its dictionary, which stays.
ALTER TABLE dictionaries ALTER COLUMN source DROP NOT NULL;
