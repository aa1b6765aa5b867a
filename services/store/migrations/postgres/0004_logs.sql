-- What happened.

-- 'change': last change; its row is the write lock. 'floor': changes up to here were trimmed. 'audit': last audit event.
CREATE TABLE counters (
    name  TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    value BIGINT  NOT NULL
);

INSERT INTO counters (name, value) VALUES ('change', 0), ('floor', 0), ('audit', 0);

CREATE TABLE changes (
    seq   BIGINT  NOT NULL PRIMARY KEY, -- without gaps, in the order of commits
    at    BIGINT  NOT NULL,
    actor TEXT COLLATE "C"    NOT NULL,
    kind  TEXT COLLATE "C"    NOT NULL,
    body  TEXT COLLATE "C"    NOT NULL              -- JSON
);

CREATE TABLE audit (
    seq     BIGINT  NOT NULL PRIMARY KEY,
    at      BIGINT  NOT NULL,
    actor   TEXT COLLATE "C"    NOT NULL,
    action  TEXT COLLATE "C"    NOT NULL,
    subject TEXT COLLATE "C"    NOT NULL,
    outcome TEXT COLLATE "C"    NOT NULL,
    detail  TEXT COLLATE "C"    NOT NULL
);

-- Answers to requests that may come again.
CREATE TABLE requests (
    caller   TEXT COLLATE "C"    NOT NULL,
    id       TEXT COLLATE "C"    NOT NULL,
    digest   TEXT COLLATE "C"    NOT NULL,
    ack      TEXT COLLATE "C"    NOT NULL, -- JSON
    response BYTEA    NOT NULL, -- the engine's own
    at       BIGINT  NOT NULL,
    PRIMARY KEY (caller, id)
);

CREATE INDEX requests_by_time ON requests (at);

-- How far derived data has read the change log.
CREATE TABLE positions (
    name   TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    seq    BIGINT  NOT NULL,
    detail TEXT COLLATE "C"    NOT NULL,
    at     BIGINT  NOT NULL
);
