-- What has been applied. Runs at every start, before anything else is asked, and so must be idempotent.

CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    min_app TEXT NOT NULL,                      -- the least program version that can run on this schema; '': any
    sha256 TEXT NOT NULL,                       -- of the migration's file
    applied_ms BIGINT NOT NULL
);
