-- Hits of one rule from one run of the pipeline, as a JSON list
CREATE TABLE correlation_input (
    rule_id TEXT NOT NULL,
    last_at_us BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX correlation_input_age ON correlation_input (rule_id, last_at_us);
CREATE TABLE correlation_firing (
    correlation_id TEXT NOT NULL,
    -- JSON list of the values of group-by
    grouping TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (correlation_id, grouping)
);
-- One row: RFC 3339 with every digit
CREATE TABLE correlation_clock (
    only_row BIGINT NOT NULL PRIMARY KEY,
    latest TEXT,
    watermark TEXT
);
