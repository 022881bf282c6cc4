-- Sources are set up and runs asked for here, besides being noted when they are harvested.
-- Times are RFC 3339 in UTC with milliseconds, so that they sort as text.
ALTER TABLE sources ADD COLUMN definition TEXT;       -- JSON; absent: nobody set it up
ALTER TABLE sources ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN url TEXT;
ALTER TABLE sources ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
ALTER TABLE sources ADD COLUMN owner TEXT;
ALTER TABLE sources ADD COLUMN likeness TEXT;         -- kind and options: no two sources have the same
ALTER TABLE sources ADD COLUMN created TEXT;
ALTER TABLE sources ADD COLUMN updated TEXT;
ALTER TABLE sources ADD COLUMN next_due TEXT;
ALTER TABLE sources ADD COLUMN scheduled_runs INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX sources_likeness ON sources (likeness) WHERE status <> 'archived';
CREATE INDEX sources_due ON sources (next_due) WHERE status = 'active' AND next_due IS NOT NULL;

ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'harvest';
ALTER TABLE runs ADD COLUMN cause TEXT NOT NULL DEFAULT 'manual';
ALTER TABLE runs ADD COLUMN requested_by TEXT;
ALTER TABLE runs ADD COLUMN from_start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN from_checkpoint TEXT;     -- JSON
ALTER TABLE runs ADD COLUMN began_at TEXT;            -- JSON; where the source stood
ALTER TABLE runs ADD COLUMN dry INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN parent INTEGER;
ALTER TABLE runs ADD COLUMN together INTEGER;         -- the same for runs that were asked for together
ALTER TABLE runs ADD COLUMN settings TEXT;            -- JSON; the definition when it was asked for
ALTER TABLE runs ADD COLUMN queued TEXT;
ALTER TABLE runs ADD COLUMN not_before TEXT;
ALTER TABLE runs ADD COLUMN wanted TEXT;              -- cancel | pause
ALTER TABLE runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE runs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0; -- counts the claims
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN leased_until TEXT;
ALTER TABLE runs ADD COLUMN total_hint INTEGER;
ALTER TABLE runs ADD COLUMN held TEXT;                -- JSON
ALTER TABLE runs ADD COLUMN failure TEXT;             -- JSON; error is its message
ALTER TABLE runs ADD COLUMN whole INTEGER NOT NULL DEFAULT 0; -- it saw all that the source has
-- A run that is queued has not started.
ALTER TABLE runs RENAME COLUMN started TO queued_then;
ALTER TABLE runs ADD COLUMN started TEXT;
UPDATE runs SET queued = queued_then, started = queued_then;
ALTER TABLE runs DROP COLUMN queued_then;
UPDATE runs SET state = 'failed',
    error = 'the program ended before the run did; the next one goes on where it was'
    WHERE state = 'interrupted';

DROP INDEX runs_open;
CREATE UNIQUE INDEX runs_open ON runs (source)
    WHERE state IN ('queued', 'running', 'suspended', 'awaiting approval', 'interrupted');
CREATE INDEX runs_queue ON runs (id) WHERE state = 'queued';
