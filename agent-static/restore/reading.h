/* reading.h: a stored object of a run as the bytes that went into it: its volumes one after the other, hashed,
 * decrypted, through a ring from a thread of its own.
 *
 * A connection that breaks is taken up again where it broke, with a fresh URL, as long as something comes in between.
 * The verdict on the whole comes with reading_close: what was read before may be anything. */
#ifndef MUSTER_AGENT_RESTORE_READING_H
#define MUSTER_AGENT_RESTORE_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "age/age.h"
#include "agent.h"
#include "backup/report.h"
#include "net/api.h"
#include "restore/remote_restore.h"
#include "restore/watch.h"

struct reading_options {
    const struct agent *agent;
    struct api *api; /* the thread's, until reading_close */
    const char *run; /* the id that the chain was asked for by, for fresh URLs */
    const struct remote_archive *archive;
    bool index;                              /* its index instead of its archive */
    const struct age_identities *identities; /* NULL: nothing is decrypted */
    struct report *report;                   /* its "sent" counts what comes in of archives */
    const struct watch *watch;
};

struct reading;

/* The options and what they point at must outlive it. */
int reading_open(const struct reading_options *options, struct reading **ret, struct err *err) MUSTER_NODISCARD;

/* The next bytes, borrowed until the next call; *ret_len 0 at the end, also at an early one. */
void reading_next(void *reading, const void **ret, size_t *ret_len);

/* rc and *err are what the reader of the bytes came to. Returns that, unless there is a better reason: ERR_CORRUPT: the
 * object is not what was stored. ERR_NOT_FOUND: it is not there. ERR_DENIED: no identity fits. ERR_CONFLICT: we are to
 * end. ERR_UNAVAILABLE, ERR_TIMEOUT: it could not be read to its end. Frees r. */
int reading_close(struct reading *r, int rc, struct err *err) MUSTER_NODISCARD;

#endif
