-- Scorers that were learnt from people's answers. At most one is in use; where none is, the models folder's own is.

CREATE TABLE scorers (
    number  BIGINT  NOT NULL PRIMARY KEY,
    title   TEXT COLLATE "C"    NOT NULL, -- the model's own version
    body    TEXT COLLATE "C"    NOT NULL, -- JSON: the model
    note    TEXT COLLATE "C"    NOT NULL, -- JSON: what was measured
    author  TEXT COLLATE "C"    NOT NULL,
    created BIGINT  NOT NULL,
    used    BIGINT,          -- when it was last put in use
    used_by TEXT COLLATE "C",
    in_use  BIGINT  NOT NULL
);
