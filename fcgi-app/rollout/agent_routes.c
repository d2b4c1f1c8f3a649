/* Updates of one agent, and agents in containers: the routes. */
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/version.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "http/list.h"
#include "http/request.h"
#include "rollout/act.h"

static const char *viewer_of(const struct req *r)
{
    return r->principal.role == ROLE_ADMIN ? NULL : r->principal.id;
}

static json_t *int_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer((json_int_t)db_rows_int(rows, column, 0));
}

/* --- what an agent says --- */

static json_t *offer_json(const struct db_rows *rows)
{
    struct update_offer offer;
    if (!update_offer_of_row(rows, 7, &offer))
        return json_null();
    return json_pack("{s:s,s:s,s:I,s:b,s:b}", "version", offer.version, "rolloutId", offer.rollout_id, "notBefore_ms",
                     (json_int_t)offer.not_before_ms, "force", offer.force, "downgrade", offer.downgrade);
}

static json_t *report_json(const struct db_rows *rows)
{
    if (db_rows_null(rows, 6)) /* offered something, but never said anything */
        return json_null();
    return json_pack("{s:s,s:s,s:o,s:s,s:s,s:s,s:I}", "state", db_rows_text(rows, 0), "version", db_rows_text(rows, 1),
                     "percent", int_or_null(rows, 2), "reason", db_rows_text(rows, 3), "rolloutId",
                     db_rows_text(rows, 4), "workload", db_rows_text(rows, 5), "reported_ms",
                     (json_int_t)db_rows_int(rows, 6, 0));
}

static int read_now(struct req *r, json_t **ret_report, json_t **ret_offer, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_UPDATE_OF_AGENT, DB_ARGS(DB_TEXT("agent", r->params[0])), &rows, err);
    if (rc < 0)
        return rc;
    *ret_report = rc == DB_ROW ? report_json(&rows) : json_null();
    *ret_offer = rc == DB_ROW ? offer_json(&rows) : json_null();
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

static const struct csv_column history_columns[] = {
    {"when", "time_ms", CSV_TIME},     {"state", "state", CSV_PLAIN},
    {"version", "version", CSV_PLAIN}, {"ran", "currentVersion", CSV_PLAIN},
    {"reason", "reason", CSV_PLAIN},   {"rollout", "rolloutId", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

static json_t *history_json(const struct db_rows *rows)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s}", "time_ms", (json_int_t)db_rows_int(rows, 0, 0), "state",
                     db_rows_text(rows, 1), "version", db_rows_text(rows, 2), "currentVersion", db_rows_text(rows, 3),
                     "reason", db_rows_text(rows, 4), "rolloutId", db_rows_text(rows, 5));
}

static int list_history(struct req *r, const char *state, const struct list_ask *ask, struct list_out *out,
                        int64_t *ret_total, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_number(
        r->db, DB_UPDATE_HISTORY_COUNT,
        DB_ARGS(DB_TEXT("agent", r->params[0]), DB_TEXT("state", state), DB_TEXT("q", ask->pattern)), ret_total, err);
    if (rc != 0)
        return rc;
    rc = db_query(r->db, DB_UPDATE_HISTORY_PAGE,
                  DB_ARGS(DB_TEXT("agent", r->params[0]), DB_TEXT("state", state), DB_TEXT("q", ask->pattern),
                          DB_TEXT("sort", ask->sort), DB_INT("descending", ask->descending),
                          DB_INT("limit", ask->limit), DB_INT("offset", ask->offset)),
                  &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, history_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

void rollout_agent_updates(struct req *r)
{
    static const char *const sorts[] = {"time", "state", "version", NULL};
    struct list_ask ask;
    struct list_out out;
    struct err err = {0};
    const char *state;
    int64_t total = 0;
    json_t *report = NULL, *offer = NULL;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "updates"}, &ask) ||
        !list_choice(r, "state", update_state_names, "", &state))
        return;
    list_begin(&out, &ask, history_columns);
    int rc = fleet_agent_may_see(r, r->params[0], &err);
    if (rc == 0)
        rc = read_now(r, &report, &offer, &err);
    json_t *now = rc == 0 ? json_pack("{s:o,s:o}", "update", report, "offer", offer) : NULL;
    if (rc == 0)
        rc = list_history(r, state, &ask, &out, &total, &err);
    list_reply_more(r, &out, rc, total, now, &err);
}

/* --- orders --- */

/* The version of the body, and that the person may see the agent. NULL after a reply was set. */
static const char *read_order(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return NULL;
    const char *version = jsonread_str(&body, "version", 1, UPDATE_VERSION_SIZE - 1);
    if (version != NULL && !version_valid(version))
        jsonread_fail(&body, "version", "must be a version such as 0.2.0");
    if (!req_fields_ok(r, &wrong))
        return NULL;
    if (fleet_agent_may_see(r, r->params[0], &err) != 0) {
        reply_error(r, &err);
        return NULL;
    }
    return version;
}

static int write_order(struct db *db, void *ctx, struct err *err)
{
    return act_order(db, ctx, err);
}

