-- Questions to people, their answers, and the rules.

CREATE TABLE reviews (
    id             TEXT    NOT NULL PRIMARY KEY,
    node           TEXT    NOT NULL,
    code           TEXT    NOT NULL,
    master         TEXT    NOT NULL,
    confidence     REAL    NOT NULL,
    value          REAL    NOT NULL, -- order of the queue, greatest first
    evidence       TEXT    NOT NULL, -- JSON
    model          TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    assignee       TEXT,
    lease_until    INTEGER,
    deferred_until INTEGER,
    version        INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL,
    FOREIGN KEY (node, code) REFERENCES skus (node, code)
) STRICT;

CREATE INDEX reviews_queue ON reviews (value DESC, id) WHERE state IN ('open', 'claimed');
CREATE INDEX reviews_by_sku ON reviews (node, code);
CREATE INDEX reviews_by_master ON reviews (master);
-- One question at a time about a SKU and a master.
CREATE UNIQUE INDEX reviews_waiting ON reviews (node, code, master) WHERE state IN ('open', 'claimed');

CREATE TABLE decisions (
    id         TEXT    NOT NULL PRIMARY KEY,
    review     TEXT,
    node       TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    other_node TEXT,
    other_code TEXT,
    master     TEXT,
    verdict    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    seen       TEXT    NOT NULL, -- JSON
    at         INTEGER NOT NULL,
    undone_by  TEXT,
    undone_at  INTEGER,
    version    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL
) STRICT;

CREATE INDEX decisions_by_time ON decisions (at, id);
CREATE INDEX decisions_by_sku ON decisions (node, code);
CREATE INDEX decisions_by_other ON decisions (other_node, other_code) WHERE other_node IS NOT NULL;

CREATE TABLE policies (
    scope    TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    body     TEXT    NOT NULL, -- JSON
    activity TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    PRIMARY KEY (scope, number)
) STRICT;
