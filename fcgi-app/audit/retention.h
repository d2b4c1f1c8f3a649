/* retention.h: cutting off what is older than the rule audit.days. Private to audit/. */
#ifndef MUSTER_AUDIT_RETENTION_H
#define MUSTER_AUDIT_RETENTION_H

#include "audit/trail.h"

/* One round, when it is due: once a day, when the rule was changed, and while there is more. Each row is verified once
 * more before it goes. Does nothing while the clock is not to be trusted, or a fault of the trail is known. */
int trail_retention(struct app *app, struct trail_schedule *s, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
