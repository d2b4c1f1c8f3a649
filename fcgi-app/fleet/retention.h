/* retention.h: how long what agents have said is kept. Private to fleet/. */
#ifndef MUSTER_FLEET_RETENTION_H
#define MUSTER_FLEET_RETENTION_H

#include "fleet/presence_entry.h"

struct app;

/* True, and sets when it is next, when *at_ms has come. The clock may be set back; then it is due. */
bool fleet_due(int64_t *at_ms, int64_t now_ms, int64_t every_ms);

/* Once an hour, and when the rules have changed, a round over all agents: their events older than logs.days go, and
 * those beyond the newest logs.rows; ended commands and expired one-time passwords go with the days. A call is one step
 * of a round, and a round under way goes on with every call. What is to go is found by reading and deleted in short
 * writes, so that nobody waits long behind it. */
int fleet_retention(struct app *app, struct presence_chores *chores, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
