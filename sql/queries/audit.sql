-- The audit trail as people read it, and how far it was verified. The chain's own statements are in auth.sql.

-- name: trail_fault_clear
DELETE FROM facts WHERE name = :name;

-- name: trail_oldest
SELECT seq FROM audit ORDER BY seq LIMIT 1;

-- name: trail_first_since
-- The sign keeps SQLite from walking along all older rows by number.
SELECT MIN(+seq) FROM audit WHERE time_ms >= :time;

-- name: trail_last_before
SELECT MAX(+seq) FROM audit WHERE time_ms < :time;

-- name: trail_page
-- Of the rows between :above and :below, which must not be many: they are sorted. What is '' does not matter; …_prefix is
-- what it begins with.
-- Names are of who is there still.
SELECT a.seq, a.time_ms, a.actor, COALESCE(u.email, g.name), a.action, a.target, COALESCE(tu.email, tg.name), a.result,
    a.address, a.request_id, a.detail, a.mac
FROM audit a
LEFT JOIN users u ON u.id = substr(a.actor, 6) AND substr(a.actor, 1, 5) = 'user:' AND u.deleted_ms IS NULL
LEFT JOIN agents g ON g.id = substr(a.actor, 7) AND substr(a.actor, 1, 6) = 'agent:'
LEFT JOIN users tu ON tu.id = substr(a.target, 6) AND substr(a.target, 1, 5) = 'user:' AND tu.deleted_ms IS NULL
LEFT JOIN agents tg ON tg.id = substr(a.target, 7) AND substr(a.target, 1, 6) = 'agent:'
WHERE a.seq > :above AND a.seq < :below AND a.time_ms >= :from AND a.time_ms < :to
    AND (:actor = '' OR a.actor = :actor) AND substr(a.actor, 1, length(:actor_prefix)) = :actor_prefix
    AND substr(a.action, 1, length(:action)) = :action
    AND (:target = '' OR a.target = :target) AND substr(a.target, 1, length(:target_prefix)) = :target_prefix
    AND (:result = '' OR a.result = :result)
    AND (:address = '' OR a.address = :address) AND substr(a.address, 1, length(:address_prefix)) = :address_prefix
    AND (:q = '' OR lower(a.actor || ' ' || COALESCE(u.email, g.name, '') || ' ' || a.action || ' ' || a.target || ' '
        || COALESCE(tu.email, tg.name, '') || ' ' || a.address || ' ' || a.request_id || ' ' || a.detail)
        LIKE :q ESCAPE '\')
ORDER BY CASE WHEN :descending = 0 THEN a.seq END, CASE WHEN :descending = 1 THEN a.seq END DESC LIMIT :limit;
