-- Casework: what people act on. Written for SQLite; every statement here is also valid PostgreSQL.
-- Times are microseconds since 1970-01-01T00:00:00Z. JSON is kept as text.
-- Every row below is explained by leaves of journal_leaf, except counters (hits, ledger, positions).

CREATE TABLE journal_leaf (
  idx  BIGINT NOT NULL PRIMARY KEY,
  body TEXT   NOT NULL
);

CREATE TABLE pipeline_position (
  reader   TEXT   NOT NULL PRIMARY KEY,
  position BIGINT NOT NULL
);

CREATE TABLE source_ledger (
  source           TEXT   NOT NULL PRIMARY KEY,
  records          BIGINT NOT NULL DEFAULT 0,
  unparsed         BIGINT NOT NULL DEFAULT 0,
  last_received_us BIGINT
);

CREATE TABLE source_drop (
  source  TEXT   NOT NULL,
  reason  TEXT   NOT NULL,
  records BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (source, reason)
);

CREATE TABLE incident (
  id                   TEXT   NOT NULL PRIMARY KEY,
  year                 BIGINT NOT NULL,
  year_sequence        BIGINT NOT NULL,
  number               TEXT   NOT NULL UNIQUE,
  title                TEXT   NOT NULL,
  title_text           TEXT,
  state                TEXT   NOT NULL,
  severity             TEXT   NOT NULL,
  category             TEXT   NOT NULL,
  object               TEXT   NOT NULL,
  description          TEXT   NOT NULL,
  recommendations      TEXT   NOT NULL,
  assignee             TEXT,
  promotion_rule       TEXT,
  detected_at_us       BIGINT NOT NULL,
  occurred_at_us       BIGINT,
  created_at_us        BIGINT NOT NULL,
  created_by           TEXT   NOT NULL,
  eliminated_at_us     BIGINT,
  closed_at_us         BIGINT,
  version              BIGINT NOT NULL,
  UNIQUE (year, year_sequence)
);
CREATE INDEX incident_by_state ON incident (state, created_at_us);

CREATE TABLE alert (
  id              TEXT   NOT NULL PRIMARY KEY,
  rule_id         TEXT   NOT NULL,
  rule_title      TEXT   NOT NULL,
  level           TEXT   NOT NULL,
  tags            TEXT   NOT NULL,
  entity_kind     TEXT   NOT NULL,
  entity          TEXT   NOT NULL,
  search_text     TEXT   NOT NULL,
  window_start_us BIGINT NOT NULL,
  window_end_us   BIGINT NOT NULL,
  first_at_us     BIGINT NOT NULL,
  last_at_us      BIGINT NOT NULL,
  opened_at_us    BIGINT NOT NULL,
  hits_count      BIGINT NOT NULL,
  state           TEXT   NOT NULL,
  verdict         TEXT,
  assignee        TEXT,
  incident_id     TEXT   REFERENCES incident (id),
  version         BIGINT NOT NULL
);
CREATE INDEX alert_by_time ON alert (last_at_us, id);
CREATE INDEX alert_by_incident ON alert (incident_id);
CREATE INDEX alert_by_rule ON alert (rule_id, last_at_us);

CREATE TABLE hit (
  id         TEXT   NOT NULL PRIMARY KEY,
  alert_id   TEXT   NOT NULL REFERENCES alert (id),
  rule_id    TEXT   NOT NULL,
  event_id   TEXT   NOT NULL,
  at_us      BIGINT NOT NULL,
  host       TEXT,
  user_name  TEXT,
  source_ip  TEXT,
  dataset    TEXT   NOT NULL
);
CREATE INDEX hit_by_alert ON hit (alert_id, at_us);

CREATE TABLE alert_comment (
  id       TEXT   NOT NULL PRIMARY KEY,
  alert_id TEXT   NOT NULL REFERENCES alert (id),
  at_us    BIGINT NOT NULL,
  by_actor TEXT   NOT NULL,
  text     TEXT   NOT NULL
);
CREATE INDEX alert_comment_by_alert ON alert_comment (alert_id, at_us);

-- What an incident touches: the entities of its alerts. Further alerts join by these.
CREATE TABLE incident_entity (
  incident_id TEXT NOT NULL REFERENCES incident (id),
  kind        TEXT NOT NULL,
  value       TEXT NOT NULL,
  PRIMARY KEY (incident_id, kind, value)
);
CREATE INDEX incident_entity_by_value ON incident_entity (kind, value);

