-- Notices: how they leave, what came back; templates of the organisation; reports made.

ALTER TABLE notice ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';
-- Template that the letter was made from: `<pack>#<document>`, and the version of the organisation's own.
ALTER TABLE notice ADD COLUMN template TEXT NOT NULL DEFAULT '';
ALTER TABLE notice ADD COLUMN failed_since_us BIGINT;
ALTER TABLE notice ADD COLUMN warned_us BIGINT;
ALTER TABLE notice ADD COLUMN answered_us BIGINT;
ALTER TABLE notice ADD COLUMN answer_note TEXT;

-- What the organisation writes in place of a pack's template. A version is never changed; an empty
-- text goes back to the pack's.
CREATE TABLE template_version (
  pack       TEXT   NOT NULL,
  document   TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  body       TEXT   NOT NULL,
  reason     TEXT   NOT NULL,
  written_us BIGINT NOT NULL,
  written_by TEXT   NOT NULL,
  PRIMARY KEY (pack, document, version)
);

CREATE TABLE report (
  id         TEXT   NOT NULL PRIMARY KEY,
  number     TEXT   NOT NULL UNIQUE,
  kind       TEXT   NOT NULL,
  from_us    BIGINT NOT NULL,
  to_us      BIGINT NOT NULL,
  language   TEXT   NOT NULL,
  format     TEXT   NOT NULL,
  sha256     TEXT   NOT NULL REFERENCES document (sha256),
  cases      BIGINT NOT NULL,
  made_us    BIGINT NOT NULL,
  made_by    TEXT   NOT NULL
);
CREATE INDEX report_by_time ON report (made_us);
