-- Who holds what, and what was found near it. Times are microseconds since 1970 UTC; versions count writes from 1.

CREATE TABLE nodes (
    id       TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    title    TEXT COLLATE "C"    NOT NULL,
    kind     TEXT COLLATE "C"    NOT NULL,
    place    TEXT COLLATE "C",             -- JSON
    holding  TEXT COLLATE "C"    NOT NULL,
    archived BIGINT ,
    version  BIGINT  NOT NULL,
    created  BIGINT  NOT NULL,
    updated  BIGINT  NOT NULL
);

CREATE TABLE skus (
    node        TEXT COLLATE "C"    NOT NULL REFERENCES nodes (id),
    code        TEXT COLLATE "C"    NOT NULL,
    name        TEXT COLLATE "C"    NOT NULL,
    brand       TEXT COLLATE "C",
    spec        TEXT COLLATE "C",
    unit        TEXT COLLATE "C",
    category    TEXT COLLATE "C",
    gtin        TEXT COLLATE "C",
    description TEXT COLLATE "C",
    price       DOUBLE PRECISION,
    content     TEXT COLLATE "C"    NOT NULL, -- digest of the columns above
    state       TEXT COLLATE "C"    NOT NULL,
    deleted     BIGINT ,          -- tombstones keep the code
    version     BIGINT  NOT NULL, -- of what the node says; a state that moves leaves it alone
    created     BIGINT  NOT NULL,
    updated     BIGINT  NOT NULL,
    PRIMARY KEY (node, code)
);

CREATE INDEX skus_by_code ON skus (code);
CREATE INDEX skus_by_state ON skus (state, node, code) WHERE deleted IS NULL;

-- Derived from the index and the scorer; replaced as a whole, not in the change log.
CREATE TABLE candidates (
    node       TEXT COLLATE "C"    NOT NULL,
    code       TEXT COLLATE "C"    NOT NULL,
    place      BIGINT  NOT NULL, -- 0 is the best
    other_node TEXT COLLATE "C"    NOT NULL,
    other_code TEXT COLLATE "C"    NOT NULL,
    confidence DOUBLE PRECISION    NOT NULL,
    zone       TEXT COLLATE "C"    NOT NULL,
    evidence   TEXT COLLATE "C"    NOT NULL, -- JSON
    model      TEXT COLLATE "C"    NOT NULL,
    PRIMARY KEY (node, code, place),
    FOREIGN KEY (node, code) REFERENCES skus (node, code)
);
