-- One place to look for everything. :q is a LIKE pattern for a part, :start for the beginning, both in lower case; what
-- begins with it stands first. Each gives id, title, detail.

-- name: search_agents
SELECT a.id, a.name, a.hostname FROM agents a
WHERE (a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\' OR LOWER(a.hostname) LIKE :q ESCAPE '\'
       OR LOWER(a.address) LIKE :q ESCAPE '\' OR LOWER(a.labels) LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
ORDER BY CASE WHEN a.name_lower LIKE :start ESCAPE '\' THEN 0 ELSE 1 END, a.name_lower, a.id LIMIT :limit;

-- name: search_configs
SELECT c.id, c.name, COALESCE(a.name, '') FROM backup_configs c LEFT JOIN agents a ON a.id = c.agent_id
WHERE (LOWER(c.name) LIKE :q ESCAPE '\' OR c.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR c.user_id = :viewer
         OR c.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
         OR c.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY CASE WHEN LOWER(c.name) LIKE :start ESCAPE '\' THEN 0 ELSE 1 END, LOWER(c.name), c.id LIMIT :limit;

-- name: search_runs
-- By the beginning of their id: that is what logs and alerts name them by.
SELECT id, config_name, agent_name FROM backup_runs
WHERE id LIKE :start ESCAPE '\' AND :q <> ''
    AND (:viewer IS NULL OR user_id = :viewer
         OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
         OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY id DESC LIMIT :limit;

-- name: search_releases
-- Everybody sees every release.
SELECT version, version, status FROM releases
WHERE LOWER(version) LIKE :q ESCAPE '\' AND (:viewer IS NULL OR :viewer <> '')
ORDER BY CASE WHEN LOWER(version) LIKE :start ESCAPE '\' THEN 0 ELSE 1 END, created_ms DESC, version DESC LIMIT :limit;

-- name: search_rollouts
SELECT r.id, r.version, r.state FROM rollouts r
WHERE (LOWER(r.version) LIKE :q ESCAPE '\' OR r.id LIKE :start ESCAPE '\')
    AND (:viewer IS NULL OR r.user_id = :viewer OR EXISTS
        (SELECT 1 FROM agents a JOIN rollout_members m ON m.agent_id = a.id AND m.rollout_id = r.id
         WHERE a.user_id = :viewer
            OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')))
ORDER BY r.created_ms DESC, r.id DESC LIMIT :limit;

-- name: search_users
-- For admins alone, whose :viewer is NULL.
SELECT u.id, CASE WHEN u.name <> '' THEN u.name ELSE u.email END, u.email FROM users u
WHERE (u.email_lower LIKE :q ESCAPE '\' OR LOWER(u.name) LIKE :q ESCAPE '\' OR u.id LIKE :start ESCAPE '\')
    AND u.deleted_ms IS NULL AND :viewer IS NULL
ORDER BY CASE WHEN u.email_lower LIKE :start ESCAPE '\' THEN 0 ELSE 1 END, u.email_lower, u.id LIMIT :limit;
