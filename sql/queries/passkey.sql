-- Passkeys, and what their holders are asked to sign.

-- name: challenge_delete_earlier
-- One challenge per person, asker and purpose: the newest.
DELETE FROM challenges WHERE bound_to = :bound_to AND user_id = :user AND purpose = :purpose;

-- name: challenge_insert
-- No change: it is there.
INSERT INTO challenges (challenge_hash, purpose, user_id, bound_to, expires_ms)
VALUES (:hash, :purpose, :user, :bound_to, :expires)
ON CONFLICT (challenge_hash) DO NOTHING;

-- name: challenge_get
SELECT expires_ms FROM challenges
WHERE challenge_hash = :hash AND purpose = :purpose AND user_id = :user AND bound_to = :bound_to AND expires_ms > :now;

-- name: challenge_use
DELETE FROM challenges
WHERE challenge_hash = :hash AND purpose = :purpose AND user_id = :user AND bound_to = :bound_to AND expires_ms > :now;

-- name: challenge_delete_over
DELETE FROM challenges WHERE expires_ms <= :now;

-- name: passkey_by_credential
SELECT p.id, p.user_id, u.email, u.role, p.algorithm, p.public_key
FROM passkeys p JOIN users u ON u.id = p.user_id
WHERE p.credential_id = :credential AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;

-- name: passkey_sign_count
SELECT sign_count, name FROM passkeys WHERE id = :id;

-- name: passkey_used
UPDATE passkeys SET sign_count = :sign_count, last_used_ms = :now WHERE id = :id;

-- name: passkey_list
SELECT id, name, credential_id, algorithm, transports, created_ms, last_used_ms
FROM passkeys WHERE user_id = :user ORDER BY created_ms, id;

-- name: passkey_get
SELECT id, name, credential_id, algorithm, transports, created_ms, last_used_ms
FROM passkeys WHERE id = :id AND user_id = :user;

-- name: passkey_count
SELECT count(*) FROM passkeys WHERE user_id = :user;

-- name: passkey_insert
INSERT INTO passkeys (id, user_id, name, credential_id, public_key, algorithm, sign_count, transports, created_ms)
VALUES (:id, :user, :name, :credential, :public_key, :algorithm, :sign_count, :transports, :now);

-- name: passkey_rename
UPDATE passkeys SET name = :name WHERE id = :id AND user_id = :user;

-- name: passkey_delete
DELETE FROM passkeys WHERE id = :id AND user_id = :user;
