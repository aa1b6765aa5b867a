-- Who may do what. Secrets are kept as digests only.

CREATE TABLE api_keys (
    id        TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    title     TEXT COLLATE "C"    NOT NULL,
    role      TEXT COLLATE "C"    NOT NULL,
    nodes     TEXT COLLATE "C"    NOT NULL, -- JSON
    salt      BYTEA    NOT NULL,
    digest    BYTEA    NOT NULL, -- SHA-256 of salt and secret; the secret is 256 random bits
    expires   BIGINT ,
    revoked   BIGINT ,
    successor TEXT COLLATE "C",
    created   BIGINT  NOT NULL
);

CREATE TABLE users (
    name     TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    role     TEXT COLLATE "C"    NOT NULL,
    password TEXT COLLATE "C"    NOT NULL, -- argon2id, PHC string
    disabled BIGINT ,
    created  BIGINT  NOT NULL,
    updated  BIGINT  NOT NULL
);
