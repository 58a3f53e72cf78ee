-- Rules in service, their sets, figures and exceptions. Valid SQLite and PostgreSQL. Times are
-- microseconds since 1970. Counters (rule_tally, hidden) and intervals have no leaves of their own.

-- What was decided about one rule; without a row the mode of its set holds.
CREATE TABLE rule_mode (
    rule_id       TEXT   NOT NULL PRIMARY KEY,
    mode          TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    changed_at_us BIGINT NOT NULL,
    changed_by    TEXT   NOT NULL
);
INSERT INTO rule_mode (rule_id, mode, reason, changed_at_us, changed_by)
    SELECT rule_id, CASE WHEN enabled = 0 THEN 'disabled' ELSE 'enabled' END,
           reason, changed_at_us, changed_by FROM rule_state;
DROP TABLE rule_state;

-- A set of rules that was imported. Its files are in rules/<file> of the data folder.
CREATE TABLE rule_set (
    name           TEXT   NOT NULL PRIMARY KEY,
    mode           TEXT   NOT NULL,
    origin         TEXT   NOT NULL,
    version        TEXT   NOT NULL,
    sha256         TEXT   NOT NULL,
    signed_by      TEXT,
    file           TEXT   NOT NULL,
    file_sha256    TEXT   NOT NULL,
    imported_at_us BIGINT NOT NULL,
    imported_by    TEXT   NOT NULL
);

-- Since when, and until when, a rule has looked at events in this form.
CREATE TABLE rule_interval (
    rule_id TEXT   NOT NULL,
    from_us BIGINT NOT NULL,
    to_us   BIGINT,
    mode    TEXT   NOT NULL,
    sha256  TEXT   NOT NULL,
    PRIMARY KEY (rule_id, from_us)
);

-- Hits that raise no alert: of rules in test, and those that an exception hides.
CREATE TABLE quiet_hit (
    id           TEXT   NOT NULL PRIMARY KEY,
    rule_id      TEXT   NOT NULL,
    exception_id TEXT,
    event_id     TEXT   NOT NULL,
    at_us        BIGINT NOT NULL,
    host         TEXT,
    user_name    TEXT,
    source_ip    TEXT,
    dataset      TEXT   NOT NULL,
    entity_kind  TEXT   NOT NULL,
    entity       TEXT   NOT NULL
);
CREATE INDEX quiet_hit_by_rule ON quiet_hit (rule_id, at_us);
CREATE INDEX quiet_hit_by_exception ON quiet_hit (exception_id, at_us);

-- How many hits a rule had in test, and how many were hidden; kept when hits are pruned.
CREATE TABLE rule_tally (
    rule_id    TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    hits       BIGINT NOT NULL,
    last_at_us BIGINT NOT NULL,
    PRIMARY KEY (rule_id, kind)
);

CREATE TABLE rule_exception (
    id             TEXT   NOT NULL PRIMARY KEY,
    rule_id        TEXT   NOT NULL,
    entity_kind    TEXT,
    entity         TEXT,
    fields         TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    alert_id       TEXT,
    owner          TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    proposed_at_us BIGINT NOT NULL,
    proposed_by    TEXT   NOT NULL,
    decided_at_us  BIGINT,
    decided_by     TEXT,
    decision       TEXT,
    expires_at_us  BIGINT NOT NULL,
    hidden         BIGINT NOT NULL DEFAULT 0,
    last_hidden_us BIGINT,
    version        BIGINT NOT NULL
);
CREATE INDEX rule_exception_by_rule ON rule_exception (rule_id, state);
