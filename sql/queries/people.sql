-- People as admins see and change them; invitations, grants, deletion.

-- === Seeing ===

-- name: people_get
SELECT u.id, u.email, u.name, u.role, u.disabled_ms, u.created_ms, u.last_login_ms, u.deleted_ms, u.purge_after_ms,
    EXISTS (SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.enabled_ms IS NOT NULL),
    (SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id),
    (SELECT COUNT(*) FROM agents a WHERE a.user_id = u.id),
    (SELECT COUNT(*) FROM backup_configs c WHERE c.user_id = u.id)
FROM users u WHERE u.id = :id;

-- name: people_count
SELECT COUNT(*) FROM users u
WHERE (:q = '' OR u.email_lower LIKE :q ESCAPE '\' OR LOWER(u.name) LIKE :q ESCAPE '\' OR u.id LIKE :q ESCAPE '\')
    AND (:role = '' OR u.role = :role)
    AND (:state = '' OR :state = CASE WHEN u.deleted_ms IS NOT NULL THEN 'deleted'
                                      WHEN u.disabled_ms IS NOT NULL THEN 'disabled' ELSE 'active' END);

-- name: people_page
-- People are few: one statement sorts by whatever is asked for.
SELECT u.id FROM users u
WHERE (:q = '' OR u.email_lower LIKE :q ESCAPE '\' OR LOWER(u.name) LIKE :q ESCAPE '\' OR u.id LIKE :q ESCAPE '\')
    AND (:role = '' OR u.role = :role)
    AND (:state = '' OR :state = CASE WHEN u.deleted_ms IS NOT NULL THEN 'deleted'
                                      WHEN u.disabled_ms IS NOT NULL THEN 'disabled' ELSE 'active' END)
ORDER BY
    CASE WHEN :sort = 'email' AND :desc = 0 THEN u.email_lower END,
    CASE WHEN :sort = 'email' AND :desc = 1 THEN u.email_lower END DESC,
    CASE WHEN :sort = 'name' AND :desc = 0 THEN LOWER(u.name) END,
    CASE WHEN :sort = 'name' AND :desc = 1 THEN LOWER(u.name) END DESC,
    CASE WHEN :sort = 'role' AND :desc = 0 THEN u.role END,
    CASE WHEN :sort = 'role' AND :desc = 1 THEN u.role END DESC,
    CASE WHEN :sort = 'created' AND :desc = 0 THEN u.created_ms END,
    CASE WHEN :sort = 'created' AND :desc = 1 THEN u.created_ms END DESC,
    CASE WHEN :sort = 'last_login' AND :desc = 0 THEN COALESCE(u.last_login_ms, 0) END,
    CASE WHEN :sort = 'last_login' AND :desc = 1 THEN COALESCE(u.last_login_ms, 0) END DESC,
    u.email_lower, u.id
LIMIT :limit OFFSET :offset;

-- name: people_id_by_email
SELECT id FROM users WHERE email_lower = :email OR id = :id;

-- === Changing ===

-- name: people_state
SELECT role, disabled_ms, deleted_ms, purge_after_ms, name, email_lower FROM users WHERE id = :id;

-- name: people_other_admins
SELECT COUNT(*) FROM users WHERE role = 'admin' AND disabled_ms IS NULL AND deleted_ms IS NULL AND id <> :id;

-- name: people_change
UPDATE users SET name = :name, role = :role, disabled_ms = :disabled, updated_ms = :now WHERE id = :id;

-- name: people_access_tokens_delete
DELETE FROM access_tokens WHERE user_id = :user;

-- name: people_challenges_delete
DELETE FROM challenges WHERE user_id = :user;

-- === Invitations ===

-- name: invitation_insert
-- No change: the person who invites is no admin any more.
INSERT INTO invitations (id, token_hash, email, email_lower, role, user_id, invited_by, created_ms, expires_ms)
SELECT :id, :token_hash, :email, :email_lower, :role, :user, :invited_by, :now, :expires
WHERE :invited_by NOT LIKE 'user:%' OR EXISTS
    (SELECT 1 FROM users u WHERE 'user:' || u.id = :invited_by AND u.role = 'admin' AND u.disabled_ms IS NULL
     AND u.deleted_ms IS NULL);

-- name: invitation_void_email
-- What was asked for again, or is not needed any more. :user NULL: accounts to be; else passwords of that person.
UPDATE invitations SET revoked_ms = :now
WHERE email_lower = :email AND used_ms IS NULL AND revoked_ms IS NULL
    AND ((:user IS NULL AND user_id IS NULL) OR user_id = :user);

-- name: invitation_void_by
UPDATE invitations SET revoked_ms = :now WHERE invited_by = :by AND used_ms IS NULL AND revoked_ms IS NULL;

-- name: invitation_void_user
-- A password that was set otherwise meanwhile.
UPDATE invitations SET revoked_ms = :now WHERE user_id = :user AND used_ms IS NULL AND revoked_ms IS NULL;

-- name: invitation_void_all
-- Those of a copy of the database may have been used since.
UPDATE invitations SET revoked_ms = :now WHERE used_ms IS NULL AND revoked_ms IS NULL;

-- name: invitation_count
-- Those that make an account, by :state as it is :now; '' does not matter.
SELECT COUNT(*) FROM invitations
WHERE user_id IS NULL AND (:q = '' OR email_lower LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
    AND (:role = '' OR role = :role)
    AND (:state = '' OR :state = CASE WHEN used_ms IS NOT NULL THEN 'used' WHEN revoked_ms IS NOT NULL THEN 'revoked'
        WHEN expires_ms <= :now THEN 'expired' ELSE 'open' END);

-- name: invitation_page
SELECT id, email, role, invited_by, created_ms, expires_ms, CASE WHEN used_ms IS NOT NULL THEN 'used'
    WHEN revoked_ms IS NOT NULL THEN 'revoked' WHEN expires_ms <= :now THEN 'expired' ELSE 'open' END AS state
FROM invitations
WHERE user_id IS NULL AND (:q = '' OR email_lower LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
    AND (:role = '' OR role = :role)
    AND (:state = '' OR :state = CASE WHEN used_ms IS NOT NULL THEN 'used' WHEN revoked_ms IS NOT NULL THEN 'revoked'
        WHEN expires_ms <= :now THEN 'expired' ELSE 'open' END)
ORDER BY
    CASE WHEN :sort = 'created' AND :descending = 0 THEN created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN created_ms END DESC,
    CASE WHEN :sort = 'expires' AND :descending = 0 THEN expires_ms END,
    CASE WHEN :sort = 'expires' AND :descending = 1 THEN expires_ms END DESC,
    CASE WHEN :sort = 'email' AND :descending = 0 THEN email_lower END,
    CASE WHEN :sort = 'email' AND :descending = 1 THEN email_lower END DESC,
    CASE WHEN :sort = 'role' AND :descending = 0 THEN role END,
    CASE WHEN :sort = 'role' AND :descending = 1 THEN role END DESC,
    CASE WHEN :descending = 0 THEN id END, CASE WHEN :descending = 1 THEN id END DESC
LIMIT :limit OFFSET :offset;

-- name: invitation_revoke
UPDATE invitations SET revoked_ms = :now
WHERE id = :id AND user_id IS NULL AND used_ms IS NULL AND revoked_ms IS NULL;

-- name: invitation_get
SELECT used_ms, revoked_ms FROM invitations WHERE id = :id AND user_id IS NULL;

-- name: invitation_open
SELECT i.id, i.email, i.role, i.user_id, i.expires_ms
FROM invitations i LEFT JOIN users u ON u.id = i.user_id
WHERE i.token_hash = :token_hash AND i.used_ms IS NULL AND i.revoked_ms IS NULL AND i.expires_ms > :now
    AND (i.user_id IS NULL OR (u.disabled_ms IS NULL AND u.deleted_ms IS NULL));

-- name: invitation_use
UPDATE invitations SET used_ms = :now
WHERE token_hash = :token_hash AND used_ms IS NULL AND revoked_ms IS NULL AND expires_ms > :now;

-- name: invitation_forgettable
SELECT 1 FROM invitations WHERE expires_ms < :before LIMIT 1;

-- name: invitation_forget
-- An address that nobody uses is not kept.
DELETE FROM invitations WHERE expires_ms < :before;

-- name: invitation_forget_email
DELETE FROM invitations WHERE email_lower = :email;

-- === Grants ===

-- name: grant_list
-- With what the object is called and whose it is.
SELECT g.kind, g.object_id, COALESCE(a.name, c.name), COALESCE(a.user_id, c.user_id)
FROM grants g
    LEFT JOIN agents a ON g.kind = 'agent' AND a.id = g.object_id
    LEFT JOIN backup_configs c ON g.kind = 'config' AND c.id = g.object_id
WHERE g.user_id = :user
ORDER BY g.kind, COALESCE(a.name, c.name), g.object_id;

-- name: grant_clear
DELETE FROM grants WHERE user_id = :user;

-- name: grant_add
INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (:user, :kind, :object, :now)
ON CONFLICT (user_id, kind, object_id) DO NOTHING;

-- name: grant_object_exists
SELECT 1 FROM agents WHERE :kind = 'agent' AND id = :object
UNION ALL
SELECT 1 FROM backup_configs WHERE :kind = 'config' AND id = :object;

-- === Deleting ===

-- name: people_mark_deleted
UPDATE users SET deleted_ms = :now, purge_after_ms = :purge_after, updated_ms = :now WHERE id = :id;

-- name: people_mark_restored
UPDATE users SET deleted_ms = NULL, purge_after_ms = NULL, updated_ms = :now WHERE id = :id;

-- name: people_commands_withdraw
UPDATE commands SET status = 'expired', detail = 'withdrawn', finished_ms = :now
WHERE status = 'pending'
    AND (agent_id IN (SELECT id FROM agents WHERE user_id = :user)
         OR id IN (SELECT command_id FROM backup_runs WHERE user_id = :user AND status IN ('queued', 'running'))
         OR id IN (SELECT command_id FROM backup_jobs
                   WHERE user_id = :user AND status IN ('thawing', 'queued', 'running')));

-- name: people_agents_deactivate
-- The time tells which ones were: taking the deletion back activates them again.
UPDATE agents SET deactivated_ms = :now, updated_ms = :now WHERE user_id = :user AND deactivated_ms IS NULL;

-- name: people_agents_reactivate
UPDATE agents SET deactivated_ms = NULL, updated_ms = :now WHERE user_id = :user AND deactivated_ms = :deleted;

-- name: people_runs_cancel
UPDATE backup_runs
SET status = 'cancelled', errors = '[{"message":"The owner of this backup was deleted."}]', error_count = 1,
    duration_ms = :now - started_ms, finished_ms = :now
WHERE user_id = :user AND status IN ('queued', 'running');

-- name: people_jobs_cancel
UPDATE backup_jobs SET status = 'cancelled', detail = 'The owner was deleted.', finished_ms = :now
WHERE status IN ('thawing', 'queued', 'running')
    AND (user_id = :user OR agent_id IN (SELECT id FROM agents WHERE user_id = :user));

-- name: people_otps_revoke
UPDATE otps SET revoked_ms = :now WHERE user_id = :user AND revoked_ms IS NULL;

-- name: people_rollouts_pause
UPDATE rollouts SET state = 'paused', reason = 'the person who began it was deleted', updated_ms = :now
WHERE user_id = :user AND state = 'running';

-- === Purging ===

-- name: people_purge_due
-- Whose grace is over; 0: the purge was begun.
SELECT id, deleted_ms FROM users WHERE deleted_ms IS NOT NULL AND purge_after_ms <= :now
ORDER BY purge_after_ms, id LIMIT 1 OFFSET :skip;

-- name: people_purge_begin
UPDATE users SET purge_after_ms = 0 WHERE id = :id AND deleted_ms IS NOT NULL AND purge_after_ms <= :now;

-- name: people_purge_unmade
SELECT o.run_id, o.number, o.s3_path, o.upload_id, o.size_bytes
FROM backup_objects o JOIN backup_runs r ON r.id = o.run_id
WHERE r.user_id = :user AND o.size_bytes IS NULL
ORDER BY o.run_id, o.number LIMIT 100;

-- name: people_purge_logs
DELETE FROM agent_logs WHERE (agent_id, epoch, seq) IN
    (SELECT l.agent_id, l.epoch, l.seq FROM agents a JOIN agent_logs l ON l.agent_id = a.id
     WHERE a.user_id = :user LIMIT 2000);

-- name: people_purge_runs
DELETE FROM backup_runs WHERE id IN (SELECT id FROM backup_runs WHERE user_id = :user LIMIT 50);

-- name: people_purge_days
DELETE FROM storage_days
WHERE user_id = :user AND day_ms = (SELECT MIN(day_ms) FROM storage_days WHERE user_id = :user);

-- name: people_purge_grants
-- What others may see of what goes.
DELETE FROM grants
WHERE (kind = 'agent' AND object_id IN (SELECT id FROM agents WHERE user_id = :user))
   OR (kind = 'config' AND object_id IN (SELECT id FROM backup_configs WHERE user_id = :user));

-- name: people_purge_agents
DELETE FROM agents WHERE id IN (SELECT id FROM agents WHERE user_id = :user LIMIT 20);

-- name: people_purge_configs
DELETE FROM backup_configs WHERE id IN (SELECT id FROM backup_configs WHERE user_id = :user LIMIT 50);

-- name: people_purge_rollouts_end
UPDATE rollouts SET state = 'aborted', updated_ms = :now, finished_ms = :now
WHERE user_id = :user AND state IN ('running', 'paused', 'rolling_back');

-- name: people_purge_rollouts_hand_over
-- What the fleet went through stays, with an admin who is there.
UPDATE rollouts SET user_id = :heir WHERE user_id = :user;

-- name: people_purge_user
DELETE FROM users WHERE id = :user AND deleted_ms IS NOT NULL AND purge_after_ms = 0;

-- === What is stored about somebody ===
-- The columns are those that fcgi-app/people/export.c names. Never a secret, and no hash of one.

-- name: export_account
SELECT id, email, name, role, disabled_ms, created_ms, updated_ms, last_login_ms, deleted_ms, purge_after_ms
FROM users WHERE id = :user;

-- name: export_sessions
SELECT id, kind, method, address, user_agent, created_ms, authenticated_ms, last_used_ms, expires_ms
FROM sessions WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_devices
SELECT id, name, address, created_ms, last_used_ms, expires_ms
FROM devices WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_sign_in_addresses
SELECT address, last_ms FROM signin_addresses WHERE user_id = :user ORDER BY last_ms, address;

-- name: export_totp
SELECT enabled_ms, pending_ms FROM user_totp WHERE user_id = :user;

-- name: export_passkeys
SELECT id, name, created_ms, last_used_ms FROM passkeys WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_backup_codes
SELECT created_ms, used_ms FROM backup_codes WHERE user_id = :user ORDER BY created_ms, used_ms;

-- name: export_access_tokens
SELECT id, name, scopes, created_ms, expires_ms, last_used_ms, last_address
FROM access_tokens WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_grants
SELECT kind, object_id, created_ms FROM grants WHERE user_id = :user ORDER BY kind, object_id;

-- name: export_invitations
SELECT i.id, i.email, i.role, i.invited_by, i.created_ms, i.expires_ms, i.used_ms, i.revoked_ms
FROM invitations i JOIN users u ON u.id = :user
WHERE i.email_lower = u.email_lower OR i.user_id = u.id ORDER BY i.created_ms, i.id;

-- name: export_agents
SELECT id, name, hostname, platform, arch, version, address, labels, created_ms, last_seen_ms
FROM agents WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_otps
SELECT id, name, expected_host, network, labels, uses, created_ms, expires_ms, revoked_ms
FROM otps WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_configs
SELECT id, agent_id, name, execution_mode, sources, options, created_ms, updated_ms
FROM backup_configs WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_runs
-- How many backups of theirs there are, and how large they are.
SELECT COUNT(*), COALESCE(SUM(size_bytes), 0), MIN(started_ms), MAX(started_ms)
FROM backup_runs WHERE user_id = :user AND deleted_ms IS NULL;

-- name: export_rollouts
SELECT id, kind, version, channel, state, created_ms, finished_ms
FROM rollouts WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_alerts
SELECT id, kind, message, created_ms, acknowledged_ms FROM alerts WHERE user_id = :user ORDER BY created_ms, id;

-- name: export_audit
-- By them or about them, the newest.
SELECT seq, time_ms, actor, action, target, result, address, request_id, detail
FROM audit WHERE actor = 'user:' || :user OR target = 'user:' || :user
ORDER BY seq DESC LIMIT 10000;
