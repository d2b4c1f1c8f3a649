-- Releases of the agent. What is published and what is withdrawn follows the signed targets metadata in
-- MUSTER_UPDATE_DIR, which alone is the truth for agents; these rows are its copy for pages and rollouts, and hold what
-- was made but is not signed yet.
CREATE TABLE releases (
    version TEXT PRIMARY KEY,
    channel TEXT NOT NULL,                      -- "stable"
    min_version TEXT NOT NULL,                  -- agents below it are to be updated at once
    changelog TEXT NOT NULL DEFAULT '',
    container_image TEXT,                       -- "registry/name:0.2.0"; NULL: none was built
    eventlog_min INTEGER NOT NULL,              -- the oldest format of the event log that it reads
    status TEXT NOT NULL CHECK (status IN ('staged', 'published', 'withdrawn')),
    size_bytes BIGINT NOT NULL,                 -- of its largest binary
    downgrade INTEGER NOT NULL DEFAULT 0,       -- 1: agents that run a newer one may be ordered back to it
    created_ms BIGINT NOT NULL,
    published_ms BIGINT,
    withdrawn_ms BIGINT,
    withdrawn_reason TEXT
);
CREATE INDEX releases_by_status ON releases (status, channel, version);

CREATE TABLE release_files (
    version TEXT NOT NULL REFERENCES releases (version) ON DELETE CASCADE,
    arch TEXT NOT NULL CHECK (arch IN ('amd64', 'arm64')),
    sha256 TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (version, arch)
);

-- What an agent that runs base_version needs to make this version's binary.
CREATE TABLE release_patches (
    version TEXT NOT NULL REFERENCES releases (version) ON DELETE CASCADE,
    arch TEXT NOT NULL CHECK (arch IN ('amd64', 'arm64')),
    base_version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (version, arch, base_version)
);

INSERT INTO changes (topic, counter) VALUES ('releases', 0);
