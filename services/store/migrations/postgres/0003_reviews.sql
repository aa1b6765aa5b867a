-- Questions to people, their answers, and the rules.

CREATE TABLE reviews (
    id             TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    node           TEXT COLLATE "C"    NOT NULL,
    code           TEXT COLLATE "C"    NOT NULL,
    master         TEXT COLLATE "C"    NOT NULL,
    confidence     DOUBLE PRECISION    NOT NULL,
    value          DOUBLE PRECISION    NOT NULL, -- order of the queue, greatest first
    evidence       TEXT COLLATE "C"    NOT NULL, -- JSON
    model          TEXT COLLATE "C"    NOT NULL,
    state          TEXT COLLATE "C"    NOT NULL,
    assignee       TEXT COLLATE "C",
    lease_until    BIGINT ,
    deferred_until BIGINT ,
    version        BIGINT  NOT NULL,
    created        BIGINT  NOT NULL,
    updated        BIGINT  NOT NULL,
    FOREIGN KEY (node, code) REFERENCES skus (node, code)
);

CREATE INDEX reviews_queue ON reviews (value DESC, id) WHERE state IN ('open', 'claimed');
CREATE INDEX reviews_by_sku ON reviews (node, code);
CREATE INDEX reviews_by_master ON reviews (master);
-- One question at a time about a SKU and a master.
CREATE UNIQUE INDEX reviews_waiting ON reviews (node, code, master) WHERE state IN ('open', 'claimed');

CREATE TABLE decisions (
    id         TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    review     TEXT COLLATE "C",
    node       TEXT COLLATE "C"    NOT NULL,
    code       TEXT COLLATE "C"    NOT NULL,
    other_node TEXT COLLATE "C",
    other_code TEXT COLLATE "C",
    master     TEXT COLLATE "C",
    verdict    TEXT COLLATE "C"    NOT NULL,
    reason     TEXT COLLATE "C"    NOT NULL,
    actor      TEXT COLLATE "C"    NOT NULL,
    seen       TEXT COLLATE "C"    NOT NULL, -- JSON
    at         BIGINT  NOT NULL,
    undone_by  TEXT COLLATE "C",
    undone_at  BIGINT ,
    version    BIGINT  NOT NULL,
    created    BIGINT  NOT NULL,
    updated    BIGINT  NOT NULL
);

CREATE INDEX decisions_by_time ON decisions (at, id);
CREATE INDEX decisions_by_sku ON decisions (node, code);
CREATE INDEX decisions_by_other ON decisions (other_node, other_code) WHERE other_node IS NOT NULL;

CREATE TABLE policies (
    scope    TEXT COLLATE "C"    NOT NULL,
    number   BIGINT  NOT NULL,
    body     TEXT COLLATE "C"    NOT NULL, -- JSON
    activity TEXT COLLATE "C"    NOT NULL,
    version  BIGINT  NOT NULL,
    created  BIGINT  NOT NULL,
    updated  BIGINT  NOT NULL,
    PRIMARY KEY (scope, number)
);
