/* root.h: the TUF root this host starts its trust in updates from: pinned at enrolment or by an administrator of the
 * host, or built into the binary. Never taken from the server's word alone.
 *
 * STATE_DIR/update/root.json holds what was pinned, and goes before what is built in. The chain of later roots, which
 * older ones signed, is metadata.h's and lies beside it. */
#ifndef MUSTER_AGENT_UPDATE_ROOT_H
#define MUSTER_AGENT_UPDATE_ROOT_H

#include <stddef.h>
#include <stdint.h>

#include "agent.h"
#include "common/buf.h"
#include "net/http.h"

enum { ROOT_SHA256_SIZE = 32, ROOT_MAX = 64 * 1024 };

/* Whether there is one. */
bool root_known(const struct agent *agent);

/* The file that holds it, for struct metadata_options; a root that is built in is written to one. ret: PATH_MAX bytes.
 * ERR_NOT_FOUND: none was pinned and none is built in. */
int root_file(const struct agent *agent, char *ret, struct err *err) MUSTER_NODISCARD;

/* Pins these bytes, a root in the form of TUF, signed as it asks itself. Another root than before drops the metadata
 * that was trusted because of it. Errors as of metadata_root_check. Durable when it returns 0. */
int root_pin(const struct agent *agent, const char *bytes, size_t len, struct err *err) MUSTER_NODISCARD;

/* The server's first root, if its SHA-256 is this one; ERR_DENIED otherwise. Appends to ret. Blocks. */
int root_fetch(struct http *http, const char *server_url, const uint8_t sha256[ROOT_SHA256_SIZE], struct buf *ret,
               struct err *err) MUSTER_NODISCARD;

#endif
