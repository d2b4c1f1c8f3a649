-- Backups with a schedule, in chains, in volumes. A run is a row from the moment it is due; what it stores is in objects:
-- volumes 1, 2, … of the archive, which are one stream when put after each other, and 0, the list of what is inside.

ALTER TABLE backup_configs ADD COLUMN due_ms BIGINT;               -- when the schedule wants the next run; NULL: never
ALTER TABLE backup_configs ADD COLUMN verify_due_ms BIGINT;        -- when the newest chain is to be proven again
ALTER TABLE backup_configs ADD COLUMN retention_due_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE backup_configs ADD COLUMN late_since_ms BIGINT;        -- the success it is late against; alerted of once
CREATE INDEX backup_configs_by_due ON backup_configs (due_ms, id);

CREATE TABLE backup_runs_new (
    id TEXT PRIMARY KEY,
    config_id TEXT REFERENCES backup_configs (id) ON DELETE SET NULL,
    agent_id TEXT REFERENCES agents (id) ON DELETE SET NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    config_name TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'warning', 'failed', 'cancelled', 'lost')),
    origin TEXT NOT NULL DEFAULT 'agent' CHECK (origin IN ('schedule', 'person', 'agent')), -- who wanted it
    command_id TEXT,                            -- the command that asks the agent for it
    type TEXT NOT NULL DEFAULT 'full' CHECK (type IN ('full', 'incremental')),
    full_reason TEXT NOT NULL DEFAULT '',       -- why it is a full one although the config says incremental
    chain_id TEXT NOT NULL,                     -- the full run it begins with; its own id for a full one
    chain_seq INTEGER NOT NULL DEFAULT 0,       -- 0: the full one
    base_id TEXT,                               -- the run before it in the chain
    encrypted INTEGER NOT NULL DEFAULT 0,
    filename TEXT NOT NULL,                     -- '' while it is queued
    s3_path TEXT UNIQUE,                        -- of its first volume; NULL while it is queued
    part_size BIGINT NOT NULL DEFAULT 0,        -- 0: one PUT of the whole
    announced_bytes BIGINT NOT NULL DEFAULT 0,  -- of the one PUT, or of the parts declared so far
    size_bytes BIGINT,                          -- of all volumes
    sha256 TEXT,                                -- of all volumes put after each other
    files BIGINT NOT NULL DEFAULT 0,            -- entries in the archive
    bytes_read BIGINT NOT NULL DEFAULT 0,
    bytes_transferred BIGINT NOT NULL DEFAULT 0,
    total_files BIGINT,                         -- what the tree is thought to hold, for the percentage
    total_bytes BIGINT,
    listed_files BIGINT,                        -- what the tree held, the unchanged included
    listed_bytes BIGINT,
    duration_ms BIGINT,
    errors TEXT NOT NULL DEFAULT '[]',
    error_count BIGINT NOT NULL DEFAULT 0,
    unreadable BIGINT NOT NULL DEFAULT 0,       -- of the errors
    vanished BIGINT NOT NULL DEFAULT 0,
    changed BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,          -- left out on purpose: no error
    queued_ms BIGINT,
    started_ms BIGINT NOT NULL,                 -- queued: when it was queued
    active_ms BIGINT NOT NULL,                  -- last sign of life; a silent run is lost after a while
    finished_ms BIGINT,
    verified_ms BIGINT,                         -- the last try to read it back …
    verify_error TEXT NOT NULL DEFAULT '',      -- … and what was wrong then; '': nothing
    intact_ms BIGINT,                           -- its bytes were the ones that were stored
    proven_ms BIGINT,                           -- it was decrypted, decompressed and read to its end
    pinned_ms BIGINT,                           -- a person wants it kept
    deleted_ms BIGINT,                          -- given up by retention or a person; its objects go or are gone
    deleted_reason TEXT NOT NULL DEFAULT '',
    purged_ms BIGINT                            -- no object is left
);
INSERT INTO backup_runs_new (id, config_id, agent_id, user_id, config_name, agent_name, status, chain_id, filename,
                             s3_path, part_size, announced_bytes, size_bytes, sha256, files, bytes_read,
                             bytes_transferred, duration_ms, errors, error_count, started_ms, active_ms, finished_ms)
