/* The routes under /api/agents: what people see of agents and do to them. Whoever may see an agent may, with the role
 * the route asks for, change it; anybody else's agent is a 404. */
#include <stdio.h>
#include <stdlib.h>
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
#include "fleet/labels.h"
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

/* What is NULL stays. */
struct rename {
    const char *id;
    const char *name, *labels;
    char lower[AGENT_NAME_MAX + 1];
    const struct audit_key *key;
    struct audit_entry audit;
};

static int write_rename(struct db *db, void *ctx, struct err *err)
{
    const struct rename *w = ctx;
    int64_t changes = 0;
    int rc = db_exec(db, DB_AGENT_RENAME,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("name", w->name),
                             DB_TEXT("name_lower", w->name != NULL ? w->lower : NULL), DB_TEXT("labels", w->labels),
                             DB_INT("now", w->audit.time_ms)),
                     &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (rc == 0)
        rc = db_changed(db, "presence", err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* The labels as they are stored, in the arena; NULL when none were given or they are wrong. */
static const char *read_labels(struct req *r, struct jsonread *body)
{
    struct jsonread given;
    jsonread_object_or_none(body, "labels", &given);
    if (given.object == NULL)
        return NULL;
    if (!labels_valid(given.object)) {
        jsonread_fail(body, "labels", "must be at most %d names of up to %d bytes with texts of up to %d", LABELS_MAX,
                      LABEL_NAME_MAX, LABEL_VALUE_MAX);
        return NULL;
    }
    char *text = labels_text(given.object);
    const char *copy = arena_strdup(r->arena, text);
    free(text);
    if (copy == NULL)
        jsonread_fail(body, "labels", "are too long for the memory there is");
    return copy;
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
        .name = jsonread_str_or(&body, "name", 1, AGENT_NAME_MAX, NULL),
        .labels = read_labels(r, &body),
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "agent.change", arena_printf(r->arena, "agent:%s", r->params[0])),
    };
    if (w.name == NULL && w.labels == NULL)
        jsonread_fail(&body, "name", "or labels must be given");
    if (!req_fields_ok(r, &wrong))
        return;
    if (w.name != NULL)
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
