/* The routes under /api/agents: what people see of agents and do to them. Whoever may see an agent may, with the role
 * the route asks for, change it; anybody else's agent is a 404. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/token.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "fleet/agents.h"
#include "fleet/ca.h"
#include "fleet/fleet.h"
#include "fleet/presence.h"
#include "http/problem.h"

static int64_t sees_all(const struct req *r)
{
    return r->principal.role == ROLE_ADMIN;
}

int fleet_agent_may_see(struct req *r, const char *agent_id, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(
        r->db, DB_AGENT_MAY_SEE,
        DB_ARGS(DB_TEXT("id", agent_id), DB_INT("see_all", sees_all(r)), DB_TEXT("viewer", r->principal.id)), &rows,
        err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (rc < 0)
        return rc;
    db_rows_done(&rows);
    return 0;
}

static void reply_agent(struct req *r, const char *id)
{
    struct err err = {0};
    json_t *agent = NULL;
    if (agent_json(r->db, id, r->now_ms, &agent, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:o}", "agent", agent));
}

void fleet_agent_get(struct req *r)
{
    struct err err = {0};
    if (fleet_agent_may_see(r, r->params[0], &err) != 0)
        reply_error(r, &err);
    else
        reply_agent(r, r->params[0]);
}

/* --- the list --- */

static const struct order {
    const char *name;
    enum db_statement ascending, descending;
} orders[] = {
    {"name", DB_AGENT_PAGE_BY_NAME_ASC, DB_AGENT_PAGE_BY_NAME_DESC},
    {"last_seen", DB_AGENT_PAGE_BY_LAST_SEEN_ASC, DB_AGENT_PAGE_BY_LAST_SEEN_DESC},
    {"version", DB_AGENT_PAGE_BY_VERSION_ASC, DB_AGENT_PAGE_BY_VERSION_DESC},
    {"created", DB_AGENT_PAGE_BY_CREATED_ASC, DB_AGENT_PAGE_BY_CREATED_DESC},
};

struct list_query {
    char pattern[2 * AGENT_NAME_MAX + 3]; /* LIKE; "" for any */
    const char *status, *version, *platform;
    enum db_statement page;
    int64_t limit, offset;
};

/* "%text%" in lower case, with LIKE's own characters taken literally. */
static void like_pattern(const char *text, char *ret, size_t size)
{
    char lower[AGENT_NAME_MAX + 1];
    size_t len = 0;
    ret[0] = '\0';
    if (text == NULL || text[0] == '\0')
        return;
    agent_name_lower(text, lower, sizeof lower);
    ret[len++] = '%';
    for (size_t i = 0; lower[i] != '\0' && len + 3 < size; i++) {
        if (strchr("%_\\", lower[i]) != NULL)
            ret[len++] = '\\';
        ret[len++] = lower[i];
    }
    ret[len++] = '%';
    ret[len] = '\0';
}

static bool one_of(const char *value, const char *const names[])
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(value, names[i]) == 0)
            return true;
    return false;
}

static const char *query_or_empty(struct req *r, const char *name)
{
    const char *value = req_query(r, name);
    return value != NULL ? value : "";
}

static bool read_order(struct req *r, enum db_statement *ret)
{
    const char *sort = req_query(r, "sort");
    const char *order = req_query(r, "order");
    bool descending = order != NULL && strcmp(order, "desc") == 0;
    if (order != NULL && !descending && strcmp(order, "asc") != 0) {
        reply_invalid_field(r, "", "order", "order must be asc or desc");
        return false;
    }
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(sort != NULL ? sort : "name", orders[i].name) == 0) {
            *ret = descending ? orders[i].descending : orders[i].ascending;
            return true;
        }
    reply_invalid_field(r, "", "sort", "sort must be name, last_seen, version or created");
    return false;
}

static bool read_list_query(struct req *r, struct list_query *ret)
{
    static const char *const statuses[] = {"", "online", "offline", "error", "deactivated", "quarantined", NULL};
    ret->status = query_or_empty(r, "status");
    ret->version = query_or_empty(r, "version");
    ret->platform = query_or_empty(r, "platform");
    like_pattern(req_query(r, "q"), ret->pattern, sizeof ret->pattern);
    if (!one_of(ret->status, statuses)) {
        reply_invalid_field(r, "", "status", "status must be online, offline, error, deactivated or quarantined");
        return false;
    }
    return read_order(r, &ret->page) && req_query_int(r, "limit", 1, 200, 50, &ret->limit) &&
           req_query_int(r, "offset", 0, INT64_C(1) << 40, 0, &ret->offset);
}

static int count_agents(struct req *r, const struct list_query *q, int64_t *ret, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(r->db, DB_AGENT_COUNT,
                     DB_ARGS(DB_INT("see_all", sees_all(r)), DB_TEXT("viewer", r->principal.id),
                             DB_TEXT("q", q->pattern), DB_TEXT("version", q->version), DB_TEXT("platform", q->platform),
                             DB_TEXT("status", q->status), DB_INT("now", r->now_ms)),
                     &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_INTERNAL, "a count without a row");
    *ret = db_rows_int(&rows, 0, 0);
    db_rows_done(&rows);
    return 0;
}

