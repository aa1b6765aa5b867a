-- Who may do what. Secrets are kept as digests only.

CREATE TABLE api_keys (
    id        TEXT    NOT NULL PRIMARY KEY,
    title     TEXT    NOT NULL,
    role      TEXT    NOT NULL,
    nodes     TEXT    NOT NULL, -- JSON
    salt      BLOB    NOT NULL,
    digest    BLOB    NOT NULL, -- SHA-256 of salt and secret; the secret is 256 random bits
    expires   INTEGER,
    revoked   INTEGER,
    successor TEXT,
    created   INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    name     TEXT    NOT NULL PRIMARY KEY,
    role     TEXT    NOT NULL,
    password TEXT    NOT NULL, -- argon2id, PHC string
    disabled INTEGER,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL
) STRICT;
