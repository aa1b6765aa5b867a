-- What happened.

-- 'change': last change; its row is the write lock. 'floor': changes up to here were trimmed. 'audit': last audit event.
CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO counters (name, value) VALUES ('change', 0), ('floor', 0), ('audit', 0);

CREATE TABLE changes (
    seq   INTEGER NOT NULL PRIMARY KEY, -- without gaps, in the order of commits
    at    INTEGER NOT NULL,
    actor TEXT    NOT NULL,
    kind  TEXT    NOT NULL,
    body  TEXT    NOT NULL              -- JSON
) STRICT;

CREATE TABLE audit (
    seq     INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) STRICT;

-- Answers to requests that may come again.
CREATE TABLE requests (
    caller   TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    ack      TEXT    NOT NULL, -- JSON
    response BLOB    NOT NULL, -- the engine's own
    at       INTEGER NOT NULL,
    PRIMARY KEY (caller, id)
) STRICT;

CREATE INDEX requests_by_time ON requests (at);

-- How far derived data has read the change log.
CREATE TABLE positions (
    name   TEXT    NOT NULL PRIMARY KEY,
    seq    INTEGER NOT NULL,
    detail TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
