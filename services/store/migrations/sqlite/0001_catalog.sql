-- Who holds what, and what was found near it. Times are microseconds since 1970 UTC; versions count writes from 1.

CREATE TABLE nodes (
    id       TEXT    NOT NULL PRIMARY KEY,
    title    TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    place    TEXT,             -- JSON
    holding  TEXT    NOT NULL,
    archived INTEGER,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL
) STRICT;

CREATE TABLE skus (
    node        TEXT    NOT NULL REFERENCES nodes (id),
    code        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    brand       TEXT,
    spec        TEXT,
    unit        TEXT,
    category    TEXT,
    gtin        TEXT,
    description TEXT,
    price       REAL,
    content     TEXT    NOT NULL, -- digest of the columns above
    state       TEXT    NOT NULL,
    deleted     INTEGER,          -- tombstones keep the code
    version     INTEGER NOT NULL, -- of what the node says; a state that moves leaves it alone
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    PRIMARY KEY (node, code)
) STRICT;

CREATE INDEX skus_by_code ON skus (code);
CREATE INDEX skus_by_state ON skus (state, node, code) WHERE deleted IS NULL;

-- Derived from the index and the scorer; replaced as a whole, not in the change log.
CREATE TABLE candidates (
    node       TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    place      INTEGER NOT NULL, -- 0 is the best
    other_node TEXT    NOT NULL,
    other_code TEXT    NOT NULL,
    confidence REAL    NOT NULL,
    zone       TEXT    NOT NULL,
    evidence   TEXT    NOT NULL, -- JSON
    model      TEXT    NOT NULL,
    PRIMARY KEY (node, code, place),
    FOREIGN KEY (node, code) REFERENCES skus (node, code)
) STRICT;
