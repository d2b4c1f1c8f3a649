#include "auth/device.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/secrets.h"
#include "auth/session.h"
#include "common/log.h"
#include "common/token.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "policy/policy.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

/* --- at sign-in --- */

struct use {
    const char *token_hash;
    const char *user_id;
    const char *address;
    int64_t now_ms;
    int64_t trusted_since_ms;
};

static int write_use(struct db *db, void *ctx, struct err *err)
{
    const struct use *use = ctx;
    int64_t changes = 0;
    int rc = db_exec(db, DB_DEVICE_USE,
                     DB_ARGS(DB_TEXT("token_hash", use->token_hash), DB_TEXT("user", use->user_id),
                             DB_TEXT("address", use->address), DB_INT("now", use->now_ms),
                             DB_INT("trusted_since", use->trusted_since_ms)),
                     &changes, err);
    return rc == 0 && changes != 1 ? err_set(err, ERR_NOT_FOUND, "not a trusted device") : rc;
}

int device_use(struct req *r, const char *user_id, struct err *err)
{
    char hash[DIGEST_HEX_SIZE];
    struct policy policy;
    policy_get(r->app, r->db, &policy);
    if (policy.trusted_device_days == 0 || !cookie_hash(r, cookie_device, hash))
        return err_set(err, ERR_NOT_FOUND, "not a trusted device");
    /* A rule that has become stricter counts for devices of before, too. */
    struct use use = {hash, user_id, r->remote_addr, r->now_ms, r->now_ms - policy.trusted_device_days * day_ms};
    return db_write(r->app->writer, write_use, &use, err);
}

/* --- trusting one --- */

/* The first of the words that is in text; "" when none is. */
static const char *word_in(const char *text, const char *const words[][2])
{
    for (size_t i = 0; words[i][0] != NULL; i++)
        if (strstr(text, words[i][0]) != NULL)
            return words[i][1];
    return "";
}

/* "Firefox on Linux", as far as the browser says so; a name to tell rows of a list apart, no more. */
static const char *name_of_browser(struct req *r)
{
    static const char *const browsers[][2] = {{"Edg", "Edge"},       {"OPR/", "Opera"},    {"Firefox/", "Firefox"},
                                              {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"},
                                              {"Safari/", "Safari"}, {NULL, NULL}};
    static const char *const systems[][2] = {
        {"Android", " on Android"}, {"iPhone", " on iPhone"}, {"iPad", " on iPad"},   {"Windows", " on Windows"},
        {"Mac OS", " on macOS"},    {"CrOS", " on ChromeOS"}, {"Linux", " on Linux"}, {NULL, NULL}};
    const char *agent = session_user_agent(r);
    if (agent == NULL)
        return "A browser";
    const char *browser = word_in(agent, browsers);
    return arena_printf(r->arena, "%s%s", browser[0] != '\0' ? browser : "A browser", word_in(agent, systems));
}

struct trust {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *id, *user_id, *name, *address;
    const char *token_hash;
    const char *old_hash; /* of the cookie that came: the browser has one name at a time */
    int64_t now_ms, expires_ms;
};

static int write_trust(struct db *db, void *ctx, struct err *err)
{
    const struct trust *w = ctx;
    int rc = 0;
    if (w->old_hash != NULL)
        rc = db_exec(db, DB_DEVICE_DELETE_BY_HASH,
                     DB_ARGS(DB_TEXT("token_hash", w->old_hash), DB_TEXT("user", w->user_id)), NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_DEVICE_INSERT,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("token_hash", w->token_hash), DB_TEXT("user", w->user_id),
                             DB_TEXT("name", w->name), DB_TEXT("address", w->address), DB_INT("now", w->now_ms),
                             DB_INT("expires", w->expires_ms)),
                     NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_DEVICE_DELETE_OLDEST, DB_ARGS(DB_TEXT("user", w->user_id), DB_INT("most", DEVICES_MAX)),
                     NULL, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

void device_trust(struct req *r, const char *user_id, const char *name)
{
    char token[COOKIE_TOKEN_SIZE], hash[DIGEST_HEX_SIZE], old_hash[DIGEST_HEX_SIZE], id[UUID_SIZE];
    struct policy policy;
    struct err err = {0};
    policy_get(r->app, r->db, &policy);
    if (policy.trusted_device_days == 0)
        return;
    if (!cookie_token_new(token) || !uuid_v7(r->now_ms, token_random, id)) {
        log_error("device not trusted: the system gives no random bytes");
        return;
    }
    digest_token(token, hash);
    struct trust w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "device.trust", arena_printf(r->arena, "device:%s", id)),
        .id = id,
        .user_id = user_id,
        .name = name[0] != '\0' ? name : name_of_browser(r),
        .address = r->remote_addr,
        .token_hash = hash,
        .old_hash = cookie_hash(r, cookie_device, old_hash) ? old_hash : NULL,
        .now_ms = r->now_ms,
        .expires_ms = r->now_ms + policy.trusted_device_days * day_ms,
    };
    w.audit.actor = arena_printf(r->arena, "user:%s", user_id); /* signed in a moment ago */
    int rc = w.audit.target != NULL && w.audit.actor != NULL && w.name != NULL
                 ? db_write(r->app->writer, write_trust, &w, &err)
                 : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        cookie_set(r, cookie_device, token, policy.trusted_device_days * (day_ms / 1000));
    else
        log_error("device not trusted: %s", err.msg);
    wipe(token, sizeof token);
}

