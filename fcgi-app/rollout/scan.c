/* Finding a rollout's members. A round goes over all agents in the order of their ids, a chunk a step; further rounds
 * find those that enrolled later or came to their owner by a grant. */
#include <stdio.h>
#include <string.h>

#include "common/fnv1a.h"
#include "common/token.h"
#include "common/version.h"
#include "rollout/act.h"
#include "rollout/engine.h"

enum { CHUNK = 500 };

static const char after_all[] = "g"; /* ids are hex digits and dashes */

static bool is_below(const char *version, const char *minimum)
{
    return minimum[0] != '\0' && version_valid(version) && version_valid(minimum) &&
           version_compare(version, minimum) < 0;
}

int scan_add(struct db *db, const struct rollout *r, const struct scan_agent *agent, const char *below, int64_t now_ms,
             struct err *err)
{
    const char *reason = "";
    bool urgent = is_below(agent->version, below);
    if (r->kind == ROLLOUT_MINIMUM && !urgent)
        return 0;
    struct member_facts facts = {
        .version = agent->version,
        .target = r->version,
        .downgrade = r->kind == ROLLOUT_SINGLE,
        .container = strcmp(agent->deployment_mode, "container") == 0,
    };
    enum member_state state = member_first_state(&facts, false, &reason);
    return db_exec(db, DB_ROLLOUT_MEMBER_INSERT,
                   DB_ARGS(DB_TEXT("rollout", r->id), DB_TEXT("agent", agent->id),
                           DB_INT("bucket", fnv1a_bucket(r->salt, agent->id)),
                           DB_TEXT("state", member_state_name(state)), DB_TEXT("reason", reason),
                           DB_INT("urgent", urgent), DB_INT("now", now_ms)),
                   NULL, err);
}

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

/* The last id of this chunk; after_all when the rest is one. */
static int chunk_end(struct engine *e, const char *after, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(e->db, DB_ROLLOUT_SCAN_UNTIL, DB_ARGS(DB_TEXT("after", after), DB_INT("skip", CHUNK - 1)),
                          &rows, err);
    (void)snprintf(ret, UUID_SIZE, "%s", after_all);
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(ret, UUID_SIZE, "%s", or_empty(db_rows_text(&rows, 0)));
    db_rows_done(&rows);
    return 0;
}

static int add_chunk(struct engine *e, const struct rollout *r, const char *until, const char *below, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(e->db, DB_ROLLOUT_SCAN,
                      DB_ARGS(DB_TEXT("owner", r->owner_id), DB_TEXT("after", r->scan_after), DB_TEXT("until", until),
                              DB_TEXT("rollout", r->id), DB_INT("limit", CHUNK)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct scan_agent agent = {db_rows_text(&rows, 0), or_empty(db_rows_text(&rows, 1)),
                                   or_empty(db_rows_text(&rows, 2)), db_rows_text(&rows, 3)};
        rc = rollout_target_has(r->target, agent.labels) ? scan_add(e->db, r, &agent, below, e->now_ms, err) : 0;
    }
    db_rows_done(&rows);
    return rc;
}

/* Those that are members already. */
static int refresh_chunk(struct engine *e, const struct rollout *r, const char *until, struct err *err)
{
    int rc = db_exec(e->db, DB_ROLLOUT_MEMBERS_FREE,
                     DB_ARGS(DB_TEXT("rollout", r->id), DB_TEXT("after", r->scan_after), DB_TEXT("until", until),
                             DB_INT("now", e->now_ms)),
                     NULL, err);
    return rc != 0 ? rc
                   : db_exec(e->db, DB_ROLLOUT_CONTAINERS_DONE,
                             DB_ARGS(DB_TEXT("rollout", r->id), DB_TEXT("after", r->scan_after),
                                     DB_TEXT("until", until), DB_TEXT("version", r->version), DB_INT("now", e->now_ms)),
                             NULL, err);
}

int engine_scan(struct engine *e, struct rollout *r, struct err *err)
{
    struct rollout_newest newest;
    char until[UUID_SIZE];
    if (r->scan_due_ms > e->now_ms && r->scan_due_ms - e->now_ms <= ENGINE_RESCAN_MS)
        return 0;
    if (r->scan_due_ms == INT64_MAX)
        return 0;
    int rc = rollout_newest_get(e->db, r->channel, NULL, &newest, err);
    if (rc == 0)
        rc = chunk_end(e, r->scan_after, until, err);
    if (rc == 0)
        rc = add_chunk(e, r, until, newest.min_version, err);
    if (rc == 0)
        rc = refresh_chunk(e, r, until, err);
    if (rc != 0)
        return rc;
    bool last = strcmp(until, after_all) == 0;
    (void)snprintf(r->scan_after, sizeof r->scan_after, "%s", last ? "" : until);
    r->scanned = r->scanned || last;
    r->scan_due_ms = last ? e->now_ms + ENGINE_RESCAN_MS : e->now_ms;
    engine_again(e, last ? ENGINE_SOON_MS : 0);
    return db_exec(e->db, DB_ROLLOUT_SET_SCAN,
                   DB_ARGS(DB_TEXT("id", r->id), DB_TEXT("after", r->scan_after), DB_INT("due", r->scan_due_ms),
                           DB_INT("scanned", r->scanned)),
                   NULL, err);
}

/* --- hosts below the minimum --- */

static int any_below(struct engine *e, const char *minimum, bool *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(e->db, DB_ROLLOUT_AGENT_VERSIONS, DB_NO_ARGS, &rows, err);
    *ret = false;
    while (rc == 0 && !*ret && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        *ret = is_below(or_empty(db_rows_text(&rows, 0)), minimum);
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

static int first_admin(struct engine *e, char ret[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(e->db, DB_AUTH_ADMIN_FIRST, DB_NO_ARGS, &rows, err);
    ret[0] = '\0';
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(ret, UUID_SIZE, "%s", or_empty(db_rows_text(&rows, 0)));
    db_rows_done(&rows);
    return 0;
}

static int make_minimum(struct engine *e, const char *owner, const struct rollout_newest *newest, struct err *err)
{
    json_t *target = json_pack("{s:b}", "all", 1);
    struct rollout_new new = {
        .audit_key = e->audit_key,
        .audit = {.time_ms = e->now_ms, .actor = "system", .address = "", .request_id = ""},
        .kind = ROLLOUT_MINIMUM,
        .owner_id = owner,
        .version = newest->version,
        .target = target,
        .now_ms = e->now_ms,
    };
    rollout_plan_default(&new.plan);
    new.plan.stages[0] = (struct rollout_stage){.percent = 100};
    new.plan.stage_count = 1;
    int rc = target != NULL ? act_create(e->db, &new, err) : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(target);
    engine_again(e, 0);
    return rc;
}

int engine_minimum(struct engine *e, struct err *err)
{
    struct rollout_newest newest;
    struct db_rows rows;
    bool below = false;
    char owner[UUID_SIZE] = "";
    int rc = rollout_newest_get(e->db, "stable", NULL, &newest, err);
    if (rc != 0 || newest.min_version[0] == '\0')
        return rc;
    rc = db_query_one(e->db, DB_ROLLOUT_OF_MINIMUM, DB_ARGS(DB_TEXT("version", newest.version)), &rows, err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    if (rc != DB_DONE)
        return rc < 0 ? rc : 0;
    rc = any_below(e, newest.min_version, &below, err);
    if (rc == 0 && below)
        rc = first_admin(e, owner, err);
    return rc == 0 && owner[0] != '\0' ? make_minimum(e, owner, &newest, err) : rc;
}
