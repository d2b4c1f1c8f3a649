-- Sign-in in two stages, what people prove themselves with, tokens for programs, invitations, and rules an admin sets.
-- Old programs go on: what they insert into is widened with defaults only.

-- --- accounts ---

ALTER TABLE users ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_login_ms BIGINT;
-- Deleted: nothing of theirs works any more, and everything is purged after purge_after_ms.
ALTER TABLE users ADD COLUMN deleted_ms BIGINT;
ALTER TABLE users ADD COLUMN purge_after_ms BIGINT;

CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,            -- SHA-256 of the link's token
    email TEXT NOT NULL,
    email_lower TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE, -- whose password it sets anew; NULL: it makes an account
    invited_by TEXT NOT NULL,                   -- "user:<id>", "cli:<uid>"
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX invitations_by_email ON invitations (email_lower);
CREATE INDEX invitations_by_user ON invitations (user_id);

-- What a deleted person had is removed a little at a time.
CREATE INDEX backup_runs_by_user ON backup_runs (user_id);
CREATE INDEX storage_days_by_user ON storage_days (user_id, day_ms);

-- --- sign-in ---

-- A session is a browser's (kind cookie) or a program's (kind token: id_hash is "sid:" and the id).
ALTER TABLE sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'cookie';
ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password'; -- password, totp, backup-code, passkey, device
ALTER TABLE sessions ADD COLUMN authenticated_ms BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sessions_by_id ON sessions (id);

-- The first stage is passed, a factor is awaited: good for nothing else.
CREATE TABLE signins (
    id_hash TEXT PRIMARY KEY,                   -- SHA-256 of the token
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    wants TEXT NOT NULL CHECK (wants IN ('cookie', 'token')), -- what the second stage ends in
    address TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,        -- dead after five
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX signins_by_user ON signins (user_id);
CREATE INDEX signins_by_expiry ON signins (expires_ms);

-- A factor shown again for one act on one thing, by one session.
CREATE TABLE stepups (
    session_id TEXT NOT NULL,
    action TEXT NOT NULL,                       -- "DELETE /api/agents/{id}"
    target TEXT NOT NULL,                       -- what stands for {…}; "" when nothing does
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (session_id, action, target)
);
CREATE INDEX stepups_by_expiry ON stepups (expires_ms);

-- Browsers that skip the factor at sign-in.
CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX devices_by_user ON devices (user_id);

-- Where a person has signed in from: guessing by others of the same network does not slow them down there.
CREATE TABLE signin_addresses (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, address)
);

-- --- factors ---

-- A person's one-time codes (RFC 6238). The secrets are sealed; AAD "user_totp:secret:<user>" and "user_totp:pending:<user>".
CREATE TABLE user_totp (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret TEXT,                                -- in force; NULL: none yet
    last_step BIGINT NOT NULL DEFAULT 0,        -- the newest step that was used: a code is good once
    enabled_ms BIGINT,
    pending TEXT,                               -- set up, not in force
    pending_ms BIGINT,
    pending_step BIGINT NOT NULL DEFAULT 0,
    pending_verified_ms BIGINT,
    pending_session TEXT                        -- which set it up: another one neither verifies nor enables it
);

-- Wrong codes, of whatever kind and wherever they were typed.
CREATE TABLE user_lockouts (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    failures INTEGER NOT NULL DEFAULT 0,        -- since the last right one or the last lock; five lock
    failures_in_row INTEGER NOT NULL DEFAULT 0, -- since the last right one; twenty need a backup code
    window_ms BIGINT NOT NULL DEFAULT 0,        -- when the minute began …
    window_tries INTEGER NOT NULL DEFAULT 0,    -- … and tries in it
    locked_until_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE backup_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,                    -- HMAC-SHA-256 under a key from the secrets, with the user's id
    created_ms BIGINT NOT NULL,
    used_ms BIGINT,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    credential_id TEXT NOT NULL UNIQUE,         -- base64url
    public_key TEXT NOT NULL,                   -- base64url, as the library writes it
    algorithm INTEGER NOT NULL,                 -- COSE
    sign_count BIGINT NOT NULL,
    transports TEXT NOT NULL DEFAULT '',
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- What an authenticator is asked to sign, once. A row of purpose signin is one that was: those need no row before.
CREATE TABLE challenges (
    challenge_hash TEXT PRIMARY KEY,            -- SHA-256 of the challenge
    purpose TEXT NOT NULL CHECK (purpose IN ('register', 'signin', 'factor', 'stepup')),
    user_id TEXT NOT NULL DEFAULT '',           -- '': whoever has the passkey
    bound_to TEXT NOT NULL DEFAULT '',          -- the session, sign-in or browser that asked
    expires_ms BIGINT NOT NULL
);
CREATE INDEX challenges_by_expiry ON challenges (expires_ms);
CREATE INDEX challenges_by_asker ON challenges (bound_to, user_id, purpose);

-- --- tokens for programs ---

-- The keys that access tokens are signed with; two live ones in rotation. AAD "jwt_keys:secret:<kid>".
CREATE TABLE jwt_keys (
    kid TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- A family is a session of kind token; each token is used once, and each has one successor at most.
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    generation BIGINT NOT NULL,                 -- 0, 1, 2 …
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT,
    successor TEXT,                             -- the next one, sealed under a key made of this one; for a lost reply
    UNIQUE (session_id, generation)
);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_ms);
CREATE INDEX refresh_tokens_sealed ON refresh_tokens (used_ms) WHERE successor IS NOT NULL;

-- Personal access tokens.
CREATE TABLE access_tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,                       -- "read enrol": names of route.h's scopes
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    last_address TEXT NOT NULL DEFAULT ''
);
CREATE INDEX access_tokens_by_user ON access_tokens (user_id);

-- --- rules ---

-- What an admin has set; what is not here has its default (policy/policy.h).
CREATE TABLE policy (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_ms BIGINT NOT NULL
);
INSERT INTO changes (topic, counter) VALUES ('policy', 0), ('users', 0);

-- Where the audit trail begins after old rows were cut: the last row that is gone, signed.
CREATE TABLE audit_cuts (
    seq BIGINT PRIMARY KEY,                     -- of the last row that was cut
    row_mac TEXT NOT NULL,                      -- that row's mac: the next row continues from it
    cut_ms BIGINT NOT NULL,
    mac TEXT NOT NULL                           -- HMAC of the three under the audit key
);
-- What is searched by time is found without reading the rows.
DROP INDEX audit_by_time;
CREATE INDEX audit_by_time ON audit (time_ms, seq);
