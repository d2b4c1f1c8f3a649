-- What a run stores: objects (0: the index; 1, 2, …: volumes), and the parts of those that are not made yet.

-- name: backup_upload_by_run
SELECT id, agent_id, status, s3_path, part_size, announced_bytes, size_bytes, files, bytes_transferred, sha256
FROM backup_runs
WHERE id = :id AND agent_id = :agent_id;

-- name: backup_upload_by_path
SELECT r.id, r.agent_id, r.status, r.s3_path, r.part_size, r.announced_bytes, r.size_bytes, r.files,
       r.bytes_transferred, r.sha256, o.number, o.s3_path, o.upload_id, o.size_bytes
FROM backup_objects o JOIN backup_runs r ON r.id = o.run_id
WHERE o.s3_path = :s3_path;

-- name: backup_upload_by_upload
SELECT r.id, r.agent_id, r.status, r.s3_path, r.part_size, r.announced_bytes, r.size_bytes, r.files,
       r.bytes_transferred, r.sha256, o.number, o.s3_path, o.upload_id, o.size_bytes
FROM backup_objects o JOIN backup_runs r ON r.id = o.run_id
WHERE o.upload_id = :upload_id
ORDER BY o.run_id, o.number LIMIT 1;

-- name: backup_object_add
INSERT INTO backup_objects (run_id, number, s3_path, upload_id) VALUES (:run_id, :number, :s3_path, :upload_id)
ON CONFLICT (run_id, number) DO NOTHING;

-- name: backup_object_get
SELECT number, s3_path, upload_id, size_bytes FROM backup_objects WHERE run_id = :run_id AND number = :number;

-- name: backup_object_unmade
-- The next object that is not made yet: the volumes in their order, the index last.
SELECT number, s3_path, upload_id, size_bytes FROM backup_objects
WHERE run_id = :run_id AND size_bytes IS NULL
ORDER BY CASE WHEN number = 0 THEN 1 ELSE 0 END, number LIMIT 1;

-- name: backup_object_made
UPDATE backup_objects SET size_bytes = :size_bytes, etag = :etag, completed_ms = :now
WHERE run_id = :run_id AND number = :number
  AND run_id IN (SELECT id FROM backup_runs WHERE id = :run_id AND status = 'running');

-- name: backup_object_list
SELECT number, s3_path, upload_id, size_bytes FROM backup_objects WHERE run_id = :run_id AND number > :after
ORDER BY number LIMIT :limit;

-- name: backup_object_ripe
-- Volumes of runs under way that can be made: a part of the volume after the next one is declared, so none of their own
-- is still being retried.
SELECT o.run_id, o.number, o.s3_path, o.upload_id, o.size_bytes
FROM backup_runs r JOIN backup_objects o ON o.run_id = r.id
WHERE r.status = 'running' AND o.number > 0 AND o.size_bytes IS NULL
  AND EXISTS (SELECT 1 FROM backup_objects n WHERE n.run_id = o.run_id AND n.number = o.number + 2)
ORDER BY o.run_id, o.number LIMIT 20;

-- name: backup_object_leftover
-- Of runs that ended without an object before :before. What is sent in one piece may come as long as its URL is in
-- force, however the run has ended: such runs must have begun before :whole_before.
SELECT o.run_id, o.number, o.s3_path, o.upload_id, o.size_bytes
FROM backup_runs r JOIN backup_objects o ON o.run_id = r.id
WHERE r.status IN ('failed', 'cancelled', 'lost') AND r.finished_ms < :before
  AND (r.part_size > 0 OR r.started_ms < :whole_before)
ORDER BY r.finished_ms, o.run_id, o.number LIMIT 100;

-- name: backup_object_gone
DELETE FROM backup_objects WHERE run_id = :run_id AND number = :number;

-- === Parts ===
-- Programs from before digest read and write md5 alone, and may run beside this one or after it: what is one, stands in
-- both, and a row without a digest is one of theirs.

