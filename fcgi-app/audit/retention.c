#include "audit/retention.h"

#include <inttypes.h>

#include "app.h"
#include "audit/mark.h"
#include "audit/pass.h"
#include "auth/secrets.h"
#include "backup/backup.h"
#include "common/log.h"
#include "db/writer.h"
#include "policy/policy.h"

enum { CUT_ROWS = 50 * 1000, DROP_ROWS = 1000, DROPS_A_ROUND = 50 };

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct cut_write {
    const struct audit_key *key;
    const struct audit_cut *cut;
    int64_t dropped;
};

static int write_cut(struct db *db, void *ctx, struct err *err)
{
    const struct cut_write *w = ctx;
    return audit_cut(db, w->key, w->cut, err);
}

static int write_drop(struct db *db, void *ctx, struct err *err)
{
    struct cut_write *w = ctx;
    return audit_drop(db, w->key, DROP_ROWS, &w->dropped, err);
}

/* Whether rows are left from before the cut. */
static int any_left(struct db *db, const struct audit_place *begin, bool *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_TRAIL_OLDEST, DB_NO_ARGS, &rows, err);
    *ret = false;
    if (rc == DB_ROW) {
        *ret = db_rows_int(&rows, 0, INT64_MAX) <= begin->seq;
        db_rows_done(&rows);
        rc = 0;
    }
    return rc;
}

/* In many short writes: everybody else's wait behind each. */
static int drop(struct app *app, struct db *db, const struct audit_place *begin, struct err *err)
{
    struct cut_write w = {.key = secrets_audit_key(app->secrets)};
    bool left = false;
    int rc = any_left(db, begin, &left, err);
    for (int i = 0; rc == 0 && left && i < DROPS_A_ROUND; i++) {
        rc = db_write(app->writer, write_drop, &w, err);
        left = w.dropped == DROP_ROWS;
    }
    return rc;
}

static int cut(struct app *app, struct trail_schedule *s, const struct audit_place *begin, int64_t before_ms,
               struct err *err)
{
    const struct audit_key *key = secrets_audit_key(app->secrets);
    struct audit_walk walk = {.at = *begin, .max_rows = CUT_ROWS, .before_ms = before_ms};
    int rc = audit_walk(s->db, key, &walk, err);
    s->cut_again = rc == 0 && !walk.ended;
    if (rc != 0 || walk.rows == 0)
        return rc;
    struct audit_cut c = {
        .from = *begin, .to = walk.at, .rows = walk.rows, .before_ms = before_ms, .now_ms = clock_now_ms(app->clock)};
    struct cut_write w = {.key = key, .cut = &c};
    rc = db_write(app->writer, write_cut, &w, err);
    if (rc == ERR_CONFLICT)
        return 0; /* another process was first */
    if (rc == 0)
        log_info("audit: %" PRId64 " rows cut off, up to row %" PRId64, c.rows, c.to.seq);
    return rc;
}

static int cut_when_due(struct app *app, struct trail_schedule *s, int64_t now_ms, struct err *err)
{
    struct policy policy;
    struct audit_place begin;
    int64_t cut_ms = 0, hold_ms = 0;
    policy_get(app, s->db, &policy);
    int rc = audit_begin(s->db, secrets_audit_key(app->secrets), &begin, &cut_ms, err);
    if (rc == 0)
        rc = backup_retention_hold(s->db, &hold_ms, err);
    if (rc != 0 || hold_ms > now_ms)
        return rc;
    bool due = s->cut_again || policy.audit_days != s->days || now_ms - cut_ms >= DAY_MS || now_ms < cut_ms;
    s->days = policy.audit_days;
    s->cut_again = false;
    if (due && policy.audit_days > 0)
        rc = cut(app, s, &begin, now_ms - policy.audit_days * DAY_MS, err);
    if (rc == 0)
        rc = audit_begin(s->db, secrets_audit_key(app->secrets), &begin, NULL, err);
    return rc != 0 ? rc : drop(app, s->db, &begin, err);
}

int trail_retention(struct app *app, struct trail_schedule *s, int64_t now_ms, struct err *err)
{
    struct trail_mark mark;
    struct trail_fault fault;
    int rc = trail_mark_load(s->db, secrets_audit_key(app->secrets), &mark, &fault, err);
    if (rc != 0 || fault.at_ms != 0)
        return rc; /* what was tampered with is evidence */
    rc = cut_when_due(app, s, now_ms, err);
    if (rc != ERR_CORRUPT)
        return rc;
    log_error("the audit trail does not verify: %s", err->msg);
    struct err why = *err;
    struct trail_pass none = {0};
    return trail_outcome_write(app, &(struct trail_outcome){&none, rc, why.msg, now_ms, NULL}, err);
}
