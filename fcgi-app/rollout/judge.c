/* Judging members: deadlines, error rates, thresholds. The rules themselves are in member.h and rollout_rules.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rollout/engine.h"
#include "rollout/rollout_rules.h"

enum {
    ALIVE_EVERY_MS = 5000,
    GAP_MS = 20 * 1000, /* more than this between two signs of life was an outage */
    OVERDUE_MAX = 200,
    BYSTANDERS_MAX = 500,
    BYSTANDERS_AMONG = 5000,
    JUDGE_EVERY_MS = 30 * 1000,
};

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* --- the server's own outages --- */

/* How long agents may take to be heard of again after one. */
static int64_t grace_ms(const struct engine *e)
{
    return 4 * e->poll_interval_ms;
}

int engine_alive(struct engine *e, struct err *err)
{
    return db_exec(e->db, DB_ROLLOUT_CLOCK_SET, DB_ARGS(DB_INT("now", e->now_ms)), NULL, err);
}

static int shift_deadlines(struct engine *e, int64_t gap_ms, struct err *err)
{
    return db_exec(e->db, DB_ROLLOUT_SHIFT_DEADLINES,
                   DB_ARGS(DB_INT("gap", gap_ms), DB_INT("least", e->now_ms + grace_ms(e))), NULL, err);
}

/* The time between the last sign of life of any process and now is nobody's silence. */
static int mind_the_gap(struct engine *e, struct err *err)
{
    int64_t alive_ms = 0;
    int rc = db_query_number(e->db, DB_ROLLOUT_CLOCK_GET, DB_NO_ARGS, &alive_ms, err);
    int64_t gap_ms = e->now_ms - alive_ms;
    if (rc == 0 && alive_ms != 0 && gap_ms > GAP_MS)
        rc = shift_deadlines(e, gap_ms, err);
    if (rc == 0 && (gap_ms < 0 || gap_ms >= ALIVE_EVERY_MS))
        rc = engine_alive(e, err);
    return rc;
}

/* Whether it is the server that does not hear: nobody is heard of, and at least two agents that are not being updated
 * fell silent at the same moment. Hosts that were switched off over time do not look like that. */
static int is_deaf(struct engine *e, bool *ret, struct err *err)
{
    int64_t heard_ms = 0, together = 0;
    *ret = false;
    int rc =
        db_query_number(e->db, DB_ROLLOUT_BYSTANDERS_HEARD,
                        DB_ARGS(DB_INT("newest", BYSTANDERS_AMONG), DB_INT("limit", BYSTANDERS_MAX)), &heard_ms, err);
    if (rc != 0 || heard_ms == 0 || e->now_ms - heard_ms <= grace_ms(e))
        return rc;
    rc = db_query_number(e->db, DB_ROLLOUT_BYSTANDERS_SINCE,
                         DB_ARGS(DB_INT("newest", BYSTANDERS_AMONG), DB_INT("limit", BYSTANDERS_MAX),
                                 DB_INT("since", heard_ms - grace_ms(e))),
                         &together, err);
    *ret = rc == 0 && together >= 2;
    return rc;
}

/* --- silence --- */

struct overdue {
    char rollout_id[UUID_SIZE], agent_id[UUID_SIZE];
    char version[UPDATE_VERSION_SIZE], target[UPDATE_VERSION_SIZE];
    struct member_overdue facts;
    bool back;
    int64_t silence_s;
    enum rollout_state rollout;
};