SELECT id, config_id, agent_id, user_id, config_name, agent_name, status, id, filename, s3_path, part_size,
       COALESCE(declared_size, (SELECT SUM(p.size_bytes) FROM backup_parts p WHERE p.run_id = backup_runs.id), 0),
       size_bytes, sha256, files, bytes_read,
       bytes_transferred, duration_ms, errors, error_count, started_ms, active_ms, finished_ms
FROM backup_runs;

CREATE TABLE backup_objects (
    run_id TEXT NOT NULL REFERENCES backup_runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,                    -- 0: the list of what is inside; 1, 2, …: volumes of the archive
    s3_path TEXT NOT NULL UNIQUE,
    upload_id TEXT NOT NULL,
    size_bytes BIGINT,                          -- NULL: not made yet
    etag TEXT,
    completed_ms BIGINT,
    thaw TEXT NOT NULL DEFAULT '' CHECK (thaw IN ('', 'archived', 'asked', 'ready')), -- of storage that is not online
    thaw_ms BIGINT,                             -- since when
    PRIMARY KEY (run_id, number)
);
CREATE INDEX backup_objects_by_upload ON backup_objects (upload_id);
CREATE INDEX backup_objects_thawed ON backup_objects (thaw_ms) WHERE thaw = 'ready';
INSERT INTO backup_objects (run_id, number, s3_path, upload_id, size_bytes, completed_ms)
SELECT id, 1, s3_path, COALESCE(upload_id, id), size_bytes, CASE WHEN size_bytes IS NULL THEN NULL ELSE finished_ms END
FROM backup_runs;

CREATE TABLE backup_parts_new (
    run_id TEXT NOT NULL REFERENCES backup_runs_new (id) ON DELETE CASCADE,
    object INTEGER NOT NULL DEFAULT 1,
    number INTEGER NOT NULL,
    size_bytes BIGINT NOT NULL,
    md5 TEXT NOT NULL,
    stored_ms BIGINT,                           -- NULL: declared, not known to be there
    PRIMARY KEY (run_id, object, number)
);
-- What the parts of an ended run were is of no use. One under way that is longer than a volume cannot go on.
INSERT INTO backup_parts_new (run_id, object, number, size_bytes, md5, stored_ms)
SELECT run_id, 1, number, size_bytes, md5, stored_ms FROM backup_parts
WHERE run_id IN (SELECT id FROM backup_runs WHERE status = 'running');
UPDATE backup_runs_new
SET status = 'lost', finished_ms = active_ms, duration_ms = active_ms - started_ms, error_count = 1,
    errors = '[{"message":"The server was upgraded while this run was under way."}]'
WHERE status = 'running'
  AND EXISTS (SELECT 1 FROM backup_parts_new p WHERE p.run_id = backup_runs_new.id AND p.number > 1000);
DELETE FROM backup_parts_new WHERE run_id IN (SELECT id FROM backup_runs_new WHERE status = 'lost');

DROP TABLE backup_parts;
DROP TABLE backup_runs;
ALTER TABLE backup_runs_new RENAME TO backup_runs;
ALTER TABLE backup_parts_new RENAME TO backup_parts;
CREATE INDEX backup_runs_by_agent ON backup_runs (agent_id, started_ms);
CREATE INDEX backup_runs_by_config ON backup_runs (config_id, started_ms);
CREATE INDEX backup_runs_by_status ON backup_runs (status, started_ms);
CREATE INDEX backup_runs_by_chain ON backup_runs (chain_id, chain_seq);
CREATE INDEX backup_runs_by_command ON backup_runs (command_id);
CREATE INDEX backup_runs_listed ON backup_runs (started_ms, id, agent_id, config_id, status, deleted_ms, user_id);
CREATE INDEX backup_parts_pending ON backup_parts (run_id, size_bytes) WHERE stored_ms IS NULL;

-- At most one run of a config is queued or under way, whoever wants it: the lease.
CREATE UNIQUE INDEX backup_runs_lease ON backup_runs (config_id) WHERE status IN ('queued', 'running');

