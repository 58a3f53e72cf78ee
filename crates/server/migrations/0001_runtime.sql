CREATE TABLE lake_file (
    path TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    leaf BIGINT NOT NULL,
    removed_at_us BIGINT
);
CREATE TABLE source (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    token_sha256 TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    created_at_us BIGINT NOT NULL
);
CREATE TABLE rule_state (
    rule_id TEXT NOT NULL PRIMARY KEY,
    enabled BIGINT NOT NULL,
    reason TEXT NOT NULL,
    changed_at_us BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);