static void copy(char *ret, size_t size, const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

static int read_overdue(struct engine *e, struct overdue list[OVERDUE_MAX], size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(e->db, DB_ROLLOUT_OVERDUE, DB_ARGS(DB_INT("now", e->now_ms), DB_INT("limit", OVERDUE_MAX)), &rows,
                      err);
    while (rc == 0 && count < OVERDUE_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct overdue *o = &list[count++];
        const char *direction = db_rows_text(&rows, 3);
        copy(o->rollout_id, sizeof o->rollout_id, &rows, 0);
        copy(o->agent_id, sizeof o->agent_id, &rows, 1);
        o->back = direction != NULL && strcmp(direction, "back") == 0;
        copy(o->version, sizeof o->version, &rows, 4);
        copy(o->target, sizeof o->target, &rows, o->back ? 7 : 6);
        o->facts = (struct member_overdue){
            .heard = db_rows_int(&rows, 5, 0) > e->now_ms, .version = o->version, .target = o->target};
        o->silence_s = db_rows_int(&rows, 8, 0);
        bool known = member_state_parse(db_rows_text(&rows, 2), &o->facts.state) &&
                     rollout_state_parse(db_rows_text(&rows, 9), &o->rollout);
        rc = known ? 0 : err_set(err, ERR_CORRUPT, "a member of rollout %s is damaged", o->rollout_id);
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int end_overdue(struct engine *e, const struct overdue *o, struct err *err)
{
    char reason[160] = "";
    struct offer_member who = {o->rollout_id, o->agent_id};
    enum member_state to = member_after_deadline(&o->facts);
    if (to == MEMBER_AWAY)
        return offer_defer(e->db, &who, "it waits for its own window", e->now_ms + o->silence_s * 1000, e->now_ms,
                           &e->rev, err);
    if (to == MEMBER_COMMITTED && !o->back && o->rollout == ROLLOUT_ROLLING_BACK)
        return offer_turn_back(e->db, &who, e->now_ms, &e->rev, err);
    if (to == MEMBER_SILENT)
        (void)snprintf(reason, sizeof reason, "nothing was heard of it for %" PRId64 " s after: %s", o->silence_s,
                       member_state_name(o->facts.state));
    else if (to == MEMBER_FAILED)
        (void)snprintf(reason, sizeof reason,
                       "its heartbeats go on, but for %" PRId64 " s it has not moved on from: %s", o->silence_s,
                       member_state_name(o->facts.state));
    return offer_move(e->db, &who, to, reason, 0, e->now_ms, &e->rev, err);
}

static int end_silent(struct engine *e, struct err *err)
{
    struct overdue list[OVERDUE_MAX];
    size_t count = 0;
    bool deaf = false;
    int rc = read_overdue(e, list, &count, err);
    if (rc == 0 && count > 0)
        rc = is_deaf(e, &deaf, err);
    if (rc == 0 && deaf)
        return shift_deadlines(e, 0, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = end_overdue(e, &list[i], err);
    if (count > 0)
        engine_again(e, ENGINE_SOON_MS);
    return rc;
}

int engine_deadlines(struct engine *e, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(e->db, DB_ROLLOUT_IN_FLIGHT_ANYWHERE, DB_NO_ARGS, &rows, err);
    if (rc != DB_ROW)
        return rc;
    db_rows_done(&rows);
    e->under_way = true;
    rc = mind_the_gap(e, err);
    return rc == 0 ? end_silent(e, err) : rc;
}

/* --- error rates --- */

struct noisy {
    char agent_id[UUID_SIZE];
    int64_t offered_ms, updated_ms, created_ms, errors;
};

static int read_noisy(struct db *db, const char *rollout_id, int64_t now_ms, struct noisy list[ENGINE_UNHEALTHY_MAX],
                      size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(db, DB_ROLLOUT_NOISY,
                      DB_ARGS(DB_TEXT("rollout", rollout_id), DB_INT("since", now_ms - ROLLOUT_WATCH_MS),
                              DB_INT("least", ROLLOUT_ERRORS_LEAST), DB_INT("limit", ENGINE_UNHEALTHY_MAX)),
                      &rows, err);
    while (rc == 0 && count < ENGINE_UNHEALTHY_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct noisy *n = &list[count++];
        copy(n->agent_id, sizeof n->agent_id, &rows, 0);
        n->updated_ms = db_rows_int(&rows, 2, 0);
        n->offered_ms = db_rows_int(&rows, 1, n->updated_ms);
        n->created_ms = db_rows_int(&rows, 3, 0);
        n->errors = db_rows_int(&rows, 4, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

/* others: how many members were not updated yet. */
static int judge_noisy(struct db *db, const struct rollout *r, const struct noisy *n, int64_t others, int64_t now_ms,
                       struct engine_unhealthy *ret, struct err *err)
{
    struct engine_unhealthy_member *member = &ret->list[ret->count];
    int64_t begin_ms = n->offered_ms - DAY_MS > n->created_ms ? n->offered_ms - DAY_MS : n->created_ms;
    struct rollout_errors errors = {.after = n->errors,
                                    .after_ms = now_ms - n->updated_ms,
                                    .before_ms = n->offered_ms - begin_ms,
                                    .other_count = others};
    int rc = db_query_number(
        db, DB_ROLLOUT_ERRORS_OF_AGENT,
        DB_ARGS(DB_TEXT("agent", n->agent_id), DB_INT("since", begin_ms), DB_INT("until", n->offered_ms)),
        &errors.before, err);
    if (rc == 0)
        rc = db_query_number(db, DB_ROLLOUT_ERRORS_OF_OTHERS,
                             DB_ARGS(DB_TEXT("rollout", r->id), DB_INT("since", n->updated_ms)), &errors.others, err);
    if (rc != 0 || !rollout_unhealthy(&errors, r->plan.error_factor, member->reason, sizeof member->reason))
        return rc;
    memcpy(member->agent_id, n->agent_id, sizeof member->agent_id);
    ret->count++;
    return 0;
}

bool engine_errors_due(const struct rollout *r, int64_t now_ms)
{
    bool forward = r->state == ROLLOUT_RUNNING || r->state == ROLLOUT_DONE;
    return forward && r->plan.error_factor != ROLLOUT_NO_LIMIT &&
           (r->judge_due_ms <= now_ms || r->judge_due_ms - now_ms > JUDGE_EVERY_MS);
}

int engine_errors_read(struct db *db, const struct rollout *r, int64_t now_ms, struct engine_unhealthy *ret,
                       struct err *err)
{
    struct noisy list[ENGINE_UNHEALTHY_MAX];
    int64_t others = 0;
    size_t count = 0;
    ret->count = 0;
    int rc = read_noisy(db, r->id, now_ms, list, &count, err);
    if (rc == 0 && count > 0)
        rc = db_query_number(db, DB_ROLLOUT_PENDING_COUNT, DB_ARGS(DB_TEXT("rollout", r->id)), &others, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = judge_noisy(db, r, &list[i], others, now_ms, ret, err);
    return rc;
}

int engine_errors_write(struct engine *e, const char *rollout_id, const struct engine_unhealthy *unhealthy,
                        struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < unhealthy->count; i++) {
        const struct engine_unhealthy_member *member = &unhealthy->list[i];
        struct offer_member who = {rollout_id, member->agent_id};
        int64_t still = 0;
        rc = db_query_number(e->db, DB_ROLLOUT_MEMBER_UPDATED,
                             DB_ARGS(DB_TEXT("rollout", rollout_id), DB_TEXT("agent", member->agent_id)), &still, err);
        if (rc == 0 && still != 0)
            rc = offer_move(e->db, &who, MEMBER_UNHEALTHY, member->reason, 0, e->now_ms, &e->rev, err);
    }
    return rc != 0 ? rc
                   : db_exec(e->db, DB_ROLLOUT_SET_JUDGE,
                             DB_ARGS(DB_TEXT("id", rollout_id), DB_INT("due", e->now_ms + JUDGE_EVERY_MS)), NULL, err);
}

/* --- thresholds --- */

int engine_thresholds(struct engine *e, struct rollout *r, struct err *err)
{
    char reason[200];
    int64_t failed = 0, offered = 0;
    int rc = db_query_number(e->db, DB_ROLLOUT_FAILED, DB_ARGS(DB_TEXT("rollout", r->id)), &failed, err);
    if (rc != 0 || failed <= r->forgiven_failed)
        return rc;
    rc = db_query_number(e->db, DB_ROLLOUT_OFFERED_SINCE, DB_ARGS(DB_TEXT("rollout", r->id), DB_INT("since", 0)),
                         &offered, err);
    if (rc != 0 || !rollout_failed_too_often(&r->plan, failed - r->forgiven_failed, offered - r->forgiven_offered,
                                             reason, sizeof reason))
        return rc;
    return engine_pause(e, r, reason, err);
}
