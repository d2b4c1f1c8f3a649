-- Tokens for programs: the keys that access tokens are signed with, refresh tokens, personal access tokens.

-- name: jwt_key_newest
SELECT kid, secret, created_ms FROM jwt_keys ORDER BY created_ms DESC, kid DESC LIMIT 1;

-- name: jwt_key_get
SELECT secret FROM jwt_keys WHERE kid = :kid;

-- name: jwt_key_insert
INSERT INTO jwt_keys (kid, secret, created_ms) VALUES (:kid, :secret, :created);

-- name: jwt_key_delete_superseded
-- Those that another key has followed since before :before.
DELETE FROM jwt_keys
WHERE EXISTS (
    SELECT 1 FROM jwt_keys AS newer
    WHERE newer.created_ms > jwt_keys.created_ms AND newer.created_ms <= :before
);

-- name: jwt_key_delete_others
DELETE FROM jwt_keys WHERE kid <> :kid;

-- name: token_session_insert
INSERT INTO sessions (id_hash, id, kind, method, user_id, csrf_token, address, user_agent, created_ms, authenticated_ms,
    last_used_ms, expires_ms)
VALUES (:id_hash, :id, 'token', :method, :user, '', :address, :user_agent, :now, :now, :now, :expires);

-- name: token_session_get
-- The last column but one: whether the person has a second factor.
SELECT u.id, u.email, u.role, s.last_used_ms, s.authenticated_ms,
    EXISTS (SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.enabled_ms IS NOT NULL)
        OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id),
    s.method
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id_hash = :id_hash AND s.kind = 'token' AND s.expires_ms > :now AND u.id = :user
    AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: refresh_get
-- Only of a session that is in force.
SELECT r.session_id, r.generation, r.used_ms, r.expires_ms, r.successor, s.user_id, s.expires_ms
FROM refresh_tokens r
    JOIN sessions s ON s.id_hash = 'sid:' || r.session_id
    JOIN users u ON u.id = s.user_id
WHERE r.token_hash = :hash AND s.kind = 'token' AND s.expires_ms > :now
    AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: refresh_unused
-- Whether the token of this generation has not been used.
SELECT 1 FROM refresh_tokens WHERE session_id = :session AND generation = :generation AND used_ms IS NULL;

-- name: refresh_insert
INSERT INTO refresh_tokens (token_hash, session_id, generation, created_ms, expires_ms)
VALUES (:hash, :session, :generation, :now, :expires);

-- name: refresh_use
UPDATE refresh_tokens SET used_ms = :now, successor = :successor WHERE token_hash = :hash AND used_ms IS NULL;

-- name: refresh_forget
-- Of a family, what lies too far back.
DELETE FROM refresh_tokens WHERE session_id = :session AND generation <= :generation;

-- name: refresh_delete_over
DELETE FROM refresh_tokens WHERE expires_ms <= :now;

-- name: refresh_unseal_over
-- After the grace nobody gets a successor again.
UPDATE refresh_tokens SET successor = NULL WHERE successor IS NOT NULL AND used_ms < :before;

-- name: access_token_insert
-- No change: the session that asked for it is over, or its person may nothing any more.
INSERT INTO access_tokens (id, user_id, name, token_hash, scopes, created_ms, expires_ms)
SELECT :id, u.id, :name, :hash, :scopes, :now, :expires
FROM users u JOIN sessions s ON s.user_id = u.id
WHERE u.id = :user AND s.id = :session AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: access_token_count
-- Those of a person that are in force.
SELECT count(*) FROM access_tokens WHERE user_id = :user AND expires_ms > :now;

-- name: access_token_get
-- Also an expired one, so that its program can be told. The last column: whether the owner has a second factor.
SELECT a.id, a.scopes, a.expires_ms, a.last_used_ms, u.id, u.email, u.role,
    EXISTS (SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.enabled_ms IS NOT NULL)
        OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id)
FROM access_tokens a JOIN users u ON u.id = a.user_id
WHERE a.token_hash = :hash AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: access_token_touch
UPDATE access_tokens SET last_used_ms = :now, last_address = :address WHERE id = :id;

-- name: access_token_page_count
-- Those of a person, by :state as it is :now; '' does not matter.
SELECT COUNT(*) FROM access_tokens
WHERE user_id = :user AND (:state = '' OR :state = CASE WHEN expires_ms <= :now THEN 'expired' ELSE 'valid' END)
    AND (:q = '' OR LOWER(name) LIKE :q ESCAPE '\' OR scopes LIKE :q ESCAPE '\' OR last_address LIKE :q ESCAPE '\'
        OR id LIKE :q ESCAPE '\');

-- name: access_token_page
SELECT id, name, scopes, created_ms, expires_ms, last_used_ms, last_address FROM access_tokens
WHERE user_id = :user AND (:state = '' OR :state = CASE WHEN expires_ms <= :now THEN 'expired' ELSE 'valid' END)
    AND (:q = '' OR LOWER(name) LIKE :q ESCAPE '\' OR scopes LIKE :q ESCAPE '\' OR last_address LIKE :q ESCAPE '\'
        OR id LIKE :q ESCAPE '\')
ORDER BY
    CASE WHEN :sort = 'created' AND :descending = 0 THEN created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN created_ms END DESC,
    CASE WHEN :sort = 'expires' AND :descending = 0 THEN expires_ms END,
    CASE WHEN :sort = 'expires' AND :descending = 1 THEN expires_ms END DESC,
    CASE WHEN :sort = 'used' AND :descending = 0 THEN COALESCE(last_used_ms, 0) END,
    CASE WHEN :sort = 'used' AND :descending = 1 THEN COALESCE(last_used_ms, 0) END DESC,
    CASE WHEN :sort = 'name' AND :descending = 0 THEN LOWER(name) END,
    CASE WHEN :sort = 'name' AND :descending = 1 THEN LOWER(name) END DESC,
    CASE WHEN :descending = 0 THEN id END, CASE WHEN :descending = 1 THEN id END DESC
LIMIT :limit OFFSET :offset;

-- name: access_token_delete
DELETE FROM access_tokens WHERE id = :id AND user_id = :user;

-- name: access_token_delete_over
DELETE FROM access_tokens WHERE expires_ms <= :before;
