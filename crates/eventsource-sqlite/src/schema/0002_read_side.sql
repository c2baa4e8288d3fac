-- The read side: how far consumers have come, and what they could not handle. In the store's own file, and in files
-- that hold read models only.

-- The checkpoints. The segments of one version of a consumer and one log lie side by side and cover all slices.
CREATE TABLE es_segments (
    consumer         TEXT    NOT NULL,
    consumer_version INTEGER NOT NULL CHECK (consumer_version > 0),
    log_id           BLOB    NOT NULL CHECK (length(log_id) = 16),
    -- Both inclusive.
    first_slice      INTEGER NOT NULL,
    last_slice       INTEGER NOT NULL,
    -- The life of the log that the position belongs to.
    incarnation      BLOB    NOT NULL CHECK (length(incarnation) = 16),
    -- Everything up to here is done.
    position         INTEGER NOT NULL,
    -- The event at that position, unless it is the start: another one there means that history diverged.
    event_id         BLOB,
    -- Who may move it: nobody with an older epoch.
    epoch            INTEGER NOT NULL,
    PRIMARY KEY (consumer, consumer_version, log_id, first_slice)
) STRICT, WITHOUT ROWID;

-- The version of each consumer that readers of its read model use.
CREATE TABLE es_active_versions (
    consumer         TEXT    PRIMARY KEY,
    consumer_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The versions of projections that have made their tables here, and what they made: a JSON array of names.
CREATE TABLE es_projections (
    consumer         TEXT    NOT NULL,
    consumer_version INTEGER NOT NULL,
    tables           TEXT    NOT NULL,
    PRIMARY KEY (consumer, consumer_version)
) STRICT, WITHOUT ROWID;

-- Events that could not be handled, with everything that came behind them in their streams.
CREATE TABLE es_letters (
    id               INTEGER PRIMARY KEY,
    consumer         TEXT    NOT NULL,
    consumer_version INTEGER NOT NULL,
    log_id           BLOB    NOT NULL CHECK (length(log_id) = 16),
    tenant           TEXT    NOT NULL,
    category         TEXT    NOT NULL,
    key              TEXT    NOT NULL,
    -- Why: the kind by its frozen name, the errors as a JSON array, and what is equal for causes that are alike.
    cause            TEXT    NOT NULL,
    cause_chain      TEXT    NOT NULL,
    fingerprint      INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    parked_at        INTEGER NOT NULL,
    tried_at         INTEGER NOT NULL,
    handler_version  TEXT    NOT NULL,
    -- The event as it was recorded.
    position         INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    event_id         BLOB    NOT NULL CHECK (length(event_id) = 16),
    name             TEXT    NOT NULL,
    schema_version   INTEGER NOT NULL,
    occurred_at      INTEGER NOT NULL,
    recorded_at      INTEGER NOT NULL,
    correlation      BLOB,
    erased           INTEGER NOT NULL,
    codec            TEXT    NOT NULL,
    transform        TEXT    NOT NULL,
    metadata         BLOB    NOT NULL,
    payload          BLOB    NOT NULL,
    -- The payload to handle instead, once an operator edited it.
    edited           BLOB,
    UNIQUE (consumer, consumer_version, log_id, event_id)
) STRICT;

-- Pages.
CREATE INDEX es_letters_by_position ON es_letters (consumer, consumer_version, log_id, position);
-- The letters of one stream: in order for one consumer, and for all when the stream is erased.
CREATE INDEX es_letters_by_stream
    ON es_letters (log_id, tenant, category, key, consumer, consumer_version, position);

-- The last event of each stream that a group of a bus applied.
CREATE TABLE es_inbox (
    consumer         TEXT    NOT NULL,
    log_id           BLOB    NOT NULL CHECK (length(log_id) = 16),
    tenant           TEXT    NOT NULL,
    category         TEXT    NOT NULL,
    key              TEXT    NOT NULL,
    version          INTEGER NOT NULL,
    PRIMARY KEY (consumer, log_id, tenant, category, key)
) STRICT, WITHOUT ROWID;
