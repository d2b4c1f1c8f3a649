-- What is kept, what is deleted, what is stored. :viewer as in backup.sql.

-- name: retention_config
SELECT options, name FROM backup_configs WHERE id = :id;

-- name: retention_runs
-- What a config has in the store or on the way there, chain by chain. An object that was not made is missing; a job that
-- has not ended reads its run and all below it.
SELECT r.chain_id, r.chain_seq,
       CASE WHEN r.status IN ('queued', 'running') THEN r.started_ms ELSE r.finished_ms END,
       CASE WHEN r.status IN ('completed', 'warning')
                 AND NOT EXISTS (SELECT 1 FROM backup_objects o WHERE o.run_id = r.id AND o.completed_ms IS NULL)
            THEN 1 ELSE 0 END,
       CASE WHEN r.status IN ('queued', 'running')
                 OR EXISTS (SELECT 1 FROM backup_jobs j
                            WHERE j.run_id = r.id AND j.status IN ('thawing', 'queued', 'running'))
            THEN 1 ELSE 0 END,
       CASE WHEN r.origin IN ('schedule', 'person') THEN 1 ELSE 0 END,
       CASE WHEN r.pinned_ms IS NULL THEN 0 ELSE 1 END,
       CASE WHEN r.proven_ms IS NOT NULL AND r.verify_error = '' THEN 1 ELSE 0 END,
       CASE WHEN r.verify_error <> '' THEN 1 ELSE 0 END,
       COALESCE(r.size_bytes, 0)
       + COALESCE((SELECT i.size_bytes FROM backup_objects i WHERE i.run_id = r.id AND i.number = 0), 0),
       r.encrypted, r.id
FROM backup_runs r
WHERE r.config_id = :config_id AND r.deleted_ms IS NULL
  AND r.status IN ('queued', 'running', 'completed', 'warning')
ORDER BY r.chain_id, r.chain_seq, r.id;

-- name: retention_chain_delete
UPDATE backup_runs
SET deleted_ms = :now, deleted_reason = :reason
WHERE chain_id = :chain_id AND deleted_ms IS NULL AND status NOT IN ('queued', 'running');

-- name: retention_due
-- Configs to look at. What lies beyond :horizon was set by a clock that has gone back since.
SELECT id FROM backup_configs
WHERE (retention_due_ms <= :now OR retention_due_ms > :horizon)
  AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = backup_configs.user_id AND u.deleted_ms IS NOT NULL)
ORDER BY retention_due_ms, id
LIMIT :limit;

-- name: retention_claim
-- Several processes look; one of them acts.
UPDATE backup_configs
SET retention_due_ms = :next
WHERE id = :id AND (retention_due_ms <= :now OR retention_due_ms > :horizon);

-- name: retention_due_now
-- After a run that was stored.
UPDATE backup_configs
SET retention_due_ms = :now
WHERE id IN (SELECT config_id FROM backup_runs WHERE id = :run_id);

-- name: retention_clock_get
SELECT seen_ms, hold_ms FROM retention_clock WHERE name = 'retention';

-- name: retention_clock_set
INSERT INTO retention_clock (name, seen_ms, hold_ms) VALUES ('retention', :seen, :hold)
ON CONFLICT (name) DO UPDATE SET seen_ms = excluded.seen_ms, hold_ms = excluded.hold_ms;

-- name: retention_chain_of_run
SELECT chain_id
FROM backup_runs
WHERE id = :id AND deleted_ms IS NULL
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));

-- name: retention_chain_state
-- How many runs of a chain there are, are in use, and are pinned.
SELECT count(*),
       COALESCE(SUM(CASE WHEN r.status IN ('queued', 'running')
                              OR EXISTS (SELECT 1 FROM backup_jobs j
                                         WHERE j.run_id = r.id AND j.status IN ('thawing', 'queued', 'running'))
                         THEN 1 ELSE 0 END), 0),
       COALESCE(SUM(CASE WHEN r.pinned_ms IS NULL THEN 0 ELSE 1 END), 0),
       COALESCE(SUM(r.size_bytes), 0)
