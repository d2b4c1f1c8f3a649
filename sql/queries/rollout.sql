-- Rollouts, their members, and what agents say of their updates. :viewer is NULL for admins, who see all; others see
-- the rollouts they have made and those that reach an agent of theirs.

-- === Releases, as far as rollouts ask ===

-- name: rollout_release
SELECT channel, min_version, status, size_bytes, downgrade, container_image FROM releases WHERE version = :version;

-- name: rollout_releases_of_channel
-- Versions have an order of their own, which SQL does not know.
SELECT version, status, min_version FROM releases
WHERE channel = :channel AND status <> 'staged' ORDER BY version;

-- === Rollouts ===

-- name: rollout_insert
INSERT INTO rollouts (id, user_id, kind, version, previous_version, channel, target, stages, windows, max_in_flight,
    max_per_minute, fail_percent, fail_count, error_factor, silence_s, salt, state, scanned, scan_due_ms, created_ms,
    updated_ms)
VALUES (:id, :user, :kind, :version, :previous_version, :channel, :target, :stages, :windows, :max_in_flight,
    :max_per_minute, :fail_percent, :fail_count, :error_factor, :silence_s, :salt, 'running', :scanned, :scan_due, :now,
    :now);

-- name: rollout_get
SELECT id, user_id, kind, version, previous_version, channel, target, stages, windows, max_in_flight, max_per_minute,
    fail_percent, fail_count, error_factor, silence_s, salt, state, reason, stage, stage_done_ms, forgiven_failed,
    forgiven_offered, scanned, scan_after, scan_due_ms, judge_due_ms, created_ms, updated_ms, finished_ms
FROM rollouts WHERE id = :id;

-- name: rollout_resolve
-- By id, or the newest of a version, for the command line.
SELECT id FROM rollouts WHERE id = :key OR version = :key
ORDER BY CASE WHEN id = :key THEN 0 ELSE 1 END, created_ms DESC, id DESC LIMIT 1;

-- name: rollout_open_count
SELECT COUNT(*) FROM rollouts
WHERE user_id = :user AND kind = :kind AND state IN ('running', 'paused', 'rolling_back');

-- name: rollout_active
-- What the engine drives: those that run; those that were stopped, until all of their members have been told; and those
-- that are done and still catch late hosts, until the next rollout of the same person in the same channel takes over.
SELECT r.id, r.created_ms FROM rollouts r
WHERE (r.created_ms, r.id) > (:after_ms, :after)
    AND (r.state IN ('running', 'rolling_back')
     OR (r.state IN ('paused', 'aborted') AND EXISTS
         (SELECT 1 FROM rollout_members m WHERE m.rollout_id = r.id
          AND m.state IN ('offered', 'waiting', 'downloading', 'verifying')))
     OR (r.state = 'aborted' AND EXISTS
         (SELECT 1 FROM rollout_members m WHERE m.rollout_id = r.id AND m.state IN ('pending', 'away')))
     OR (r.state IN ('done', 'rolled_back') AND r.kind <> 'single' AND r.finished_ms > :late_since AND NOT EXISTS
         (SELECT 1 FROM rollouts n WHERE n.user_id = r.user_id AND n.channel = r.channel AND n.kind = r.kind
          AND n.created_ms > r.created_ms)))
ORDER BY r.created_ms, r.id LIMIT :limit;

