-- People, their sessions, and the audit trail.

-- name: auth_user_by_email
SELECT id, email, role, password_hash, COALESCE(disabled_ms, deleted_ms) FROM users WHERE email_lower = :email;

-- name: auth_user_insert
INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)
VALUES (:id, :email, :email_lower, :password_hash, :role, :now, :now);

-- name: auth_user_list
SELECT id, email, role, disabled_ms, created_ms FROM users ORDER BY email_lower, id;

-- name: auth_user_set_password
UPDATE users SET password_hash = :password_hash, updated_ms = :now WHERE id = :id;

-- name: auth_admin_first
SELECT id FROM users WHERE role = 'admin' AND disabled_ms IS NULL ORDER BY created_ms, id LIMIT 1;

-- name: auth_session_insert
INSERT INTO sessions (id_hash, id, kind, method, user_id, csrf_token, address, user_agent, created_ms, authenticated_ms,
    last_used_ms, expires_ms)
VALUES (:id_hash, :id, :kind, :method, :user, :csrf_token, :address, :user_agent, :now, :now, :now, :expires);

-- name: auth_session_get
-- The last column: whether the person has a second factor.
SELECT u.id, u.email, u.role, s.csrf_token, s.last_used_ms, s.id, s.authenticated_ms,
    EXISTS (SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.enabled_ms IS NOT NULL)
        OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id)
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id_hash = :id_hash AND s.expires_ms > :now AND s.last_used_ms > :idle_since
    AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: auth_session_touch
UPDATE sessions SET last_used_ms = :now WHERE id_hash = :id_hash AND last_used_ms < :now;

-- name: auth_session_delete
DELETE FROM sessions WHERE id_hash = :id_hash;

-- name: auth_session_delete_of_user
DELETE FROM sessions WHERE user_id = :user;

-- name: auth_session_delete_over
DELETE FROM sessions WHERE expires_ms <= :now OR last_used_ms <= :idle_since;

-- name: stepup_record
INSERT INTO stepups (session_id, action, target, expires_ms) VALUES (:session, :action, :target, :expires)
ON CONFLICT (session_id, action, target) DO UPDATE SET expires_ms = excluded.expires_ms;

-- name: stepup_get
SELECT expires_ms FROM stepups
WHERE session_id = :session AND action = :action AND target = :target AND expires_ms > :now;

-- name: stepup_use
DELETE FROM stepups WHERE session_id = :session AND action = :action AND target = :target AND expires_ms > :now;

-- name: stepup_delete_over
DELETE FROM stepups WHERE expires_ms <= :now;

-- name: audit_head
SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1;

-- name: audit_mac_at
SELECT mac FROM audit WHERE seq = :seq;

-- name: audit_insert
INSERT INTO audit (seq, time_ms, actor, action, target, result, address, request_id, detail, mac)
VALUES (:seq, :time, :actor, :action, :target, :result, :address, :request_id, :detail, :mac);

-- name: audit_all
SELECT seq, time_ms, actor, action, target, result, address, request_id, detail, mac FROM audit ORDER BY seq;
