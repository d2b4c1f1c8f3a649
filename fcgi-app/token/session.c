/* A program's session: signing in, and the next pair of tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/request.h"
#include "token/keys.h"
#include "token/refresh.h"
#include "token/token.h"

enum { ID_HASH_SIZE = 4 + UUID_SIZE };

/* The reply's members. */
static int pair_json(struct req *r, const struct access_new *access, const char *refresh, json_t **ret, struct err *err)
{
    struct access_key key;
    char *token = NULL;
    int rc = keys_newest(r->app, r->db, &key, err);
    if (rc == 0)
        rc = access_sign(&key, access, &token, err);
    wipe(&key, sizeof key);
    if (rc != 0)
        return rc;
    int64_t life_s = (access->ends_ms - access->now_ms) / 1000;
    json_t *json = json_pack("{s:s,s:I,s:s,s:I}", "accessToken", token, "expiresIn",
                             (json_int_t)(life_s < ACCESS_TTL_S ? life_s : ACCESS_TTL_S), "refreshToken", refresh,
                             "refreshExpiresIn", (json_int_t)life_s);
    wipe_str(token);
    free(token);
    if (json == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = json;
    return 0;
}

/* --- signing in --- */

struct begin {
    const struct audit_key *key;
    struct audit_entry audit;
    const struct session_user *user;
    const char *address;
    const char *user_agent;
    const char *refresh;
    char id[UUID_SIZE];
    int64_t now_ms;
    int64_t expires_ms;
};

static int write_begin(struct db *db, void *ctx, struct err *err)
{
    const struct begin *w = ctx;
    char id_hash[ID_HASH_SIZE];
    (void)snprintf(id_hash, sizeof id_hash, "sid:%s", w->id);
    int rc = session_admit(db, w->user, w->now_ms, err);
    if (rc == 0)
        rc = db_exec(db, DB_TOKEN_SESSION_INSERT,
                     DB_ARGS(DB_TEXT("id_hash", id_hash), DB_TEXT("id", w->id), DB_TEXT("method", w->user->method),
                             DB_TEXT("user", w->user->id), DB_TEXT("address", w->address),
                             DB_TEXT("user_agent", w->user_agent), DB_INT("now", w->now_ms),
                             DB_INT("expires", w->expires_ms)),
                     NULL, err);
    if (rc == 0)
        rc = refresh_insert_first(db, w->id, w->refresh, w->now_ms, w->expires_ms, err);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

static int64_t session_life_ms(const struct req *r)
{
    int64_t max_s = r->app->settings->session_max_s;
    return (max_s < REFRESH_TTL_S ? max_s : REFRESH_TTL_S) * 1000;
}

int token_begin(struct req *r, const struct session_user *user, json_t **ret, struct err *err)
{
    char refresh[TOKEN_SIZE];
    struct begin w = {
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "auth.login", arena_printf(r->arena, "user:%s", user->id)),
        .user = user,
        .address = r->remote_addr,
        .user_agent = session_user_agent(r),
        .refresh = refresh,
        .now_ms = r->now_ms,
        .expires_ms = r->now_ms + session_life_ms(r),
    };
    /* The row names who it was, not who asked: nobody was signed in a moment ago. */
    w.audit.actor = w.audit.target;
    if (!uuid_v7(r->now_ms, token_random, w.id) || !token_new(TOKEN_REFRESH, token_random, refresh))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    w.audit.detail =
        arena_printf(r->arena, "{\"kind\":\"token\",\"method\":\"%s\",\"session\":\"%s\"}", user->method, w.id);
    if (w.user_agent == NULL || w.audit.detail == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    json_t *pair = NULL;
    struct access_new access = {user->id, w.id, r->app->settings->public_url, r->now_ms, w.expires_ms};
    int rc = pair_json(r, &access, refresh, &pair, err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_begin, &w, err);
    wipe(refresh, sizeof refresh);
    if (rc != 0)
        json_decref(pair);
    else
        *ret = pair;
    return rc;
}

/* --- POST /api/auth/refresh --- */

static void refuse(struct req *r, const char *detail)
{
    auth_failure_note(r->app, "token.refresh", r->remote_addr);
    reply_problem(r, PROBLEM_UNAUTHENTICATED, detail);
}

static void answer(struct req *r, const struct redemption *w)
{
    struct access_new access = {w->user_id, w->session_id, r->app->settings->public_url, r->now_ms, w->expires_ms};
    struct err err = {0};
    json_t *pair = NULL;
    if (pair_json(r, &access, w->next, &pair, &err) != 0)
        reply_error(r, &err); /* the same refresh token may be sent again within the grace */
    else
        reply_json(r, 200, pair);
}

static void redeem(struct req *r, struct redemption *w)
{
    struct err err = {0};
    bool known = false;
    int rc = refresh_known(r->db, w->token, r->now_ms, &known, &err);
    if (rc == 0 && known)
        rc = refresh_prepare(w, &err);
    if (rc == 0 && known)
        rc = db_write(r->app->writer, refresh_redeem, w, &err);
    if (rc == 0 && w->outcome == REFRESH_AGAIN)
        rc = refresh_open(w, &err);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    switch (w->outcome) {
    case REFRESH_UNKNOWN:
        refuse(r, "This refresh token is not known, or its session has ended; sign in again.");
        return;
    case REFRESH_EXPIRED: refuse(r, "This refresh token has expired; sign in again."); return;
    case REFRESH_REUSED:
        log_warning("a refresh token was used twice; session %s of user %s was ended", w->session_id, w->user_id);
        refuse(r, "This refresh token had been used before, so that its session was ended; sign in again.");
        return;
    case REFRESH_NEXT:
    case REFRESH_AGAIN: answer(r, w); return;
    }
}

void token_refresh(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return;
    const char *token = jsonread_str(&body, "refreshToken", 1, REFRESH_TOKEN_FIELD_MAX);
    if (!req_fields_ok(r, &wrong))
        return;
    if (!token_well_formed(TOKEN_REFRESH, token)) {
        refuse(r, "This is no refresh token of this server, or it was not copied as a whole.");
        return;
    }
    struct redemption w = {
        .token = token,
        .now_ms = r->now_ms,
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "token.reuse", ""),
    };
    redeem(r, &w);
    refresh_done(&w);
}
