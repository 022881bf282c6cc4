-- By what the source tells one version of a record from another, if not by its datestamp.
ALTER TABLE records ADD COLUMN version TEXT;