/* --- GET /api/auth/devices --- */

void auth_device_list(struct req *r)
{
    struct db_rows rows;
    struct err err = {0};
    char hash[DIGEST_HEX_SIZE] = "";
    json_t *list = json_array();
    (void)cookie_hash(r, cookie_device, hash);
    int rc = db_query(r->db, DB_DEVICE_LIST, DB_ARGS(DB_TEXT("user", r->principal.id), DB_INT("now", r->now_ms)), &rows,
                      &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW) {
        json_t *device =
            json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:b}", "id", db_rows_text(&rows, 0), "name", db_rows_text(&rows, 1),
                      "address", db_rows_text(&rows, 2), "created_ms", (json_int_t)db_rows_int(&rows, 3, 0),
                      "lastUsed_ms", (json_int_t)db_rows_int(&rows, 4, 0), "expires_ms",
                      (json_int_t)db_rows_int(&rows, 5, 0), "current", strcmp(db_rows_text(&rows, 6), hash) == 0);
        rc = json_array_append_new(list, device) == 0 ? 0 : err_set(&err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    if (rc != 0) {
        json_decref(list);
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200, json_pack("{s:o}", "devices", list));
}

/* --- DELETE /api/auth/devices, /api/auth/devices/{id} --- */

struct revoke {
    const struct audit_key *key;
    struct audit_entry audit;
    const char *user_id;
    const char *device_id; /* NULL: all */
};

static int write_revoke(struct db *db, void *ctx, struct err *err)
{
    const struct revoke *w = ctx;
    int64_t changes = 0;
    int rc = w->device_id != NULL
                 ? db_exec(db, DB_DEVICE_DELETE, DB_ARGS(DB_TEXT("id", w->device_id), DB_TEXT("user", w->user_id)),
                           &changes, err)
                 : db_exec(db, DB_DEVICE_DELETE_OF_USER, DB_ARGS(DB_TEXT("user", w->user_id)), NULL, err);
    if (rc == 0 && w->device_id != NULL && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such device.");
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

static void revoke(struct req *r, const char *device_id, const char *target)
{
    struct err err = {0};
    struct revoke w = {.key = secrets_audit_key(r->app->secrets),
                       .audit = audit_of_request(r, "device.revoke", target),
                       .user_id = r->principal.id,
                       .device_id = device_id};
    int rc =
        target != NULL ? db_write(r->app->writer, write_revoke, &w, &err) : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

void auth_device_revoke(struct req *r)
{
    const char *id = r->params[0];
    if (!uuid_valid(id))
        reply_problem(r, PROBLEM_NOT_FOUND, "There is no such device.");
    else
        revoke(r, id, arena_printf(r->arena, "device:%s", id));
}

void auth_device_revoke_all(struct req *r)
{
    revoke(r, NULL, arena_printf(r->arena, "user:%s", r->principal.id));
}
