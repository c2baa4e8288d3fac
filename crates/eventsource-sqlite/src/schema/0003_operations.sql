-- Operations: who runs what, what they say about it, and what operators ask of them. In the store's file only.

-- The epoch that was given last with a lease, of any name. It outlives the leases, so that none is given twice.
ALTER TABLE es_meta ADD COLUMN last_epoch INTEGER NOT NULL DEFAULT 0;

-- The leases that were given and not given back.
CREATE TABLE es_leases (
    name       TEXT    PRIMARY KEY,
    owner      TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- How long it was given or renewed for, in microseconds.
    ttl        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The processes that share the consumers.
CREATE TABLE es_instances (
    instance TEXT    PRIMARY KEY,
    heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What each of them says that it runs.
CREATE TABLE es_declarations (
    instance         TEXT    NOT NULL REFERENCES es_instances (instance) ON DELETE CASCADE,
    consumer         TEXT    NOT NULL,
    consumer_version INTEGER NOT NULL,
    kind             TEXT    NOT NULL,
    filter           TEXT    NOT NULL,
    policy           TEXT    NOT NULL,
    fingerprint      INTEGER NOT NULL
) STRICT;

CREATE INDEX es_declarations_by_instance ON es_declarations (instance);

-- What each of them said last about a consumer.
CREATE TABLE es_statuses (
    consumer          TEXT    NOT NULL,
    consumer_version  INTEGER NOT NULL,
    instance          TEXT    NOT NULL REFERENCES es_instances (instance) ON DELETE CASCADE,
    state             TEXT    NOT NULL,
    reason            TEXT,
    failing_event     BLOB,
    position          INTEGER NOT NULL,
    lag_events        INTEGER,
    -- In microseconds.
    lag               INTEGER,
    events_per_second INTEGER NOT NULL,
    parked_streams    INTEGER NOT NULL,
    letters           INTEGER NOT NULL,
    oldest_letter_at  INTEGER,
    -- How far a rebuild has come, while there is one, and how much there is in all.
    rebuild_done      INTEGER,
    rebuild_total     INTEGER,
    -- Where its checkpoint lies, in words.
    checkpoint        TEXT    NOT NULL,
    PRIMARY KEY (consumer, consumer_version, instance)
) STRICT, WITHOUT ROWID;

CREATE INDEX es_statuses_by_instance ON es_statuses (instance);

-- What operators asked, in the order in which it was submitted. Rows stay: they are the audit trail.
CREATE TABLE es_requests (
    number      INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    consumer    TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    -- A JSON object.
    arguments   TEXT    NOT NULL,
    -- Of an edit: what to handle instead of the event's own payload.
    payload     BLOB,
    operator    TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    -- How long it waits for a word of an owner, in microseconds, and until when.
    expires_in  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    asked_at    INTEGER NOT NULL,
    -- As the last word of an owner left it. One that expired is found by its time.
    state       TEXT    NOT NULL,
    epoch       INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    total       INTEGER,
    outcome     TEXT,
    changed_at  INTEGER NOT NULL
) STRICT;

-- What owners look for with each beat.
CREATE INDEX es_requests_open ON es_requests (consumer) WHERE state IN ('open', 'running');
