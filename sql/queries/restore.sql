-- What can be read back, and by whom.

-- name: restore_candidates
-- What an agent may read back, newest first: its own runs, those of configs that are assigned to it now, and those of
-- configs that name it to verify them, of its own owner. :verifier is what options then contain as they are stored:
-- compact, every quote within a string escaped. :agent_id NULL: whoever asks. The list that comes first keeps an agent
-- that asks over and over from having the runs of all others looked through.
WITH candidates (id) AS (
    SELECT :run_id WHERE :run_id IS NOT NULL
    UNION
    SELECT id FROM backup_runs WHERE :run_id IS NULL AND agent_id = :agent_id
    UNION
    SELECT x.id FROM backup_configs k CROSS JOIN backup_runs x
    WHERE :run_id IS NULL AND (k.agent_id = :agent_id OR k.options LIKE :verifier) AND x.config_id = k.id
    UNION
    SELECT id FROM backup_runs WHERE :run_id IS NULL AND :agent_id IS NULL
)
SELECT r.id, r.config_id, r.config_name, r.user_id, r.filename, r.size_bytes, r.sha256, r.status, r.finished_ms, r.type,
       r.chain_id, r.chain_seq, r.encrypted, r.agent_id
FROM candidates CROSS JOIN backup_runs r ON r.id = candidates.id LEFT JOIN backup_configs c ON c.id = r.config_id
WHERE r.status IN ('completed', 'warning') AND r.deleted_ms IS NULL
  AND (:agent_id IS NULL OR r.agent_id = :agent_id OR c.agent_id = :agent_id
       OR (c.options LIKE :verifier AND r.user_id = (SELECT a.user_id FROM agents a WHERE a.id = :agent_id)))
  AND (:config_id IS NULL OR r.config_id = :config_id)
  AND (:config_name IS NULL OR r.config_name = :config_name)
  AND (:at IS NULL OR r.finished_ms <= :at)
ORDER BY r.finished_ms DESC, r.id DESC
LIMIT :limit;

-- name: restore_chain
-- What a run may stand on, newest first; base_id says what it does stand on.
SELECT id, base_id, type, chain_seq, filename, size_bytes, sha256, encrypted, finished_ms, files
FROM backup_runs
WHERE chain_id = :chain_id AND chain_seq <= :seq AND user_id = :user_id AND status IN ('completed', 'warning')
  AND deleted_ms IS NULL
ORDER BY chain_seq DESC, finished_ms DESC, id DESC;

-- name: restore_objects
SELECT number, s3_path, size_bytes, thaw
FROM backup_objects
WHERE run_id = :run_id AND completed_ms IS NOT NULL
ORDER BY number;

-- name: restore_verified
-- Somebody has read a run back. NULL leaves a time as it is.
UPDATE backup_runs
SET verified_ms = :now, verify_error = :error, intact_ms = COALESCE(:intact, intact_ms),
    proven_ms = COALESCE(:proven, proven_ms)
WHERE id = :id AND deleted_ms IS NULL;

-- name: restore_thaw_note
UPDATE backup_objects SET thaw = :thaw, thaw_ms = :now WHERE run_id = :run_id AND number = :number;

-- name: restore_thaw_over
-- What was brought back before :before has gone back by now.
UPDATE backup_objects SET thaw = 'archived', thaw_ms = :now WHERE thaw = 'ready' AND thaw_ms < :before;

-- name: files_index
-- Where the list of what is inside a run is.
SELECT o.s3_path, r.encrypted, r.deleted_ms
FROM backup_runs r LEFT JOIN backup_objects o ON o.run_id = r.id AND o.number = 0 AND o.completed_ms IS NOT NULL
WHERE r.id = :id
  AND (:viewer IS NULL OR r.user_id = :viewer
       OR r.config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR r.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'));
