-- Agents, one-time passwords, commands, and what agents have said.

-- === The presence table ===

-- name: agent_by_key
SELECT a.id, a.user_id, a.spki_sha256, a.deactivated_ms, a.quarantined_ms, d.spki_sha256, a.configs_rev,
    (SELECT COUNT(*) FROM commands c WHERE c.agent_id = a.id AND c.status = 'pending'),
    a.version, a.platform, a.arch, a.deployment_mode, a.boot_id, a.uptime_s, a.address, a.status, a.last_seen_ms,
    a.offline_after_ms, a.proto, a.capabilities,
    u.offer_rollout_id, u.offer_version, u.offer_not_before_ms, u.offer_force, u.offer_downgrade, u.offer_rev,
    u.state, u.version, u.percent, u.reason, u.rollout_id, u.workload, a.roots
FROM agents a LEFT JOIN denied_keys d ON d.spki_sha256 = a.spki_sha256 LEFT JOIN agent_updates u ON u.agent_id = a.id
WHERE a.api_key_hash = :hash;

-- What another process has written later stays, unless it is so much later that the clock was set back.
-- name: agent_seen
-- A heartbeat that says nothing new, which nearly all do: no index is touched.
UPDATE agents SET status = :status, uptime_s = :uptime_s, last_seen_ms = :last_seen, offline_after_ms = :offline_after
WHERE id = :id
    AND (last_seen_ms IS NULL OR last_seen_ms <= :last_seen OR last_seen_ms > :last_seen + 60000);

-- name: agent_seen_changed
UPDATE agents SET version = :version, platform = :platform, arch = :arch, deployment_mode = :deployment_mode,
    boot_id = :boot_id, uptime_s = :uptime_s, address = :address, proto = :proto, status = :status,
    last_seen_ms = :last_seen, offline_after_ms = :offline_after, poll_interval_s = :poll_interval_s
WHERE id = :id
    AND (last_seen_ms IS NULL OR last_seen_ms <= :last_seen OR last_seen_ms > :last_seen + 60000);

-- name: agent_set_capabilities
UPDATE agents SET capabilities = :text WHERE id = :id;

-- name: agent_set_roots
UPDATE agents SET roots = :text WHERE id = :id;

-- name: agent_live
SELECT a.deactivated_ms, a.quarantined_ms, d.spki_sha256
FROM agents a LEFT JOIN denied_keys d ON d.spki_sha256 = a.spki_sha256
WHERE a.id = :id;

-- name: agent_configs_changed
UPDATE agents SET configs_rev = configs_rev + 1 WHERE id = :id;

-- === Agents, as people see them ===

-- name: agent_insert
INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, spki_sha256, certificate_not_after_ms, hostname,
    platform, arch, version, deployment_mode, proto, capabilities, labels, address, poll_interval_s, created_ms,
    updated_ms)
VALUES (:id, :name, :name_lower, :user, :api_key_hash, :spki, :certificate_not_after, :hostname, :platform, :arch,
    :version, :deployment_mode, :proto, :capabilities, :labels, :address, :poll_interval_s, :now, :now);

-- name: agent_may_see
SELECT 1 FROM agents a
WHERE a.id = :id AND (:see_all = 1 OR a.user_id = :viewer OR EXISTS
    (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id));

-- name: agent_get
SELECT a.id, a.name,
    CASE WHEN a.deactivated_ms IS NOT NULL THEN 'deactivated'
         WHEN a.quarantined_ms IS NOT NULL THEN 'quarantined'
         WHEN a.status = 'offline' OR a.offline_after_ms <= :now THEN 'offline'
         ELSE a.status END,
    a.platform, a.arch, a.version, a.deployment_mode, a.hostname, a.address, a.user_id, a.created_ms, a.last_seen_ms,
    a.uptime_s, a.proto, a.certificate_not_after_ms, a.labels, a.roots