static int list_agents(struct req *r, const struct list_query *q, json_t *items, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query(r->db, q->page,
                 DB_ARGS(DB_INT("see_all", sees_all(r)), DB_TEXT("viewer", r->principal.id), DB_TEXT("q", q->pattern),
                         DB_TEXT("version", q->version), DB_TEXT("platform", q->platform), DB_TEXT("status", q->status),
                         DB_INT("now", r->now_ms), DB_INT("limit", q->limit), DB_INT("offset", q->offset)),
                 &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *agent = NULL;
        rc = agent_json(r->db, db_rows_text(&rows, 0), r->now_ms, &agent, err);
        if (rc == 0 && json_array_append_new(items, agent) != 0)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

void fleet_agent_list(struct req *r)
{
    struct list_query query;
    struct err err = {0};
    int64_t total = 0;
    if (!read_list_query(r, &query))
        return;
    json_t *items = json_array();
    int rc = db_read_begin(r->db, &err);
    if (rc == 0) {
        rc = count_agents(r, &query, &total, &err);
        if (rc == 0)
            rc = list_agents(r, &query, items, &err);
        db_read_end(r->db);
    }
    if (rc != 0) {
        json_decref(items);
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200, json_pack("{s:o,s:I}", "items", items, "total", (json_int_t)total));
}

/* --- acts --- */

static int write_change(struct db *db, void *ctx, struct err *err)
{
    return agent_change(db, ctx, err);
}

static void act(struct req *r, enum agent_act act)
{
    struct err err = {0};
    struct agent_change change = {
        .act = act,
        .id = r->params[0],
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
    };
    int rc = fleet_agent_may_see(r, change.id, &err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_change, &change, &err);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    fleet_agent_wake(r->app, change.id);
    if (act == AGENT_DELETE)
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
    else
        reply_agent(r, change.id);
}

void fleet_agent_deactivate(struct req *r)
{
    act(r, AGENT_DEACTIVATE);
}

void fleet_agent_activate(struct req *r)
{
    act(r, AGENT_ACTIVATE);
}

void fleet_agent_approve(struct req *r)
{
    act(r, AGENT_APPROVE);
}

void fleet_agent_delete(struct req *r)
{
    act(r, AGENT_DELETE);
}

struct rename {
    const char *id;
    const char *name;
    char lower[AGENT_NAME_MAX + 1];
    const struct audit_key *key;
    struct audit_entry audit;
};

static int write_rename(struct db *db, void *ctx, struct err *err)
{
    const struct rename *w = ctx;
    int64_t changes = 0;
    int rc = db_exec(db, DB_AGENT_RENAME,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("name", w->name), DB_TEXT("name_lower", w->lower),
                             DB_INT("now", w->audit.time_ms)),
                     &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

void fleet_agent_change(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    struct rename w = {
        .id = r->params[0],
        .name = jsonread_str(&body, "name", 1, AGENT_NAME_MAX),
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "agent.change", arena_printf(r->arena, "agent:%s", r->params[0])),
    };
    if (!req_fields_ok(r, &wrong))
        return;
    agent_name_lower(w.name, w.lower, sizeof w.lower);
    int rc = fleet_agent_may_see(r, w.id, &err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_rename, &w, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_agent(r, w.id);
}

/* --- registering by key alone --- */

struct registration {
    struct agent_new agent;
    const struct audit_key *key;
    struct audit_entry audit;
};

static int write_registration(struct db *db, void *ctx, struct err *err)
{
    const struct registration *w = ctx;
    int rc = agent_insert(db, &w->agent, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

void fleet_agent_register(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    char id[UUID_SIZE], api_key[TOKEN_SIZE], hash[DIGEST_HEX_SIZE];
    if (!req_json(r, &wrong, &body))
        return;
    const char *name = jsonread_str(&body, "name", 1, AGENT_NAME_MAX);
    const char *platform = jsonread_str(&body, "platform", 1, 32);
    if (!req_fields_ok(r, &wrong))
        return;
    if (!uuid_v7(r->now_ms, token_random, id) || !token_new(TOKEN_API_KEY, token_random, api_key)) {
        reply_problem(r, PROBLEM_UNAVAILABLE, "The system gives no random bytes.");
        return;
    }
    digest_token(api_key, hash);
    struct registration w = {
        .agent = {.id = id,
                  .name = name,
                  .owner_id = r->principal.id,
                  .api_key_hash = hash,
                  .platform = platform,
                  .poll_interval_s = r->app->settings->poll_interval_s,
                  .now_ms = r->now_ms},
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "agent.register", arena_printf(r->arena, "agent:%s", id)),
    };
    if (db_write(r->app->writer, write_registration, &w, &err) != 0)
        reply_error(r, &err);
    else
        /* With what else goes into the host's agent.conf: enrolment would have brought it. */
        reply_json(r, 200,
                   json_pack("{s:b,s:{s:s,s:s,s:s,s:s},s:s,s:s}", "success", 1, "agent", "id", id, "name", name,
                             "apiKey", api_key, "status", "offline", "serverUrl", r->app->settings->agent_url,
                             "caBundle", ca_bundle(r->app->ca)));
    wipe(api_key, sizeof api_key);
}
