/* trail.h: the audit trail as people read it: its page, its export, how far it was verified, and how long it is kept.
 * The chain itself is auth/audit.h. The one header of audit/ for routes.c, main.c and the housekeeping. */
#ifndef MUSTER_AUDIT_TRAIL_H
#define MUSTER_AUDIT_TRAIL_H

#include <stdbool.h>

#include "auth/audit.h"
#include "common/cli.h"
#include "http/request.h"

struct app;

/* How far one pass over the chain has come. Start with zeros, and full as wanted. */
struct trail_pass {
    bool full; /* from the beginning, not from the mark */
    bool begun;
    bool ended;               /* it has reached the newest row */
    struct audit_place begin; /* where the trail began */
    struct audit_place at;    /* the last row that was good */
    int64_t rows;
};

/* About every ten seconds, from a housekeeping thread: verifies what is new, all of it once a day, and cuts off what is
 * older than the rule audit.days. A chain that does not verify raises an alert, is looked at again every hour, and
 * nothing of it is cut. Any number of processes may do so. Blocks on the disk. */
struct trail_schedule { /* start with zeros */
    struct db *db;
    struct trail_pass full; /* the daily pass that is under way */
    bool full_runs;
    bool cut_again; /* there is more to cut than one round does */
    int64_t days;   /* the rule as of the last round */
    bool failing;
};
void trail_tick(struct app *app, struct trail_schedule *schedule);
void trail_tick_end(struct trail_schedule *schedule);

/* Handlers */
void trail_list(struct req *r);
void trail_export(struct req *r);
void trail_verified(struct req *r);
void trail_verify(struct req *r);

/* Commands */
int trail_command_verify(const struct cli_args *args, void *ctx);

#endif
