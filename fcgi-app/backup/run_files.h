/* run_files.h: a page of what is inside a run, out of the store. Private to backup/. */
#ifndef MUSTER_BACKUP_RUN_FILES_H
#define MUSTER_BACKUP_RUN_FILES_H

#include "db/db.h"
#include "restore/files.h"

struct app;

enum {
    RUN_FILES_ENCRYPTED = 1, /* only a host that has the identity can read the list */
    RUN_FILES_ARENA_BYTES = 4 << 20,
};

#define RUN_FILES_ENCRYPTED_TEXT                                                                                       \
    "The list of what is inside is encrypted. On a host that has the identity, `muster-agent restore --list` shows "   \
    "it."

/* viewer NULL: an admin. 0, RUN_FILES_ENCRYPTED, or ERR_NOT_FOUND (no such run that the viewer sees, no list, no such
 * directory), ERR_CORRUPT (not a list), ERR_TOO_BIG, ERR_TIMEOUT. As files_page otherwise. Blocks on the store. */
int run_files_page(struct app *app, struct db *db, const char *run_id, const char *viewer,
                   const struct files_query *query, struct arena *arena, json_t **ret,
                   struct err *err) MUSTER_NODISCARD;

#endif
