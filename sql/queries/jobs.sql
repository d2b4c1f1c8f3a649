-- Restores and proofs that agents are asked for. :viewer is NULL for admins, who see all; others see what they own or
-- were granted.

-- name: job_insert
INSERT INTO backup_jobs (id, kind, run_id, config_id, agent_id, user_id, request, status, created_by, created_ms,
                         active_ms)
VALUES (:id, :kind, :run_id, :config_id, :agent_id, :user_id, :request, 'queued', :created_by, :now, :now);

-- name: job_open_like
-- A job of the kind that the agent has yet to do with the run.
SELECT id FROM backup_jobs
WHERE kind = :kind AND run_id = :run_id AND agent_id = :agent_id AND status IN ('thawing', 'queued', 'running')
ORDER BY id LIMIT 1;

-- name: job_list
SELECT j.id, j.kind, j.run_id, j.config_id, r.config_name, j.agent_id, a.name, j.status, j.detail, j.files, j.bytes,
       j.total_bytes, j.errors, j.error_count, j.request, j.created_by, j.created_ms, j.started_ms, j.finished_ms
FROM backup_jobs j LEFT JOIN backup_runs r ON r.id = j.run_id LEFT JOIN agents a ON a.id = j.agent_id
WHERE (:id IS NULL OR j.id = :id)
  AND (:config_id IS NULL OR j.config_id = :config_id)
  AND (:run_id IS NULL OR j.run_id = :run_id)
  AND (:status IS NULL OR j.status = :status)
  AND (:kind IS NULL OR j.kind = :kind)
  AND (:q = '' OR LOWER(r.config_name) LIKE :q ESCAPE '\' OR a.name_lower LIKE :q ESCAPE '\' OR j.id LIKE :q ESCAPE '\')
  AND (:viewer IS NULL OR j.user_id = :viewer
       OR j.config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR j.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
ORDER BY
    CASE WHEN :sort = 'created' AND :descending = 0 THEN j.created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN j.created_ms END DESC,
    CASE WHEN :sort = 'finished' AND :descending = 0 THEN COALESCE(j.finished_ms, 9223372036854775807) END,
    CASE WHEN :sort = 'finished' AND :descending = 1 THEN COALESCE(j.finished_ms, 9223372036854775807) END DESC,
    CASE WHEN :sort = 'status' AND :descending = 0 THEN j.status END,
    CASE WHEN :sort = 'status' AND :descending = 1 THEN j.status END DESC,
    CASE WHEN :sort = 'kind' AND :descending = 0 THEN j.kind END,
    CASE WHEN :sort = 'kind' AND :descending = 1 THEN j.kind END DESC,
    CASE WHEN :sort = 'agent' AND :descending = 0 THEN COALESCE(a.name_lower, '') END,
    CASE WHEN :sort = 'agent' AND :descending = 1 THEN COALESCE(a.name_lower, '') END DESC,
    CASE WHEN :descending = 0 THEN j.id END, CASE WHEN :descending = 1 THEN j.id END DESC
LIMIT :limit OFFSET :offset;

-- name: job_count
SELECT count(*)
FROM backup_jobs j LEFT JOIN backup_runs r ON r.id = j.run_id LEFT JOIN agents a ON a.id = j.agent_id
WHERE (:config_id IS NULL OR j.config_id = :config_id)
  AND (:run_id IS NULL OR j.run_id = :run_id)
  AND (:status IS NULL OR j.status = :status)
  AND (:kind IS NULL OR j.kind = :kind)
  AND (:q = '' OR LOWER(r.config_name) LIKE :q ESCAPE '\' OR a.name_lower LIKE :q ESCAPE '\' OR j.id LIKE :q ESCAPE '\')
  AND (:viewer IS NULL OR j.user_id = :viewer
       OR j.config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR j.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: job_run
-- The run that somebody wants a job for.
SELECT r.config_id, r.agent_id, r.user_id, r.status, r.deleted_ms, r.encrypted, c.agent_id, c.options
FROM backup_runs r LEFT JOIN backup_configs c ON c.id = r.config_id
WHERE r.id = :id
  AND (:viewer IS NULL OR r.user_id = :viewer
       OR r.config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR r.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: job_of_agent
SELECT status FROM backup_jobs WHERE id = :id AND agent_id = :agent_id;

-- name: job_report
-- What the agent says of a job that was handed out to it. NULL leaves a value as it is.
UPDATE backup_jobs
SET status = :status, detail = :detail, files = :files, bytes = :bytes,
    total_bytes = COALESCE(:total_bytes, total_bytes), errors = COALESCE(:errors, errors), error_count = :error_count,
    started_ms = COALESCE(started_ms, :now), active_ms = :now, finished_ms = :finished
WHERE id = :id AND agent_id = :agent_id AND status IN ('queued', 'running');

-- name: job_end
-- An end that the agent did not tell.
UPDATE backup_jobs
SET status = :status, detail = :detail, finished_ms = :now
WHERE id = :id AND status IN ('thawing', 'queued', 'running') AND active_ms < :silent_since;

-- name: job_facts
SELECT j.kind, j.user_id, j.agent_id, r.config_name
FROM backup_jobs j LEFT JOIN backup_runs r ON r.id = j.run_id
WHERE j.id = :id;

-- name: job_command_withdraw
-- The agent has not come for the command, or has not said that it is done: it shall not begin any more.
UPDATE commands SET status = 'expired', detail = 'withdrawn', finished_ms = :now
WHERE id = (SELECT command_id FROM backup_jobs WHERE id = :id) AND status = 'pending';

-- name: job_waiting
-- To be handed out: new ones, and those that were last looked at before :before.
SELECT id FROM backup_jobs
WHERE command_id IS NULL AND (status = 'queued' OR (status = 'thawing' AND active_ms <= :before))
ORDER BY created_ms, id
LIMIT 20;

-- name: job_to_hand_out
SELECT kind, run_id, agent_id, request, created_by FROM backup_jobs
WHERE id = :id AND command_id IS NULL AND status IN ('thawing', 'queued');

-- name: job_handed_out
UPDATE backup_jobs SET status = 'queued', detail = '', command_id = :command_id, active_ms = :now
WHERE id = :id AND command_id IS NULL AND status IN ('thawing', 'queued');

-- name: job_thawing
UPDATE backup_jobs SET status = 'thawing', detail = :detail, active_ms = :now
WHERE id = :id AND command_id IS NULL AND status IN ('thawing', 'queued');

-- name: job_command_ended
-- The agent's last word on the command, where the job itself has not ended.
SELECT j.id, m.status, m.detail
FROM backup_jobs j JOIN commands m ON m.id = j.command_id
WHERE j.status IN ('queued', 'running') AND m.status IN ('failed', 'refused', 'unsupported', 'expired')
ORDER BY j.created_ms, j.id
LIMIT 100;

-- name: job_silent
-- Nothing was heard since :before of a job that an agent has begun, or whose command it has taken and left.
SELECT id FROM backup_jobs
WHERE active_ms < :before
  AND (status = 'running'
       OR (status = 'queued' AND command_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM commands m WHERE m.id = command_id AND m.status = 'pending')))
ORDER BY active_ms, id
LIMIT 100;

-- name: job_forget
DELETE FROM backup_jobs WHERE finished_ms < :before;
