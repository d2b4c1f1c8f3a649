/* GET /api/audit/verified and POST /api/audit/verify: how far the trail is known to be whole. */
#include <inttypes.h>
#include <stdio.h>

#include "app.h"
#include "audit/filter.h"
#include "audit/pass.h"
#include "audit/trail.h"
#include "auth/secrets.h"
#include "common/blocking.h"
#include "common/log.h"

enum { STEP_ROWS = 20 * 1000, VERIFY_MS = 15 * 1000, LATER_S = 60 };

struct standing {
    struct trail_mark mark;
    struct trail_fault fault;
    struct audit_place begin;
    int64_t cut_ms;
    int64_t head_seq;
};

static int read_standing(struct req *r, struct standing *ret, struct err *err)
{
    const struct audit_key *key = secrets_audit_key(r->app->secrets);
    struct db_rows rows;
    int rc = trail_mark_load(r->db, key, &ret->mark, &ret->fault, err);
    if (rc == 0)
        rc = audit_begin(r->db, key, &ret->begin, &ret->cut_ms, err);
    if (rc == ERR_CORRUPT) {
        /* A cut that is not ours is a fault even before the next pass has come upon it. */
        if (ret->fault.at_ms == 0) {
            ret->fault.at_ms = r->now_ms;
            (void)snprintf(ret->fault.problem, sizeof ret->fault.problem, "%s", err->msg);
        }
        rc = 0;
    }
    if (rc == 0)
        rc = db_query_one(r->db, DB_AUDIT_HEAD, DB_NO_ARGS, &rows, err);
    if (rc == DB_ROW) {
        ret->head_seq = db_rows_int(&rows, 0, 0);
        db_rows_done(&rows);
        rc = 0;
    }
    return rc;
}

static json_t *time_or_null(int64_t ms)
{
    return ms > 0 ? json_integer(ms) : json_null();
}

static void reply_standing(struct req *r)
{
    struct standing s = {0};
    struct err err = {0};
    if (read_standing(r, &s, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    bool ok = s.fault.at_ms == 0;
    json_int_t rows = s.mark.at.seq > s.begin.seq ? s.mark.at.seq - s.begin.seq : 0;
    json_t *cut = s.cut_ms > 0 ? json_pack("{s:I,s:I}", "seq", (json_int_t)s.begin.seq, "cut_ms", (json_int_t)s.cut_ms)
                               : json_null();
    reply_json(r, 200,
               json_pack("{s:b,s:I,s:o,s:o,s:I,s:I,s:s?,s:o,s:o}", "ok", ok, "upTo_seq", (json_int_t)s.mark.at.seq,
                         "at_ms", time_or_null(s.mark.at_ms), "full_ms", time_or_null(s.mark.full_ms), "rows", rows,
                         "head_seq", (json_int_t)s.head_seq, "problem", ok ? NULL : s.fault.problem, "problem_ms",
                         time_or_null(s.fault.at_ms), "cut", cut));
}

void trail_verified(struct req *r)
{
    reply_standing(r);
}

/* Until it has ended, or its time is over. */
static int go_over(struct req *r, struct trail_pass *pass, struct err *err)
{
    const struct audit_key *key = secrets_audit_key(r->app->secrets);
    int64_t until_ms = clock_monotonic_ms(r->app->clock) + VERIFY_MS;
    struct trail_mark mark;
    struct trail_fault fault;
    int rc = 0;
    while (rc == 0 && !pass->ended) {
        if (clock_monotonic_ms(r->app->clock) >= until_ms)
            return err_set(err, ERR_TIMEOUT, "%" PRId64 " rows and not at the end", pass->rows);
        rc = trail_mark_load(r->db, key, &mark, &fault, err);
        if (rc == 0)
            rc = trail_pass_step(r->db, key, &mark, STEP_ROWS, pass, err);
    }
    return rc;
}

void trail_verify(struct req *r)
{
    struct trail_pass pass = {.full = true};
    struct err err = {0}, why;
    struct trail_place *place = trail_reader_begin(r);
    if (place == NULL)
        return;
    blocking_begin();
    int rc = go_over(r, &pass, &err);
    blocking_end();
    trail_reader_end(place);
    if (rc == ERR_TIMEOUT) {
        reply_retry_after(r, PROBLEM_UNAVAILABLE, LATER_S,
                          "The trail is too long to be verified while you wait. The server does so once a day; "
                          "'muster-app audit verify' on the host does it now.");
        return;
    }
    why = err;
    struct audit_entry entry = audit_of_request(r, "audit.verify", "");
    entry.result = rc == 0 ? AUDIT_OK : AUDIT_FAILED;
    entry.detail = arena_printf(r->arena, "{\"rows\":%" PRId64 ",\"upTo_seq\":%" PRId64 "}", pass.rows, pass.at.seq);
    if (rc == ERR_CORRUPT)
        log_error("the audit trail does not verify: %s", why.msg);
    if (trail_outcome_write(r->app, &(struct trail_outcome){&pass, rc, why.msg, r->now_ms, &entry}, &err) != 0)
        reply_error(r, &err);
    else
        reply_standing(r);
}
