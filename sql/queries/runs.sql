-- Runs: from queued to their end, and as people see them. :viewer is as in backup.sql.

-- === As people see them ===

-- name: backup_run_list
-- The page by the index alone: a run's errors may be long, and stand in the row before most of what is asked here.
SELECT s.*
FROM (SELECT id FROM backup_runs
      WHERE (:agent_id IS NULL OR agent_id = :agent_id)
        AND (:config_id IS NULL OR config_id = :config_id)
        AND (:status IS NULL OR status = :status)
        AND (deleted_ms IS NOT NULL) = :deleted
        AND (:viewer IS NULL OR user_id = :viewer
             OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
             OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
      ORDER BY started_ms DESC, id DESC
      LIMIT :limit OFFSET :offset) AS page JOIN backup_runs_shown s ON s.id = page.id
ORDER BY s.started_ms DESC, s.id DESC;

-- name: backup_run_page
-- The same in another order, or searched.
SELECT s.*
FROM (SELECT id FROM backup_runs
      WHERE (:agent_id IS NULL OR agent_id = :agent_id)
        AND (:config_id IS NULL OR config_id = :config_id)
        AND (:status IS NULL OR status = :status)
        AND (:q = '' OR LOWER(config_name) LIKE :q ESCAPE '\' OR LOWER(agent_name) LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
        AND (deleted_ms IS NOT NULL) = :deleted
        AND (:viewer IS NULL OR user_id = :viewer
             OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
             OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
      ORDER BY
          CASE WHEN :sort = 'started' AND :descending = 0 THEN started_ms END,
          CASE WHEN :sort = 'started' AND :descending = 1 THEN started_ms END DESC,
          CASE WHEN :sort = 'finished' AND :descending = 0 THEN COALESCE(finished_ms, 9223372036854775807) END,
          CASE WHEN :sort = 'finished' AND :descending = 1 THEN COALESCE(finished_ms, 9223372036854775807) END DESC,
          CASE WHEN :sort = 'status' AND :descending = 0 THEN status END,
          CASE WHEN :sort = 'status' AND :descending = 1 THEN status END DESC,
          CASE WHEN :sort = 'agent' AND :descending = 0 THEN LOWER(agent_name) END,
          CASE WHEN :sort = 'agent' AND :descending = 1 THEN LOWER(agent_name) END DESC,
          CASE WHEN :sort = 'config' AND :descending = 0 THEN LOWER(config_name) END,
          CASE WHEN :sort = 'config' AND :descending = 1 THEN LOWER(config_name) END DESC,
          CASE WHEN :sort = 'size' AND :descending = 0 THEN COALESCE(size_bytes, 0) END,
          CASE WHEN :sort = 'size' AND :descending = 1 THEN COALESCE(size_bytes, 0) END DESC,
          CASE WHEN :sort = 'duration' AND :descending = 0 THEN COALESCE(duration_ms, 0) END,
          CASE WHEN :sort = 'duration' AND :descending = 1 THEN COALESCE(duration_ms, 0) END DESC,
          CASE WHEN :descending = 0 THEN id END, CASE WHEN :descending = 1 THEN id END DESC
      LIMIT :limit OFFSET :offset) AS page JOIN backup_runs_shown s ON s.id = page.id
ORDER BY
    CASE WHEN :sort = 'started' AND :descending = 0 THEN s.started_ms END,
    CASE WHEN :sort = 'started' AND :descending = 1 THEN s.started_ms END DESC,
    CASE WHEN :sort = 'finished' AND :descending = 0 THEN COALESCE(s.finished_ms, 9223372036854775807) END,
    CASE WHEN :sort = 'finished' AND :descending = 1 THEN COALESCE(s.finished_ms, 9223372036854775807) END DESC,
    CASE WHEN :sort = 'status' AND :descending = 0 THEN s.status END,
    CASE WHEN :sort = 'status' AND :descending = 1 THEN s.status END DESC,
    CASE WHEN :sort = 'agent' AND :descending = 0 THEN LOWER(s.agent_name) END,
    CASE WHEN :sort = 'agent' AND :descending = 1 THEN LOWER(s.agent_name) END DESC,
    CASE WHEN :sort = 'config' AND :descending = 0 THEN LOWER(s.config_name) END,
    CASE WHEN :sort = 'config' AND :descending = 1 THEN LOWER(s.config_name) END DESC,
    CASE WHEN :sort = 'size' AND :descending = 0 THEN COALESCE(s.size_bytes, 0) END,
    CASE WHEN :sort = 'size' AND :descending = 1 THEN COALESCE(s.size_bytes, 0) END DESC,
    CASE WHEN :sort = 'duration' AND :descending = 0 THEN COALESCE(s.duration_ms, 0) END,
    CASE WHEN :sort = 'duration' AND :descending = 1 THEN COALESCE(s.duration_ms, 0) END DESC,
    CASE WHEN :descending = 0 THEN s.id END, CASE WHEN :descending = 1 THEN s.id END DESC;

-- name: backup_run_count
SELECT count(*)
FROM backup_runs
WHERE (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:config_id IS NULL OR config_id = :config_id)
  AND (:status IS NULL OR status = :status)
  AND (:q = '' OR LOWER(config_name) LIKE :q ESCAPE '\' OR LOWER(agent_name) LIKE :q ESCAPE '\' OR id LIKE :q ESCAPE '\')
  AND (deleted_ms IS NOT NULL) = :deleted
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_run_get
SELECT * FROM backup_runs_shown
WHERE id = :id
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: backup_run_last
-- The newest run of a config.
SELECT * FROM backup_runs_shown
WHERE config_id = :config_id AND deleted_ms IS NULL
ORDER BY started_ms DESC, id DESC
LIMIT 1;

-- === Before and at the start ===

-- name: backup_run_facts
-- What a run needs to know of its config and of the agent that is to make it.
SELECT c.user_id, c.name, a.id, a.name
FROM backup_configs c JOIN agents a ON a.id = COALESCE(:agent_id, c.agent_id)
WHERE c.id = :id;

-- name: backup_run_lease
-- The run that holds the lease of a config.
SELECT r.id, r.status, r.agent_id, r.filename, r.s3_path, r.part_size, r.announced_bytes, o.upload_id
FROM backup_runs r LEFT JOIN backup_objects o ON o.run_id = r.id AND o.number = 1
WHERE r.config_id = :config_id AND r.status IN ('queued', 'running')
ORDER BY r.id LIMIT 1;

-- name: backup_run_own_since
-- How many runs of a config its agents have begun of their own accord, counted up to :max.
SELECT count(*)
FROM (SELECT 1 FROM backup_runs
      WHERE config_id = :config_id AND started_ms >= :since AND origin = 'agent' LIMIT :max) AS begun;

-- name: backup_run_queue
-- The unique index refuses it when the lease is taken.
INSERT INTO backup_runs (id, config_id, agent_id, user_id, config_name, agent_name, status, origin, chain_id, filename,
                         queued_ms, started_ms, active_ms)
VALUES (:id, :config_id, :agent_id, :user_id, :config_name, :agent_name, 'queued', :origin, :id, '', :queued_ms, :now,
        :now);

-- name: backup_run_handed_out
UPDATE backup_runs SET command_id = :command_id WHERE id = :id AND status = 'queued' AND command_id IS NULL;

-- name: backup_run_of_command
SELECT status FROM backup_runs WHERE command_id = :command_id ORDER BY started_ms DESC, id DESC LIMIT 1;

-- name: backup_run_chain
-- The run that an incremental one would go on from: the newest that is kept, and how its chain is: whether there is an
-- index, how many of its runs are there up to this one, and how many of them could not be read back.
SELECT r.id, r.chain_id, r.chain_seq, r.encrypted,
    (SELECT COUNT(*) FROM backup_objects o WHERE o.run_id = r.id AND o.number = 0 AND o.size_bytes IS NOT NULL),
    (SELECT COUNT(*) FROM backup_runs m
     WHERE m.chain_id = r.chain_id AND m.chain_seq <= r.chain_seq AND m.status IN ('completed', 'warning')
       AND m.deleted_ms IS NULL),
    (SELECT COUNT(*) FROM backup_runs m
     WHERE m.chain_id = r.chain_id AND m.chain_seq <= r.chain_seq AND m.status IN ('completed', 'warning')
       AND m.verify_error <> '')
FROM backup_runs r
WHERE r.config_id = :config_id AND r.agent_id = :agent_id AND r.status IN ('completed', 'warning')
  AND r.deleted_ms IS NULL
ORDER BY r.finished_ms DESC, r.id DESC
LIMIT 1;

-- name: backup_run_path_taken
SELECT id FROM backup_runs WHERE s3_path = :s3_path
UNION ALL
SELECT run_id FROM backup_objects WHERE s3_path = :s3_path
LIMIT 1;

-- name: backup_run_begin
-- A queued run is taken over; one that was begun and of which nothing is stored may be begun again. Ending a run
-- withdraws its command, so that must be one of the agent's own.
UPDATE backup_runs
SET status = 'running', agent_id = :agent_id, agent_name = :agent_name,
    command_id = COALESCE(command_id,
                          (SELECT m.id FROM commands m WHERE m.id = :command_id AND m.agent_id = :agent_id)),
    type = :type, full_reason = :full_reason, chain_id = :chain_id, chain_seq = :chain_seq, base_id = :base_id,
    encrypted = :encrypted, filename = :filename, s3_path = :s3_path, part_size = :part_size,
    announced_bytes = :announced, total_files = :total_files, total_bytes = :total_bytes, started_ms = :now,
    active_ms = :now
WHERE id = :id
  AND (status = 'queued'
       OR (status = 'running' AND NOT EXISTS (SELECT 1 FROM backup_parts p WHERE p.run_id = backup_runs.id)));

-- === Under way ===

-- name: backup_run_touch
-- A sign of life. What the agent counts never goes back; NULL leaves a count as it is.
UPDATE backup_runs
SET active_ms = :now,
    files = CASE WHEN :files > files THEN :files ELSE files END,
    bytes_read = CASE WHEN :bytes_read > bytes_read THEN :bytes_read ELSE bytes_read END,
    bytes_transferred = CASE WHEN :bytes_transferred > bytes_transferred THEN :bytes_transferred
                             ELSE bytes_transferred END,
    total_files = COALESCE(:total_files, total_files),
    total_bytes = COALESCE(:total_bytes, total_bytes)
WHERE id = :id AND status = 'running';

-- === The end ===

-- name: backup_run_finish
UPDATE backup_runs
SET status = :status, files = :files,
    bytes_read = CASE WHEN :bytes_read > bytes_read THEN :bytes_read ELSE bytes_read END,
    bytes_transferred = :bytes_transferred, duration_ms = :duration_ms, size_bytes = :size_bytes, sha256 = :sha256,
    errors = :errors, error_count = :error_count, listed_files = :listed_files, listed_bytes = :listed_bytes,
    unreadable = :unreadable, vanished = :vanished, changed = :changed, skipped = :skipped, active_ms = :now,
    finished_ms = :now
WHERE id = :id AND status = 'running';

-- name: backup_run_end
-- An end that the agent did not tell: cancelled, lost, or failed before it began.
UPDATE backup_runs
SET status = :status, errors = :errors, error_count = 1, duration_ms = :now - started_ms, finished_ms = :now
WHERE id = :id AND status = :was AND active_ms < :silent_since;

-- name: backup_command_withdraw
UPDATE commands SET status = 'expired', detail = :detail, finished_ms = :now
WHERE id = (SELECT command_id FROM backup_runs WHERE id = :run_id) AND status = 'pending';

-- name: backup_run_silent
-- Running, but nothing was heard of it since :before.
SELECT id, agent_id, user_id, agent_name, config_name
FROM backup_runs
WHERE status = 'running' AND active_ms < :before
ORDER BY active_ms, id
LIMIT 100;

-- name: backup_run_unclaimed
-- Queued, but the agent has answered otherwise, has not come for it in time or is not there any more, or nobody wants it.
SELECT r.id, r.agent_id, r.user_id, r.agent_name, r.config_name, c.status, c.detail, r.config_id
FROM backup_runs r LEFT JOIN commands c ON c.id = r.command_id
WHERE r.status = 'queued'
  AND (c.status <> 'pending' OR (r.command_id IS NOT NULL AND c.id IS NULL) OR r.agent_id IS NULL
       OR r.config_id IS NULL OR r.queued_ms < :before)
ORDER BY r.queued_ms, r.id
LIMIT 100;