FROM backup_runs r
WHERE r.chain_id = :chain_id AND r.deleted_ms IS NULL;

-- name: retention_chain_config
SELECT config_id FROM backup_runs WHERE chain_id = :chain_id AND deleted_ms IS NULL ORDER BY chain_seq, id LIMIT 1;

-- name: retention_pin
UPDATE backup_runs
SET pinned_ms = COALESCE(pinned_ms, :now)
WHERE id = :id AND deleted_ms IS NULL AND status IN ('completed', 'warning');

-- name: retention_unpin
UPDATE backup_runs SET pinned_ms = NULL WHERE id = :id AND deleted_ms IS NULL;

-- name: retention_unpurged
-- Deleted runs whose objects may still be there, behind the one with (:after_ms, :after_id).
SELECT id, deleted_ms
FROM backup_runs
WHERE deleted_ms IS NOT NULL AND purged_ms IS NULL
  AND (deleted_ms > :after_ms OR (deleted_ms = :after_ms AND id > :after_id))
ORDER BY deleted_ms, id
LIMIT :limit;

-- name: retention_objects
-- Every path a run may have an object at. A run that came to nothing has given its path up, and a later one may have a
-- volume there by now: names are the agents' choice.
SELECT s3_path FROM backup_objects WHERE run_id = :run_id
UNION
SELECT r.s3_path FROM backup_runs r
WHERE r.id = :run_id AND r.s3_path IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM backup_objects o WHERE o.s3_path = r.s3_path AND o.run_id <> r.id)
ORDER BY 1;

-- name: retention_purged
UPDATE backup_runs SET purged_ms = :now WHERE id = :id AND deleted_ms IS NOT NULL AND purged_ms IS NULL;

-- name: retention_forget
-- Rows that stand for nothing any more: runs that came to nothing, and those whose objects are long gone. The newest row
-- of a config stays: it says how it went last.
DELETE FROM backup_runs
WHERE ((status IN ('failed', 'cancelled', 'lost') AND finished_ms < :before AND (deleted_ms IS NULL OR purged_ms IS NOT NULL))
       OR purged_ms < :before)
  AND (config_id IS NULL
       OR EXISTS (SELECT 1 FROM backup_runs n
                  WHERE n.config_id = backup_runs.config_id AND n.started_ms > backup_runs.started_ms));

-- name: retention_proof
-- The newest run that stands, with all below it, in the store and proven; as old a proof as its oldest part.
SELECT r.id, r.finished_ms,
       (SELECT MIN(p.proven_ms) FROM backup_runs p
        WHERE p.chain_id = r.chain_id AND p.chain_seq <= r.chain_seq AND p.status IN ('completed', 'warning'))
FROM backup_runs r
WHERE r.config_id = :config_id AND r.deleted_ms IS NULL AND r.proven_ms IS NOT NULL
  AND r.status IN ('completed', 'warning')
  AND (SELECT count(*) FROM backup_runs p
       WHERE p.chain_id = r.chain_id AND p.chain_seq <= r.chain_seq AND p.status IN ('completed', 'warning')
         AND p.deleted_ms IS NULL AND p.proven_ms IS NOT NULL AND p.verify_error = ''
         AND NOT EXISTS (SELECT 1 FROM backup_objects o WHERE o.run_id = p.id AND o.completed_ms IS NULL))
      = r.chain_seq + 1
ORDER BY r.finished_ms DESC, r.id DESC
LIMIT 1;

-- name: retention_stored
-- How many chains of a config have a run in the store, and how many bytes they take.
SELECT count(DISTINCT r.chain_id),
       COALESCE(SUM(COALESCE(r.size_bytes, 0)
                    + COALESCE((SELECT i.size_bytes FROM backup_objects i WHERE i.run_id = r.id AND i.number = 0), 0)), 0)
FROM backup_runs r
WHERE r.config_id = :config_id AND r.deleted_ms IS NULL AND r.status IN ('completed', 'warning');