-- A run as people are shown it; the order of the columns is what run_row_json (fcgi-app/backup/run.h) reads.
CREATE VIEW backup_runs_shown AS
SELECT r.id, r.config_id, r.config_name, r.agent_id, r.agent_name, r.status, r.filename, r.started_ms, r.finished_ms,
       r.duration_ms, r.files, r.bytes_read, r.bytes_transferred, r.size_bytes, r.sha256, r.errors, r.error_count,
       r.origin, r.type, r.full_reason, r.chain_id, r.chain_seq, r.base_id, r.encrypted, r.total_files, r.total_bytes,
       r.listed_files, r.listed_bytes, r.unreadable, r.vanished, r.changed, r.skipped, r.queued_ms, r.active_ms,
       r.verified_ms, r.verify_error, r.intact_ms, r.proven_ms, r.pinned_ms, r.deleted_ms, r.deleted_reason,
       -- The least ready object decides; the states sort like that.
       (SELECT MIN(o.thaw) FROM backup_objects o WHERE o.run_id = r.id AND o.thaw <> '') AS thaw,
       (SELECT COUNT(*) FROM backup_objects o WHERE o.run_id = r.id AND o.number > 0) AS volumes,
       (SELECT COUNT(*) FROM backup_objects o
        WHERE o.run_id = r.id AND o.number = 0 AND o.size_bytes IS NOT NULL) AS indexed,
       r.user_id
FROM backup_runs r;

-- Restores and proofs that an agent was asked for.
CREATE TABLE backup_jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('restore', 'verify')),
    run_id TEXT REFERENCES backup_runs (id) ON DELETE SET NULL,
    config_id TEXT REFERENCES backup_configs (id) ON DELETE SET NULL,
    agent_id TEXT REFERENCES agents (id) ON DELETE CASCADE, -- who does it
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    command_id TEXT,                            -- NULL: not handed out yet
    request TEXT NOT NULL,                      -- JSON, as the agent gets it
    status TEXT NOT NULL CHECK (status IN ('thawing', 'queued', 'running', 'completed', 'warning', 'failed', 'refused',
                                           'cancelled', 'lost')),
    detail TEXT NOT NULL DEFAULT '',
    files BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    total_bytes BIGINT,
    errors TEXT NOT NULL DEFAULT '[]',
    error_count BIGINT NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    started_ms BIGINT,
    active_ms BIGINT NOT NULL,
    finished_ms BIGINT
);
CREATE INDEX backup_jobs_by_config ON backup_jobs (config_id, created_ms);
CREATE INDEX backup_jobs_by_status ON backup_jobs (status, created_ms);
CREATE INDEX backup_jobs_by_end ON backup_jobs (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE INDEX backup_runs_unpurged ON backup_runs (deleted_ms, id) WHERE deleted_ms IS NOT NULL AND purged_ms IS NULL;

-- What was stored at the end of each day, for a chart.
CREATE TABLE storage_days (
    day_ms BIGINT NOT NULL,                     -- midnight UTC
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL,                     -- '': deleted since
    config_id TEXT NOT NULL,                    -- ''
    bytes BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    PRIMARY KEY (day_ms, user_id, agent_id, config_id)
);

-- When retention last looked at the clock, and until when it deletes nothing because the clock had jumped. What was
-- stored before there was retention gets the same respite.
CREATE TABLE retention_clock (
    name TEXT PRIMARY KEY,
    seen_ms BIGINT NOT NULL,
    hold_ms BIGINT NOT NULL
);
INSERT INTO retention_clock (name, seen_ms, hold_ms)
SELECT 'retention', 0, 0 WHERE EXISTS (SELECT 1 FROM backup_runs);

INSERT INTO changes (topic, counter) VALUES ('runs', 0);

-- Runs that nobody was asked for yet, with all that the scheduler looks at every second.
CREATE INDEX backup_runs_waiting ON backup_runs (status, started_ms, id, agent_id, origin, command_id)
    WHERE status = 'queued' AND command_id IS NULL;
