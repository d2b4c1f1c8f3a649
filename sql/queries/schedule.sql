-- The scheduler: what is due, what may be handed out, what is late. The runner of a config is the agent that makes it.

-- name: schedule_server_agent
-- The agent that MUSTER_SERVER_AGENT names.
SELECT value FROM facts WHERE name = 'server_agent';

-- name: schedule_server_agent_forget
DELETE FROM facts WHERE name = 'server_agent';

-- name: schedule_last_good
-- When the newest run that stored a backup ended. Runs of a config do not overlap.
SELECT finished_ms
FROM backup_runs
WHERE config_id = :config_id AND status IN ('completed', 'warning')
ORDER BY started_ms DESC, id DESC
LIMIT 1;

-- name: schedule_due
SELECT id FROM backup_configs WHERE due_ms <= :now ORDER BY due_ms, id LIMIT :limit;

-- name: schedule_runner_live
-- Whether an agent is one that may be given work.
SELECT id FROM agents WHERE id = :id AND deactivated_ms IS NULL AND quarantined_ms IS NULL;

-- name: schedule_due_set
UPDATE backup_configs SET due_ms = :due WHERE id = :id;

-- name: schedule_waiting
-- Queued runs whose agent is there to take them, the longest waiting first.
SELECT r.id
FROM backup_runs r JOIN agents a ON a.id = r.agent_id
WHERE r.status = 'queued' AND r.origin = 'schedule' AND r.command_id IS NULL
  AND a.offline_after_ms > :now AND a.status <> 'offline' AND a.deactivated_ms IS NULL AND a.quarantined_ms IS NULL
ORDER BY r.started_ms, r.id
LIMIT :limit;

-- name: schedule_waiting_get
SELECT config_id, agent_id
FROM backup_runs
WHERE id = :id AND status = 'queued' AND command_id IS NULL AND config_id IS NOT NULL AND agent_id IS NOT NULL;

-- name: schedule_put_back
-- A run that was never handed out is forgotten; the config is due again instead.
DELETE FROM backup_runs WHERE id = :id AND status = 'queued' AND command_id IS NULL;

-- name: schedule_strays
-- Queued runs that nobody will make: the config is gone, or another agent's now.
SELECT r.id
FROM backup_runs r LEFT JOIN backup_configs c ON c.id = r.config_id
WHERE r.status = 'queued'
  AND (c.id IS NULL OR r.agent_id IS NULL
       OR r.agent_id <> COALESCE(
           CASE c.execution_mode WHEN 'server' THEN (SELECT a.id FROM facts f JOIN agents a ON a.id = f.value
                                                     WHERE f.name = 'server_agent' AND a.user_id = c.user_id)
           ELSE c.agent_id END, ''))
ORDER BY r.started_ms, r.id
LIMIT :limit;

-- name: schedule_running
-- Runs under way, with what their config says now.
SELECT r.id, r.started_ms, c.options, r.user_id, r.agent_id, r.config_name, r.agent_name
FROM backup_runs r JOIN backup_configs c ON c.id = r.config_id
WHERE r.status = 'running'
ORDER BY r.started_ms, r.id;

-- name: schedule_watched
-- A page of the configs that an agent makes, with what tells whether one is late or to be proven.
SELECT c.id, c.options, c.created_ms, c.late_since_ms, c.verify_due_ms,
       (SELECT finished_ms FROM backup_runs r WHERE r.config_id = c.id AND r.status IN ('completed', 'warning')
        ORDER BY r.started_ms DESC, r.id DESC LIMIT 1)
FROM backup_configs c JOIN agents a
  ON a.id = CASE c.execution_mode WHEN 'server' THEN (SELECT s.id FROM facts f JOIN agents s ON s.id = f.value
                                                      WHERE f.name = 'server_agent' AND s.user_id = c.user_id)
            ELSE c.agent_id END
WHERE c.id > :after AND a.deactivated_ms IS NULL
ORDER BY c.id
LIMIT :limit;

-- name: schedule_late_set
UPDATE backup_configs SET late_since_ms = :since WHERE id = :id AND COALESCE(late_since_ms, -1) <> COALESCE(:since, -1);

-- name: schedule_late_alerts_end
-- When no config that the agent makes is late any more, nobody needs to look.
UPDATE alerts
SET acknowledged_ms = :now, acknowledged_by = 'system'
WHERE kind = 'backup.late' AND agent_id = :agent_id AND acknowledged_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM backup_configs c
                  WHERE (c.agent_id = :agent_id OR c.execution_mode = 'server') AND c.late_since_ms IS NOT NULL);

-- name: schedule_verify_set
UPDATE backup_configs SET verify_due_ms = :due WHERE id = :id AND verify_due_ms <= :now;

-- name: schedule_newest_restorable
-- The newest run of a config that stored a backup and whose chain is there from the full run on.
SELECT r.id
FROM backup_runs r
WHERE r.config_id = :config_id AND r.status IN ('completed', 'warning') AND r.deleted_ms IS NULL
  AND r.chain_seq = (SELECT count(DISTINCT m.chain_seq) FROM backup_runs m
                     WHERE m.chain_id = r.chain_id AND m.chain_seq < r.chain_seq
                       AND m.status IN ('completed', 'warning') AND m.deleted_ms IS NULL)
ORDER BY r.started_ms DESC, r.id DESC
LIMIT 1;
