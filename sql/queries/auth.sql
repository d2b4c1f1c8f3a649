-- People, their sessions, and the audit trail.

-- name: auth_user_by_email
SELECT id, email, role, password_hash, COALESCE(disabled_ms, deleted_ms) FROM users WHERE email_lower = :email;

-- name: auth_user_insert
INSERT INTO users (id, email, email_lower, name, password_hash, role, created_ms, updated_ms)
VALUES (:id, :email, :email_lower, :name, :password_hash, :role, :now, :now);

-- name: auth_user_list
SELECT id, email, role, disabled_ms, created_ms FROM users ORDER BY email_lower, id;

-- name: auth_user_set_password
UPDATE users SET password_hash = :password_hash, updated_ms = :now WHERE id = :id;

-- name: auth_user_rehash
-- The same password under other parameters.
UPDATE users SET password_hash = :new, updated_ms = :now WHERE id = :id AND password_hash = :old;

-- name: auth_admin_first
SELECT id FROM users WHERE role = 'admin' AND disabled_ms IS NULL AND deleted_ms IS NULL ORDER BY created_ms, id LIMIT 1;

-- name: auth_user_public
-- What a person is told about themselves.
SELECT id, email, name, role FROM users WHERE id = :id;

-- name: auth_user_signed_in
-- Whether they may, at the moment the session is made. An empty password_hash or passkey: they did not come by it.
UPDATE users SET last_login_ms = :now
WHERE id = :id AND disabled_ms IS NULL AND deleted_ms IS NULL
    AND (:password_hash = '' OR password_hash = :password_hash)
    AND (:passkey = '' OR EXISTS (SELECT 1 FROM passkeys p WHERE p.id = :passkey AND p.user_id = users.id));

-- name: auth_user_by_id
SELECT id, email, role, password_hash, COALESCE(disabled_ms, deleted_ms) FROM users WHERE id = :id;

-- name: auth_session_insert
INSERT INTO sessions (id_hash, id, kind, method, user_id, csrf_token, address, user_agent, created_ms, authenticated_ms,
    last_used_ms, expires_ms)
VALUES (:id_hash, :id, :kind, :method, :user, :csrf_token, :address, :user_agent, :now, :now, :now, :expires);

-- name: auth_session_get
-- The last column but one: whether the person has a second factor. Sessions of before they had ids are over: what is bound to a
-- session would be bound to all of them.
SELECT u.id, u.email, u.role, s.csrf_token, s.last_used_ms, s.id, s.authenticated_ms,
    EXISTS (SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.enabled_ms IS NOT NULL)
        OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id),
    s.method
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id_hash = :id_hash AND s.kind = 'cookie' AND s.id <> '' AND s.expires_ms > :now AND s.last_used_ms > :idle_since
    AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: auth_session_count
