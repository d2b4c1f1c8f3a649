-- Releases of the agent.

-- name: release_stage
-- Made again while it is staged, it replaces what was made before.
INSERT INTO releases (version, channel, min_version, changelog, container_image, eventlog_min, status, size_bytes,
    created_ms)
VALUES (:version, :channel, :min_version, :changelog, :container_image, :eventlog_min, 'staged', :size, :now)
ON CONFLICT (version) DO UPDATE SET channel = excluded.channel, min_version = excluded.min_version,
    changelog = excluded.changelog, container_image = excluded.container_image,
    eventlog_min = excluded.eventlog_min, size_bytes = excluded.size_bytes, created_ms = excluded.created_ms
WHERE releases.status = 'staged';

-- name: release_publish
-- What signed metadata says of a version, once for each of its files. The first time counts.
INSERT INTO releases (version, channel, min_version, changelog, container_image, eventlog_min, status, size_bytes,
    downgrade, created_ms, published_ms)
VALUES (:version, :channel, :min_version, :changelog, :container_image, :eventlog_min, 'published', :size, :downgrade,
    :released, :released)
ON CONFLICT (version) DO UPDATE SET channel = excluded.channel, min_version = excluded.min_version,
    changelog = excluded.changelog, container_image = excluded.container_image,
    eventlog_min = excluded.eventlog_min, status = 'published', downgrade = excluded.downgrade,
    size_bytes = CASE WHEN excluded.size_bytes > releases.size_bytes THEN excluded.size_bytes
                      ELSE releases.size_bytes END,
    published_ms = COALESCE(releases.published_ms, excluded.published_ms), withdrawn_ms = NULL, withdrawn_reason = NULL;

-- name: release_withdraw
UPDATE releases SET status = 'withdrawn', withdrawn_ms = COALESCE(withdrawn_ms, :now), withdrawn_reason = :reason
WHERE version = :version;

-- name: release_discard
DELETE FROM releases WHERE version = :version AND status = 'staged';

-- name: release_file_clear
DELETE FROM release_files WHERE version = :version;

-- name: release_file_set
INSERT INTO release_files (version, arch, sha256, size_bytes) VALUES (:version, :arch, :sha256, :size)
ON CONFLICT (version, arch) DO UPDATE SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes;

-- name: release_patch_set
INSERT INTO release_patches (version, arch, base_version, sha256, size_bytes)
VALUES (:version, :arch, :base_version, :sha256, :size)
ON CONFLICT (version, arch, base_version) DO UPDATE SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes;

-- name: release_list
-- Newest first, with how many agents run each that the viewer may see (NULL: all).
SELECT r.version, r.channel, r.status, r.min_version, r.changelog, r.container_image, r.eventlog_min, r.size_bytes,
    r.downgrade, r.created_ms, r.published_ms, r.withdrawn_ms, r.withdrawn_reason,
    (SELECT COUNT(*) FROM agents a
     WHERE a.version = r.version
        AND (:viewer IS NULL OR a.user_id = :viewer
             OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')))
FROM releases r
WHERE :version IS NULL OR r.version = :version
ORDER BY r.created_ms DESC, r.version DESC LIMIT :limit;

-- name: release_page
-- The same as people search and sort them.
SELECT r.version, r.channel, r.status, r.min_version, r.changelog, r.container_image, r.eventlog_min, r.size_bytes,
    r.downgrade, r.created_ms, r.published_ms, r.withdrawn_ms, r.withdrawn_reason,
    (SELECT COUNT(*) FROM agents a
     WHERE a.version = r.version
        AND (:viewer IS NULL OR a.user_id = :viewer
             OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')))
FROM releases r
WHERE (:status = '' OR r.status = :status) AND (:channel = '' OR r.channel = :channel)
    AND (:q = '' OR LOWER(r.version) LIKE :q ESCAPE '\' OR LOWER(r.changelog) LIKE :q ESCAPE '\')
ORDER BY
    CASE WHEN :sort = 'created' AND :descending = 0 THEN r.created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN r.created_ms END DESC,
    CASE WHEN :sort = 'published' AND :descending = 0 THEN COALESCE(r.published_ms, 0) END,
    CASE WHEN :sort = 'published' AND :descending = 1 THEN COALESCE(r.published_ms, 0) END DESC,
    CASE WHEN :sort = 'version' AND :descending = 0 THEN r.version END,
    CASE WHEN :sort = 'version' AND :descending = 1 THEN r.version END DESC,
    CASE WHEN :sort = 'status' AND :descending = 0 THEN r.status END,
    CASE WHEN :sort = 'status' AND :descending = 1 THEN r.status END DESC,
    CASE WHEN :sort = 'channel' AND :descending = 0 THEN r.channel END,
    CASE WHEN :sort = 'channel' AND :descending = 1 THEN r.channel END DESC,
    CASE WHEN :sort = 'size' AND :descending = 0 THEN r.size_bytes END,
    CASE WHEN :sort = 'size' AND :descending = 1 THEN r.size_bytes END DESC,
    CASE WHEN :descending = 0 THEN r.version END, CASE WHEN :descending = 1 THEN r.version END DESC
LIMIT :limit OFFSET :offset;

-- name: release_page_count
SELECT COUNT(*) FROM releases r
WHERE (:status = '' OR r.status = :status) AND (:channel = '' OR r.channel = :channel)
    AND (:q = '' OR LOWER(r.version) LIKE :q ESCAPE '\' OR LOWER(r.changelog) LIKE :q ESCAPE '\');

-- name: release_file_list
SELECT arch, sha256, size_bytes FROM release_files WHERE version = :version ORDER BY arch;

-- name: release_patch_list
SELECT arch, base_version, sha256, size_bytes FROM release_patches
WHERE version = :version ORDER BY arch, base_version;

-- name: release_withdrawn_before
SELECT version FROM releases WHERE status = 'withdrawn' AND withdrawn_ms < :before ORDER BY version;
