-- Who is in: sessions of the console. The cookie's secret is kept as a digest only.

CREATE TABLE sessions (
    digest     BYTEA    NOT NULL PRIMARY KEY, -- SHA-256 of 256 random bits
    name       TEXT COLLATE "C"    NOT NULL,
    form_token TEXT COLLATE "C"    NOT NULL, -- of no use without the cookie
    created    BIGINT  NOT NULL,
    used       BIGINT  NOT NULL
);

CREATE INDEX sessions_by_name ON sessions (name);
CREATE INDEX sessions_by_use ON sessions (used);
