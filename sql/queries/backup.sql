-- Configs, runs, parts. :viewer is NULL for admins, who see all; others see what they own or were granted.

-- name: backup_config_list
SELECT id, user_id, agent_id, execution_mode, name, sources, options, rev, created_ms, updated_ms,
       due_ms, verify_due_ms, late_since_ms,
       CASE execution_mode WHEN 'server' THEN (SELECT a.id FROM facts f JOIN agents a ON a.id = f.value
                                             WHERE f.name = 'server_agent' AND a.user_id = backup_configs.user_id)
       ELSE agent_id END
FROM backup_configs
WHERE (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:viewer IS NULL OR user_id = :viewer
       OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY name, id
LIMIT :limit OFFSET :offset;

-- name: backup_config_list_of_agent
-- What an agent makes: what is assigned to it, and for the server's own what is to run there.
SELECT id, user_id, agent_id, execution_mode, name, sources, options, rev, created_ms, updated_ms,
       due_ms, verify_due_ms, late_since_ms,
       CASE execution_mode WHEN 'server' THEN (SELECT a.id FROM facts f JOIN agents a ON a.id = f.value
                                             WHERE f.name = 'server_agent' AND a.user_id = backup_configs.user_id)
       ELSE agent_id END
FROM backup_configs
WHERE agent_id = :agent_id
   OR (agent_id IS NULL AND execution_mode = 'server'
       AND user_id = (SELECT a.user_id FROM facts f JOIN agents a ON a.id = f.value
                      WHERE f.name = 'server_agent' AND a.id = :agent_id))
ORDER BY name, id
LIMIT :limit;

-- name: backup_config_page
-- As people search, filter and sort them.
SELECT c.id, c.user_id, c.agent_id, c.execution_mode, c.name, c.sources, c.options, c.rev, c.created_ms, c.updated_ms,
       c.due_ms, c.verify_due_ms, c.late_since_ms,
       CASE c.execution_mode WHEN 'server' THEN (SELECT s.id FROM facts f JOIN agents s ON s.id = f.value
                                                 WHERE f.name = 'server_agent' AND s.user_id = c.user_id)
       ELSE c.agent_id END
FROM backup_configs c LEFT JOIN agents a ON a.id = c.agent_id
WHERE (:agent_id IS NULL OR c.agent_id = :agent_id)
  AND (:q = '' OR LOWER(c.name) LIKE :q ESCAPE '\' OR c.id LIKE :q ESCAPE '\' OR a.name_lower LIKE :q ESCAPE '\')
  AND (:viewer IS NULL OR c.user_id = :viewer
       OR c.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR c.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY
    CASE WHEN :sort = 'name' AND :descending = 0 THEN LOWER(c.name) END,
    CASE WHEN :sort = 'name' AND :descending = 1 THEN LOWER(c.name) END DESC,
    CASE WHEN :sort = 'agent' AND :descending = 0 THEN COALESCE(a.name_lower, '') END,
    CASE WHEN :sort = 'agent' AND :descending = 1 THEN COALESCE(a.name_lower, '') END DESC,
    CASE WHEN :sort = 'created' AND :descending = 0 THEN c.created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN c.created_ms END DESC,
    CASE WHEN :sort = 'next' AND :descending = 0 THEN COALESCE(c.due_ms, 9223372036854775807) END,
    CASE WHEN :sort = 'next' AND :descending = 1 THEN COALESCE(c.due_ms, 9223372036854775807) END DESC,
    CASE WHEN :descending = 0 THEN c.id END, CASE WHEN :descending = 1 THEN c.id END DESC
LIMIT :limit OFFSET :offset;

-- name: backup_config_count
SELECT count(*)
FROM backup_configs c LEFT JOIN agents a ON a.id = c.agent_id
WHERE (:agent_id IS NULL OR c.agent_id = :agent_id)
  AND (:q = '' OR LOWER(c.name) LIKE :q ESCAPE '\' OR c.id LIKE :q ESCAPE '\' OR a.name_lower LIKE :q ESCAPE '\')
  AND (:viewer IS NULL OR c.user_id = :viewer
       OR c.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR c.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_config_get
SELECT id, user_id, agent_id, execution_mode, name, sources, options, rev, created_ms, updated_ms,
       due_ms, verify_due_ms, late_since_ms,
       CASE execution_mode WHEN 'server' THEN (SELECT a.id FROM facts f JOIN agents a ON a.id = f.value
                                             WHERE f.name = 'server_agent' AND a.user_id = backup_configs.user_id)
       ELSE agent_id END
FROM backup_configs
WHERE id = :id
  AND (:viewer IS NULL OR user_id = :viewer
       OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_config_resolve
-- By id or by name, for the command line.
SELECT id FROM backup_configs WHERE id = :key OR name = :key ORDER BY id LIMIT 2;

-- name: backup_config_of_agent
-- What an agent may run.
SELECT user_id, name, options
FROM backup_configs
WHERE id = :id
  AND (agent_id = :agent_id
       OR (execution_mode = 'server'
           AND user_id = (SELECT a.user_id FROM facts f JOIN agents a ON a.id = f.value
                          WHERE f.name = 'server_agent' AND a.id = :agent_id)));

-- name: backup_config_insert
INSERT INTO backup_configs (id, user_id, agent_id, execution_mode, name, sources, options, rev, due_ms, verify_due_ms,
                            created_ms, updated_ms)
VALUES (:id, :user_id, :agent_id, :execution_mode, :name, :sources, :options, 1, :due, :verify_due, :now, :now);

-- name: backup_config_update
UPDATE backup_configs
SET agent_id = :agent_id, execution_mode = :execution_mode, name = :name, sources = :sources, options = :options,
    due_ms = CASE WHEN :keep_due = 1 THEN COALESCE(due_ms, :due) ELSE :due END,
    verify_due_ms = CASE WHEN :keep_verify = 1 THEN COALESCE(verify_due_ms, :verify_due) ELSE :verify_due END,
    rev = rev + 1, updated_ms = :now
WHERE id = :id;

-- name: backup_config_grants_delete
DELETE FROM grants WHERE kind = 'config' AND object_id = :id;

-- name: backup_config_delete
DELETE FROM backup_configs WHERE id = :id;

-- name: backup_agent_facts
-- Whose an agent is, its name, and the revision of its configs.
SELECT user_id, name, configs_rev FROM agents WHERE id = :id;

-- name: backup_command_status
SELECT status, detail FROM commands WHERE id = :id;