CREATE TABLE timeline_entry (
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  seq         BIGINT NOT NULL,
  kind        TEXT   NOT NULL,
  at_us       BIGINT NOT NULL,
  recorded_us BIGINT NOT NULL,
  by_actor    TEXT   NOT NULL,
  text        TEXT,
  data        TEXT   NOT NULL,
  PRIMARY KEY (incident_id, seq)
);

CREATE TABLE task (
  id          TEXT   NOT NULL PRIMARY KEY,
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  seq         BIGINT NOT NULL,
  title       TEXT   NOT NULL,
  assignee    TEXT,
  due_us      BIGINT,
  state       TEXT   NOT NULL,
  created_us  BIGINT NOT NULL,
  created_by  TEXT   NOT NULL,
  done_us     BIGINT,
  UNIQUE (incident_id, seq)
);

-- The history the legal clocks are computed from. A row is never changed except to be withdrawn.
CREATE TABLE case_fact (
  incident_id    TEXT   NOT NULL REFERENCES incident (id),
  seq            BIGINT NOT NULL,
  kind           TEXT   NOT NULL,
  at_us          BIGINT NOT NULL,
  recorded_us    BIGINT NOT NULL,
  by_actor       TEXT   NOT NULL,
  note           TEXT,
  notice_id      TEXT,
  withdrawn_us   BIGINT,
  withdrawn_why  TEXT,
  PRIMARY KEY (incident_id, seq)
);

-- Each computation of a clock that differs from the one before it. Old rows stay.
CREATE TABLE clock_computation (
  incident_id      TEXT   NOT NULL REFERENCES incident (id),
  duty             TEXT   NOT NULL,
  seq              BIGINT NOT NULL,
  computed_us      BIGINT NOT NULL,
  started_us       BIGINT,
  due_us           BIGINT,
  stopped_us       BIGINT,
  edition          TEXT   NOT NULL,
  calendar_edition TEXT,
  provisional      BOOLEAN NOT NULL,
  steps            TEXT   NOT NULL,
  PRIMARY KEY (incident_id, duty, seq)
);
CREATE INDEX clock_by_due ON clock_computation (due_us);

CREATE TABLE document (
  sha256     TEXT   NOT NULL PRIMARY KEY,
  media_type TEXT   NOT NULL,
  body       BYTEA  NOT NULL,
  stored_us  BIGINT NOT NULL
);

CREATE TABLE notice (
  id              TEXT   NOT NULL PRIMARY KEY,
  incident_id     TEXT   NOT NULL REFERENCES incident (id),
  seq             BIGINT NOT NULL,
  number          TEXT   NOT NULL UNIQUE,
  duty            TEXT   NOT NULL,
  clause          TEXT   NOT NULL,
  edition         TEXT   NOT NULL,
  addressee       TEXT   NOT NULL,
  address         TEXT   NOT NULL,
  languages       TEXT   NOT NULL,
  text            TEXT   NOT NULL,
  state           TEXT   NOT NULL,
  created_us      BIGINT NOT NULL,
  created_by      TEXT   NOT NULL,
  approved_us     BIGINT,
  approved_by     TEXT,
  sent_us         BIGINT,
  delivered_us    BIGINT,
  acknowledged_us BIGINT,
  receipt_how     TEXT,
  receipt_who     TEXT,
  receipt_note    TEXT,
  document_sha256 TEXT   REFERENCES document (sha256),
  attempts        BIGINT NOT NULL DEFAULT 0,
  next_attempt_us BIGINT,
  error           TEXT,
  version         BIGINT NOT NULL,
  UNIQUE (incident_id, seq)
);
CREATE INDEX notice_by_incident ON notice (incident_id, seq);
CREATE INDEX notice_by_next_attempt ON notice (state, next_attempt_us);

CREATE TABLE notice_attempt (
  notice_id TEXT   NOT NULL REFERENCES notice (id),
  n         BIGINT NOT NULL,
  at_us     BIGINT NOT NULL,
  outcome   TEXT   NOT NULL,
  detail    TEXT   NOT NULL,
  PRIMARY KEY (notice_id, n)
);
