/* skiplist.h: STATE_DIR/update/skipped.json: versions that were tried here and had to be taken back.
 *
 * They stay skipped until a newer version runs, or until somebody at the host says `muster-agent update retry`. At most
 * a few are kept, the newest; a damaged file counts as empty, since the trial catches a bad version again. */
#ifndef MUSTER_AGENT_UPDATE_SKIPLIST_H
#define MUSTER_AGENT_UPDATE_SKIPLIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "update/policy.h"

enum { SKIPLIST_MAX = 8 };

struct skiplist_entry {
    char version[POLICY_VERSION_SIZE];
    char reason[POLICY_REASON_SIZE];
    int64_t time_ms;
};

struct skiplist {
    struct skiplist_entry list[SKIPLIST_MAX]; /* oldest first */
    size_t count;
};

void skiplist_load(const char *path, struct skiplist *ret);

/* [{"version","reason","time_ms"}]; the caller json_decref()s it. NULL: no memory, or a reason that is no text. */
json_t *skiplist_json(const struct skiplist *s);

/* Durable when it returns 0. */
int skiplist_save(const char *path, const struct skiplist *s, struct err *err) MUSTER_NODISCARD;

/* Why the version is skipped; NULL: it is not. Borrowed. */
const char *skiplist_reason(const struct skiplist *s, const char *version);

/* Adds the version, or renews its reason; the oldest goes when there is no room. */
void skiplist_add(struct skiplist *s, const char *version, const char *reason, int64_t now_ms);

/* Takes the version out; NULL: all. Whether that changed anything. */
bool skiplist_forget(struct skiplist *s, const char *version);

/* Takes out all that are not newer than the version that runs. Whether that changed anything. */
bool skiplist_outgrown(struct skiplist *s, const char *own_version);

#endif
