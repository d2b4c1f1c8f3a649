/* agents.h: an agent's row, for the files of fleet/ that show and change it. */
#ifndef MUSTER_FLEET_AGENTS_H
#define MUSTER_FLEET_AGENTS_H

#include <jansson.h>
#include <stdint.h>

#include "auth/audit.h"
#include "common/uuid.h"
#include "db/db.h"

enum { AGENT_NAME_MAX = 120 };

/* The agent as people see it, with its last backup. ERR_NOT_FOUND. */
int agent_json(struct db *db, const char *id, int64_t now_ms, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* ASCII lower case of at most size - 1 bytes, for name_lower and for what is compared with it. */
void agent_name_lower(const char *name, char *ret, size_t size);

/* A new row, inside a write closure; not audited. NULL texts are stored as ''. */
struct agent_new {
    const char *id;
    const char *name;
    const char *owner_id;
    const char *api_key_hash;
    const char *spki; /* NULL: registered by key alone */
    int64_t certificate_not_after_ms;
    const char *hostname, *platform, *arch, *version, *deployment_mode, *address;
    int64_t proto;
    const char *capabilities; /* JSON; NULL: [] */
    const char *labels;       /* JSON; NULL: {} */
    int poll_interval_s;
    int64_t now_ms;
};
int agent_insert(struct db *db, const struct agent_new *agent, struct err *err) MUSTER_NODISCARD;

/* The acts that routes and commands share. Each is a write closure's content: the change, its audit row, the bump of
 * the topic `agents`. ERR_NOT_FOUND when there is no such agent; acting twice is no error and audited once. */
enum agent_act { AGENT_DEACTIVATE, AGENT_ACTIVATE, AGENT_APPROVE, AGENT_DELETE };
struct agent_change {
    enum agent_act act;
    const char *id;
    const struct audit_key *key;
    struct audit_entry audit; /* actor, time, address, request id; the rest is filled in */
};
int agent_change(struct db *db, const struct agent_change *change, struct err *err) MUSTER_NODISCARD;

#endif