-- Those of a person that are in force; '' does not matter.
SELECT COUNT(*) FROM sessions
WHERE user_id = :user AND id <> '' AND expires_ms > :now AND (kind <> 'cookie' OR last_used_ms > :idle_since)
    AND (:kind = '' OR kind = :kind)
    AND (:q = '' OR LOWER(user_agent) LIKE :q ESCAPE '\' OR address LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\');

-- name: auth_session_page
SELECT id, kind, method, address, user_agent, created_ms, last_used_ms, expires_ms FROM sessions
WHERE user_id = :user AND id <> '' AND expires_ms > :now AND (kind <> 'cookie' OR last_used_ms > :idle_since)
    AND (:kind = '' OR kind = :kind)
    AND (:q = '' OR LOWER(user_agent) LIKE :q ESCAPE '\' OR address LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
ORDER BY
    CASE WHEN :sort = 'used' AND :descending = 0 THEN last_used_ms END,
    CASE WHEN :sort = 'used' AND :descending = 1 THEN last_used_ms END DESC,
    CASE WHEN :sort = 'created' AND :descending = 0 THEN created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN created_ms END DESC,
    CASE WHEN :sort = 'expires' AND :descending = 0 THEN expires_ms END,
    CASE WHEN :sort = 'expires' AND :descending = 1 THEN expires_ms END DESC,
    CASE WHEN :sort = 'address' AND :descending = 0 THEN address END,
    CASE WHEN :sort = 'address' AND :descending = 1 THEN address END DESC,
    CASE WHEN :sort = 'method' AND :descending = 0 THEN method END,
    CASE WHEN :sort = 'method' AND :descending = 1 THEN method END DESC,
    CASE WHEN :descending = 0 THEN id END, CASE WHEN :descending = 1 THEN id END DESC
LIMIT :limit OFFSET :offset;

-- name: auth_session_owned
SELECT 1 FROM sessions WHERE id = :id AND user_id = :user;

-- name: auth_session_touch
UPDATE sessions SET last_used_ms = :now WHERE id_hash = :id_hash AND last_used_ms < :now;

-- name: auth_session_rekey
UPDATE sessions SET id_hash = :id_hash WHERE id = :id;

-- name: auth_session_delete
DELETE FROM sessions WHERE id_hash = :id_hash;

-- name: auth_session_delete_by_id
DELETE FROM sessions WHERE id = :id;

-- name: auth_session_delete_refresh_tokens
DELETE FROM refresh_tokens WHERE session_id = :id;

-- name: auth_session_delete_stepups
DELETE FROM stepups WHERE session_id = :id;

-- name: auth_session_delete_challenges
DELETE FROM challenges WHERE bound_to = :id;

-- name: auth_session_delete_setup
-- A second factor that it has set up and that is not in force.
UPDATE user_totp SET pending = NULL, pending_ms = NULL, pending_session = NULL, pending_step = 0,
    pending_verified_ms = NULL
WHERE user_id = (SELECT user_id FROM sessions WHERE id = :id) AND pending_session = :id;

-- name: auth_session_delete_others
DELETE FROM sessions WHERE user_id = :user AND id <> :keep;

-- name: auth_session_delete_others_refresh_tokens
DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE user_id = :user AND id <> :keep);

-- name: auth_session_delete_others_stepups
DELETE FROM stepups WHERE session_id IN (SELECT id FROM sessions WHERE user_id = :user AND id <> :keep);

-- name: auth_session_delete_others_challenges
DELETE FROM challenges WHERE bound_to IN (SELECT id FROM sessions WHERE user_id = :user AND id <> :keep);

-- name: auth_session_delete_others_setup
UPDATE user_totp SET pending = NULL, pending_ms = NULL, pending_session = NULL, pending_step = 0,
    pending_verified_ms = NULL
WHERE user_id = :user AND pending_session <> :keep;

-- name: auth_session_delete_over
-- A program's session is idle between two refreshes for as long as it likes.
DELETE FROM sessions WHERE expires_ms <= :now OR (kind = 'cookie' AND last_used_ms <= :idle_since);

-- name: signin_address_note
INSERT INTO signin_addresses (user_id, address, last_ms) VALUES (:user, :address, :now)
ON CONFLICT (user_id, address) DO UPDATE SET last_ms = excluded.last_ms;

-- name: signin_address_forget
DELETE FROM signin_addresses WHERE user_id = :user AND address NOT IN
    (SELECT a.address FROM signin_addresses a WHERE a.user_id = :user ORDER BY a.last_ms DESC, a.address LIMIT :most);

-- name: signin_address_known
SELECT 1 FROM signin_addresses a JOIN users u ON u.id = a.user_id
WHERE u.email_lower = :email AND a.address = :address AND a.last_ms > :since;

-- name: signin_address_delete_old
DELETE FROM signin_addresses WHERE last_ms <= :since;

-- name: signin_insert
-- Whether they may, at the moment it is made: no change when the password is another one by now.
INSERT INTO signins (id_hash, user_id, wants, address, created_ms, expires_ms)
SELECT :id_hash, u.id, :wants, :address, :now, :expires FROM users u
WHERE u.id = :user AND u.password_hash = :password_hash AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: signin_get
SELECT s.user_id, s.wants FROM signins s JOIN users u ON u.id = s.user_id
WHERE s.id_hash = :id_hash AND s.expires_ms > :now AND s.failures < :tries
    AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: signin_try
-- Counted before it is judged; no change: there is none left.
UPDATE signins SET failures = failures + 1 WHERE id_hash = :id_hash AND expires_ms > :now AND failures < :tries;

-- name: signin_untry
UPDATE signins SET failures = failures - 1 WHERE id_hash = :id_hash AND failures > 0;

-- name: signin_use
DELETE FROM signins WHERE id_hash = :id_hash AND user_id = :user AND expires_ms > :now;

-- name: signin_delete
DELETE FROM signins WHERE id_hash = :id_hash;

-- name: signin_delete_of_user
DELETE FROM signins WHERE user_id = :user;

-- name: signin_delete_over
DELETE FROM signins WHERE expires_ms <= :now;

-- name: device_insert
INSERT INTO devices (id, token_hash, user_id, name, address, created_ms, last_used_ms, expires_ms)
VALUES (:id, :token_hash, :user, :name, :address, :now, :now, :expires);

-- name: device_use
UPDATE devices SET last_used_ms = :now, address = :address
WHERE token_hash = :token_hash AND user_id = :user AND expires_ms > :now AND created_ms > :trusted_since;

-- name: device_list
SELECT id, name, address, created_ms, last_used_ms, expires_ms, token_hash FROM devices
WHERE user_id = :user AND expires_ms > :now ORDER BY last_used_ms DESC, id;

-- name: device_delete
DELETE FROM devices WHERE id = :id AND user_id = :user;

-- name: device_delete_by_hash
DELETE FROM devices WHERE token_hash = :token_hash AND user_id = :user;

-- name: device_delete_of_user
DELETE FROM devices WHERE user_id = :user;

-- name: device_delete_oldest
-- Nobody has so many browsers; a list stays one that can be read.
DELETE FROM devices WHERE user_id = :user AND id NOT IN
    (SELECT d.id FROM devices d WHERE d.user_id = :user ORDER BY d.last_used_ms DESC, d.id DESC LIMIT :most);

-- name: device_delete_over
DELETE FROM devices WHERE expires_ms <= :now;

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

-- name: audit_after
SELECT seq, time_ms, actor, action, target, result, address, request_id, detail, mac FROM audit WHERE seq > :seq
ORDER BY seq;

-- name: audit_cut_newest
SELECT seq, row_mac, cut_ms, mac FROM audit_cuts ORDER BY seq DESC LIMIT 1;

-- name: audit_cut_insert
INSERT INTO audit_cuts (seq, row_mac, cut_ms, mac) VALUES (:seq, :row_mac, :now, :mac);

-- name: audit_cut_delete_before
DELETE FROM audit_cuts WHERE seq < :seq;

-- name: audit_drop
DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <= :seq ORDER BY seq LIMIT :limit);
