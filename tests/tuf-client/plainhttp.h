/* plainhttp.h: GET over HTTP without TLS, which the agent itself has no way to speak; one connection a request. */
#ifndef MUSTER_TESTS_PLAINHTTP_H
#define MUSTER_TESTS_PLAINHTTP_H

#include "common/buf.h"
#include "common/err.h"

/* Appends the body to ret, whose maximum bounds it. ERR_NOT_FOUND (404), ERR_TOO_BIG, ERR_INVALID (no http: URL, or not
 * HTTP), ERR_UNAVAILABLE (everything else). */
int plainhttp_get(const char *url, struct buf *ret, struct err *err) MUSTER_NODISCARD;

#endif
