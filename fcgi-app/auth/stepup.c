#include "auth/stepup.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/audit.h"
#include "auth/auth.h"
#include "auth/prove.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/problem.h"
#include "route.h"

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

static const char *action_of(const struct req *r)
{
    return arena_printf(r->arena, "%s %s", method_names[r->route->method], r->route->path);
}

static const char *target_of(const struct req *r)
{
    const char *target = "";
    for (size_t i = 0; target != NULL && i < REQ_PARAMS_MAX && r->params[i] != NULL; i++)
        target = i == 0 ? r->params[i] : arena_printf(r->arena, "%s/%s", target, r->params[i]);
    return target;
}

bool stepup_action_known(const char *action)
{
    const char *space = strchr(action, ' ');
    for (const struct route *route = routes; space != NULL && route->path != NULL; route++) {
        const char *method = method_names[route->method];
        if (route->step != STEP_NONE && strcmp(route->path, space + 1) == 0 &&
            strlen(method) == (size_t)(space - action) && memcmp(method, action, strlen(method)) == 0)
            return true;
    }
    return false;
}

int stepup_record(struct db *db, const struct stepup_grant *grant, struct err *err)
{
    return db_exec(db, DB_STEPUP_RECORD,
                   DB_ARGS(DB_TEXT("session", grant->session_id), DB_TEXT("action", grant->action),
                           DB_TEXT("target", grant->target), DB_INT("expires", grant->expires_ms)),
                   NULL, err);
}

struct use {
    struct stepup_grant grant;
    int64_t now_ms;
    int64_t used; /* grants that were there */
};

static int write_use(struct db *db, void *ctx, struct err *err)
{
    struct use *use = ctx;
    return db_exec(db, DB_STEPUP_USE,
                   DB_ARGS(DB_TEXT("session", use->grant.session_id), DB_TEXT("action", use->grant.action),
                           DB_TEXT("target", use->grant.target), DB_INT("now", use->now_ms)),
                   &use->used, err);
}

/* ERR_NOT_FOUND when there is no grant. */
static int look_for(struct req *r, struct use *use, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_STEPUP_GET,
                          DB_ARGS(DB_TEXT("session", use->grant.session_id), DB_TEXT("action", use->grant.action),
                                  DB_TEXT("target", use->grant.target), DB_INT("now", use->now_ms)),
                          &rows, err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no step-up");
    if (rc < 0 || r->route->step != STEP_ONCE)
        return rc < 0 ? rc : 0;
    /* Two requests may have seen the same grant; the delete tells which of them has it. */
    rc = db_write(r->app->writer, write_use, use, err);
    return rc == 0 && use->used == 0 ? err_set(err, ERR_NOT_FOUND, "used already") : rc;
}

bool stepup_passed(struct req *r)
{
    struct err err = {0};
    if (r->route->step == STEP_NONE || r->principal.credential == CREDENTIAL_ACCESS_TOKEN)
        return true;
    struct use use = {.grant = {.session_id = r->principal.session_id, .action = action_of(r), .target = target_of(r)},
                      .now_ms = r->now_ms};
    if (use.grant.action == NULL || use.grant.target == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return false;
    }
    if (strlen(use.grant.target) > STEPUP_TARGET_MAX) { /* no id is so long */
        reply_problem(r, PROBLEM_NOT_FOUND, NULL);
        return false;
    }
    int rc = look_for(r, &use, &err);
    if (rc == 0)
        return true;
    if (rc == ERR_NOT_FOUND)
        reply_step_up(r, use.grant.action, use.grant.target);
    else
        reply_error(r, &err);
    return false;
}

/* --- POST /api/auth/step-up --- */

struct grant_write {
    const struct audit_key *key;
    struct audit_entry audit;
    struct stepup_grant grant;
};

static int write_grant(struct db *db, void *ctx, struct err *err)
{
    const struct grant_write *w = ctx;
    int rc = stepup_record(db, &w->grant, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

static int record(struct req *r, const struct stepup_grant *grant, const char *method, struct err *err)
{
    json_t *detail = json_pack("{s:s,s:s,s:s}", "action", grant->action, "target", grant->target, "method", method);
    char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    json_decref(detail);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct grant_write w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "auth.step_up", arena_printf(r->arena, "user:%s", r->principal.id)),
        .grant = *grant,
    };
    w.audit.detail = text;
    int rc = db_write(r->app->writer, write_grant, &w, err);
    free(text);
    return rc;
}

/* An id or a version, as it stands in a path: no text that somebody made up goes into the trail. */
static bool is_target(const char *target)
{
    return target[strspn(target, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+/-")] == '\0';
}

void auth_step_up(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct proof proof;
    struct err err = {0};
    const char *method = NULL;
    if (!req_json(r, &wrong, &body))
        return;
    const char *action = jsonread_str(&body, "action", 1, STEPUP_ACTION_MAX);
    const char *target = jsonread_str_or(&body, "target", 0, STEPUP_TARGET_MAX, "");
    proof_read(&body, &proof);
    if (!req_fields_ok(r, &wrong))
        return;
    if (!stepup_action_known(action)) {
        reply_invalid_field(r, "/action", NULL, "is no act that asks for this");
        return;
    }
    if (!is_target(target)) {
        reply_invalid_field(r, "/target", NULL, "is nothing that an act is about");
        return;
    }
    if (!proven_again(r, &proof, &method))
        return;
    struct stepup_grant grant = {r->principal.session_id, action, target, r->now_ms + STEPUP_MS};
    if (record(r, &grant, method, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b,s:I}", "success", 1, "expires_ms", (json_int_t)grant.expires_ms));
}