-- name: rollout_visible
SELECT r.user_id FROM rollouts r
WHERE r.id = :id AND (:viewer IS NULL OR r.user_id = :viewer OR EXISTS
    (SELECT 1 FROM agents a JOIN rollout_members m ON m.agent_id = a.id AND m.rollout_id = r.id
     WHERE a.user_id = :viewer
        OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')));

-- name: rollout_page
SELECT r.id FROM rollouts r
WHERE (:state = '' OR r.state = :state) AND (:version = '' OR r.version = :version)
    AND (:viewer IS NULL OR r.user_id = :viewer OR EXISTS
    (SELECT 1 FROM agents a JOIN rollout_members m ON m.agent_id = a.id AND m.rollout_id = r.id
     WHERE a.user_id = :viewer
        OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')))
ORDER BY r.created_ms DESC, r.id DESC LIMIT :limit OFFSET :offset;

-- name: rollout_page_sorted
-- The same as people search and sort them.
SELECT r.id FROM rollouts r
WHERE (:state = '' OR r.state = :state) AND (:version = '' OR r.version = :version)
    AND (:q = '' OR LOWER(r.version) LIKE :q ESCAPE '\' OR r.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR r.user_id = :viewer OR EXISTS
    (SELECT 1 FROM agents a JOIN rollout_members m ON m.agent_id = a.id AND m.rollout_id = r.id
     WHERE a.user_id = :viewer
        OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')))
ORDER BY
    CASE WHEN :sort = 'created' AND :descending = 0 THEN r.created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN r.created_ms END DESC,
    CASE WHEN :sort = 'finished' AND :descending = 0 THEN COALESCE(r.finished_ms, 9223372036854775807) END,
    CASE WHEN :sort = 'finished' AND :descending = 1 THEN COALESCE(r.finished_ms, 9223372036854775807) END DESC,
    CASE WHEN :sort = 'version' AND :descending = 0 THEN r.version END,
    CASE WHEN :sort = 'version' AND :descending = 1 THEN r.version END DESC,
    CASE WHEN :sort = 'state' AND :descending = 0 THEN r.state END,
    CASE WHEN :sort = 'state' AND :descending = 1 THEN r.state END DESC,
    CASE WHEN :descending = 0 THEN r.id END, CASE WHEN :descending = 1 THEN r.id END DESC
LIMIT :limit OFFSET :offset;

-- name: rollout_page_count
SELECT COUNT(*) FROM rollouts r
WHERE (:state = '' OR r.state = :state) AND (:version = '' OR r.version = :version)
    AND (:q = '' OR LOWER(r.version) LIKE :q ESCAPE '\' OR r.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR r.user_id = :viewer OR EXISTS
    (SELECT 1 FROM agents a JOIN rollout_members m ON m.agent_id = a.id AND m.rollout_id = r.id
     WHERE a.user_id = :viewer
        OR a.id IN (SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')));

-- name: rollout_set_plan
UPDATE rollouts SET stages = :stages, windows = :windows, max_in_flight = :max_in_flight,
    max_per_minute = :max_per_minute, fail_percent = :fail_percent, fail_count = :fail_count,
    error_factor = :error_factor, silence_s = :silence_s, stage = :stage, stage_done_ms = NULL,
    state = :state, finished_ms = :finished, updated_ms = :now
WHERE id = :id;

-- name: rollout_set_state
UPDATE rollouts SET state = :state, reason = :reason, finished_ms = :finished, updated_ms = :now WHERE id = :id;

-- name: rollout_forgive
UPDATE rollouts SET forgiven_failed = :failed, forgiven_offered = :offered WHERE id = :id;

-- name: rollout_set_stage
UPDATE rollouts SET stage = :stage, stage_done_ms = :done, updated_ms = :now WHERE id = :id;

-- name: rollout_set_scan
UPDATE rollouts SET scan_after = :after, scan_due_ms = :due, scanned = :scanned WHERE id = :id;

-- name: rollout_set_judge
UPDATE rollouts SET judge_due_ms = :due WHERE id = :id;

-- name: rollout_of_minimum
-- The server's own rollout for what is below a release's min_version: one a release, whatever became of it.
SELECT id FROM rollouts WHERE kind = 'minimum' AND version = :version ORDER BY id LIMIT 1;

-- name: rollout_count_by_state
SELECT state, COUNT(*) FROM rollouts GROUP BY state ORDER BY state;

-- === Members ===

-- name: rollout_scan_until
-- The last agent of a chunk; no row: the rest is a chunk.
SELECT id FROM agents WHERE id > :after ORDER BY id LIMIT 1 OFFSET :skip;

-- name: rollout_scan
-- Agents that the rollout's owner may see and that are not members yet.
SELECT a.id, a.version, a.deployment_mode, a.labels FROM agents a JOIN users u ON u.id = :owner
WHERE a.id > :after AND a.id <= :until
    AND (u.role = 'admin' OR a.user_id = u.id OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = u.id AND g.kind = 'agent' AND g.object_id = a.id))
    AND NOT EXISTS (SELECT 1 FROM rollout_members m WHERE m.rollout_id = :rollout AND m.agent_id = a.id)
ORDER BY a.id LIMIT :limit;

-- name: rollout_agent
SELECT a.version, a.deployment_mode, a.labels, a.capabilities, a.offline_after_ms, a.status FROM agents a
WHERE a.id = :agent;

-- name: rollout_agent_versions
SELECT DISTINCT version FROM agents ORDER BY version;

-- name: rollout_owner_may_see
SELECT 1 FROM agents a JOIN users u ON u.id = :owner
WHERE a.id = :agent AND (u.role = 'admin' OR a.user_id = u.id OR EXISTS
    (SELECT 1 FROM grants g WHERE g.user_id = u.id AND g.kind = 'agent' AND g.object_id = a.id));

-- name: rollout_member_insert
INSERT INTO rollout_members (rollout_id, agent_id, bucket, state, reason, urgent, state_ms)
VALUES (:rollout, :agent, :bucket, :state, :reason, :urgent, :now)
ON CONFLICT (rollout_id, agent_id) DO NOTHING;

-- name: rollout_member_get
SELECT m.state, m.direction, m.forced, r.version, r.previous_version, r.silence_s, r.state, m.offered_ms, m.deadline_ms
FROM rollout_members m JOIN rollouts r ON r.id = m.rollout_id
WHERE m.rollout_id = :rollout AND m.agent_id = :agent;

-- name: rollout_candidates
-- The next in turn, whether they are there or not: those that are not become away, and are not in the way next time.
-- The last column: whether the rollout's owner may still see it.
SELECT m.agent_id, a.version, a.deployment_mode, a.capabilities,
    CASE WHEN a.offline_after_ms > :now AND a.status <> 'offline' AND a.deactivated_ms IS NULL
              AND a.quarantined_ms IS NULL THEN 1 ELSE 0 END,
    (SELECT COUNT(*) FROM agent_updates u WHERE u.agent_id = m.agent_id AND u.offer_rollout_id IS NOT NULL),
    CASE WHEN o.role = 'admin' OR a.user_id = o.id OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = o.id AND g.kind = 'agent' AND g.object_id = a.id) THEN 1 ELSE 0 END
FROM rollout_members m JOIN agents a ON a.id = m.agent_id JOIN rollouts r ON r.id = m.rollout_id
    JOIN users o ON o.id = r.user_id
WHERE m.rollout_id = :rollout AND m.state = 'pending' AND m.direction = :direction AND m.bucket < :below
ORDER BY m.bucket, m.agent_id LIMIT :limit;

-- name: rollout_candidates_urgent
SELECT m.agent_id, a.version, a.deployment_mode, a.capabilities,
    CASE WHEN a.offline_after_ms > :now AND a.status <> 'offline' AND a.deactivated_ms IS NULL
              AND a.quarantined_ms IS NULL THEN 1 ELSE 0 END,
    (SELECT COUNT(*) FROM agent_updates u WHERE u.agent_id = m.agent_id AND u.offer_rollout_id IS NOT NULL),
    CASE WHEN o.role = 'admin' OR a.user_id = o.id OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = o.id AND g.kind = 'agent' AND g.object_id = a.id) THEN 1 ELSE 0 END
FROM rollout_members m JOIN agents a ON a.id = m.agent_id JOIN rollouts r ON r.id = m.rollout_id
    JOIN users o ON o.id = r.user_id
WHERE m.rollout_id = :rollout AND m.urgent = 1 AND m.state = 'pending' AND m.direction = 'forward'
ORDER BY m.agent_id LIMIT :limit;

-- name: rollout_awaited
-- One that was not offered anything yet and that has been heard of since :since.
SELECT 1 FROM rollout_members m JOIN agents a ON a.id = m.agent_id
WHERE m.rollout_id = :rollout AND m.state IN ('pending', 'away') AND a.last_seen_ms > :since LIMIT 1;

-- name: rollout_pending_any
SELECT 1 FROM rollout_members WHERE rollout_id = :rollout AND state IN ('pending', 'away') LIMIT 1;

-- name: rollout_well_any
SELECT 1 FROM rollout_members WHERE rollout_id = :rollout AND state IN ('committed', 'current', 'available') LIMIT 1;

-- name: rollout_in_flight
SELECT COUNT(*) FROM rollout_members
WHERE rollout_id = :rollout AND state IN ('offered', 'waiting', 'downloading', 'verifying', 'trial');

-- name: rollout_in_flight_anywhere
SELECT 1 FROM rollout_members WHERE deadline_ms IS NOT NULL LIMIT 1;

-- name: rollout_offered_since
SELECT COUNT(*) FROM rollout_members WHERE rollout_id = :rollout AND offered_ms > :since;

-- name: rollout_offered_in_stages
SELECT COUNT(*) FROM rollout_members WHERE rollout_id = :rollout AND offered_ms IS NOT NULL AND stage IS NOT NULL;

-- name: rollout_failed
SELECT COUNT(*) FROM rollout_members
WHERE rollout_id = :rollout AND state IN ('restored', 'failed', 'silent', 'unhealthy') AND direction = 'forward';

-- name: rollout_member_offer
UPDATE rollout_members SET state = 'offered', reason = '', stage = :stage, forced = :forced, offered_ms = :now,
    deadline_ms = :deadline, state_ms = :now
WHERE rollout_id = :rollout AND agent_id = :agent;

-- name: rollout_member_move
UPDATE rollout_members SET state = :state, reason = :reason, deadline_ms = :deadline, state_ms = :now
WHERE rollout_id = :rollout AND agent_id = :agent;

-- name: rollout_member_move_deadline
-- A sign of progress within the same state.
UPDATE rollout_members SET deadline_ms = :deadline
WHERE rollout_id = :rollout AND agent_id = :agent AND deadline_ms IS NOT NULL;

-- name: rollout_member_defer
-- Not now: one that waits for something.
UPDATE rollout_members SET state = 'away', reason = :reason, stage = NULL, offered_ms = NULL, deadline_ms = NULL,
    retry_ms = :retry, state_ms = :now
WHERE rollout_id = :rollout AND agent_id = :agent;

-- name: rollout_members_back
-- An agent is heard of again.
UPDATE rollout_members SET state = 'pending', reason = '', state_ms = :now
WHERE agent_id = :agent AND state = 'away' AND retry_ms <= :now;

-- name: rollout_members_free
-- Those of a chunk that are there, whatever had kept them.
UPDATE rollout_members SET state = 'pending', reason = '', state_ms = :now
WHERE rollout_id = :rollout AND agent_id > :after AND agent_id <= :until AND state = 'away' AND retry_ms <= :now
    AND EXISTS (SELECT 1 FROM agents a WHERE a.id = rollout_members.agent_id AND a.offline_after_ms > :now
        AND a.status <> 'offline' AND a.deactivated_ms IS NULL AND a.quarantined_ms IS NULL);

-- name: rollout_member_turn
-- To be put back to the previous version.
UPDATE rollout_members SET direction = 'back', state = 'pending', reason = '', stage = NULL, offered_ms = NULL,
    deadline_ms = NULL, retry_ms = 0, state_ms = :now
WHERE rollout_id = :rollout AND agent_id = :agent;

-- name: rollout_turn_some
UPDATE rollout_members SET direction = 'back', state = 'pending', reason = '', stage = NULL, offered_ms = NULL,
    deadline_ms = NULL, retry_ms = 0, state_ms = :now
WHERE rollout_id = :rollout AND agent_id IN
    (SELECT m.agent_id FROM rollout_members m
     WHERE m.rollout_id = :rollout AND m.state IN ('committed', 'unhealthy') AND m.direction = 'forward'
     ORDER BY m.state, m.bucket, m.agent_id LIMIT :limit);

-- name: rollout_withdraw_any
-- One that is offered something and has not put anything in place yet.
SELECT 1 FROM rollout_members m
WHERE m.rollout_id = :rollout AND m.state IN ('offered', 'waiting', 'downloading', 'verifying')
    AND m.direction IN ('forward', :direction) LIMIT 1;

-- name: rollout_withdraw_some
UPDATE rollout_members SET state = 'pending', reason = '', stage = NULL, offered_ms = NULL, deadline_ms = NULL,
    state_ms = :now
WHERE rollout_id = :rollout AND agent_id IN
    (SELECT m.agent_id FROM rollout_members m
     WHERE m.rollout_id = :rollout AND m.state IN ('offered', 'waiting', 'downloading', 'verifying')
         AND m.direction IN ('forward', :direction)
     ORDER BY m.state, m.direction, m.bucket, m.agent_id LIMIT :limit);

-- name: rollout_cancel_some
UPDATE rollout_members SET state = 'cancelled', state_ms = :now
WHERE rollout_id = :rollout AND agent_id IN
    (SELECT m.agent_id FROM rollout_members m
     WHERE m.rollout_id = :rollout AND m.state IN ('pending', 'away') AND m.direction IN ('forward', :direction)
     ORDER BY m.state, m.direction, m.bucket, m.agent_id LIMIT :limit);

-- name: rollout_containers_done
-- Containers of a chunk that were given the version by whoever runs them.
UPDATE rollout_members SET state = 'committed', state_ms = :now
WHERE rollout_id = :rollout AND agent_id > :after AND agent_id <= :until AND state = 'available'
    AND EXISTS (SELECT 1 FROM agents a WHERE a.id = rollout_members.agent_id AND a.version = :version
        AND a.deployment_mode = 'container');

-- name: rollout_signal_next
-- Agents of this stage that may roll out their own workload and were not told to.
SELECT m.agent_id FROM rollout_members m JOIN agent_updates u ON u.agent_id = m.agent_id
WHERE m.rollout_id = :rollout AND m.state = 'available' AND m.bucket < :below AND m.signalled = 0 AND u.workload <> ''
ORDER BY m.bucket, m.agent_id LIMIT :limit;

-- name: rollout_signalled
UPDATE rollout_members SET signalled = 1, reason = :reason WHERE rollout_id = :rollout AND agent_id = :agent;

-- name: rollout_overdue
SELECT m.rollout_id, m.agent_id, m.state, m.direction, a.version, a.offline_after_ms, r.version, r.previous_version,
    r.silence_s, r.state
FROM rollout_members m JOIN agents a ON a.id = m.agent_id JOIN rollouts r ON r.id = m.rollout_id
WHERE m.deadline_ms <= :now
ORDER BY m.deadline_ms LIMIT :limit;

-- name: rollout_bystanders_heard
-- When the newest agents that are not being updated were last heard of. With everybody being updated there are none to
-- be found, so that only some of the newest are looked at.
SELECT MAX(s.last_seen_ms)
FROM (SELECT n.last_seen_ms FROM (SELECT id, last_seen_ms, status FROM agents ORDER BY id DESC LIMIT :newest) n
      WHERE n.last_seen_ms IS NOT NULL AND n.status <> 'offline' AND NOT EXISTS
          (SELECT 1 FROM agent_updates u WHERE u.agent_id = n.id AND u.offer_rollout_id IS NOT NULL)
      ORDER BY n.id DESC LIMIT :limit) s;

-- name: rollout_bystanders_since
-- How many of the same were heard of since then.
SELECT COUNT(*)
FROM (SELECT n.last_seen_ms FROM (SELECT id, last_seen_ms, status FROM agents ORDER BY id DESC LIMIT :newest) n
      WHERE n.last_seen_ms IS NOT NULL AND n.status <> 'offline' AND NOT EXISTS
          (SELECT 1 FROM agent_updates u WHERE u.agent_id = n.id AND u.offer_rollout_id IS NOT NULL)
      ORDER BY n.id DESC LIMIT :limit) s
WHERE s.last_seen_ms > :since;

-- name: rollout_shift_deadlines
UPDATE rollout_members
SET deadline_ms = CASE WHEN deadline_ms + :gap > :least THEN deadline_ms + :gap ELSE :least END
WHERE deadline_ms IS NOT NULL;

-- name: rollout_clock_get
SELECT alive_ms FROM rollout_clock WHERE name = 'engine';

-- name: rollout_clock_set
INSERT INTO rollout_clock (name, alive_ms) VALUES ('engine', :now)
ON CONFLICT (name) DO UPDATE SET alive_ms = excluded.alive_ms;

-- name: rollout_noisy
-- Updated members with at least :least errors since their update.
SELECT m.agent_id, m.offered_ms, m.state_ms, a.created_ms, COUNT(*)
FROM agent_logs l JOIN rollout_members m ON m.rollout_id = :rollout AND m.agent_id = l.agent_id
    JOIN agents a ON a.id = m.agent_id
WHERE l.level >= 3 AND l.received_ms >= :since AND m.state = 'committed' AND m.direction = 'forward'
    AND m.state_ms >= :since AND l.received_ms >= m.state_ms
GROUP BY m.agent_id, m.offered_ms, m.state_ms, a.created_ms
HAVING COUNT(*) >= :least
ORDER BY m.agent_id LIMIT :limit;

-- name: rollout_member_updated
SELECT 1 FROM rollout_members
WHERE rollout_id = :rollout AND agent_id = :agent AND state = 'committed' AND direction = 'forward';

-- name: rollout_errors_of_agent
SELECT COUNT(*) FROM agent_logs
WHERE agent_id = :agent AND received_ms >= :since AND received_ms < :until AND level >= 3;

-- name: rollout_errors_of_others
-- Errors on members that were not updated, since then.
SELECT COUNT(*) FROM agent_logs l JOIN rollout_members m ON m.rollout_id = :rollout AND m.agent_id = l.agent_id
WHERE l.level >= 3 AND l.received_ms >= :since AND m.state IN ('pending', 'away');

-- name: rollout_pending_count
SELECT COUNT(*) FROM rollout_members WHERE rollout_id = :rollout AND state IN ('pending', 'away');

-- name: rollout_member_counts
SELECT state, direction, COUNT(*) FROM rollout_members
WHERE rollout_id = :rollout
    AND (:viewer IS NULL OR agent_id IN
        (SELECT id FROM agents WHERE user_id = :viewer
         UNION SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent'))
GROUP BY state, direction ORDER BY state, direction;

-- name: rollout_members_seen
SELECT agent_id FROM rollout_members
WHERE rollout_id = :rollout AND agent_id IN
    (SELECT id FROM agents WHERE user_id = :viewer
     UNION SELECT object_id FROM grants WHERE user_id = :viewer AND kind = 'agent')
ORDER BY agent_id;

-- name: rollout_member_page
SELECT m.agent_id, a.name, a.version, m.bucket, m.stage, m.direction,
    CASE WHEN m.state = 'away' THEN 'pending' ELSE m.state END, u.percent, m.reason, m.forced,
    m.offered_ms, m.deadline_ms, m.state_ms
FROM rollout_members m JOIN agents a ON a.id = m.agent_id LEFT JOIN agent_updates u ON u.agent_id = m.agent_id
    AND u.rollout_id = m.rollout_id
WHERE m.rollout_id = :rollout AND (:state = '' OR m.state = :state OR (m.state = 'away' AND :state = 'pending'))
    AND (:viewer IS NULL OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
ORDER BY CASE WHEN m.state IN ('restored', 'failed', 'silent', 'unhealthy') THEN 0
              WHEN m.state IN ('offered', 'waiting', 'downloading', 'verifying', 'trial') THEN 1 ELSE 2 END,
    m.bucket, m.agent_id
LIMIT :limit OFFSET :offset;

-- name: rollout_member_page_sorted
-- The same as people search and sort them; what went wrong stands first where the order is the usual one.
SELECT m.agent_id, a.name, a.version, m.bucket, m.stage, m.direction,
    CASE WHEN m.state = 'away' THEN 'pending' ELSE m.state END, u.percent, m.reason, m.forced,
    m.offered_ms, m.deadline_ms, m.state_ms
FROM rollout_members m JOIN agents a ON a.id = m.agent_id LEFT JOIN agent_updates u ON u.agent_id = m.agent_id
    AND u.rollout_id = m.rollout_id
WHERE m.rollout_id = :rollout AND (:state = '' OR m.state = :state OR (m.state = 'away' AND :state = 'pending'))
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
ORDER BY
    CASE WHEN :sort = 'trouble' AND :descending = 0 THEN CASE WHEN m.state IN ('restored', 'failed', 'silent', 'unhealthy') THEN 0
              WHEN m.state IN ('offered', 'waiting', 'downloading', 'verifying', 'trial') THEN 1 ELSE 2 END END,
    CASE WHEN :sort = 'trouble' AND :descending = 1 THEN CASE WHEN m.state IN ('restored', 'failed', 'silent', 'unhealthy') THEN 0
              WHEN m.state IN ('offered', 'waiting', 'downloading', 'verifying', 'trial') THEN 1 ELSE 2 END END DESC,
    CASE WHEN :sort = 'name' AND :descending = 0 THEN a.name_lower END,
    CASE WHEN :sort = 'name' AND :descending = 1 THEN a.name_lower END DESC,
    CASE WHEN :sort = 'state' AND :descending = 0 THEN m.state END,
    CASE WHEN :sort = 'state' AND :descending = 1 THEN m.state END DESC,
    CASE WHEN :sort = 'version' AND :descending = 0 THEN a.version END,
    CASE WHEN :sort = 'version' AND :descending = 1 THEN a.version END DESC,
    CASE WHEN :sort = 'changed' AND :descending = 0 THEN m.state_ms END,
    CASE WHEN :sort = 'changed' AND :descending = 1 THEN m.state_ms END DESC,
    CASE WHEN :descending = 0 THEN m.bucket END, CASE WHEN :descending = 1 THEN m.bucket END DESC, m.agent_id
LIMIT :limit OFFSET :offset;

-- name: rollout_member_page_count
SELECT COUNT(*) FROM rollout_members m JOIN agents a ON a.id = m.agent_id
WHERE m.rollout_id = :rollout AND (:state = '' OR m.state = :state OR (m.state = 'away' AND :state = 'pending'))
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id));

-- name: rollout_member_count_by_state
-- Over the rollouts that are under way, for the metrics.
SELECT m.state, COUNT(*) FROM rollouts r JOIN rollout_members m ON m.rollout_id = r.id
WHERE r.state IN ('running', 'paused', 'rolling_back')
GROUP BY m.state ORDER BY m.state;

-- === Offers and reports ===

-- name: change_get
SELECT counter FROM changes WHERE topic = :topic;

-- name: update_offer
INSERT INTO agent_updates (agent_id, offer_rollout_id, offer_version, offer_not_before_ms, offer_force, offer_downgrade,
    offer_rev)
VALUES (:agent, :rollout, :version, :not_before, :force, :downgrade, :rev)
ON CONFLICT (agent_id) DO UPDATE SET offer_rollout_id = excluded.offer_rollout_id,
    offer_version = excluded.offer_version, offer_not_before_ms = excluded.offer_not_before_ms,
    offer_force = excluded.offer_force, offer_downgrade = excluded.offer_downgrade, offer_rev = excluded.offer_rev;

-- name: update_offer_end
UPDATE agent_updates SET offer_rollout_id = NULL, offer_version = NULL, offer_not_before_ms = NULL, offer_rev = :rev
WHERE agent_id = :agent AND offer_rollout_id = :rollout;

-- name: update_offer_end_some
-- Of the members that rollout_withdraw_some will put back to the queue.
UPDATE agent_updates SET offer_rollout_id = NULL, offer_version = NULL, offer_not_before_ms = NULL, offer_rev = :rev
WHERE offer_rollout_id = :rollout AND agent_id IN
    (SELECT m.agent_id FROM rollout_members m
     WHERE m.rollout_id = :rollout AND m.state IN ('offered', 'waiting', 'downloading', 'verifying')
         AND m.direction IN ('forward', :direction)
     ORDER BY m.state, m.direction, m.bucket, m.agent_id LIMIT :limit);

-- name: update_offer_since
-- What changed since a revision, for the presence tables.
SELECT a.api_key_hash, u.offer_rollout_id, u.offer_version, u.offer_not_before_ms, u.offer_force, u.offer_downgrade,
    u.offer_rev, u.agent_id
FROM agent_updates u JOIN agents a ON a.id = u.agent_id
WHERE (u.offer_rev, u.agent_id) > (:rev, :agent) ORDER BY u.offer_rev, u.agent_id LIMIT :limit;

-- name: update_of_agent
SELECT state, version, percent, reason, rollout_id, workload, reported_ms, offer_rollout_id, offer_version,
    offer_not_before_ms, offer_force, offer_downgrade
FROM agent_updates WHERE agent_id = :agent;

-- name: update_report
INSERT INTO agent_updates (agent_id, state, version, percent, reason, rollout_id, workload, reported_ms)
VALUES (:agent, :state, :version, :percent, :reason, :rollout, :workload, :now)
ON CONFLICT (agent_id) DO UPDATE SET state = excluded.state, version = excluded.version, percent = excluded.percent,
    reason = excluded.reason, rollout_id = excluded.rollout_id, workload = excluded.workload,
    reported_ms = excluded.reported_ms;

-- name: update_history_add
INSERT INTO agent_update_history (id, agent_id, time_ms, state, version, current_version, reason, rollout_id)
VALUES (:id, :agent, :now, :state, :version, :current_version, :reason, :rollout);

-- name: update_history_count
SELECT COUNT(*) FROM agent_update_history
WHERE agent_id = :agent AND (:state = '' OR state = :state)
    AND (:q = '' OR LOWER(version) LIKE :q ESCAPE '\' OR LOWER(current_version) LIKE :q ESCAPE '\'
        OR LOWER(reason) LIKE :q ESCAPE '\' OR rollout_id LIKE :q ESCAPE '\');

-- name: update_history_page
SELECT time_ms, state, version, current_version, reason, rollout_id FROM agent_update_history
WHERE agent_id = :agent AND (:state = '' OR state = :state)
    AND (:q = '' OR LOWER(version) LIKE :q ESCAPE '\' OR LOWER(current_version) LIKE :q ESCAPE '\'
        OR LOWER(reason) LIKE :q ESCAPE '\' OR rollout_id LIKE :q ESCAPE '\')
ORDER BY
    CASE WHEN :sort = 'time' AND :descending = 0 THEN time_ms END,
    CASE WHEN :sort = 'time' AND :descending = 1 THEN time_ms END DESC,
    CASE WHEN :sort = 'state' AND :descending = 0 THEN state END,
    CASE WHEN :sort = 'state' AND :descending = 1 THEN state END DESC,
    CASE WHEN :sort = 'version' AND :descending = 0 THEN version END,
    CASE WHEN :sort = 'version' AND :descending = 1 THEN version END DESC,
    CASE WHEN :descending = 0 THEN id END, CASE WHEN :descending = 1 THEN id END DESC
LIMIT :limit OFFSET :offset;

-- name: update_history_trim
-- All but the newest hundred or so.
DELETE FROM agent_update_history WHERE agent_id = :agent AND time_ms <
    (SELECT h.time_ms FROM agent_update_history h WHERE h.agent_id = :agent ORDER BY h.time_ms DESC LIMIT 1 OFFSET 99);

-- === Containers ===

-- name: container_page
SELECT a.id, a.name, a.version, a.capabilities, a.last_seen_ms, u.state, u.percent, u.reason, u.workload
FROM agents a LEFT JOIN agent_updates u ON u.agent_id = a.id
WHERE a.deployment_mode = 'container' AND a.version <> :version
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
ORDER BY
    CASE WHEN :sort = 'name' AND :descending = 0 THEN a.name_lower END,
    CASE WHEN :sort = 'name' AND :descending = 1 THEN a.name_lower END DESC,
    CASE WHEN :sort = 'version' AND :descending = 0 THEN a.version END,
    CASE WHEN :sort = 'version' AND :descending = 1 THEN a.version END DESC,
    CASE WHEN :sort = 'seen' AND :descending = 0 THEN COALESCE(a.last_seen_ms, 0) END,
    CASE WHEN :sort = 'seen' AND :descending = 1 THEN COALESCE(a.last_seen_ms, 0) END DESC,
    CASE WHEN :descending = 0 THEN a.id END, CASE WHEN :descending = 1 THEN a.id END DESC
LIMIT :limit OFFSET :offset;

-- name: container_count
SELECT COUNT(*) FROM agents a
WHERE a.deployment_mode = 'container' AND a.version <> :version
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\')
    AND (:viewer IS NULL OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id));
