-- What is stored, now and day by day, and whether a run is as large as those before it. :viewer as in backup.sql.

-- name: size_of_run
SELECT config_id, config_name, agent_id, agent_name, user_id, type, size_bytes, listed_bytes
FROM backup_runs
WHERE id = :id;

-- name: size_history
-- What runs before this one found the tree to hold, or, where none of that is known, took in the store: newest first.
SELECT CASE WHEN :listed = 1 THEN listed_bytes ELSE size_bytes END
FROM backup_runs
WHERE config_id = :config_id AND id <> :id AND status IN ('completed', 'warning')
  AND ((:listed = 1 AND listed_bytes IS NOT NULL) OR (:listed = 0 AND type = 'full' AND size_bytes IS NOT NULL))
ORDER BY finished_ms DESC, id DESC
LIMIT 10;

-- name: storage_total
-- Of all that there is, and how many backups :q lets through.
SELECT COALESCE(SUM(s.bytes), 0), COALESCE(SUM(s.runs), 0),
       COALESCE(SUM(CASE WHEN :q = '' OR LOWER(s.agent_name) LIKE :q ESCAPE '\' OR LOWER(s.config_name) LIKE :q ESCAPE '\'
                              OR s.agent_id LIKE :q ESCAPE '\' OR s.config_id LIKE :q ESCAPE '\' THEN 1 ELSE 0 END), 0)
FROM (SELECT r.agent_id AS agent_id, COALESCE(a.name, r.agent_name) AS agent_name, r.config_id AS config_id,
             COALESCE(c.name, r.config_name) AS config_name,
             SUM(COALESCE(r.size_bytes, 0) + COALESCE(o.size_bytes, 0)) AS bytes, count(*) AS runs
      FROM backup_runs r
           LEFT JOIN agents a ON a.id = r.agent_id
           LEFT JOIN backup_configs c ON c.id = r.config_id
           LEFT JOIN backup_objects o ON o.run_id = r.id AND o.number = 0
      WHERE r.status IN ('completed', 'warning') AND r.deleted_ms IS NULL
        AND (:agent_id IS NULL OR r.agent_id = :agent_id)
        AND (:viewer IS NULL OR r.user_id = :viewer
             OR r.config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
             OR r.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
      GROUP BY r.agent_id, COALESCE(a.name, r.agent_name), r.config_id, COALESCE(c.name, r.config_name)) AS s;

-- name: storage_page
-- By backup; those of deleted agents and configs are told apart by the names they had.
SELECT s.agent_id, s.agent_name, s.config_id, s.config_name, s.bytes, s.runs
FROM (SELECT r.agent_id AS agent_id, COALESCE(a.name, r.agent_name) AS agent_name, r.config_id AS config_id,
             COALESCE(c.name, r.config_name) AS config_name,
             SUM(COALESCE(r.size_bytes, 0) + COALESCE(o.size_bytes, 0)) AS bytes, count(*) AS runs
      FROM backup_runs r
           LEFT JOIN agents a ON a.id = r.agent_id
           LEFT JOIN backup_configs c ON c.id = r.config_id
           LEFT JOIN backup_objects o ON o.run_id = r.id AND o.number = 0
      WHERE r.status IN ('completed', 'warning') AND r.deleted_ms IS NULL
        AND (:agent_id IS NULL OR r.agent_id = :agent_id)
        AND (:viewer IS NULL OR r.user_id = :viewer
             OR r.config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
             OR r.agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
      GROUP BY r.agent_id, COALESCE(a.name, r.agent_name), r.config_id, COALESCE(c.name, r.config_name)) AS s
WHERE :q = '' OR LOWER(s.agent_name) LIKE :q ESCAPE '\' OR LOWER(s.config_name) LIKE :q ESCAPE '\'
    OR s.agent_id LIKE :q ESCAPE '\' OR s.config_id LIKE :q ESCAPE '\'
ORDER BY
    CASE WHEN :sort = 'bytes' AND :descending = 0 THEN s.bytes END,
    CASE WHEN :sort = 'bytes' AND :descending = 1 THEN s.bytes END DESC,
    CASE WHEN :sort = 'runs' AND :descending = 0 THEN s.runs END,
    CASE WHEN :sort = 'runs' AND :descending = 1 THEN s.runs END DESC,
    CASE WHEN :sort = 'agent' AND :descending = 0 THEN LOWER(s.agent_name) END,
    CASE WHEN :sort = 'agent' AND :descending = 1 THEN LOWER(s.agent_name) END DESC,
    CASE WHEN :sort = 'config' AND :descending = 0 THEN LOWER(s.config_name) END,
    CASE WHEN :sort = 'config' AND :descending = 1 THEN LOWER(s.config_name) END DESC,
    LOWER(s.agent_name), COALESCE(s.agent_id, ''), LOWER(s.config_name), COALESCE(s.config_id, ''), s.agent_name,
    s.config_name
LIMIT :limit OFFSET :offset;

-- name: storage_history
SELECT day_ms, SUM(bytes), SUM(runs)
FROM storage_days
WHERE day_ms >= :since AND day_ms < :before
  AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:viewer IS NULL OR user_id = :viewer
       OR config_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'config')
       OR agent_id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
GROUP BY day_ms
ORDER BY day_ms;

-- name: storage_day_clear
-- To be measured anew; and days that are of no interest any more or not to be expected.
DELETE FROM storage_days WHERE day_ms = :day OR day_ms < :before OR day_ms > :after;

-- name: storage_day_measure
INSERT INTO storage_days (day_ms, user_id, agent_id, config_id, bytes, runs)
SELECT :day, r.user_id, COALESCE(r.agent_id, ''), COALESCE(r.config_id, ''),
       SUM(COALESCE(r.size_bytes, 0) + COALESCE(o.size_bytes, 0)), count(*)
FROM backup_runs r LEFT JOIN backup_objects o ON o.run_id = r.id AND o.number = 0
WHERE r.status IN ('completed', 'warning') AND r.deleted_ms IS NULL
GROUP BY r.user_id, COALESCE(r.agent_id, ''), COALESCE(r.config_id, '');
