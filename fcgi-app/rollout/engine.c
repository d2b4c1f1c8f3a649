/* Driving one rollout: offering, stages, and what is told to containers. */
#include "rollout/engine.h"

#include <stdio.h>
#include <string.h>

#include "fleet/fleet.h"
#include "ops/alert.h"
#include "rollout/act.h"
#include "rollout/rollout_rules.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (INT64_C(24) * 3600 * 1000)

/* --- pausing --- */

int engine_pause(struct engine *e, struct rollout *r, const char *reason, struct err *err)
{
    char message[500];
    struct audit_entry entry = {.time_ms = e->now_ms, .actor = "system", .address = "", .request_id = ""};
    (void)snprintf(message, sizeof message,
                   "The rollout of %s has paused itself: %.300s. Look at its members, then resume, abort or roll back.",
                   r->version, reason);
    struct alert alert = {
        .kind = "rollout.paused", .message = message, .user_id = r->owner_id, .time_ms = e->now_ms, .repeat = true};
    bool more = false;
    int rc = offer_stop_some(e->db, r->id, ROLLOUT_PAUSED, e->now_ms, &e->rev, &more, err);
    if (more)
        engine_again(e, 0);
    if (rc == 0)
        rc = db_exec(e->db, DB_ROLLOUT_SET_STATE,
                     DB_ARGS(DB_TEXT("id", r->id), DB_TEXT("state", rollout_state_name(ROLLOUT_PAUSED)),
                             DB_TEXT("reason", reason), DB_NULL("finished"), DB_INT("now", e->now_ms)),
                     NULL, err);
    if (rc == 0)
        rc = db_changed(e->db, "plans", err);
    if (rc == 0)
        rc = alert_raise(e->db, &alert, err);
    if (rc == 0)
        rc = act_audit(e->db, e->audit_key, entry, "rollout.pause", r->id, NULL, err);
    if (rc == 0)
        r->state = ROLLOUT_PAUSED;
    return rc;
}

/* --- offering --- */

struct candidate {
    char id[UUID_SIZE];
    char version[UPDATE_VERSION_SIZE];
    bool container, can_update, there, busy, reachable;
};

struct candidates {
    size_t count;
    struct candidate list[ENGINE_MEMBERS_MAX];
};

