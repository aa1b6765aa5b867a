-- The groups that were found.

CREATE TABLE masters (
    id          TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    state       TEXT COLLATE "C"    NOT NULL,
    merged_into TEXT COLLATE "C"    REFERENCES masters (id) DEFERRABLE INITIALLY DEFERRED,
    golden      TEXT COLLATE "C"    NOT NULL, -- JSON
    standing    TEXT COLLATE "C"    NOT NULL,
    version     BIGINT  NOT NULL,
    created     BIGINT  NOT NULL,
    updated     BIGINT  NOT NULL,
    CHECK ((state = 'merged') = (merged_into IS NOT NULL))
);

CREATE INDEX masters_by_merge ON masters (merged_into) WHERE merged_into IS NOT NULL;

-- Every version of every master, whole.
CREATE TABLE revisions (
    master TEXT COLLATE "C"    NOT NULL,
    number BIGINT  NOT NULL,
    body   TEXT COLLATE "C"    NOT NULL, -- JSON: the master, its members, who, why, when
    PRIMARY KEY (master, number)
);

-- A SKU is a member of at most one master.
CREATE TABLE members (
    node    TEXT COLLATE "C"    NOT NULL,
    code    TEXT COLLATE "C"    NOT NULL,
    master  TEXT COLLATE "C"    NOT NULL REFERENCES masters (id) DEFERRABLE INITIALLY DEFERRED,
    version BIGINT  NOT NULL,
    created BIGINT  NOT NULL,
    updated BIGINT  NOT NULL,
    PRIMARY KEY (node, code),
    FOREIGN KEY (node, code) REFERENCES skus (node, code)
);

CREATE INDEX members_by_master ON members (master, node, code);

-- A link has no direction: the smaller key is on the left, and both sides find it.
CREATE TABLE links (
    left_node  TEXT COLLATE "C"    NOT NULL,
    left_code  TEXT COLLATE "C"    NOT NULL,
    right_node TEXT COLLATE "C"    NOT NULL,
    right_code TEXT COLLATE "C"    NOT NULL,
    cause      TEXT COLLATE "C"    NOT NULL,
    confidence DOUBLE PRECISION    NOT NULL,
    model      TEXT COLLATE "C"    NOT NULL,
    policy     BIGINT  NOT NULL,
    decision   TEXT COLLATE "C",
    inverse    TEXT COLLATE "C"    NOT NULL, -- JSON: the masters of both sides before
    freshness  TEXT COLLATE "C"    NOT NULL,
    version    BIGINT  NOT NULL,
    created    BIGINT  NOT NULL,
    updated    BIGINT  NOT NULL,
    PRIMARY KEY (left_node, left_code, right_node, right_code),
    FOREIGN KEY (left_node, left_code) REFERENCES skus (node, code),
    FOREIGN KEY (right_node, right_code) REFERENCES skus (node, code)
);

CREATE INDEX links_by_right ON links (right_node, right_code);
