/* canonjson.h: canonical JSON in the OLPC form, over which TUF signatures and key ids are made.
 *
 * Keys in the order of their bytes, no white space, integers only, and of a string's characters only the quotation mark
 * and the backslash are escaped: a newline stands as it is, which is why jansson's own writer does not do. */
#ifndef MUSTER_COMMON_CANONJSON_H
#define MUSTER_COMMON_CANONJSON_H

#include <jansson.h>

#include "buf.h"
#include "err.h"

enum { CANONJSON_DEPTH_MAX = 64 };

/* Appends value to ret. ERR_INVALID: a real number, or nested too deep; ERR_TOO_BIG: ret's maximum; ERR_NOMEM. After
 * a failure ret's content is undefined. */
int canonjson_encode(const json_t *value, struct buf *ret, struct err *err) MUSTER_NODISCARD;

/* The same, piece by piece, for who hashes it and need not hold it whole. ERR_INVALID and ERR_NOMEM as above; sink has
 * had a part of it then. */
typedef void canonjson_sink_fn(void *ctx, const void *data, size_t len);
int canonjson_write(const json_t *value, canonjson_sink_fn *sink, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
