/* deleted.h: the member ".muster/deleted" at the end of an incremental archive: what the archive before had and the
 * tree has no more, NUL-terminated paths without a slash in front. It comes from outside as much as the archive does.
 */
#ifndef MUSTER_AGENT_RESTORE_DELETED_H
#define MUSTER_AGENT_RESTORE_DELETED_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define DELETED_MEMBER ".muster/deleted"

/* What pax headers of the archives allow a path to be. */
enum { DELETED_PATH_MAX = 512 * 1024 };

struct deleted;

/* Called with each path as it is in the list. Non-zero ends the reading and is returned. */
typedef int deleted_fn(void *ctx, const char *path, struct err *err);

int deleted_new(deleted_fn *each, void *ctx, struct deleted **ret, struct err *err) MUSTER_NODISCARD;

/* The bytes at offset. ERR_CORRUPT: a path is longer than DELETED_PATH_MAX, or bytes are missing before these. */
int deleted_push(struct deleted *d, const char *data, size_t len, int64_t offset, struct err *err) MUSTER_NODISCARD;

/* ERR_CORRUPT when the last path has no end. */
int deleted_finish(struct deleted *d, struct err *err) MUSTER_NODISCARD;
void deleted_free(struct deleted *d); /* NULL does nothing */

#endif
