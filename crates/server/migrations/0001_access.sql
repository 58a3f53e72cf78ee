-- Accounts and sessions. Valid SQLite and PostgreSQL. Times are microseconds since 1970.

CREATE TABLE account (
  id              TEXT   NOT NULL PRIMARY KEY,
  login           TEXT   NOT NULL UNIQUE,
  name            TEXT   NOT NULL,
  password_hash   TEXT   NOT NULL,
  roles           TEXT   NOT NULL,
  language        TEXT   NOT NULL,
  enabled         BIGINT NOT NULL,
  created_at_us   BIGINT NOT NULL,
  last_sign_in_us BIGINT
);

CREATE TABLE session (
  token_sha256  TEXT   NOT NULL PRIMARY KEY,
  account_id    TEXT   NOT NULL REFERENCES account (id),
  address       TEXT   NOT NULL,
  created_at_us BIGINT NOT NULL,
  seen_at_us    BIGINT NOT NULL
);
CREATE INDEX session_by_account ON session (account_id);