-- name: backup_part_declare
INSERT INTO backup_parts (run_id, object, number, size_bytes, md5, digest)
VALUES (:run_id, :object, :number, :size_bytes, CASE WHEN length(:digest) = 32 THEN :digest ELSE '' END, :digest)
ON CONFLICT (run_id, object, number) DO NOTHING;

-- name: backup_run_announce
UPDATE backup_runs SET announced_bytes = announced_bytes + :bytes WHERE id = :id;

-- name: backup_part_pending
-- How many parts of a run are announced and not known to be there, counted up to :max.
SELECT count(*)
FROM (SELECT 1 FROM backup_parts WHERE run_id = :run_id AND stored_ms IS NULL LIMIT :max) AS pending;

-- name: backup_part_get
SELECT size_bytes, CASE WHEN digest = '' THEN md5 ELSE digest END, stored_ms FROM backup_parts
WHERE run_id = :run_id AND object = :object AND number = :number;

-- name: backup_part_list
SELECT number, size_bytes, CASE WHEN digest = '' THEN md5 ELSE digest END, stored_ms FROM backup_parts
WHERE run_id = :run_id AND object = :object
ORDER BY number;

-- name: backup_part_check
-- Everything of a run, object by object. One that is made has no parts any more.
SELECT o.number, o.size_bytes, p.number, p.size_bytes, CASE WHEN p.digest = '' THEN p.md5 ELSE p.digest END, p.stored_ms
FROM backup_objects o LEFT JOIN backup_parts p ON p.run_id = o.run_id AND p.object = o.number
WHERE o.run_id = :run_id
ORDER BY o.number, p.number;

-- name: backup_part_stored
UPDATE backup_parts
SET stored_ms = :now
WHERE run_id = :run_id AND object = :object AND number = :number AND size_bytes = :size_bytes AND stored_ms IS NULL
  AND (digest = :digest OR digest = '' AND md5 = :digest)
  AND run_id IN (SELECT id FROM backup_runs WHERE id = :run_id AND status = 'running');

-- name: backup_whole_stored
-- The body of a single PUT is part 1, and not declared before it is there.
INSERT INTO backup_parts (run_id, object, number, size_bytes, md5, digest, stored_ms)
SELECT id, 1, 1, :size_bytes, CASE WHEN length(:digest) = 32 THEN :digest ELSE '' END, :digest, :now
FROM backup_runs WHERE id = :run_id AND status = 'running';

-- name: backup_run_count_stored
-- Not by adding up the parts: there may be a hundred thousand.
UPDATE backup_runs
SET active_ms = :now, bytes_transferred = bytes_transferred + :bytes
WHERE id = :id AND status = 'running';

-- name: backup_part_drop
DELETE FROM backup_parts WHERE run_id = :run_id AND object = :object;

-- name: backup_part_drop_all
DELETE FROM backup_parts WHERE run_id = :run_id;

-- === Room ===

-- name: backup_usage
-- Bytes kept for an agent, and bytes announced by its runs under way.
SELECT
    (SELECT COALESCE(SUM(o.size_bytes), 0) FROM backup_runs r JOIN backup_objects o ON o.run_id = r.id
     WHERE r.agent_id = :agent_id AND r.status IN ('completed', 'warning') AND r.deleted_ms IS NULL)
    + (SELECT COALESCE(SUM(announced_bytes), 0) FROM backup_runs WHERE agent_id = :agent_id AND status = 'running');

-- name: backup_announced
-- Bytes that runs under way have announced and that are not stored yet: they may be on their way all at once.
SELECT
    (SELECT COALESCE(SUM((SELECT COALESCE(SUM(p.size_bytes), 0) FROM backup_parts p
                          WHERE p.run_id = r.id AND p.stored_ms IS NULL)), 0)
     FROM backup_runs r WHERE r.status = 'running' AND r.part_size > 0)
    + (SELECT COALESCE(SUM(r.announced_bytes), 0) FROM backup_runs r
       WHERE r.status = 'running' AND r.part_size = 0
         AND NOT EXISTS (SELECT 1 FROM backup_parts p WHERE p.run_id = r.id));
