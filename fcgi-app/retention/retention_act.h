/* retention_act.h: what people do to what is stored: pin a run, give up a chain. Private to retention/.
 *
 * Closures for db_write (db/writer.h), audited in the same transaction. Who may is checked before. */
#ifndef MUSTER_RETENTION_RETENTION_ACT_H
#define MUSTER_RETENTION_RETENTION_ACT_H

#include "common/uuid.h"
#include "retention/retention_config.h"

struct retention_act {
    const struct audit_key *audit_key;
    struct audit_entry audit; /* action, target and detail are filled in here */
    const char *run_id;       /* retention_pin, retention_unpin */
    const char *chain_id;     /* retention_delete */
    bool force;               /* also the chain with the newest good run, and one whose config is gone */
    int64_t now_ms;
    struct arena *arena; /* retention_delete: scratch */
};

/* ERR_CONFLICT: there is nothing in the store to keep. Twice is once. */
int retention_pin(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;
int retention_unpin(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

/* Gives up a chain; its objects go later. ERR_NOT_FOUND; ERR_CONFLICT when it is pinned, in use, or the last good one
 * without force. */
int retention_delete(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

/* The chain a run belongs to. viewer NULL: an admin. ERR_NOT_FOUND also for what the viewer may not see or was deleted.
 */
int retention_chain_of(struct db *db, const char *run_id, const char *viewer, char ret[UUID_SIZE],
                       struct err *err) MUSTER_NODISCARD;

#endif