static void copy(char *ret, size_t size, const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

static int read_candidates(struct engine *e, enum db_statement statement, struct db_args args, struct candidates *ret,
                           struct err *err)
{
    struct db_rows rows;
    ret->count = 0;
    int rc = db_query(e->db, statement, args, &rows, err);
    while (rc == 0 && ret->count < ENGINE_MEMBERS_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct candidate *c = &ret->list[ret->count++];
        const char *mode = db_rows_text(&rows, 2);
        copy(c->id, sizeof c->id, &rows, 0);
        copy(c->version, sizeof c->version, &rows, 1);
        c->container = mode != NULL && strcmp(mode, "container") == 0;
        c->can_update = member_capable(db_rows_text(&rows, 3), "update");
        c->there = db_rows_int(&rows, 4, 0) != 0;
        c->busy = db_rows_int(&rows, 5, 0) != 0;
        c->reachable = db_rows_int(&rows, 6, 0) != 0;
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

/* What this step knows of a rollout. */
struct drive {
    struct rollout *r;
    struct rollout_release release; /* of the version it offers */
    const char *target;             /* that version */
    bool back;
    int64_t in_flight, room, offered_in_stages;
    bool candidates; /* there were some in this stage, offered or not */
};

/* What one in turn becomes that is not offered anything; 0 or an error. *ret: it is to be offered it. */
static int sort_out(struct engine *e, struct drive *d, const struct candidate *c, bool *ret, struct err *err)
{
    const char *reason = "";
    struct offer_member who = {d->r->id, c->id};
    struct member_facts facts = {.version = c->version,
                                 .target = d->target,
                                 .downgrade = d->back,
                                 .container = c->container,
                                 .can_update = c->can_update};
    *ret = false;
    if (!c->reachable) /* a grant was taken back, or the agent has another owner */
        return offer_move(e->db, &who, MEMBER_CANCELLED, "the person who began this may not see it any more", 0,
                          e->now_ms, &e->rev, err);
    if (!c->there || c->busy)
        return offer_defer(e->db, &who, c->there ? "another rollout updates it" : "it is offline", 0, e->now_ms, NULL,
                           err);
    enum member_state state = member_first_state(&facts, true, &reason);
    *ret = state == MEMBER_PENDING;
    if (*ret)
        return 0;
    return offer_move(e->db, &who, state == MEMBER_CURRENT && d->back ? MEMBER_COMMITTED : state, reason, 0, e->now_ms,
                      &e->rev, err);
}

static int offer_one(struct engine *e, struct drive *d, const struct candidate *c, int stage, int64_t members,
                     struct err *err)
{
    struct offer_new offer = {
        .who = {d->r->id, c->id}, .version = d->target, .stage = stage, .downgrade = d->back, .now_ms = e->now_ms};
    offer.not_before_ms = rollout_slot_ms(c->id, e->now_ms, members, d->release.size_bytes, e->uplink_mbps);
    offer.deadline_ms = offer.not_before_ms + d->r->plan.silence_s * INT64_C(1000);
    int rc = offer_make(e->db, &offer, &e->rev, err);
    if (rc == 0) {
        d->in_flight++;
        d->room--;
        d->offered_in_stages += stage != ROLLOUT_NO_LIMIT;
    }
    return rc;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Offers to so many of the list at most. The others of it that are not to be offered anything leave the queue, so that
 * it is short next time. */
static int offer_all(struct engine *e, struct drive *d, const struct candidates *list, int stage, int64_t limit,
                     struct err *err)
{
    int rc = 0;
    int64_t members = d->in_flight + least(least((int64_t)list->count, limit), d->room);
    for (size_t i = 0; rc == 0 && i < list->count && d->room > 0 && limit > 0; i++) {
        bool offer = false;
        rc = sort_out(e, d, &list->list[i], &offer, err);
        if (rc == 0 && offer) {
            rc = offer_one(e, d, &list->list[i], stage, members, err);
            limit--;
        }
    }
    if (list->count > 0)
        engine_again(e, d->room > 0 && limit > 0 ? 0 : d->r->plan.max_per_minute > 0 ? ENGINE_SOON_MS : ENGINE_IDLE_MS);
    return rc;
}

static int offer_urgent(struct engine *e, struct drive *d, struct candidates *list, struct err *err)
{
    if (d->room == 0 || d->back)
        return 0;
    int rc = read_candidates(
        e, DB_ROLLOUT_CANDIDATES_URGENT,
        DB_ARGS(DB_TEXT("rollout", d->r->id), DB_INT("now", e->now_ms), DB_INT("limit", ENGINE_MEMBERS_MAX)), list,
        err);
    return rc == 0 ? offer_all(e, d, list, ROLLOUT_NO_LIMIT, INT64_MAX, err) : rc;
}

/* Those of the stage; when nothing may be offered now, only whether there are any. */
static int offer_stage(struct engine *e, struct drive *d, struct candidates *list, bool may_offer, struct err *err)
{
    int below = 100, stage = ROLLOUT_NO_LIMIT;
    int64_t limit = INT64_MAX;
    if (!d->back) {
        rollout_stage_reach(&d->r->plan.stages[d->r->stage], d->offered_in_stages, &below, &limit);
        stage = (int)d->r->stage;
    }
    if (limit == 0)
        return 0;
    bool offering = may_offer && d->room > 0;
    int rc = read_candidates(e, DB_ROLLOUT_CANDIDATES,
                             DB_ARGS(DB_TEXT("rollout", d->r->id), DB_TEXT("direction", d->back ? "back" : "forward"),
                                     DB_INT("below", below), DB_INT("now", e->now_ms),
                                     DB_INT("limit", offering ? ENGINE_MEMBERS_MAX : 1)),
                             list, err);
    d->candidates = list->count > 0;
    if (d->candidates && d->r->plan.max_per_minute > 0)
        engine_again(e, ENGINE_SOON_MS);
    return rc == 0 && offering ? offer_all(e, d, list, stage, limit, err) : rc;
}

/* --- stages --- */

static int ask(struct engine *e, enum db_statement statement, struct db_args args, bool *ret, struct err *err)
{
    int64_t number = 0;
    int rc = db_query_number(e->db, statement, args, &number, err);
    *ret = number != 0;
    return rc;
}

static int set_stage(struct engine *e, struct rollout *r, size_t stage, int64_t done_ms, struct err *err)
{
    r->stage = stage;
    r->stage_done_ms = done_ms;
    engine_again(e, 0); /* what follows may follow at once */
    int rc = db_exec(e->db, DB_ROLLOUT_SET_STAGE,
                     DB_ARGS(DB_TEXT("id", r->id), DB_INT("stage", (int64_t)stage),
                             done_ms != 0 ? DB_INT("done", done_ms) : DB_NULL("done"), DB_INT("now", e->now_ms)),
                     NULL, err);
    return rc == 0 ? db_changed(e->db, "plans", err) : rc;
}

static int finish(struct engine *e, struct rollout *r, enum rollout_state state, struct err *err)
{
    int rc = db_exec(e->db, DB_ROLLOUT_SET_STATE,
                     DB_ARGS(DB_TEXT("id", r->id), DB_TEXT("state", rollout_state_name(state)), DB_TEXT("reason", ""),
                             DB_INT("finished", e->now_ms), DB_INT("now", e->now_ms)),
                     NULL, err);
    return rc != 0 ? rc : offer_rev(e->db, &e->rev, err);
}

/* Whether anybody is worth waiting for matters only to a stage that lacks some of its number. The answer may take a
 * look at every member; once it was no, whoever comes back is a candidate again, so that it need not be asked anew. */
static int read_awaited(struct engine *e, const struct drive *d, struct rollout_stage_facts *facts, struct err *err)
{
    const struct rollout_stage *stage = &d->r->plan.stages[d->r->stage];
    facts->awaited = facts->pending && facts->candidates;
    if (!facts->pending || !facts->well || facts->offered_in_stages >= stage->count || d->r->stage_done_ms != 0)
        return 0;
    return ask(e, DB_ROLLOUT_AWAITED, DB_ARGS(DB_TEXT("rollout", d->r->id), DB_INT("since", e->now_ms - DAY_MS)),
               &facts->awaited, err);
}

static int read_stage_facts(struct engine *e, const struct drive *d, struct rollout_stage_facts *ret, struct err *err)
{
    struct db_args id = DB_ARGS(DB_TEXT("rollout", d->r->id));
    *ret = (struct rollout_stage_facts){
        .in_flight = d->in_flight, .offered_in_stages = d->offered_in_stages, .candidates = d->candidates};
    if (d->in_flight > 0)
        return 0;
    int rc = ask(e, DB_ROLLOUT_PENDING_ANY, id, &ret->pending, err);
    if (rc == 0)
        rc = ask(e, DB_ROLLOUT_WELL_ANY, id, &ret->well, err);
    return rc == 0 ? read_awaited(e, d, ret, err) : rc;
}

/* In the last stage, so that hosts that come late are let in. */
static int finish_forward(struct engine *e, struct rollout *r, struct err *err)
{
    int rc = set_stage(e, r, r->plan.stage_count - 1, e->now_ms, err);
    return rc == 0 ? finish(e, r, ROLLOUT_DONE, err) : rc;
}

static int advance(struct engine *e, struct drive *d, struct err *err)
{
    struct rollout *r = d->r;
    struct rollout_stage_facts facts;
    const struct rollout_stage *stage = &r->plan.stages[r->stage];
    int rc = read_stage_facts(e, d, &facts, err);
    if (rc != 0)
        return rc;
    switch (rollout_next_step(&r->plan, r->stage, &facts, r->stage_done_ms, e->now_ms)) {
    case ROLLOUT_SOAK: return set_stage(e, r, r->stage, e->now_ms, err);
    case ROLLOUT_NEXT_STAGE: return set_stage(e, r, r->stage + 1, 0, err);
    case ROLLOUT_FINISH: return finish_forward(e, r, err);
    case ROLLOUT_STAY: break;
    }
    int64_t left_ms = r->stage_done_ms + stage->soak_s * INT64_C(1000) - e->now_ms;
    if (r->stage_done_ms != 0 && !stage->manual)
        engine_again(e, left_ms > 0 ? left_ms : ENGINE_SOON_MS);
    return 0;
}

/* --- containers --- */

static int signal_one(struct engine *e, const struct rollout *r, const char *agent_id, struct err *err)
{
    char id[UUID_SIZE], args[UPDATE_VERSION_SIZE + 20];
    (void)snprintf(args, sizeof args, "{\"version\":\"%s\"}", r->version);
    struct fleet_command_new command = {
        .agent_id = agent_id, .kind = "k8s-rollout", .args = args, .created_by = "system", .now_ms = e->now_ms};
    int rc = fleet_command_create(e->db, &command, id, err);
    return rc != 0 ? rc
                   : db_exec(e->db, DB_ROLLOUT_SIGNALLED,
                             DB_ARGS(DB_TEXT("rollout", r->id), DB_TEXT("agent", agent_id),
                                     DB_TEXT("reason", "its workload was told to roll out")),
                             NULL, err);
}

static int signal_workloads(struct engine *e, const struct rollout *r, struct err *err)
{
    char ids[20][UUID_SIZE];
    size_t count = 0;
    struct db_rows rows;
    const struct rollout_stage *stage = &r->plan.stages[r->stage];
    if (!stage->k8s_automatic)
        return 0;
    int rc = db_query(e->db, DB_ROLLOUT_SIGNAL_NEXT,
                      DB_ARGS(DB_TEXT("rollout", r->id), DB_INT("below", stage->count > 0 ? 100 : stage->percent),
                              DB_INT("limit", 20)),
                      &rows, err);
    while (rc == 0 && count < 20 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        copy(ids[count++], UUID_SIZE, &rows, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = signal_one(e, r, ids[i], err);
    return rc;
}

/* --- one rollout --- */

static int read_pace(struct engine *e, struct drive *d, struct err *err)
{
    int64_t last_minute = 0;
    struct db_args id = DB_ARGS(DB_TEXT("rollout", d->r->id));
    int rc = db_query_number(e->db, DB_ROLLOUT_IN_FLIGHT, id, &d->in_flight, err);
    if (rc == 0 && d->r->plan.max_per_minute > 0)
        rc = db_query_number(e->db, DB_ROLLOUT_OFFERED_SINCE,
                             DB_ARGS(DB_TEXT("rollout", d->r->id), DB_INT("since", e->now_ms - MINUTE_MS)),
                             &last_minute, err);
    if (rc == 0 && !d->back && d->r->plan.stages[d->r->stage].count > 0)
        rc = db_query_number(e->db, DB_ROLLOUT_OFFERED_IN_STAGES, id, &d->offered_in_stages, err);
    d->room = rollout_room(&d->r->plan, d->in_flight, last_minute);
    return rc;
}

static int drive_forward(struct engine *e, struct drive *d, struct candidates *list, struct err *err)
{
    bool open = rollout_window_open(&d->r->plan, e->now_ms);
    int rc = offer_urgent(e, d, list, err);
    if (rc == 0)
        rc = offer_stage(e, d, list, open, err);
    if (rc == 0)
        rc = signal_workloads(e, d->r, err);
    return rc == 0 && d->r->state != ROLLOUT_DONE ? advance(e, d, err) : rc;
}

static int drive_back(struct engine *e, struct drive *d, struct candidates *list, struct err *err)
{
    bool awaited = true;
    int rc = offer_stage(e, d, list, true, err);
    if (rc != 0 || d->r->state == ROLLOUT_ROLLED_BACK || d->candidates || d->in_flight > 0)
        return rc;
    rc = ask(e, DB_ROLLOUT_AWAITED, DB_ARGS(DB_TEXT("rollout", d->r->id), DB_INT("since", e->now_ms - DAY_MS)),
             &awaited, err);
    return rc == 0 && !awaited ? finish(e, d->r, ROLLOUT_ROLLED_BACK, err) : rc;
}

static int drive_on(struct engine *e, struct rollout *r, struct err *err)
{
    struct candidates list;
    struct drive d = {.r = r, .back = r->state == ROLLOUT_ROLLING_BACK || r->state == ROLLOUT_ROLLED_BACK};
    d.target = d.back ? r->previous_version : r->version;
    int rc = rollout_release_get(e->db, d.target, &d.release, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && !d.release.published))
        return r->finished_ms != 0 ? 0 : engine_pause(e, r, "its release is no longer published", err);
    if (rc == 0 && !d.back)
        rc = engine_scan(e, r, err);
    if (rc == 0 && !d.back)
        rc = engine_thresholds(e, r, err);
    if (rc != 0 || r->state == ROLLOUT_PAUSED || !r->scanned)
        return rc;
    rc = read_pace(e, &d, err);
    if (rc != 0)
        return rc;
    return d.back ? drive_back(e, &d, &list, err) : drive_forward(e, &d, &list, err);
}

int engine_drive(struct engine *e, struct rollout *r, struct err *err)
{
    bool more = false;
    int rc = offer_stop_some(e->db, r->id, r->state, e->now_ms, &e->rev, &more, err);
    if (more)
        engine_again(e, 0);
    if (rc != 0 || more || r->state == ROLLOUT_PAUSED || r->state == ROLLOUT_ABORTED)
        return rc;
    return drive_on(e, r, err);
}
