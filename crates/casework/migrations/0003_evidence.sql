-- Evidence: files by SHA-256 in the data folder, the chain of custody, legal hold.

CREATE TABLE evidence (
  id             TEXT   NOT NULL PRIMARY KEY,
  incident_id    TEXT   NOT NULL REFERENCES incident (id),
  seq            BIGINT NOT NULL,
  title          TEXT   NOT NULL,
  source         TEXT   NOT NULL,
  method         TEXT   NOT NULL,
  collected_us   BIGINT NOT NULL,
  collected_by   TEXT   NOT NULL,
  file_name      TEXT   NOT NULL,
  media_type     TEXT   NOT NULL,
  sha256         TEXT   NOT NULL,
  bytes          BIGINT NOT NULL,
  received_us    BIGINT NOT NULL,
  received_by    TEXT   NOT NULL,
  investigation_id TEXT,
  holder         TEXT   NOT NULL,
  sealed_us      BIGINT,
  sealed_by      TEXT,
  deletion_us    BIGINT,
  deletion_by    TEXT,
  deletion_why   TEXT,
  deleted_us     BIGINT,
  deleted_by     TEXT,
  version        BIGINT NOT NULL,
  UNIQUE (incident_id, seq)
);
CREATE INDEX evidence_by_sha256 ON evidence (sha256);

CREATE TABLE custody (
  evidence_id TEXT   NOT NULL REFERENCES evidence (id),
  seq         BIGINT NOT NULL,
  act         TEXT   NOT NULL,
  at_us       BIGINT NOT NULL,
  from_person TEXT   NOT NULL,
  to_person   TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  recorded_us BIGINT NOT NULL,
  recorded_by TEXT   NOT NULL,
  PRIMARY KEY (evidence_id, seq)
);

CREATE TABLE legal_hold (
  id           TEXT   NOT NULL PRIMARY KEY,
  incident_id  TEXT   NOT NULL REFERENCES incident (id),
  reason       TEXT   NOT NULL,
  placed_us    BIGINT NOT NULL,
  placed_by    TEXT   NOT NULL,
  released_us  BIGINT,
  released_by  TEXT,
  released_why TEXT
);
CREATE INDEX legal_hold_by_incident ON legal_hold (incident_id);

CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence
  BEGIN SELECT RAISE(ABORT, 'R90-14: evidence is recorded for good'); END;
CREATE TRIGGER custody_stays BEFORE DELETE ON custody
  BEGIN SELECT RAISE(ABORT, 'R90-14: the chain of custody is kept'); END;
CREATE TRIGGER custody_is_written_once BEFORE UPDATE ON custody
  BEGIN SELECT RAISE(ABORT, 'an act of custody is written once'); END;
CREATE TRIGGER evidence_keeps_its_hash BEFORE UPDATE OF sha256, bytes, incident_id ON evidence
  BEGIN SELECT RAISE(ABORT, 'evidence keeps its hash'); END;
