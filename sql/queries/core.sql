-- The database's own statements, and those of fcgi-app/ops.

-- name: migration_list
SELECT version, name, min_app, sha256 FROM schema_migrations ORDER BY version;

-- name: migration_record
INSERT INTO schema_migrations (version, name, min_app, sha256, applied_ms)
VALUES (:version, :name, :min_app, :sha256, :now);


-- name: database_ping
SELECT counter FROM changes ORDER BY topic LIMIT 1;

-- name: change_bump
INSERT INTO changes (topic, counter) VALUES (:topic, 1)
ON CONFLICT (topic) DO UPDATE SET counter = changes.counter + 1;

-- name: change_list
SELECT topic, counter FROM changes ORDER BY topic;

-- name: fact_get
SELECT value FROM facts WHERE name = :name;

-- name: fact_set
INSERT INTO facts (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: fact_add
-- Sets a fact that is not there yet.
INSERT INTO facts (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO NOTHING;

-- name: alert_insert
INSERT INTO alerts (id, kind, message, user_id, agent_id, created_ms)
VALUES (:id, :kind, :message, :user_id, :agent_id, :now);

-- name: alert_open_count_same
-- Open alerts of this kind about this agent; about none, those of the same person.
SELECT count(*) FROM alerts
WHERE acknowledged_ms IS NULL AND kind = :kind
  AND (agent_id = :agent_id OR (agent_id IS NULL AND :agent_id IS NULL
       AND (user_id = :user_id OR (user_id IS NULL AND :user_id IS NULL))));

-- name: alert_list
-- Newest first, open ones before acknowledged ones. :viewer is NULL for admins, who see all.
SELECT id, created_ms, kind, message, agent_id, acknowledged_ms
FROM alerts
WHERE :viewer IS NULL OR user_id = :viewer
   OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')
ORDER BY CASE WHEN acknowledged_ms IS NULL THEN 0 ELSE 1 END, created_ms DESC, id DESC
LIMIT :limit;

-- name: alert_page
-- As people search and sort them; "open" puts open ones first, then the newest. The last but one: the address of whom
-- it is told to, when it is about no agent.
SELECT id, created_ms, kind, message, agent_id, acknowledged_ms,
    CASE WHEN agent_id IS NULL THEN (SELECT u.email FROM users u WHERE u.id = alerts.user_id) END, user_id
FROM alerts
WHERE (:state = '' OR (:state = 'open' AND acknowledged_ms IS NULL)
       OR (:state = 'acknowledged' AND acknowledged_ms IS NOT NULL))
  AND (:kind = '' OR kind = :kind)
  AND (:q = '' OR LOWER(message) LIKE :q ESCAPE '\' OR kind LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
  AND (:viewer IS NULL OR user_id = :viewer
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY
    CASE WHEN :sort = 'open' AND :descending = 0 THEN CASE WHEN acknowledged_ms IS NULL THEN 1 ELSE 0 END END,
    CASE WHEN :sort = 'open' AND :descending = 1 THEN CASE WHEN acknowledged_ms IS NULL THEN 1 ELSE 0 END END DESC,
    CASE WHEN :sort = 'open' AND :descending = 0 THEN created_ms END,
    CASE WHEN :sort = 'open' AND :descending = 1 THEN created_ms END DESC,
    CASE WHEN :sort = 'created' AND :descending = 0 THEN created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN created_ms END DESC,
    CASE WHEN :sort = 'kind' AND :descending = 0 THEN kind END,
    CASE WHEN :sort = 'kind' AND :descending = 1 THEN kind END DESC,
    CASE WHEN :descending = 0 THEN id END, CASE WHEN :descending = 1 THEN id END DESC
LIMIT :limit OFFSET :offset;

-- name: alert_page_count
SELECT count(*)
FROM alerts
WHERE (:state = '' OR (:state = 'open' AND acknowledged_ms IS NULL)
       OR (:state = 'acknowledged' AND acknowledged_ms IS NOT NULL))
  AND (:kind = '' OR kind = :kind)
  AND (:q = '' OR LOWER(message) LIKE :q ESCAPE '\' OR kind LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
  AND (:viewer IS NULL OR user_id = :viewer
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: alert_open_count
SELECT count(*)
FROM alerts
WHERE acknowledged_ms IS NULL
  AND (:viewer IS NULL OR user_id = :viewer
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: alert_told_to
-- What decides who acknowledges it. No row: it is not there for this viewer.
SELECT kind, user_id
FROM alerts
WHERE id = :id
  AND (:viewer IS NULL OR user_id = :viewer
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: alert_acknowledge
-- Acknowledging twice keeps the first.
UPDATE alerts
SET acknowledged_ms = COALESCE(acknowledged_ms, :now), acknowledged_by = COALESCE(acknowledged_by, :by)
WHERE id = :id;

-- name: overview_agents
-- Agents by the state people see; the first that applies counts.
SELECT
    count(*),
    COALESCE(SUM(CASE WHEN state = 'online' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN state = 'offline' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN state = 'error' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN state = 'deactivated' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN state = 'quarantined' THEN 1 ELSE 0 END), 0)
FROM (
    SELECT CASE
        WHEN deactivated_ms IS NOT NULL THEN 'deactivated'
        WHEN quarantined_ms IS NOT NULL THEN 'quarantined'
        WHEN status = 'offline' OR offline_after_ms < :now THEN 'offline'
        ELSE status
    END AS state
    FROM agents
    WHERE :viewer IS NULL OR user_id = :viewer
       OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')
) AS states;

-- name: overview_versions
SELECT version, count(*)
FROM agents
WHERE :viewer IS NULL OR user_id = :viewer
   OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')
GROUP BY version
ORDER BY count(*) DESC, version
LIMIT 50;

-- name: overview_platforms
SELECT platform, count(*)
FROM agents
WHERE :viewer IS NULL OR user_id = :viewer
   OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')
GROUP BY platform
ORDER BY count(*) DESC, platform
LIMIT 50;

-- name: overview_running
SELECT count(*)
FROM backup_runs
WHERE status = 'running'
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: overview_finished
-- Runs that ended since :since, by how.
SELECT
    COALESCE(SUM(CASE WHEN status = 'completed' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN status = 'warning' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN status IN ('failed', 'lost') THEN 1 ELSE 0 END), 0)
FROM backup_runs
WHERE finished_ms >= :since
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: overview_days
-- Runs that ended, by day in UTC and by how.
SELECT finished_ms / 86400000,
    COALESCE(SUM(CASE WHEN status = 'completed' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN status = 'warning' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN status IN ('failed', 'lost') THEN 1 ELSE 0 END), 0)
FROM backup_runs
WHERE finished_ms >= :since
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
GROUP BY finished_ms / 86400000
ORDER BY finished_ms / 86400000;

-- name: overview_last_completed
SELECT MAX(finished_ms)
FROM backup_runs
WHERE status IN ('completed', 'warning')
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: restore_sessions_end
-- Sessions of a copy may have been ended since.
DELETE FROM sessions;

-- name: restore_access_tokens_end
-- Access tokens of a copy may have been revoked since.
DELETE FROM access_tokens;

-- name: restore_devices_end
-- Browsers of a copy may be trusted no more.
DELETE FROM devices;

-- name: restore_signins_end
DELETE FROM signins;

-- name: restore_otps_revoke
-- One-time passwords of a copy may have been used since.
UPDATE otps SET revoked_ms = :now WHERE revoked_ms IS NULL;
