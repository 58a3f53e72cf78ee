-- Terms of investigations that were extended.
CREATE TABLE investigation_extension (
  investigation_id TEXT   NOT NULL REFERENCES investigation (id),
  seq              BIGINT NOT NULL,
  days             BIGINT NOT NULL,
  working          BIGINT NOT NULL,
  before_us        BIGINT,
  planned_end_us   BIGINT NOT NULL,
  reason           TEXT   NOT NULL,
  extended_us      BIGINT NOT NULL,
  extended_by      TEXT   NOT NULL,
  PRIMARY KEY (investigation_id, seq)
);
CREATE TRIGGER extension_stays BEFORE DELETE ON investigation_extension
  BEGIN SELECT RAISE(ABORT, 'R90-14: materials of an investigation are kept'); END;

-- What the law asks for outside of cases: a periodic duty, a register, a check list was done.
CREATE TABLE law_done (
  id            TEXT   NOT NULL PRIMARY KEY,
  item          TEXT   NOT NULL, -- duty:<id>, register:<id>, checklist:<id>
  period        TEXT   NOT NULL, -- 2026-Q1 of a duty; empty otherwise
  done_us       BIGINT NOT NULL,
  note          TEXT   NOT NULL,
  saved_us      BIGINT NOT NULL,
  saved_by      TEXT   NOT NULL,
  withdrawn_us  BIGINT,
  withdrawn_by  TEXT,
  withdrawn_why TEXT
);
CREATE INDEX law_done_by_item ON law_done (item, period);
CREATE TRIGGER law_done_stays BEFORE DELETE ON law_done
  BEGIN SELECT RAISE(ABORT, 'what was recorded as done is kept; withdraw it'); END;
