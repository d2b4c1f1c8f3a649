/* What agents say of their updates, and what they are offered. */
#include <stdio.h>
#include <string.h>

#include "common/token.h"
#include "rollout/offer.h"

enum {
    PERCENT_STEP = 10,
    STATE_MAX = 32,
    SILENCES_MAX = 24, /* more than there are steps on the way: ten of a download, and the states */
};

const char *const update_state_names[UPDATE_STATE_COUNT + 1] = {
    [UPDATE_IDLE] = "idle",           [UPDATE_OFFERED] = "offered",
    [UPDATE_WAITING] = "waiting",     [UPDATE_DOWNLOADING] = "downloading",
    [UPDATE_VERIFYING] = "verifying", [UPDATE_TRIAL] = "trial",
    [UPDATE_COMMITTED] = "committed", [UPDATE_RESTORED] = "restored",
    [UPDATE_SKIPPED] = "skipped",     [UPDATE_FAILED] = "failed",
    [UPDATE_AVAILABLE] = "available",
};

const char *update_state_name(enum update_state state)
{
    return update_state_names[state];
}

static void copy(char *ret, size_t size, const char *text)
{
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

/* --- reading --- */

/* A word that a newer agent may say and we do not know costs no heartbeat: as far as we know, nothing is under way. */
static enum update_state state_of(const char *name)
{
    for (int i = 0; name != NULL && i < UPDATE_STATE_COUNT; i++)
        if (strcmp(name, update_state_names[i]) == 0)
            return (enum update_state)i;
    return UPDATE_IDLE;
}

/* A reason may quote a path or what a program printed: that is no cause to refuse a heartbeat. */
static void read_reason(struct jsonread *r, char ret[UPDATE_REASON_SIZE])
{
    copy(ret, UPDATE_REASON_SIZE, jsonread_text_or(r, "reason", 0, UPDATE_REASON_SIZE - 1, ""));
    for (char *c = ret; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void update_report_read(struct jsonread *body, struct update_report *ret)
{
    struct jsonread r;
    *ret = (struct update_report){.state = UPDATE_IDLE, .percent = UPDATE_NO_PERCENT};
    if (!jsonread_has(body, "update"))
        return;
    jsonread_object(body, "update", &r);
    ret->state = state_of(jsonread_str(&r, "state", 1, STATE_MAX));
    ret->percent = (int)jsonread_int_or(&r, "percent", 0, 100, UPDATE_NO_PERCENT);
    copy(ret->version, sizeof ret->version, jsonread_str_or(&r, "version", 0, sizeof ret->version - 1, ""));
    copy(ret->rollout_id, sizeof ret->rollout_id, jsonread_str_or(&r, "rolloutId", 0, sizeof ret->rollout_id - 1, ""));
    copy(ret->workload, sizeof ret->workload, jsonread_str_or(&r, "workload", 0, sizeof ret->workload - 1, ""));
    read_reason(&r, ret->reason);
    /* Told by the heartbeat itself; one that is wrong shall be heard of all the same. */
    (void)jsonread_str_or(&r, "current", 0, UPDATE_VERSION_SIZE - 1, "");
}

void update_report_of_row(const struct db_rows *rows, int first, struct update_report *ret)
{
    *ret = (struct update_report){.state = state_of(db_rows_text(rows, first)),
                                  .percent = (int)db_rows_int(rows, first + 2, UPDATE_NO_PERCENT)};
    copy(ret->version, sizeof ret->version, db_rows_text(rows, first + 1));
    copy(ret->reason, sizeof ret->reason, db_rows_text(rows, first + 3));
    copy(ret->rollout_id, sizeof ret->rollout_id, db_rows_text(rows, first + 4));
    copy(ret->workload, sizeof ret->workload, db_rows_text(rows, first + 5));
}

bool update_offer_of_row(const struct db_rows *rows, int first, struct update_offer *ret)
{
    *ret = (struct update_offer){.not_before_ms = db_rows_int(rows, first + 2, 0),
                                 .force = db_rows_int(rows, first + 3, 0) != 0,
                                 .downgrade = db_rows_int(rows, first + 4, 0) != 0};
    copy(ret->rollout_id, sizeof ret->rollout_id, db_rows_text(rows, first));
    copy(ret->version, sizeof ret->version, db_rows_text(rows, first + 1));
    return ret->rollout_id[0] != '\0';
}

static bool says_the_same(const struct update_report *a, const struct update_report *b)
{
    return a->state == b->state && strcmp(a->version, b->version) == 0 && strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->rollout_id, b->rollout_id) == 0 && strcmp(a->workload, b->workload) == 0;
}

bool update_report_differs(const struct update_report *a, const struct update_report *b)
{
    int moved = b->percent - a->percent;
    return !says_the_same(a, b) || moved >= PERCENT_STEP || moved <= -PERCENT_STEP ||
           (b->percent == 100 && a->percent != 100);
}

/* --- storing --- */

static int add_history(struct db *db, const struct update_write *write, const char *agent_id,
                       const char *current_version, const struct update_report *report, struct err *err)
{
    char id[UUID_SIZE];
    if (!uuid_v7(write->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    int rc = db_exec(db, DB_UPDATE_HISTORY_ADD,
                     DB_ARGS(DB_TEXT("id", id), DB_TEXT("agent", agent_id), DB_INT("now", write->now_ms),
                             DB_TEXT("state", update_state_name(report->state)), DB_TEXT("version", report->version),
                             DB_TEXT("current_version", current_version), DB_TEXT("reason", report->reason),
                             DB_TEXT("rollout", report->rollout_id)),
                     NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_UPDATE_HISTORY_TRIM, DB_ARGS(DB_TEXT("agent", agent_id)), NULL, err);
}

/* What was written before, and what it is offered; an agent that never said anything is idle. */
static int read_before(struct db *db, const char *agent_id, struct update_report *ret, struct update_offer *ret_offer,
                       struct err *err)
{
    struct db_rows rows;
    *ret = (struct update_report){.state = UPDATE_IDLE, .percent = UPDATE_NO_PERCENT};
    *ret_offer = (struct update_offer){.not_before_ms = 0};
    int rc = db_query_one(db, DB_UPDATE_OF_AGENT, DB_ARGS(DB_TEXT("agent", agent_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    update_report_of_row(&rows, 0, ret);
    (void)update_offer_of_row(&rows, 7, ret_offer);
    db_rows_done(&rows);
    return 0;
}

struct member {
    enum member_state state;
    bool back;
    char target[UPDATE_VERSION_SIZE];
    int64_t silence_ms, offered_ms, deadline_ms;
    enum rollout_state rollout;
};

/* False with rc 0 in *ret_rc: the report is about no member, or about another version than it is to get. */
static bool find_member(struct db *db, const char *agent_id, const struct update_report *report, struct member *ret,
                        int *ret_rc, struct err *err)
{
    struct db_rows rows;
    *ret_rc = 0;
    if (report->rollout_id[0] == '\0')
        return false;
    int rc = db_query_one(db, DB_ROLLOUT_MEMBER_GET,
                          DB_ARGS(DB_TEXT("rollout", report->rollout_id), DB_TEXT("agent", agent_id)), &rows, err);
    if (rc != DB_ROW) {
        *ret_rc = rc;
        return false;
    }
    const char *direction = db_rows_text(&rows, 1);
    ret->back = direction != NULL && strcmp(direction, "back") == 0;
    copy(ret->target, sizeof ret->target, db_rows_text(&rows, ret->back ? 4 : 3));
    ret->silence_ms = db_rows_int(&rows, 5, 900) * 1000;
    ret->offered_ms = db_rows_int(&rows, 7, 0);
    ret->deadline_ms = db_rows_int(&rows, 8, 0);
    bool ok = member_state_parse(db_rows_text(&rows, 0), &ret->state) &&
              rollout_state_parse(db_rows_text(&rows, 6), &ret->rollout) && strcmp(ret->target, report->version) == 0;
    db_rows_done(&rows);
    return ok;
}

/* One that always says something new, but never comes to an end, holds up the others for so long and no longer. A
 * deadline that was moved for another reason stays. */
static int64_t next_deadline_ms(const struct member *m, int64_t begin_ms, int64_t now_ms)
{
    int64_t next_ms = (begin_ms > now_ms ? begin_ms : now_ms) + m->silence_ms;
    int64_t last_ms = (begin_ms > m->offered_ms ? begin_ms : m->offered_ms) + SILENCES_MAX * m->silence_ms;
    if (m->offered_ms == 0 || next_ms <= last_ms)
        return next_ms;
    return m->deadline_ms > last_ms ? m->deadline_ms : last_ms;
}

/* begin_ms: when it may begin; silence counts from then. */
static int move_member(struct db *db, struct update_write *write, const char *agent_id,
                       const struct update_report *report, int64_t begin_ms, struct err *err)
{
    struct member m;
    enum member_state to;
    int rc = 0;
    if (!find_member(db, agent_id, report, &m, &rc, err))
        return rc;
    struct offer_member who = {report->rollout_id, agent_id};
    int64_t deadline_ms = next_deadline_ms(&m, begin_ms, write->now_ms);
    if (!member_after_report(m.state, report->state, &to))
        return member_in_flight(m.state) && m.state != MEMBER_OFFERED
                   ? db_exec(db, DB_ROLLOUT_MEMBER_MOVE_DEADLINE,
                             DB_ARGS(DB_TEXT("rollout", who.rollout_id), DB_TEXT("agent", who.agent_id),
                                     DB_INT("deadline", deadline_ms)),
                             NULL, err)
                   : 0;
    /* It got the new version while the rollout was turning round: it is the next to be put back. */
    if (to == MEMBER_COMMITTED && !m.back && m.rollout == ROLLOUT_ROLLING_BACK)
        return offer_turn_back(db, &who, write->now_ms, &write->rev, err);
    return offer_move(db, &who, to, report->reason, deadline_ms, write->now_ms, &write->rev, err);
}

int update_report_store(struct db *db, struct update_write *write, const char *agent_id, const char *current_version,
                        const struct update_report *report, struct err *err)
{
    struct update_report before;
    struct update_offer offer;
    struct db_arg percent =
        report->percent == UPDATE_NO_PERCENT ? DB_NULL("percent") : DB_INT("percent", report->percent);
    int rc = read_before(db, agent_id, &before, &offer, err);
    if (rc == 0)
        rc = db_exec(db, DB_UPDATE_REPORT,
                     DB_ARGS(DB_TEXT("agent", agent_id), DB_TEXT("state", update_state_name(report->state)),
                             DB_TEXT("version", report->version), percent, DB_TEXT("reason", report->reason),
                             DB_TEXT("rollout", report->rollout_id), DB_TEXT("workload", report->workload),
                             DB_INT("now", write->now_ms)),
                     NULL, err);
    if (rc == 0 && !says_the_same(&before, report))
        rc = add_history(db, write, agent_id, current_version, report, err);
    return rc != 0 ? rc : move_member(db, write, agent_id, report, offer.not_before_ms, err);
}

int update_agent_back(struct db *db, struct update_write *write, const char *agent_id, struct err *err)
{
    int64_t changes = 0;
    int rc = db_exec(db, DB_ROLLOUT_MEMBERS_BACK, DB_ARGS(DB_TEXT("agent", agent_id), DB_INT("now", write->now_ms)),
                     &changes, err);
    return rc == 0 && changes > 0 ? offer_rev(db, &write->rev, err) : rc;
}
