/* What is done to the trail by the clock: it is verified, and what is old is cut off. */
#include <inttypes.h>

#include "app.h"
#include "audit/pass.h"
#include "audit/retention.h"
#include "audit/trail.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "db/db.h"

enum { STEP_ROWS = 100 * 1000 }; /* some tenths of a second */

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

/* A clock that was set back makes it due. */
static bool full_due(const struct trail_mark *mark, const struct trail_fault *fault, int64_t now_ms)
{
    if (fault->at_ms != 0)
        return now_ms - fault->at_ms >= HOUR_MS || now_ms < fault->at_ms;
    return mark->full_ms == 0 || now_ms - mark->full_ms >= DAY_MS || now_ms < mark->full_ms;
}

/* One step of the daily pass, or of what is new; of a trail with a known fault nothing but the whole says more. */
static int verify(struct app *app, struct trail_schedule *s, int64_t now_ms, struct err *err)
{
    const struct audit_key *key = secrets_audit_key(app->secrets);
    struct trail_mark mark;
    struct trail_fault fault;
    int rc = trail_mark_load(s->db, key, &mark, &fault, err);
    if (rc != 0)
        return rc;
    if (!s->full_runs && full_due(&mark, &fault, now_ms)) {
        s->full = (struct trail_pass){.full = true};
        s->full_runs = true;
    }
    if (!s->full_runs && fault.at_ms != 0)
        return 0;
    struct trail_pass fresh = {0};
    struct trail_pass *pass = s->full_runs ? &s->full : &fresh;
    rc = trail_pass_step(s->db, key, &mark, STEP_ROWS, pass, err);
    s->full_runs = s->full_runs && rc == 0 && !pass->ended;
    if (rc == ERR_CORRUPT)
        log_error("the audit trail does not verify: %s", err->msg);
    if (rc == 0 && pass->at.seq <= mark.at.seq && !(pass->full && pass->ended))
        return 0; /* nothing new to say */
    struct err why = *err;
    return trail_outcome_write(app, &(struct trail_outcome){pass, rc, why.msg, now_ms, NULL}, err);
}

static int run(struct app *app, struct trail_schedule *s, int64_t now_ms, struct err *err)
{
    int rc = 0;
    if (s->db == NULL)
        rc = db_open(&(struct db_options){.path = app->settings->db_path, .read_only = true}, &s->db, err);
    if (rc == 0)
        rc = verify(app, s, now_ms, err);
    return rc != 0 ? rc : trail_retention(app, s, now_ms, err);
}

void trail_tick(struct app *app, struct trail_schedule *s)
{
    struct err err = {0};
    bool failed = run(app, s, clock_now_ms(app->clock), &err) != 0;
    if (failed && !s->failing) /* once, not every ten seconds of an outage */
        log_error("looking after the audit trail: %s", err.msg);
    s->failing = failed;
}

void trail_tick_end(struct trail_schedule *s)
{
    db_close(s->db);
    s->db = NULL;
}