FROM agents a WHERE a.id = :id;

-- name: agent_last_backup
SELECT id, status, finished_ms FROM backup_runs
WHERE agent_id = :agent AND finished_ms IS NOT NULL
ORDER BY started_ms DESC, id DESC LIMIT 1;

-- The list, all with the same filters: q is a LIKE pattern in lower case, the labels two of which one has to fit (a
-- label stands first in its object, or behind a comma). In the usual order it is read from an index.

-- name: agent_count
SELECT COUNT(*) FROM agents a
WHERE (:see_all = 1 OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\' OR LOWER(a.hostname) LIKE :q ESCAPE '\')
    AND (:version = '' OR a.version = :version)
    AND (:platform = '' OR a.platform = :platform)
    AND (:label_first = '' OR LOWER(a.labels) LIKE :label_first ESCAPE '\'
         OR LOWER(a.labels) LIKE :label_next ESCAPE '\')
    AND (:status = '' OR :status =
        CASE WHEN a.deactivated_ms IS NOT NULL THEN 'deactivated'
             WHEN a.quarantined_ms IS NOT NULL THEN 'quarantined'
             WHEN a.status = 'offline' OR a.offline_after_ms <= :now THEN 'offline'
             ELSE a.status END);

-- name: agent_page
SELECT a.id FROM agents a
WHERE (:see_all = 1 OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\' OR LOWER(a.hostname) LIKE :q ESCAPE '\')
    AND (:version = '' OR a.version = :version)
    AND (:platform = '' OR a.platform = :platform)
    AND (:label_first = '' OR LOWER(a.labels) LIKE :label_first ESCAPE '\'
         OR LOWER(a.labels) LIKE :label_next ESCAPE '\')
    AND (:status = '' OR :status =
        CASE WHEN a.deactivated_ms IS NOT NULL THEN 'deactivated'
             WHEN a.quarantined_ms IS NOT NULL THEN 'quarantined'
             WHEN a.status = 'offline' OR a.offline_after_ms <= :now THEN 'offline'
             ELSE a.status END)
ORDER BY a.name_lower, a.id LIMIT :limit OFFSET :offset;

-- name: agent_page_sorted
SELECT a.id FROM agents a
WHERE (:see_all = 1 OR a.user_id = :viewer OR EXISTS
        (SELECT 1 FROM grants g WHERE g.user_id = :viewer AND g.kind = 'agent' AND g.object_id = a.id))
    AND (:q = '' OR a.name_lower LIKE :q ESCAPE '\' OR a.id LIKE :q ESCAPE '\' OR LOWER(a.hostname) LIKE :q ESCAPE '\')
    AND (:version = '' OR a.version = :version)
    AND (:platform = '' OR a.platform = :platform)
    AND (:label_first = '' OR LOWER(a.labels) LIKE :label_first ESCAPE '\'
         OR LOWER(a.labels) LIKE :label_next ESCAPE '\')
    AND (:status = '' OR :status =
        CASE WHEN a.deactivated_ms IS NOT NULL THEN 'deactivated'
             WHEN a.quarantined_ms IS NOT NULL THEN 'quarantined'
             WHEN a.status = 'offline' OR a.offline_after_ms <= :now THEN 'offline'
             ELSE a.status END)
ORDER BY
    CASE WHEN :sort = 'name' AND :descending = 0 THEN a.name_lower END,
    CASE WHEN :sort = 'name' AND :descending = 1 THEN a.name_lower END DESC,
    CASE WHEN :sort = 'last_seen' AND :descending = 0 THEN COALESCE(a.last_seen_ms, 0) END,
    CASE WHEN :sort = 'last_seen' AND :descending = 1 THEN COALESCE(a.last_seen_ms, 0) END DESC,
    CASE WHEN :sort = 'version' AND :descending = 0 THEN a.version END,
    CASE WHEN :sort = 'version' AND :descending = 1 THEN a.version END DESC,
    CASE WHEN :sort = 'created' AND :descending = 0 THEN a.created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN a.created_ms END DESC,
    CASE WHEN :sort = 'platform' AND :descending = 0 THEN a.platform END,
    CASE WHEN :sort = 'platform' AND :descending = 1 THEN a.platform END DESC,
    CASE WHEN :sort = 'status' AND :descending = 0 THEN CASE WHEN a.deactivated_ms IS NOT NULL THEN 'deactivated'
             WHEN a.quarantined_ms IS NOT NULL THEN 'quarantined'
             WHEN a.status = 'offline' OR a.offline_after_ms <= :now THEN 'offline' ELSE a.status END END,
    CASE WHEN :sort = 'status' AND :descending = 1 THEN CASE WHEN a.deactivated_ms IS NOT NULL THEN 'deactivated'
             WHEN a.quarantined_ms IS NOT NULL THEN 'quarantined'
             WHEN a.status = 'offline' OR a.offline_after_ms <= :now THEN 'offline' ELSE a.status END END DESC,
    CASE WHEN :descending = 0 THEN a.id END, CASE WHEN :descending = 1 THEN a.id END DESC
LIMIT :limit OFFSET :offset;

-- name: agent_labels
SELECT labels FROM agents WHERE id = :id;

-- name: agent_set_labels
UPDATE agents SET labels = :labels, updated_ms = :now WHERE id = :id;

-- name: agent_rename
-- NULL leaves a value as it is.
UPDATE agents SET name = COALESCE(:name, name), name_lower = COALESCE(:name_lower, name_lower),
    labels = COALESCE(:labels, labels), updated_ms = :now
WHERE id = :id;

-- name: agent_deactivate
UPDATE agents SET deactivated_ms = :now, updated_ms = :now WHERE id = :id AND deactivated_ms IS NULL;

-- name: agent_activate
UPDATE agents SET deactivated_ms = NULL, updated_ms = :now WHERE id = :id AND deactivated_ms IS NOT NULL;

-- name: agent_owner_deleted
SELECT 1 FROM agents a JOIN users u ON u.id = a.user_id WHERE a.id = :id AND u.deleted_ms IS NOT NULL;

-- name: agent_approve
UPDATE agents SET quarantined_ms = NULL, updated_ms = :now WHERE id = :id AND quarantined_ms IS NOT NULL;

-- Its events and commands go with it; configs and runs stay, without an agent.
-- name: agent_delete
DELETE FROM agents WHERE id = :id;

-- name: agent_grants_delete
DELETE FROM grants WHERE kind = 'agent' AND object_id = :id;

-- name: agent_id_by_name
SELECT id FROM agents WHERE id = :id OR name_lower = :name ORDER BY CASE WHEN id = :id THEN 0 ELSE 1 END, id LIMIT 2;

-- name: agent_ids_after
SELECT id FROM agents WHERE id > :after ORDER BY id LIMIT :limit;

-- === Events ===

-- name: event_insert
INSERT INTO agent_logs (agent_id, epoch, seq, level, kind, message, metadata, timestamp_ms, received_ms)
VALUES (:agent, :epoch, :seq, :level, :kind, :message, :metadata, :timestamp, :now)
ON CONFLICT (agent_id, epoch, seq) DO NOTHING;

-- name: event_next_seq
SELECT COALESCE(MAX(seq), 0) + 1 FROM agent_logs WHERE agent_id = :agent AND epoch = :epoch;

-- name: event_page
SELECT epoch, seq, timestamp_ms, received_ms, level, kind, message, metadata FROM agent_logs
WHERE agent_id = :agent AND level >= :level
    AND (:q = '' OR LOWER(kind) LIKE :q ESCAPE '\' OR LOWER(message) LIKE :q ESCAPE '\' OR LOWER(metadata) LIKE :q ESCAPE '\')
    AND (received_ms, epoch, seq) < (:before_ms, :before_epoch, :before_seq)
ORDER BY received_ms DESC, epoch DESC, seq DESC LIMIT :limit;

-- name: event_last_before
SELECT received_ms, epoch, seq FROM agent_logs WHERE agent_id = :agent AND received_ms < :before
ORDER BY received_ms DESC, epoch DESC, seq DESC LIMIT 1;

-- name: event_nth_newest
-- The one behind the newest :nth.
SELECT received_ms, epoch, seq FROM agent_logs WHERE agent_id = :agent
ORDER BY received_ms DESC, epoch DESC, seq DESC LIMIT 1 OFFSET :nth;

-- name: event_delete_some
-- The oldest ones, up to and with the one that is named.
DELETE FROM agent_logs WHERE agent_id = :agent AND (epoch, seq) IN (
    SELECT epoch, seq FROM agent_logs
    WHERE agent_id = :agent AND (received_ms, epoch, seq) <= (:received_ms, :epoch, :seq)
    ORDER BY received_ms, epoch, seq LIMIT :limit);

-- name: event_after
SELECT epoch, seq, timestamp_ms, received_ms, level, kind, message, metadata FROM agent_logs
WHERE agent_id = :agent AND level >= :level
    AND (received_ms, epoch, seq) > (:after_ms, :after_epoch, :after_seq)
ORDER BY received_ms, epoch, seq LIMIT :limit;

-- === Commands ===

-- name: command_insert
INSERT INTO commands (id, agent_id, kind, args, status, created_by, created_ms, expires_ms)
VALUES (:id, :agent, :kind, :args, 'pending', :created_by, :now, :expires);

-- name: command_pending
SELECT id, kind, args, created_ms FROM commands
WHERE agent_id = :agent AND status = 'pending' AND expires_ms > :now
ORDER BY created_ms, id LIMIT 100;

-- name: command_finish
UPDATE commands SET status = :status, detail = :detail, finished_ms = :now
WHERE id = :id AND agent_id = :agent AND status = 'pending';

-- name: command_expire
UPDATE commands SET status = 'expired', finished_ms = :now WHERE status = 'pending' AND expires_ms <= :now;

-- name: command_agents_since
SELECT DISTINCT agent_id FROM commands WHERE status = 'pending' AND created_ms >= :since ORDER BY agent_id;

-- name: command_delete_before
DELETE FROM commands WHERE status <> 'pending' AND created_ms < :before;

-- === One-time passwords ===

-- name: otp_insert
INSERT INTO otps (id, otp_hash, user_id, name, expected_host, network, labels, uses, expires_ms, created_ms)
VALUES (:id, :otp_hash, :user, :name, :expected_host, :network, :labels, :uses, :expires, :now);

-- name: otp_by_hash
SELECT id, user_id, name, expected_host, network, labels, uses, expires_ms, blocked_ms, revoked_ms,
    (SELECT COUNT(*) FROM otp_uses u WHERE u.otp_id = otps.id),
    (SELECT COALESCE(u.disabled_ms, u.deleted_ms) FROM users u WHERE u.id = otps.user_id)
FROM otps WHERE otp_hash = :hash;

-- name: otp_page
SELECT o.id, o.name, o.created_ms, o.expires_ms, o.uses, (SELECT COUNT(*) FROM otp_uses u WHERE u.otp_id = o.id),
    o.expected_host, o.network, o.blocked_ms, o.revoked_ms
FROM otps o
WHERE (:see_all = 1 OR o.user_id = :viewer)
    AND (:state = '' OR :state = CASE WHEN o.revoked_ms IS NOT NULL THEN 'revoked' WHEN o.blocked_ms IS NOT NULL THEN 'blocked'
        WHEN (SELECT COUNT(*) FROM otp_uses u WHERE u.otp_id = o.id) >= o.uses THEN 'used'
        WHEN o.expires_ms <= :now THEN 'expired' ELSE 'open' END)
    AND (:q = '' OR LOWER(o.name) LIKE :q ESCAPE '\' OR LOWER(COALESCE(o.expected_host, '')) LIKE :q ESCAPE '\' OR o.id LIKE :q ESCAPE '\')
ORDER BY
    CASE WHEN :sort = 'created' AND :descending = 0 THEN o.created_ms END,
    CASE WHEN :sort = 'created' AND :descending = 1 THEN o.created_ms END DESC,
    CASE WHEN :sort = 'expires' AND :descending = 0 THEN o.expires_ms END,
    CASE WHEN :sort = 'expires' AND :descending = 1 THEN o.expires_ms END DESC,
    CASE WHEN :sort = 'name' AND :descending = 0 THEN LOWER(o.name) END,
    CASE WHEN :sort = 'name' AND :descending = 1 THEN LOWER(o.name) END DESC,
    CASE WHEN :sort = 'uses' AND :descending = 0 THEN o.uses END,
    CASE WHEN :sort = 'uses' AND :descending = 1 THEN o.uses END DESC,
    CASE WHEN :descending = 0 THEN o.id END, CASE WHEN :descending = 1 THEN o.id END DESC
LIMIT :limit OFFSET :offset;

-- name: otp_count
SELECT COUNT(*) FROM otps o
WHERE (:see_all = 1 OR o.user_id = :viewer)
    AND (:state = '' OR :state = CASE WHEN o.revoked_ms IS NOT NULL THEN 'revoked' WHEN o.blocked_ms IS NOT NULL THEN 'blocked'
        WHEN (SELECT COUNT(*) FROM otp_uses u WHERE u.otp_id = o.id) >= o.uses THEN 'used'
        WHEN o.expires_ms <= :now THEN 'expired' ELSE 'open' END)
    AND (:q = '' OR LOWER(o.name) LIKE :q ESCAPE '\' OR LOWER(COALESCE(o.expected_host, '')) LIKE :q ESCAPE '\' OR o.id LIKE :q ESCAPE '\');

-- name: otp_revoke
UPDATE otps SET revoked_ms = :now
WHERE id = :id AND revoked_ms IS NULL AND (:see_all = 1 OR user_id = :viewer);

-- name: otp_visible
SELECT 1 FROM otps WHERE id = :id AND (:see_all = 1 OR user_id = :viewer);

-- name: otp_block
UPDATE otps SET blocked_ms = :now WHERE id = :id AND blocked_ms IS NULL;

-- name: otp_use_get
SELECT agent_id, sealed_answer FROM otp_uses WHERE otp_id = :otp AND spki_sha256 = :spki;

-- name: otp_use_insert
INSERT INTO otp_uses (otp_id, spki_sha256, agent_id, sealed_answer, address, used_ms)
VALUES (:otp, :spki, :agent, :sealed_answer, :address, :now);

-- name: otp_first_agent
SELECT a.id, a.name FROM otp_uses u JOIN agents a ON a.id = u.agent_id
WHERE u.otp_id = :otp ORDER BY u.used_ms, u.spki_sha256 LIMIT 1;

-- name: agent_quarantine
UPDATE agents SET quarantined_ms = :now, updated_ms = :now WHERE id = :id AND quarantined_ms IS NULL;

-- name: otp_wipe_answers
UPDATE otp_uses SET sealed_answer = NULL
WHERE sealed_answer IS NOT NULL AND otp_id IN (SELECT id FROM otps WHERE expires_ms <= :now);

-- name: otp_delete_before
DELETE FROM otps WHERE expires_ms < :before;

-- name: denied_key_get
SELECT 1 FROM denied_keys WHERE spki_sha256 = :spki;

-- name: agent_set_certificate
UPDATE agents SET certificate_not_after_ms = :not_after, updated_ms = :now WHERE id = :id AND spki_sha256 = :spki;
