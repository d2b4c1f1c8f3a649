-- Second factors: one-time codes, backup codes, and the limits of trying them.

-- name: mfa_state
SELECT EXISTS (SELECT 1 FROM user_totp WHERE user_id = :user AND enabled_ms IS NOT NULL),
    (SELECT count(*) FROM passkeys WHERE user_id = :user),
    (SELECT count(*) FROM backup_codes WHERE user_id = :user AND used_ms IS NULL);

-- name: mfa_totp_get
SELECT secret, last_step, enabled_ms, pending, pending_ms, pending_step, pending_verified_ms, pending_session
FROM user_totp WHERE user_id = :user;

-- name: mfa_totp_step
-- A code is good once: whoever changes the row had it.
UPDATE user_totp SET last_step = :step WHERE user_id = :user AND enabled_ms IS NOT NULL AND last_step < :step;

-- name: mfa_lockout_get
SELECT failures, failures_in_row, window_ms, window_tries, locked_until_ms FROM user_lockouts WHERE user_id = :user;

-- name: mfa_lockout_set
INSERT INTO user_lockouts (user_id, failures, failures_in_row, window_ms, window_tries, locked_until_ms)
VALUES (:user, :failures, :in_row, :window, :tries, :locked_until)
ON CONFLICT (user_id) DO UPDATE SET failures = excluded.failures, failures_in_row = excluded.failures_in_row,
    window_ms = excluded.window_ms, window_tries = excluded.window_tries, locked_until_ms = excluded.locked_until_ms;

-- name: mfa_backup_code_use
UPDATE backup_codes SET used_ms = :now WHERE user_id = :user AND code_hash = :hash AND used_ms IS NULL;

-- name: mfa_backup_code_add
INSERT INTO backup_codes (user_id, code_hash, created_ms) VALUES (:user, :hash, :now);

-- name: mfa_backup_code_delete_all
DELETE FROM backup_codes WHERE user_id = :user;

-- name: mfa_backup_code_count
SELECT count(*) - count(used_ms), count(*) FROM backup_codes WHERE user_id = :user;

-- name: mfa_pending_verified
UPDATE user_totp SET pending_step = :step, pending_verified_ms = :now
WHERE user_id = :user AND pending IS NOT NULL AND pending_step < :step;

-- name: mfa_pending_set
-- The secret in force is left alone.
INSERT INTO user_totp (user_id, pending, pending_ms, pending_session) VALUES (:user, :sealed, :now, :session)
ON CONFLICT (user_id) DO UPDATE SET pending = excluded.pending, pending_ms = excluded.pending_ms,
    pending_session = excluded.pending_session, pending_step = 0, pending_verified_ms = NULL;

-- name: mfa_enable
-- The code that verified it is used up for sign-in too.
UPDATE user_totp SET secret = :sealed, last_step = pending_step, enabled_ms = :now, pending = NULL, pending_ms = NULL,
    pending_session = NULL, pending_step = 0, pending_verified_ms = NULL
WHERE user_id = :user;

-- name: mfa_totp_delete
DELETE FROM user_totp WHERE user_id = :user;

-- name: mfa_lockout_delete
DELETE FROM user_lockouts WHERE user_id = :user;

-- name: mfa_codes_few_over
UPDATE alerts SET acknowledged_ms = :now, acknowledged_by = 'system'
WHERE user_id = :user AND kind = 'mfa.codes_few' AND acknowledged_ms IS NULL;

-- name: mfa_reset_user
SELECT id FROM users WHERE id = :user AND deleted_ms IS NULL;

-- name: mfa_passkey_delete_all
DELETE FROM passkeys WHERE user_id = :user;

-- name: mfa_challenge_delete_all
DELETE FROM challenges WHERE user_id = :user;
