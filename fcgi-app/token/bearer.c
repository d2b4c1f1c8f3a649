/* Who a program is: what stands in its Authorization header. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/session.h"
#include "common/token.h"
#include "common/wipe.h"
#include "http/request.h"
#include "token/keys.h"
#include "token/personal.h"
#include "token/token.h"

enum { ID_HASH_SIZE = 4 + UUID_SIZE };

bool token_presented(const struct req *r)
{
    return req_header(r, "Authorization") != NULL;
}

static int refuse(struct req *r, const char *detail)
{
    auth_failure_note(r->app, "token.refused", r->remote_addr);
    reply_problem(r, PROBLEM_UNAUTHENTICATED, detail);
    return ERR_DENIED;
}

/* What stands behind "Bearer"; NULL: another scheme. */
static const char *bearer_of(const char *header)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return NULL;
    header += sizeof scheme - 1;
    return header + strspn(header, " ");
}

/* --- access tokens --- */

/* ERR_NOT_FOUND when the session has ended, or its person may nothing any more. */
static int load_session(struct req *r, const struct access_claims *claims, struct err *err)
{
    struct db_rows rows;
    char id_hash[ID_HASH_SIZE];
    (void)snprintf(id_hash, sizeof id_hash, "sid:%s", claims->session_id);
    int rc = db_query_one(
        r->db, DB_TOKEN_SESSION_GET,
        DB_ARGS(DB_TEXT("id_hash", id_hash), DB_TEXT("user", claims->user_id), DB_INT("now", r->now_ms)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such session");
    if (rc < 0)
        return rc;
    struct principal p = {
        .kind = PRINCIPAL_USER,
        .credential = CREDENTIAL_JWT,
        .id = arena_strdup(r->arena, db_rows_text(&rows, 0)),
        .email = arena_strdup(r->arena, db_rows_text(&rows, 1)),
        .role = role_parse(db_rows_text(&rows, 2)),
        .session_id = arena_strdup(r->arena, claims->session_id),
        .session_hash = arena_strdup(r->arena, id_hash),
        .authenticated_ms = db_rows_int(&rows, 4, 0),
        .has_factor = db_rows_int(&rows, 5, 0) != 0,
        .method = arena_strdup(r->arena, db_rows_text(&rows, 6)),
    };
    int64_t last_used_ms = db_rows_int(&rows, 3, 0);
    db_rows_done(&rows);
    if (p.id == NULL || p.email == NULL || p.session_id == NULL || p.session_hash == NULL || p.method == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->principal = p;
    session_touch(r, id_hash, last_used_ms);
    return 0;
}

static int authenticate_access(struct req *r, const char *token)
{
    char kid[ACCESS_KID_SIZE];
    struct access_key key;
    struct access_claims claims;
    struct err err = {0};
    if (!access_kid(token, kid))
        return refuse(r, "This is no token of this server.");
    int rc = keys_find(r->app, r->db, kid, &key, &err);
    if (rc == ERR_NOT_FOUND)
        return refuse(r, "The key of this access token is gone; get another with the refresh token.");
    if (rc == 0) {
        enum access_verdict verdict = access_judge(token, &key, r->app->settings->public_url, r->now_ms, &claims);
        wipe(&key, sizeof key);
        if (verdict == ACCESS_FORGED)
            return refuse(r, "This is no token of this server.");
        if (verdict == ACCESS_EXPIRED) {
            reply_problem(r, PROBLEM_UNAUTHENTICATED,
                          "The access token has expired; get another with the refresh token.");
            return ERR_DENIED;
        }
        rc = load_session(r, &claims, &err);
    }
    if (rc == ERR_NOT_FOUND)
        return refuse(r, "The session of this access token has ended; sign in again.");
    if (rc != 0)
        reply_error(r, &err);
    return rc;
}

/* --- personal access tokens --- */

static int authenticate_personal(struct req *r, const char *token)
{
    struct err err = {0};
    int rc = personal_find(r, token, &r->principal, &err);
    if (rc == ERR_NOT_FOUND)
        return refuse(r, "This access token is not known: it was revoked, or its owner's account has ended.");
    if (rc == ERR_DENIED)
        return refuse(r, "This access token has expired; make another under \"My account\".");
    if (rc != 0)
        reply_error(r, &err);
    return rc;
}

int token_authenticate(struct req *r)
{
    const char *token = bearer_of(req_header(r, "Authorization"));
    if (req_cookie(r, cookie_session) != NULL) {
        auth_failure_note(r->app, "token.refused", r->remote_addr);
        reply_problem(r, PROBLEM_BAD_REQUEST, "The request has a cookie and a token; send one of them.");
        return ERR_INVALID;
    }
    if (token == NULL)
        return refuse(r, "Send a token as \"Authorization: Bearer …\".");
    if (strncmp(token, "mpt_", 4) != 0)
        return authenticate_access(r, token);
    if (!token_well_formed(TOKEN_ACCESS, token))
        return refuse(r, "The access token was not copied as a whole.");
    return authenticate_personal(r, token);
}
