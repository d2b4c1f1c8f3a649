/* stepup.h: showing once more that one is there, before an act that cannot be taken back or hands something out.
 *
 * A grant is bound to the session, the act ("DELETE /api/agents/{id}") and its target (what stands for {…}), and is
 * good for STEPUP_MS; where the route says STEP_ONCE the act itself uses it up. A thief of a session that lies open
 * thus gets no further than reading. */
#ifndef MUSTER_AUTH_STEPUP_H
#define MUSTER_AUTH_STEPUP_H

#include <stdbool.h>
#include <stdint.h>

#include "http/request.h"

enum { STEPUP_MS = 10 * 60 * 1000, STEPUP_ACTION_MAX = 128, STEPUP_TARGET_MAX = 160 };

/* Whether the request may go on to its handler; uses up a grant that is good once. False after the reply was set:
 * 403 step-up-required with "action", "target" and "once". Blocks for a write when it uses one up. */
bool stepup_passed(struct req *r);

/* Inside a write closure, when a factor was right: the grant. */
struct stepup_grant {
    const char *session_id;
    const char *action;
    const char *target;
    int64_t expires_ms;
};
int stepup_record(struct db *db, const struct stepup_grant *grant, struct err *err) MUSTER_NODISCARD;

/* Whether action is one that asks for a step-up: a grant for anything else is a mistake of the caller. */
bool stepup_action_known(const char *action);

#endif
