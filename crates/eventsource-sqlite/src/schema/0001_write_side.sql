-- The write side: one log, its streams, its events, and snapshots.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Ids are the 16 bytes of a UUID.

-- What is known about the log itself: one row.
CREATE TABLE es_meta (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version    INTEGER NOT NULL,
    -- Given once, kept through restores.
    log_id            BLOB    NOT NULL CHECK (length(log_id) = 16),
    -- Drawn anew when a restored log is adopted.
    incarnation       BLOB    NOT NULL CHECK (length(incarnation) = 16),
    -- The next position lies above this one, and above that of every event.
    position_floor    INTEGER NOT NULL DEFAULT 0,
    -- Up to this position the times of recording may go back, because events were imported. Above it they do not.
    unordered_through INTEGER NOT NULL DEFAULT 0,
    -- The latest time of recording up to there, if there is one.
    unordered_latest  INTEGER
) STRICT;

-- One row per stream that has events. It is the lock, the version check and the listing.
CREATE TABLE es_streams (
    id          INTEGER PRIMARY KEY,
    -- Empty when the stream belongs to no tenant.
    tenant      TEXT    NOT NULL,
    category    TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    -- Version, position and time of recording of the last event.
    version     INTEGER NOT NULL CHECK (version > 0),
    position    INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    lifecycle   TEXT    NOT NULL CHECK (lifecycle IN ('active', 'deleted', 'erased')),
    UNIQUE (tenant, category, key)
) STRICT;

-- The log. The columns that are looked at without the payload come before it, because a long payload lies on
-- pages of its own, which are then never read.
CREATE TABLE es_events (
    position       INTEGER PRIMARY KEY,
    stream_id      INTEGER NOT NULL REFERENCES es_streams (id),
    version        INTEGER NOT NULL CHECK (version > 0),
    event_id       BLOB    NOT NULL CHECK (length(event_id) = 16),
    name           TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    occurred_at    INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL,
    correlation    BLOB,
    -- 1 when payload, metadata and correlation were wiped.
    erased         INTEGER NOT NULL DEFAULT 0,
    codec          TEXT    NOT NULL,
    transform      TEXT    NOT NULL,
    metadata       BLOB    NOT NULL,
    payload        BLOB    NOT NULL,
    UNIQUE (stream_id, version),
    UNIQUE (event_id)
) STRICT;

CREATE INDEX es_events_by_correlation ON es_events (correlation) WHERE correlation IS NOT NULL;

-- Kept states of aggregates. Named by the stream's text and not by its row, because the stream may live in
-- another store.
CREATE TABLE es_snapshots (
    id             INTEGER PRIMARY KEY,
    tenant         TEXT    NOT NULL,
    category       TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    state_type     TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    last_event     BLOB    NOT NULL CHECK (length(last_event) = 16),
    codec          TEXT    NOT NULL,
    transform      TEXT    NOT NULL,
    taken_at       INTEGER NOT NULL,
    state          BLOB    NOT NULL,
    UNIQUE (tenant, category, key, state_type, schema_version)
) STRICT;
