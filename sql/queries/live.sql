-- What open pages are told.

-- name: live_session
-- The role of the person whose session it is, while it is in force. Programs' sessions do not idle.
SELECT u.role FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = :session AND s.user_id = :user AND s.expires_ms > :now
    AND (s.kind = 'token' OR s.last_used_ms > :idle_since)
    AND u.disabled_ms IS NULL AND u.deleted_ms IS NULL;
