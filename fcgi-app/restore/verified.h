/* verified.h: what reading a run back, or looking for it, has shown. Private to restore/. */
#ifndef MUSTER_RESTORE_VERIFIED_H
#define MUSTER_RESTORE_VERIFIED_H

#include <stdint.h>

#include "db/db.h"

enum verdict {
    VERDICT_PROVEN, /* decrypted, decompressed, read to its end */
    VERDICT_INTACT, /* its bytes are the ones that were stored */
    VERDICT_FAILED,
};

struct verified {
    const char *run_id;
    const char *agent_id; /* who says so; NULL: the server itself */
    const char *owner_id; /* of the run */
    const char *config_name;
    const char *detail; /* of a failure */
    enum verdict verdict;
    int64_t now_ms;
};

/* A closure for db_write whose ctx is a struct verified. A failure raises the alert "backup.verify". ERR_NOT_FOUND: the
 * run is gone. */
int verified_write(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
