-- In which form each correlation in service was seen last, and the number of the change of rules
-- that brought that form. Valid SQLite and PostgreSQL.
CREATE TABLE correlation_form (
    correlation_id TEXT   NOT NULL PRIMARY KEY,
    form           TEXT   NOT NULL,
    generation     BIGINT NOT NULL
);
-- One row: the number of the latest such change; never given twice
CREATE TABLE correlation_generation (
    only_row BIGINT NOT NULL PRIMARY KEY,
    latest   BIGINT NOT NULL
);
