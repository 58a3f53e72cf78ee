-- The work on an incident: the organisation's own table, merging, pinned events, shifts, visits.
-- The triggers are SQLite's; PostgreSQL needs a function for each of them.

-- R90-4-2, R90-4-3: the organisation's own table. A version is never changed.
CREATE TABLE incident_table (
  version    BIGINT NOT NULL PRIMARY KEY,
  adopted_us BIGINT NOT NULL,
  adopted_by TEXT   NOT NULL,
  reason     TEXT   NOT NULL,
  sha256     TEXT   NOT NULL,
  body       TEXT   NOT NULL
);
-- R90-4-10: reviews that left the table as it was.
CREATE TABLE incident_table_review (
  seq         BIGINT NOT NULL PRIMARY KEY,
  version     BIGINT NOT NULL REFERENCES incident_table (version),
  reviewed_us BIGINT NOT NULL,
  reviewed_by TEXT   NOT NULL,
  note        TEXT   NOT NULL
);

ALTER TABLE incident ADD COLUMN priority BIGINT NOT NULL DEFAULT 3;
ALTER TABLE incident ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE incident ADD COLUMN reporter TEXT NOT NULL DEFAULT '';
ALTER TABLE incident ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE incident ADD COLUMN table_version BIGINT;
ALTER TABLE incident ADD COLUMN eliminated_by TEXT;
ALTER TABLE incident ADD COLUMN merged_into TEXT REFERENCES incident (id);
CREATE INDEX incident_by_survivor ON incident (merged_into);

CREATE TABLE incident_link (
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  other_id    TEXT   NOT NULL REFERENCES incident (id),
  kind        TEXT   NOT NULL,
  note        TEXT   NOT NULL,
  linked_us   BIGINT NOT NULL,
  linked_by   TEXT   NOT NULL,
  PRIMARY KEY (incident_id, other_id, kind)
);
CREATE INDEX incident_link_by_other ON incident_link (other_id);

-- A pinned event is kept whole, so that it outlives the retention of the lake.
CREATE TABLE pinned_event (
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  event_id    TEXT   NOT NULL,
  at_us       BIGINT NOT NULL,
  body        TEXT   NOT NULL,
  sha256      TEXT   NOT NULL,
  note        TEXT   NOT NULL,
  pinned_us   BIGINT NOT NULL,
  pinned_by   TEXT   NOT NULL,
  PRIMARY KEY (incident_id, event_id)
);

-- Why an own duty was not met, or needed not be.
CREATE TABLE clock_reason (
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  duty        TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  given_us    BIGINT NOT NULL,
  given_by    TEXT   NOT NULL,
  PRIMARY KEY (incident_id, duty)
);

CREATE TABLE check_mark (
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  item        TEXT   NOT NULL,
  note        TEXT   NOT NULL,
  marked_us   BIGINT NOT NULL,
  marked_by   TEXT   NOT NULL,
  PRIMARY KEY (incident_id, item)
);

-- R90-4-13: who is on duty when.
CREATE TABLE shift (
  id           TEXT   NOT NULL PRIMARY KEY,
  person       TEXT   NOT NULL,
  begins_us    BIGINT NOT NULL,
  ends_us      BIGINT NOT NULL,
  planned_us   BIGINT NOT NULL,
  planned_by   TEXT   NOT NULL,
  cancelled_us BIGINT,
  cancelled_why TEXT
);
CREATE INDEX shift_by_time ON shift (begins_us, ends_us);

CREATE TABLE hand_over (
  id          TEXT   NOT NULL PRIMARY KEY,
  from_person TEXT   NOT NULL,
  to_person   TEXT   NOT NULL,
  note        TEXT   NOT NULL,
  incidents   TEXT   NOT NULL,
  offered_us  BIGINT NOT NULL,
  taken_us    BIGINT
);
CREATE INDEX hand_over_by_time ON hand_over (offered_us);

CREATE TABLE notification (
  id          TEXT   NOT NULL PRIMARY KEY,
  person      TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  object      TEXT   NOT NULL,
  text        TEXT   NOT NULL,
  sent_us     BIGINT NOT NULL,
  sent_by     TEXT   NOT NULL,
  read_us     BIGINT
);
CREATE INDEX notification_by_person ON notification (person, sent_us);

-- O199-10-3-10: an employee sent to where the object is.
CREATE TABLE visit (
  id          TEXT   NOT NULL PRIMARY KEY,
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  decided_by  TEXT   NOT NULL,
  employee    TEXT   NOT NULL,
  place       TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  decided_us  BIGINT NOT NULL,
  arrived_us  BIGINT,
  ended_us    BIGINT,
  result      TEXT   NOT NULL DEFAULT '',
  recorded_by TEXT   NOT NULL,
  version     BIGINT NOT NULL
);
CREATE INDEX visit_by_incident ON visit (incident_id, decided_us);

-- R90-10: nothing about an incident is ever deleted from these tables; what is superseded stays.
CREATE TRIGGER incident_stays BEFORE DELETE ON incident
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER timeline_stays BEFORE DELETE ON timeline_entry
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER timeline_is_written_once BEFORE UPDATE ON timeline_entry
  BEGIN SELECT RAISE(ABORT, 'a timeline entry is written once'); END;
CREATE TRIGGER fact_stays BEFORE DELETE ON case_fact
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER computation_stays BEFORE DELETE ON clock_computation
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER task_stays BEFORE DELETE ON task
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER pinned_event_stays BEFORE DELETE ON pinned_event
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER pinned_event_is_written_once BEFORE UPDATE ON pinned_event
  BEGIN SELECT RAISE(ABORT, 'a pinned event is written once'); END;
CREATE TRIGGER table_stays BEFORE DELETE ON incident_table
  BEGIN SELECT RAISE(ABORT, 'versions of the table are kept'); END;
