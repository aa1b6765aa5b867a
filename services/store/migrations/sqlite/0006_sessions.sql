-- Who is in: sessions of the console. The cookie's secret is kept as a digest only.

CREATE TABLE sessions (
    digest     BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of 256 random bits
    name       TEXT    NOT NULL,
    form_token TEXT    NOT NULL, -- of no use without the cookie
    created    INTEGER NOT NULL,
    used       INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_name ON sessions (name);
CREATE INDEX sessions_by_use ON sessions (used);
