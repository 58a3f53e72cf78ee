-- Secret links to calendar feeds. Valid SQLite and PostgreSQL. Times are microseconds since 1970.

CREATE TABLE calendar_feed (
  token_sha256  TEXT   NOT NULL PRIMARY KEY,
  account_id    TEXT   NOT NULL UNIQUE REFERENCES account (id),
  created_at_us BIGINT NOT NULL
);
