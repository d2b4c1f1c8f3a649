/* retention_config.h: retention.h applied to a config as the database has it. Private to retention/. */
#ifndef MUSTER_RETENTION_RETENTION_CONFIG_H
#define MUSTER_RETENTION_RETENTION_CONFIG_H

#include <jansson.h>

#include "auth/audit.h"
#include "db/db.h"
#include "retention/retention.h"

/* The policy in a config's stored options. Keys that are not there have the defaults of docs/openapi.yaml. ERR_CORRUPT
 * when it is no JSON: then nothing may be deleted. */
int retention_policy_read(const char *options, struct retention_policy *ret, struct err *err) MUSTER_NODISCARD;

/* The policy of a config. ERR_NOT_FOUND. */
int retention_policy_get(struct db *db, const char *config_id, struct retention_policy *ret,
                         struct err *err) MUSTER_NODISCARD;

/* {"keepLast", …, "retentionDays"}; 0 is off. NULL: out of memory. */
json_t *retention_policy_json(const struct retention_policy *p);

struct retention_kept {
    const char *chain_id;
    int64_t size; /* bytes in the store */
    bool encrypted;
    bool pinned;
    struct retention_chain runs;
    const char *const *run_ids; /* beside runs.runs */
    struct retention_verdict verdict;
};

/* A config's chains, newest first, each with its verdict. Everything lives in the arena. */
struct retention_view {
    struct retention_kept *chains;
    size_t count;
    int64_t freed_bytes; /* what goes when the verdicts are carried out */
};

int retention_view(struct db *db, const char *config_id, const struct retention_policy *policy, int64_t now_ms,
                   struct arena *arena, struct retention_view *ret, struct err *err) MUSTER_NODISCARD;

/* {"chainId", "newest_ms", "action", "reasons", "size", "runs"}; NULL: out of memory. */
json_t *retention_kept_json(const struct retention_kept *k);

/* A list of these. NULL: out of memory. */
json_t *retention_view_json(const struct retention_view *view);

/* Gives up what the policy wants no more. A closure for db_write (db/writer.h): it judges by what it reads in its own
 * transaction, and each chain has its row in the audit trail there. Objects go later (retention_tick.h). */
struct retention_apply {
    const struct audit_key *audit_key;
    struct audit_entry audit; /* action, target and detail are filled in here */
    const char *config_id;
    int64_t now_ms;
    bool only_due;       /* nothing is done when another process has done it meanwhile */
    struct arena *arena; /* scratch */
    int64_t chains;      /* given up */
    int64_t freed_bytes;
};
int retention_apply(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

/* Inside the write that ends a run with an object, behind it: its size is looked at (size_check.h), and its config's
 * retention is due. */
int retention_run_stored(struct db *db, const char *run_id, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
