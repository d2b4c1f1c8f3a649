/* restorable.h: a run with all it takes to restore it: the chain it stands on, and where its bytes are.
 *
 * A run is restorable when it and each run before it, down to a full one, ended well, is not deleted, and has stored
 * volumes 1, 2, … that make up its size. Private to restore/. */
#ifndef MUSTER_RESTORE_RESTORABLE_H
#define MUSTER_RESTORE_RESTORABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "db/db.h"

enum { RESTORABLE_CHAIN_MAX = 1000, RESTORABLE_ARENA_BYTES = 32 << 20 };

struct restorable_object {
    int64_t number; /* 0: the list of what is inside */
    int64_t size;
    const char *path; /* in the store */
    const char *thaw; /* as noted last: "", "archived", "asked", "ready" */
};

struct restorable_link {
    const char *run_id;
    const char *base_id; /* NULL: a full one */
    const char *type;
    const char *filename;
    const char *sha256; /* NULL: unknown */
    int64_t seq;
    int64_t size;
    int64_t finished_ms;
    int64_t files;
    bool encrypted;
    const struct restorable_object *objects; /* ascending; the list first, when there is one */
    size_t object_count;
};

struct restorable {
    const char *run_id;
    const char *config_id; /* NULL: deleted */
    const char *config_name;
    const char *user_id;
    const char *agent_id; /* that made it; NULL: deleted */
    const char *status;
    const struct restorable_link *links; /* the full one first, the run itself last */
    size_t count;
};

/* Which one. What is NULL, or 0 for the time, does not matter. */
struct restorable_wanted {
    const char *agent_id; /* who must be allowed to read it */
    const char *run_id;
    const char *config_id;
    const char *config_name;
    int64_t at_ms; /* finished by then */
};

/* The newest one that fits. ERR_NOT_FOUND: none; ERR_CONFLICT: the run that is named by id is there, but what it stands
 * on is not whole. Everything lives in the arena. */
int restorable_find(struct db *db, const struct restorable_wanted *wanted, struct arena *arena, struct restorable *ret,
                    struct err *err) MUSTER_NODISCARD;

/* Runs that fit, newest first, for lists: rows of restore_candidates. */
int restorable_query(struct db *db, const struct restorable_wanted *wanted, int64_t limit, struct arena *arena,
                     struct db_rows *ret, struct err *err) MUSTER_NODISCARD;

/* The run itself, and its list; NULL: it has none. */
const struct restorable_link *restorable_target(const struct restorable *r);
const struct restorable_object *restorable_index(const struct restorable_link *link);

/* "zstd", "gzip", or NULL when the name does not say. */
const char *restorable_method(const struct restorable_link *link);

#endif
