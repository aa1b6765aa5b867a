-- Scorers that were learnt from people's answers. At most one is in use; where none is, the models folder's own is.

CREATE TABLE scorers (
    number  INTEGER NOT NULL PRIMARY KEY,
    title   TEXT    NOT NULL, -- the model's own version
    body    TEXT    NOT NULL, -- JSON: the model
    note    TEXT    NOT NULL, -- JSON: what was measured
    author  TEXT    NOT NULL,
    created INTEGER NOT NULL,
    used    INTEGER,          -- when it was last put in use
    used_by TEXT,
    in_use  INTEGER NOT NULL
) STRICT;