int rollout_order_agent(struct req *r, const char *agent_id, const char *version, char ret_rollout_id[UUID_SIZE],
                        struct err *err)
{
    struct rollout_order order = {
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
        .owner_id = r->principal.id,
        .agent_id = agent_id,
        .version = version,
        .now_ms = r->now_ms,
    };
    int rc = db_write(r->app->writer, write_order, &order, err);
    if (rc == 0)
        memcpy(ret_rollout_id, order.rollout_id, sizeof order.rollout_id);
    return rc;
}

void rollout_agent_update(struct req *r)
{
    struct err err = {0};
    char rollout_id[UUID_SIZE];
    const char *version = read_order(r);
    if (version == NULL)
        return;
    if (rollout_order_agent(r, r->params[0], version, rollout_id, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b,s:s}", "success", 1, "rolloutId", rollout_id));
}

static int write_k8s(struct db *db, void *ctx, struct err *err)
{
    return act_k8s(db, ctx, err);
}

void rollout_agent_k8s(struct req *r)
{
    struct err err = {0};
    const char *version = read_order(r);
    if (version == NULL)
        return;
    struct rollout_k8s k8s = {
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
        .agent_id = r->params[0],
        .version = version,
        .created_by = arena_printf(r->arena, "user:%s", r->principal.id),
        .now_ms = r->now_ms,
    };
    if (db_write(r->app->writer, write_k8s, &k8s, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    fleet_agent_wake(r->app, r->params[0]);
    reply_json(r, 200, json_pack("{s:b,s:s}", "success", 1, "commandId", k8s.command_id));
}

/* --- containers --- */

static json_t *container_json(const struct db_rows *rows, const char *available, const char *image)
{
    const char *state = db_rows_text(rows, 5), *reason = db_rows_text(rows, 7), *workload = db_rows_text(rows, 8);
    bool can = workload != NULL && workload[0] != '\0' && image != NULL &&
               member_capable(db_rows_text(rows, 3), "k8s-rollout");
    return json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s,s:b,s:s,s:o,s:s,s:o}", "agentId", db_rows_text(rows, 0), "agentName",
                     db_rows_text(rows, 1), "version", db_rows_text(rows, 2), "availableVersion", available,
                     "containerImage", image, "workload", workload != NULL ? workload : "", "canRollOut", can, "state",
                     state != NULL ? state : "idle", "percent", int_or_null(rows, 6), "reason",
                     reason != NULL ? reason : "", "last_seen_ms", int_or_null(rows, 4));
}

struct container_query {
    struct list_ask ask;
    const char *version; /* the newest published; "" when there is none */
    const char *image;
};

static const struct csv_column columns[] = {
    {"agent", "agentName", CSV_PLAIN},       {"id", "agentId", CSV_PLAIN},
    {"version", "version", CSV_PLAIN},       {"available", "availableVersion", CSV_PLAIN},
    {"image", "containerImage", CSV_PLAIN},  {"workload", "workload", CSV_PLAIN},
    {"state", "state", CSV_PLAIN},           {"reason", "reason", CSV_PLAIN},
    {"last seen", "last_seen_ms", CSV_TIME}, {NULL, NULL, CSV_PLAIN},
};

static int list_containers(struct req *r, const struct container_query *q, struct list_out *out, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(r->db, DB_CONTAINER_PAGE,
                 DB_ARGS(DB_TEXT("version", q->version), DB_TEXT("viewer", viewer_of(r)), DB_TEXT("q", q->ask.pattern),
                         DB_TEXT("sort", q->ask.sort), DB_INT("descending", q->ask.descending),
                         DB_INT("limit", q->ask.limit), DB_INT("offset", q->ask.offset)),
                 &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, container_json(&rows, q->version, q->image), err);
    db_rows_done(&rows);
    return rc;
}

/* The image of the newest release, in the request's arena; NULL when it has none. */
static int read_image(struct req *r, const char *version, const char **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_ROLLOUT_RELEASE, DB_ARGS(DB_TEXT("version", version)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    const char *image = db_rows_text(&rows, 5);
    *ret = image != NULL ? arena_printf(r->arena, "%s", image) : NULL;
    db_rows_done(&rows);
    return 0;
}

void rollout_container_list(struct req *r)
{
    static const char *const sorts[] = {"name", "version", "seen", NULL};
    struct rollout_newest newest;
    struct container_query q = {0};
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .name = "containers"}, &q.ask))
        return;
    list_begin(&out, &q.ask, columns);
    int rc = rollout_newest_get(r->db, "stable", NULL, &newest, &err);
    q.version = newest.version;
    if (rc == 0 && q.version[0] != '\0') {
        rc = read_image(r, q.version, &q.image, &err);
        if (rc == 0)
            rc = db_query_number(
                r->db, DB_CONTAINER_COUNT,
                DB_ARGS(DB_TEXT("version", q.version), DB_TEXT("viewer", viewer_of(r)), DB_TEXT("q", q.ask.pattern)),
                &total, &err);
        if (rc == 0)
            rc = list_containers(r, &q, &out, &err);
    }
    list_reply(r, &out, rc, total, &err);
}
