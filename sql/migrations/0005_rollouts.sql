-- Rollouts: which agents get which release, in which order. All that the engine decides by stands here, so that it may
-- be killed at any moment and any number of processes may run it.
CREATE TABLE rollouts (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, -- it reaches what this person may see
    kind TEXT NOT NULL CHECK (kind IN ('staged', 'single', 'minimum')),
    version TEXT NOT NULL,
    previous_version TEXT NOT NULL,             -- what a roll back puts in place; '': there is none
    channel TEXT NOT NULL,
    target TEXT NOT NULL,                       -- JSON: {"all": true}, {"labels": {…}} or {"agents": […]}
    stages TEXT NOT NULL,                       -- JSON list of {"count" or "percent", "soakS", "advance", "k8s"}
    windows TEXT NOT NULL,                      -- JSON list of {"days", "from", "to"}, UTC; empty: always
    max_in_flight INTEGER NOT NULL,
    max_per_minute INTEGER NOT NULL,            -- 0: no limit
    fail_percent INTEGER,                       -- of those offered; NULL: no limit
    fail_count INTEGER,                         -- NULL: no limit
    error_factor INTEGER,                       -- NULL: error rates are not judged
    silence_s INTEGER NOT NULL,                 -- an agent under way that is not heard of for as long has failed
    salt TEXT,                                  -- before the agent's id in the hash; NULL: the version and a colon
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'aborted', 'rolling_back', 'rolled_back', 'done')),
    reason TEXT NOT NULL DEFAULT '',            -- why it is paused
    stage INTEGER NOT NULL DEFAULT 0,           -- index of the stage that runs
    stage_done_ms BIGINT,                       -- since when all of it have ended; its soak counts from here
    forgiven_failed INTEGER NOT NULL DEFAULT 0, -- failures that were there when it was resumed …
    forgiven_offered INTEGER NOT NULL DEFAULT 0, -- … and how many had been offered: thresholds count what came later
    scanned INTEGER NOT NULL DEFAULT 0,         -- 1: all agents have been looked at once, so that offers may begin
    scan_after TEXT NOT NULL DEFAULT '',        -- in this round, agents up to this id have been looked at
    scan_due_ms BIGINT,                         -- when to look for more; NULL: never
    judge_due_ms BIGINT NOT NULL DEFAULT 0,     -- when error rates are compared again
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    finished_ms BIGINT
);
CREATE INDEX rollouts_by_state ON rollouts (state, created_ms);
CREATE INDEX rollouts_by_user ON rollouts (user_id, channel, created_ms);

-- pending (away: but not there, or not free, when it was its turn) -> offered -> waiting, downloading, verifying, trial -> committed, restored, failed, skipped; silent: nothing
-- was heard until the deadline; unhealthy: committed, and then too many errors; current: needs nothing; available: a
-- container, which is never offered in place; cancelled: was not begun when the rollout ended.
CREATE TABLE rollout_members (
    rollout_id TEXT NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    bucket INTEGER NOT NULL,                    -- FNV-1a 32 of salt and id, mod 100
    stage INTEGER,                              -- the one it was offered in; NULL: not offered, or outside the stages
    direction TEXT NOT NULL DEFAULT 'forward' CHECK (direction IN ('forward', 'back')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'away', 'offered', 'waiting', 'downloading', 'verifying', 'trial',
        'committed', 'restored', 'failed', 'skipped', 'silent', 'unhealthy', 'current', 'available', 'cancelled')),
    reason TEXT NOT NULL DEFAULT '',
    forced INTEGER NOT NULL DEFAULT 0,          -- 1: an operator's order, outside stages, pace and windows
    urgent INTEGER NOT NULL DEFAULT 0,          -- 1: below the channel's min_version, outside stages
    signalled INTEGER NOT NULL DEFAULT 0,       -- 1: a container whose workload was told to roll out
    retry_ms BIGINT NOT NULL DEFAULT 0,         -- one that is away for another reason than silence comes back then
    offered_ms BIGINT,
    deadline_ms BIGINT,                         -- of those under way
    state_ms BIGINT NOT NULL,
    PRIMARY KEY (rollout_id, agent_id)
);
CREATE INDEX rollout_members_by_state ON rollout_members (rollout_id, state, direction, bucket, agent_id);
CREATE INDEX rollout_members_urgent ON rollout_members (rollout_id, agent_id) WHERE urgent = 1 AND state = 'pending';
CREATE INDEX rollout_members_by_agent ON rollout_members (agent_id, rollout_id);
CREATE INDEX rollout_members_by_offer ON rollout_members (rollout_id, offered_ms) WHERE offered_ms IS NOT NULL;
CREATE INDEX rollout_members_by_deadline ON rollout_members (deadline_ms) WHERE deadline_ms IS NOT NULL;

-- One row per agent: what it is offered, and what it last said of itself.
CREATE TABLE agent_updates (
    agent_id TEXT PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE,
    offer_rollout_id TEXT,                      -- NULL: nothing is offered
    offer_version TEXT,
    offer_not_before_ms BIGINT,
    offer_force INTEGER NOT NULL DEFAULT 0,
    offer_downgrade INTEGER NOT NULL DEFAULT 0,
    offer_rev BIGINT NOT NULL DEFAULT 0,        -- counter of the topic 'rollouts' when the offer changed
    state TEXT NOT NULL DEFAULT 'idle',
    version TEXT NOT NULL DEFAULT '',
    percent INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    rollout_id TEXT NOT NULL DEFAULT '',
    workload TEXT NOT NULL DEFAULT '',          -- namespace/kind/name that this agent can roll out
    reported_ms BIGINT
);
CREATE INDEX agent_updates_by_rev ON agent_updates (offer_rev, agent_id);

CREATE TABLE agent_update_history (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    time_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    version TEXT NOT NULL,
    current_version TEXT NOT NULL,              -- what it ran when it said so
    reason TEXT NOT NULL,
    rollout_id TEXT NOT NULL
);
CREATE INDEX agent_update_history_by_agent ON agent_update_history (agent_id, time_ms, id);

-- When some process last drove the rollouts and heard agents: silence before that is the server's own.
CREATE TABLE rollout_clock (
    name TEXT PRIMARY KEY,
    alive_ms BIGINT NOT NULL
);

-- Errors are few among events; error rates are asked of them alone.
CREATE INDEX agent_logs_errors ON agent_logs (received_ms, agent_id) WHERE level >= 3;

INSERT INTO changes (topic, counter) VALUES ('rollouts', 0);
