/* source.h: where updates come from: UPDATE_SERVER, or else our own server, under /updates/.
 *
 * What is there is public and signed (TUF), so neither the API key nor the client certificate is shown. TLS is verified
 * all the same, as for object stores: our CAs, and for another host than our server's those of STORE_CA_FILE. */
#ifndef MUSTER_AGENT_UPDATE_SOURCE_H
#define MUSTER_AGENT_UPDATE_SOURCE_H

#include <stddef.h>

#include "agent.h"
#include "common/buf.h"
#include "common/err.h"
#include "net/http.h"

struct source;

/* agent must outlive it. Does not connect yet. */
int source_open(const struct agent *agent, struct source **ret, struct err *err) MUSTER_NODISCARD;
void source_close(struct source *s); /* NULL does nothing */

/* From now on every wait ends with ERR_UNAVAILABLE when fd is readable; -1: none. */
void source_set_cancel(struct source *s, int fd);
int source_cancel_fd(const struct source *s);

/* For struct download. */
struct http *source_http(struct source *s);

/* A metadata_fetch_fn whose ctx is a source: /updates/tuf/<name> into ret, which the caller has initialised (its old
 * content is forgotten). name: one path segment, percent-encoded where it must be. ERR_NOT_FOUND: 404 or 410.
 * ERR_TOO_BIG: more than max_bytes. ERR_UNAVAILABLE (also 429 and 5xx), ERR_TIMEOUT, ERR_DENIED, ERR_INVALID: a name
 * that is none, or not an answer. */
int source_fetch(void *source, const char *name, size_t max_bytes, struct buf *ret, struct err *err) MUSTER_NODISCARD;

/* The URL of a target: the digest goes in front of the path's last segment (consistent snapshots, TUF §6.2). ret has
 * room for URL_MAX bytes. ERR_INVALID: a path that leads elsewhere. */
int source_target_url(const struct source *s, const char *path, const char *sha256, char *ret,
                      struct err *err) MUSTER_NODISCARD;

#endif
