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
