-- The first schema. Append-only: a change is a new file. The subset of SQL is the one PostgreSQL shares: TEXT ids,
-- BIGINT unix milliseconds (…_ms), INTEGER booleans, hashes in lower-case hex.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_lower TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,                -- Argon2id, PHC string
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    disabled_ms BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY,                   -- SHA-256 of the cookie's value
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf_token TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_ms);

-- What a person may see beyond what is theirs.
CREATE TABLE grants (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('agent', 'config')),
    object_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, object_id)
);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    name_lower TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    api_key_hash TEXT NOT NULL UNIQUE,          -- SHA-256 of the key
    spki_sha256 TEXT,                           -- the enrolled public key; NULL: registered by key alone
    certificate_not_after_ms BIGINT,
    deactivated_ms BIGINT,
    quarantined_ms BIGINT,
    hostname TEXT NOT NULL DEFAULT '',
    platform TEXT NOT NULL DEFAULT '',
    arch TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    deployment_mode TEXT NOT NULL DEFAULT '',
    proto INTEGER NOT NULL DEFAULT 0,
    capabilities TEXT NOT NULL DEFAULT '[]',
    labels TEXT NOT NULL DEFAULT '{}',
    address TEXT NOT NULL DEFAULT '',
    boot_id TEXT NOT NULL DEFAULT '',
    uptime_s BIGINT,
    poll_interval_s INTEGER NOT NULL DEFAULT 30,
    status TEXT NOT NULL DEFAULT 'offline' CHECK (status IN ('online', 'offline', 'error')), -- as last reported
    last_seen_ms BIGINT,
    offline_after_ms BIGINT NOT NULL DEFAULT 0, -- an agent that says 'online' is so until then
    configs_rev BIGINT NOT NULL DEFAULT 0,      -- goes up with every change of a config of this agent
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE INDEX agents_by_user ON agents (user_id);
CREATE INDEX agents_by_name ON agents (name_lower, id);
CREATE INDEX agents_by_version ON agents (version, id);

-- Public keys that are refused whatever certificate they show.
CREATE TABLE denied_keys (
    spki_sha256 TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- One-time passwords, and enrolment tokens with more uses.
CREATE TABLE otps (
    id TEXT PRIMARY KEY,
    otp_hash TEXT NOT NULL UNIQUE,              -- SHA-256
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, -- owns what enrols with it
    name TEXT NOT NULL DEFAULT '',
    expected_host TEXT,
    network TEXT,                               -- CIDR
    labels TEXT NOT NULL DEFAULT '{}',
    uses INTEGER NOT NULL,
    expires_ms BIGINT NOT NULL,
    blocked_ms BIGINT,
    revoked_ms BIGINT,
    created_ms BIGINT NOT NULL
);

-- Each redemption, bound to the public key that made it, with the answer sealed under HKDF(OTP) for a retry.
CREATE TABLE otp_uses (
    otp_id TEXT NOT NULL REFERENCES otps (id) ON DELETE CASCADE,
    spki_sha256 TEXT NOT NULL,
    agent_id TEXT REFERENCES agents (id) ON DELETE SET NULL,
    sealed_answer TEXT,                         -- base64url; wiped when the OTP has expired
    address TEXT NOT NULL,
    used_ms BIGINT NOT NULL,
    PRIMARY KEY (otp_id, spki_sha256)
);

-- What agents have said. (agent, epoch, seq) is stored once, whatever is sent again.
CREATE TABLE agent_logs (
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    level INTEGER NOT NULL,                     -- 0 debug, 1 info, 2 warning, 3 error
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}',
    timestamp_ms BIGINT NOT NULL,               -- the agent's clock
    received_ms BIGINT NOT NULL,                -- ours
    PRIMARY KEY (agent_id, epoch, seq)
);
CREATE INDEX agent_logs_by_time ON agent_logs (agent_id, received_ms, epoch, seq);

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    args TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'failed', 'refused', 'unsupported', 'expired')),
    detail TEXT NOT NULL DEFAULT '',
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    finished_ms BIGINT
);
CREATE INDEX commands_by_agent ON commands (agent_id, status, created_ms);

CREATE TABLE backup_configs (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    agent_id TEXT REFERENCES agents (id) ON DELETE SET NULL,
    execution_mode TEXT NOT NULL CHECK (execution_mode IN ('agent', 'server')),
    name TEXT NOT NULL,
    sources TEXT NOT NULL,                      -- JSON list of {"path"}
    options TEXT NOT NULL,                      -- JSON object
    rev BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE INDEX backup_configs_by_agent ON backup_configs (agent_id);
CREATE INDEX backup_configs_by_user ON backup_configs (user_id);

-- Runs ("backup logs" on the wire). They outlive their agent and their config: the object is still there.
CREATE TABLE backup_runs (
    id TEXT PRIMARY KEY,
    config_id TEXT REFERENCES backup_configs (id) ON DELETE SET NULL,
    agent_id TEXT REFERENCES agents (id) ON DELETE SET NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    config_name TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'warning', 'failed', 'cancelled')),
    filename TEXT NOT NULL,
    s3_path TEXT NOT NULL UNIQUE,
    upload_id TEXT,                             -- multipart; NULL: one PUT
    part_size BIGINT NOT NULL DEFAULT 0,
    declared_size BIGINT,                       -- filesize of a single PUT
    size_bytes BIGINT,                          -- of the stored object
    sha256 TEXT,
    files BIGINT NOT NULL DEFAULT 0,
    bytes_read BIGINT NOT NULL DEFAULT 0,
    bytes_transferred BIGINT NOT NULL DEFAULT 0,
    duration_ms BIGINT,
    errors TEXT NOT NULL DEFAULT '[]',
    error_count BIGINT NOT NULL DEFAULT 0,
    started_ms BIGINT NOT NULL,
    active_ms BIGINT NOT NULL,                  -- last sign of life; a silent run is failed after a while
    finished_ms BIGINT
);
CREATE INDEX backup_runs_by_agent ON backup_runs (agent_id, started_ms);
CREATE INDEX backup_runs_by_config ON backup_runs (config_id, started_ms);
CREATE INDEX backup_runs_by_status ON backup_runs (status, started_ms);

CREATE TABLE backup_parts (
    run_id TEXT NOT NULL REFERENCES backup_runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    size_bytes BIGINT NOT NULL,
    md5 TEXT NOT NULL,
    stored_ms BIGINT,                           -- NULL: declared, not yet there
    PRIMARY KEY (run_id, number)
);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE, -- NULL: for admins
    agent_id TEXT REFERENCES agents (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    acknowledged_ms BIGINT,
    acknowledged_by TEXT
);
CREATE INDEX alerts_by_state ON alerts (acknowledged_ms, created_ms);

-- The audit trail: each row's mac covers the row and the mac before it.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    time_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,                        -- "user:<id>", "agent:<id>", "cli:<uid>", "system"
    action TEXT NOT NULL,                       -- "agent.deactivate"
    target TEXT NOT NULL,                       -- "agent:<id>"
    result TEXT NOT NULL CHECK (result IN ('ok', 'denied', 'failed')),
    address TEXT NOT NULL,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL,                       -- JSON object
    mac TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (time_ms);

-- Bumped by whoever changes what others may hold in memory; polled by every process.
CREATE TABLE changes (
    topic TEXT PRIMARY KEY,
    counter BIGINT NOT NULL
);
INSERT INTO changes (topic, counter) VALUES ('agents', 0), ('commands', 0), ('configs', 0), ('sessions', 0);

-- Small facts about this installation: ca_bundle_rev, restored_ms …
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
