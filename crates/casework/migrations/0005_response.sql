-- Response: procedures (CACAO 2.0 playbooks), runs, actions on systems, stops of business
-- processes; contacts of responsible persons.

CREATE TABLE playbook (
  id          TEXT   NOT NULL,
  version     BIGINT NOT NULL,
  name        TEXT   NOT NULL,
  body        TEXT   NOT NULL,
  sha256      TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  saved_us    BIGINT NOT NULL,
  saved_by    TEXT   NOT NULL,
  approved_us BIGINT,
  approved_by TEXT,
  PRIMARY KEY (id, version)
);
-- R90-4-4: who has confirmed to have read which version.
CREATE TABLE playbook_reading (
  playbook_id TEXT   NOT NULL,
  version     BIGINT NOT NULL,
  person      TEXT   NOT NULL,
  read_us     BIGINT NOT NULL,
  PRIMARY KEY (playbook_id, version, person)
);

CREATE TABLE playbook_run (
  id          TEXT   NOT NULL PRIMARY KEY,
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  playbook_id TEXT   NOT NULL,
  version     BIGINT NOT NULL,
  started_us  BIGINT NOT NULL,
  started_by  TEXT   NOT NULL,
  ended_us    BIGINT,
  effect      TEXT,
  effect_why  TEXT,
  effect_by   TEXT,
  effect_us   BIGINT
);
CREATE INDEX playbook_run_by_incident ON playbook_run (incident_id);

CREATE TABLE run_step (
  run_id    TEXT   NOT NULL REFERENCES playbook_run (id),
  n         BIGINT NOT NULL,
  step_id   TEXT   NOT NULL,
  state     TEXT   NOT NULL,
  begun_us  BIGINT NOT NULL,
  ended_us  BIGINT,
  ended_by  TEXT,
  choice    TEXT,
  note      TEXT   NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, n)
);

CREATE TABLE response_action (
  id           TEXT   NOT NULL PRIMARY KEY,
  incident_id  TEXT   NOT NULL REFERENCES incident (id),
  run_id       TEXT,
  run_step     BIGINT,
  driver       TEXT   NOT NULL,
  target       TEXT   NOT NULL,
  minutes      BIGINT NOT NULL,
  reason       TEXT   NOT NULL,
  state        TEXT   NOT NULL,
  requested_us BIGINT NOT NULL,
  requested_by TEXT   NOT NULL,
  rehearsal    TEXT,
  owner        TEXT,
  approved_us  BIGINT,
  approved_by  TEXT,
  applied_us   BIGINT,
  expires_us   BIGINT,
  undone_us    BIGINT,
  undone_by    TEXT,
  result       TEXT   NOT NULL DEFAULT '',
  version      BIGINT NOT NULL
);
CREATE INDEX response_action_by_incident ON response_action (incident_id);
CREATE INDEX response_action_by_expiry ON response_action (state, expires_us);

CREATE TABLE protected_target (
  target     TEXT   NOT NULL PRIMARY KEY,
  reason     TEXT   NOT NULL,
  added_us   BIGINT NOT NULL,
  added_by   TEXT   NOT NULL,
  removed_us BIGINT,
  removed_by TEXT
);

CREATE TABLE reference_item (
  set_name   TEXT   NOT NULL,
  value      TEXT   NOT NULL,
  action_id  TEXT,
  added_us   BIGINT NOT NULL,
  added_by   TEXT   NOT NULL,
  removed_us BIGINT,
  PRIMARY KEY (set_name, value)
);

CREATE TABLE process_stop (
  id          TEXT   NOT NULL PRIMARY KEY,
  incident_id TEXT   NOT NULL REFERENCES incident (id),
  process     TEXT   NOT NULL,
  extent      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  agreed_us   BIGINT,
  emergency   TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  decided_us  BIGINT NOT NULL,
  decided_by  TEXT   NOT NULL,
  resumed_us  BIGINT,
  resumed_by  TEXT
);
CREATE INDEX process_stop_by_incident ON process_stop (incident_id);

-- Every version of a contact is a row; the newest is in force.
CREATE TABLE contact (
  id         TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  object     TEXT   NOT NULL,
  owner      TEXT   NOT NULL,
  role       TEXT   NOT NULL,
  person     TEXT   NOT NULL,
  email      TEXT   NOT NULL,
  phone      TEXT   NOT NULL,
  removed    BOOLEAN NOT NULL,
  reason     TEXT   NOT NULL,
  changed_us BIGINT NOT NULL,
  saved_us   BIGINT NOT NULL,
  saved_by   TEXT   NOT NULL,
  PRIMARY KEY (id, version)
);
-- The notice about a change that went out (O52-16).
CREATE TABLE contact_notice (
  contact_id TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  duty       TEXT   NOT NULL,
  sent_us    BIGINT NOT NULL,
  note       TEXT   NOT NULL,
  saved_by   TEXT   NOT NULL,
  PRIMARY KEY (contact_id, version, duty)
);

CREATE TRIGGER playbook_stays BEFORE DELETE ON playbook
  BEGIN SELECT RAISE(ABORT, 'versions of a procedure are kept'); END;
CREATE TRIGGER run_stays BEFORE DELETE ON playbook_run
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER action_stays BEFORE DELETE ON response_action
  BEGIN SELECT RAISE(ABORT, 'R90-10: incident information is kept'); END;
CREATE TRIGGER contact_stays BEFORE DELETE ON contact
  BEGIN SELECT RAISE(ABORT, 'versions of a contact are kept'); END;
