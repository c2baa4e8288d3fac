-- A file that holds read models, with their checkpoints, and no events.

-- What is known about the file itself: one row.
CREATE TABLE es_read_models (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL
) STRICT;
