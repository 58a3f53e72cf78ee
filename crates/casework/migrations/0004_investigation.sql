-- Internal investigations (R90-11 … R90-14), a compartment of their own.

CREATE TABLE investigation (
  id             TEXT   NOT NULL PRIMARY KEY,
  incident_id    TEXT   NOT NULL REFERENCES incident (id),
  number         TEXT   NOT NULL UNIQUE,
  reason         TEXT   NOT NULL,
  opened_us      BIGINT NOT NULL,
  opened_by      TEXT   NOT NULL,
  planned_end_us BIGINT,
  causes         TEXT   NOT NULL DEFAULT '',
  realisation    TEXT   NOT NULL DEFAULT '',
  scale          TEXT   NOT NULL DEFAULT '',
  effectiveness  TEXT   NOT NULL DEFAULT '',
  conclusion     TEXT   NOT NULL DEFAULT '',
  concluded_us   BIGINT,
  concluded_by   TEXT,
  changed_us     BIGINT NOT NULL,
  version        BIGINT NOT NULL
);
CREATE INDEX investigation_by_incident ON investigation (incident_id);

-- Members of the team and people whom the investigation is about. Nobody is both.
CREATE TABLE investigation_person (
  investigation_id TEXT   NOT NULL REFERENCES investigation (id),
  person           TEXT   NOT NULL,
  part             TEXT   NOT NULL,
  role             TEXT   NOT NULL,
  added_us         BIGINT NOT NULL,
  added_by         TEXT   NOT NULL,
  declared_us      BIGINT,
  left_us          BIGINT,
  PRIMARY KEY (investigation_id, person)
);
CREATE INDEX investigation_person_by_person ON investigation_person (person, part);

-- Tasks, and recommendations on corrective measures, with owners and dates.
CREATE TABLE investigation_item (
  id               TEXT   NOT NULL PRIMARY KEY,
  investigation_id TEXT   NOT NULL REFERENCES investigation (id),
  kind             TEXT   NOT NULL,
  seq              BIGINT NOT NULL,
  text             TEXT   NOT NULL,
  owner            TEXT   NOT NULL,
  due_us           BIGINT,
  state            TEXT   NOT NULL,
  result           TEXT   NOT NULL DEFAULT '',
  version          BIGINT NOT NULL,
  UNIQUE (investigation_id, kind, seq)
);

-- Damage belongs to the case: it decides whether an investigation is a duty (R90-4-14).
CREATE TABLE damage (
  incident_id  TEXT   NOT NULL REFERENCES incident (id),
  seq          BIGINT NOT NULL,
  to_whom      TEXT   NOT NULL,
  kind         TEXT   NOT NULL,
  amount       BIGINT,
  currency     TEXT   NOT NULL,
  material     BOOLEAN NOT NULL,
  note         TEXT   NOT NULL,
  recorded_us  BIGINT NOT NULL,
  recorded_by  TEXT   NOT NULL,
  withdrawn_us BIGINT,
  withdrawn_why TEXT,
  PRIMARY KEY (incident_id, seq)
);

-- R90-8-7: the decision whether an investigation is needed.
CREATE TABLE investigation_decision (
  incident_id TEXT   NOT NULL PRIMARY KEY REFERENCES incident (id),
  needed      BOOLEAN NOT NULL,
  reason      TEXT   NOT NULL,
  decided_us  BIGINT NOT NULL,
  decided_by  TEXT   NOT NULL
);

CREATE TRIGGER investigation_stays BEFORE DELETE ON investigation
  BEGIN SELECT RAISE(ABORT, 'R90-14: investigation results are kept'); END;
CREATE TRIGGER investigation_item_stays BEFORE DELETE ON investigation_item
  BEGIN SELECT RAISE(ABORT, 'R90-14: investigation results are kept'); END;
CREATE TRIGGER damage_stays BEFORE DELETE ON damage
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
