/* trusttime.h: the time that certificates are judged by: the wall clock, but never before what we know it must be.
 *
 * A board without a battery boots in 1970. The floor is the time this program was built, raised by what an
 * authenticated server has said, and kept in a file. The floor never goes back; a server cannot push it past the end of
 * the certificate that vouched for it, so that the harm a lie can do ends with that certificate's life. If it was
 * pushed wrongly, remove the file.
 *
 * mbedTLS asks for the time through a hook without a context, so the floor is one process-wide atomic. */
#ifndef MUSTER_AGENT_NET_TRUSTTIME_H
#define MUSTER_AGENT_NET_TRUSTTIME_H

#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

enum { TRUSTTIME_SAVE_MS = 60 * 60 * 1000 };

/* max(system clock, floor). */
const struct clock *trusttime_clock(void);

/* Raises the floor to what the file says, and has mbedTLS use our clock. A file that is missing or damaged is no
 * failure: the build time holds. */
void trusttime_load(const char *path);

/* An authenticated server says it is now_ms; not_after_ms is when its certificate ends (0: not known, and then nothing
 * is raised). Saves the floor when the saved one is more than an hour behind. */
int trusttime_observe(const char *path, int64_t now_ms, int64_t not_after_ms, struct err *err) MUSTER_NODISCARD;

#endif
