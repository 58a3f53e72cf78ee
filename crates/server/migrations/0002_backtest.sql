-- Back-tests with what they found. Valid SQLite and PostgreSQL. Times are microseconds since 1970.
-- That one began has a journal leaf; its progress and its end have none.
CREATE TABLE backtest (
    id            TEXT   NOT NULL PRIMARY KEY,
    -- NULL: a text that is no rule in service.
    rule_id       TEXT,
    title         TEXT   NOT NULL,
    -- Of the text that was tested.
    sha256        TEXT   NOT NULL,
    from_us       BIGINT NOT NULL,
    to_us         BIGINT NOT NULL,
    started_by    TEXT   NOT NULL,
    started_at_us BIGINT NOT NULL,
    ended_at_us   BIGINT,
    state         TEXT   NOT NULL,
    error         TEXT,
    events_total  BIGINT NOT NULL,
    events_read   BIGINT NOT NULL,
    -- Hits, alerts, days and the first hits, as JSON.
    findings      TEXT   NOT NULL
);
CREATE INDEX backtest_by_rule ON backtest (rule_id, started_at_us);
CREATE INDEX backtest_by_start ON backtest (started_at_us);
