/* uri.h: the request target (RFC 3986) from a stranger: its path decoded and proven canonical, its query as pairs.
 *
 * A path that is not canonical is refused, not repaired: nginx has chosen the location, and with it the limits, by its
 * own reading of the same bytes, and the two readings must not differ. */
#ifndef MUSTER_HTTP_URI_H
#define MUSTER_HTTP_URI_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/cursor.h"
#include "common/err.h"

struct uri_pair {
    const char *name;
    const char *value; /* "" when there is no '=' */
};

enum { URI_MAX = 8192, URI_PAIRS_MAX = 64 };

/* Splits at the first '?'. *ret_query is empty when there is none. */
void uri_split(const char *uri, struct span *ret_path, struct span *ret_query);

/* The decoded path, from the arena. ERR_INVALID: no '/' in front, an empty, "." or ".." segment, an escape that is bad
 * or stands for '/', '\\', a control character, or bytes that are no UTF-8. A '/' at the end is kept. */
int uri_path_decode(struct span raw, struct arena *arena, const char **ret, struct err *err) MUSTER_NODISCARD;

/* The pairs of an application/x-www-form-urlencoded query. ERR_INVALID as above, ERR_TOO_BIG above URI_PAIRS_MAX. */
int uri_query_parse(struct span raw, struct arena *arena, const struct uri_pair **ret, size_t *ret_count,
                    struct err *err) MUSTER_NODISCARD;

/* Whether the bytes are UTF-8 (RFC 3629: no surrogates, no overlong forms) without control characters. */
bool uri_text_valid(const char *s, size_t len);

#endif
