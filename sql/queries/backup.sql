-- Configs, runs, parts. :viewer is NULL for admins, who see all; others see what they own or were granted.

-- name: backup_config_list
SELECT id, user_id, agent_id, execution_mode, name, sources, options, rev, created_ms, updated_ms
FROM backup_configs
WHERE (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:viewer IS NULL OR user_id = :viewer
       OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY name, id
LIMIT :limit OFFSET :offset;

-- name: backup_config_count
SELECT count(*)
FROM backup_configs
WHERE (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:viewer IS NULL OR user_id = :viewer
       OR id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_config_get
SELECT id, user_id, agent_id, execution_mode, name, sources, options, rev, created_ms, updated_ms
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
SELECT user_id, name
FROM backup_configs
WHERE id = :id AND agent_id = :agent_id AND execution_mode = 'agent';

-- name: backup_config_insert
INSERT INTO backup_configs (id, user_id, agent_id, execution_mode, name, sources, options, rev, created_ms, updated_ms)
VALUES (:id, :user_id, :agent_id, :execution_mode, :name, :sources, :options, 1, :now, :now);

-- name: backup_config_update
UPDATE backup_configs
SET agent_id = :agent_id, execution_mode = :execution_mode, name = :name, sources = :sources, options = :options,
    rev = rev + 1, updated_ms = :now
WHERE id = :id;

-- name: backup_config_delete
DELETE FROM backup_configs WHERE id = :id;

-- name: backup_agent_facts
-- Whose an agent is, its name, and the revision of its configs.
SELECT user_id, name, configs_rev FROM agents WHERE id = :id;

-- name: backup_run_list
SELECT id, config_id, config_name, agent_id, agent_name, status, filename, started_ms, finished_ms, duration_ms,
       files, bytes_read, bytes_transferred, size_bytes, sha256, errors, error_count
FROM backup_runs
WHERE (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:status IS NULL OR status = :status)
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY started_ms DESC, id DESC
LIMIT :limit OFFSET :offset;

-- name: backup_run_count
SELECT count(*)
FROM backup_runs
WHERE (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:status IS NULL OR status = :status)
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_run_get
SELECT id, config_id, config_name, agent_id, agent_name, status, filename, started_ms, finished_ms, duration_ms,
       files, bytes_read, bytes_transferred, size_bytes, sha256, errors, error_count
FROM backup_runs
WHERE id = :id
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_run_last
-- The newest run of a config.
SELECT id, config_id, config_name, agent_id, agent_name, status, filename, started_ms, finished_ms, duration_ms,
       files, bytes_read, bytes_transferred, size_bytes, sha256, errors, error_count
FROM backup_runs
WHERE config_id = :config_id
ORDER BY started_ms DESC, id DESC
LIMIT 1;

-- name: backup_run_since
-- The oldest run of a config that began at :since or later: the one a command has started.
SELECT id, config_id, config_name, agent_id, agent_name, status, filename, started_ms, finished_ms, duration_ms,
       files, bytes_read, bytes_transferred, size_bytes, sha256, errors, error_count
FROM backup_runs
WHERE config_id = :config_id AND started_ms >= :since
ORDER BY started_ms, id
LIMIT 1;

-- name: backup_run_running
SELECT id FROM backup_runs WHERE config_id = :config_id AND status = 'running' ORDER BY id LIMIT 1;

-- name: backup_run_insert
INSERT INTO backup_runs (id, config_id, agent_id, user_id, config_name, agent_name, status, filename, s3_path, chain_id,
                         upload_id, part_size, declared_size, started_ms, active_ms)
VALUES (:id, :config_id, :agent_id, :user_id, :config_name, :agent_name, 'running', :filename, :s3_path, :id,
        :upload_id, :part_size, :declared_size, :now, :now);

-- name: backup_run_path_taken
SELECT id FROM backup_runs WHERE s3_path = :s3_path;

-- name: backup_upload_by_run
SELECT id, agent_id, status, s3_path, upload_id, part_size, declared_size, size_bytes, files, bytes_transferred, sha256
FROM backup_runs
WHERE id = :id AND agent_id = :agent_id;

-- name: backup_upload_by_path
SELECT id, agent_id, status, s3_path, upload_id, part_size, declared_size, size_bytes, files, bytes_transferred, sha256
FROM backup_runs
WHERE s3_path = :s3_path;

-- name: backup_upload_by_id
SELECT id, agent_id, status, s3_path, upload_id, part_size, declared_size, size_bytes, files, bytes_transferred, sha256
FROM backup_runs
WHERE id = :id;

-- name: backup_run_touch
-- A sign of life. What the agent counts never goes back; NULL leaves a count as it is.
UPDATE backup_runs
SET active_ms = :now,
    files = CASE WHEN :files > files THEN :files ELSE files END,
    bytes_read = CASE WHEN :bytes_read > bytes_read THEN :bytes_read ELSE bytes_read END
WHERE id = :id AND status = 'running';

-- name: backup_part_declare
INSERT INTO backup_parts (run_id, number, size_bytes, md5) VALUES (:run_id, :number, :size_bytes, :md5)
ON CONFLICT (run_id, object, number) DO NOTHING;

-- name: backup_part_get
SELECT size_bytes, md5, stored_ms FROM backup_parts WHERE run_id = :run_id AND number = :number;

-- name: backup_part_list
SELECT number, size_bytes, md5, stored_ms FROM backup_parts WHERE run_id = :run_id ORDER BY number;

-- name: backup_part_stored
UPDATE backup_parts
SET stored_ms = COALESCE(stored_ms, :now)
WHERE run_id = :run_id AND number = :number AND md5 = :md5 AND size_bytes = :size_bytes
  AND run_id IN (SELECT id FROM backup_runs WHERE id = :run_id AND status = 'running');

-- name: backup_whole_stored
-- The body of a single PUT is part 1, and not declared before it is there.
INSERT INTO backup_parts (run_id, number, size_bytes, md5, stored_ms)
SELECT id, 1, :size_bytes, :md5, :now FROM backup_runs WHERE id = :run_id AND status = 'running';

-- name: backup_run_count_stored
-- After a part was stored: what has been transferred is the sum of what is there.
UPDATE backup_runs
SET active_ms = :now,
    bytes_transferred = (SELECT COALESCE(SUM(size_bytes), 0) FROM backup_parts
                         WHERE run_id = :id AND stored_ms IS NOT NULL)
WHERE id = :id AND status = 'running';

-- name: backup_run_finish
UPDATE backup_runs
SET status = :status, files = :files,
    bytes_read = CASE WHEN :bytes_read > bytes_read THEN :bytes_read ELSE bytes_read END,
    bytes_transferred = :bytes_transferred, duration_ms = :duration_ms, size_bytes = :size_bytes, sha256 = :sha256,
    errors = :errors, error_count = :error_count, active_ms = :now, finished_ms = :now
WHERE id = :id AND status = 'running';

-- name: backup_run_silent
-- Running, but nothing was heard of it since :before.
SELECT id, agent_id, user_id, agent_name, config_name
FROM backup_runs
WHERE status = 'running' AND active_ms < :before
ORDER BY active_ms, id
LIMIT 100;

-- name: backup_run_fail_silent
UPDATE backup_runs
SET status = 'failed', errors = :errors, error_count = error_count + 1, duration_ms = :now - started_ms,
    finished_ms = :now
WHERE id = :id AND status = 'running' AND active_ms < :before;

-- name: backup_run_ended_badly
-- Runs that ended since :since without an object.
SELECT s3_path, upload_id
FROM backup_runs
WHERE status IN ('failed', 'cancelled') AND finished_ms >= :since
ORDER BY finished_ms, id;

-- name: backup_usage
-- Bytes kept for an agent, and bytes announced by its runs under way.
SELECT
    (SELECT COALESCE(SUM(size_bytes), 0) FROM backup_runs
     WHERE agent_id = :agent_id AND status IN ('completed', 'warning'))
    + (SELECT COALESCE(SUM(p.size_bytes), 0) FROM backup_parts p JOIN backup_runs r ON r.id = p.run_id
       WHERE r.agent_id = :agent_id AND r.status = 'running' AND r.declared_size IS NULL)
    + (SELECT COALESCE(SUM(declared_size), 0) FROM backup_runs
       WHERE agent_id = :agent_id AND status = 'running' AND declared_size IS NOT NULL);

-- name: backup_announced
-- Bytes that runs under way have announced and that are not stored yet: they may be on their way all at once.
SELECT
    (SELECT COALESCE(SUM((SELECT COALESCE(SUM(p.size_bytes), 0) FROM backup_parts p
                          WHERE p.run_id = r.id AND p.stored_ms IS NULL)), 0)
     FROM backup_runs r WHERE r.status = 'running' AND r.declared_size IS NULL)
    + (SELECT COALESCE(SUM(r.declared_size), 0) FROM backup_runs r
       WHERE r.status = 'running' AND r.declared_size IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM backup_parts p WHERE p.run_id = r.id));

-- name: backup_restorable
-- What an agent may read back: its own runs, and those of configs that are assigned to it now. Newest first.
SELECT r.id, r.config_id, r.config_name, r.filename, r.size_bytes, r.sha256, r.status, r.finished_ms, r.s3_path
FROM backup_runs r LEFT JOIN backup_configs c ON c.id = r.config_id
WHERE r.status IN ('completed', 'warning')
  AND (r.agent_id = :agent_id OR c.agent_id = :agent_id)
  AND (:run_id IS NULL OR r.id = :run_id)
  AND (:config_id IS NULL OR r.config_id = :config_id)
  AND (:config_name IS NULL OR r.config_name = :config_name)
ORDER BY r.finished_ms DESC, r.id DESC
LIMIT :limit;

-- name: backup_command_status
SELECT status, detail FROM commands WHERE id = :id;
