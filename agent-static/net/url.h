/* url.h: taking apart the few URLs the agent meets: https://host[:port][/path][?query].
 *
 * Pure, no I/O. Refused, because nobody sends them to us in good faith: other schemes, user information, fragments,
 * blanks, control characters and bytes beyond ASCII (RFC 3986 wants them percent-encoded). */
#ifndef MUSTER_AGENT_NET_URL_H
#define MUSTER_AGENT_NET_URL_H

#include <stdbool.h>

#include "common/err.h"

enum { URL_MAX = 8192, URL_HOST_SIZE = 256 };

struct url {
    char host[URL_HOST_SIZE]; /* lower case; an IPv6 address without its brackets */
    char port[6];             /* decimal, "443" when the URL names none */
    bool numeric;             /* host is an IP address */
    const char *target;       /* path and query, borrowed from the text: "", "/…" or "?…" */
};

/* ERR_INVALID with what is wrong. The message does not repeat the URL: pre-signed ones are secrets. */
int url_parse(const char *text, struct url *ret, struct err *err) MUSTER_NODISCARD;

bool url_same_origin(const struct url *a, const struct url *b);

#endif
