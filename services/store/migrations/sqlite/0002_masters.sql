-- The groups that were found.

CREATE TABLE masters (
    id          TEXT    NOT NULL PRIMARY KEY,
    state       TEXT    NOT NULL,
    merged_into TEXT    REFERENCES masters (id) DEFERRABLE INITIALLY DEFERRED,
    golden      TEXT    NOT NULL, -- JSON
    standing    TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    CHECK ((state = 'merged') = (merged_into IS NOT NULL))
) STRICT;

CREATE INDEX masters_by_merge ON masters (merged_into) WHERE merged_into IS NOT NULL;

-- Every version of every master, whole.
CREATE TABLE revisions (
    master TEXT    NOT NULL,
    number INTEGER NOT NULL,
    body   TEXT    NOT NULL, -- JSON: the master, its members, who, why, when
    PRIMARY KEY (master, number)
) STRICT;

-- A SKU is a member of at most one master.
CREATE TABLE members (
    node    TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    master  TEXT    NOT NULL REFERENCES masters (id) DEFERRABLE INITIALLY DEFERRED,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (node, code),
    FOREIGN KEY (node, code) REFERENCES skus (node, code)
) STRICT;

CREATE INDEX members_by_master ON members (master, node, code);

-- A link has no direction: the smaller key is on the left, and both sides find it.
CREATE TABLE links (
    left_node  TEXT    NOT NULL,
    left_code  TEXT    NOT NULL,
    right_node TEXT    NOT NULL,
    right_code TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    confidence REAL    NOT NULL,
    model      TEXT    NOT NULL,
    policy     INTEGER NOT NULL,
    decision   TEXT,
    inverse    TEXT    NOT NULL, -- JSON: the masters of both sides before
    freshness  TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    PRIMARY KEY (left_node, left_code, right_node, right_code),
    FOREIGN KEY (left_node, left_code) REFERENCES skus (node, code),
    FOREIGN KEY (right_node, right_code) REFERENCES skus (node, code)
) STRICT;

CREATE INDEX links_by_right ON links (right_node, right_code);
