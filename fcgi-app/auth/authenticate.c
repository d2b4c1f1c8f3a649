/* Who asks: a browser by its cookie, a program by its token (token/). */
#include "app.h"
#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/digest.h"
#include "auth/session.h"
#include "http/request.h"
#include "token/token.h"

/* ERR_NOT_FOUND when no session that is in force has this hash. */
static int load_session(struct req *r, const char *id_hash, struct principal *ret, int64_t *ret_last_used_ms,
                        struct err *err)
{
    struct db_rows rows;
    int64_t idle_since_ms = r->now_ms - r->app->settings->session_idle_s * INT64_C(1000);
    int rc = db_query_one(
        r->db, DB_AUTH_SESSION_GET,
        DB_ARGS(DB_TEXT("id_hash", id_hash), DB_INT("now", r->now_ms), DB_INT("idle_since", idle_since_ms)), &rows,
        err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such session");
    if (rc < 0)
        return rc;
    struct principal p = {
        .kind = PRINCIPAL_USER,
        .id = arena_strdup(r->arena, db_rows_text(&rows, 0)),
        .email = arena_strdup(r->arena, db_rows_text(&rows, 1)),
        .role = role_parse(db_rows_text(&rows, 2)),
        .csrf_token = arena_strdup(r->arena, db_rows_text(&rows, 3)),
        .session_hash = arena_strdup(r->arena, id_hash),
        .session_id = arena_strdup(r->arena, db_rows_text(&rows, 5)),
        .authenticated_ms = db_rows_int(&rows, 6, 0),
        .has_factor = db_rows_int(&rows, 7, 0) != 0,
        .method = arena_strdup(r->arena, db_rows_text(&rows, 8)),
    };
    *ret_last_used_ms = db_rows_int(&rows, 4, 0);
    db_rows_done(&rows);
    if (p.id == NULL || p.email == NULL || p.csrf_token == NULL || p.session_hash == NULL || p.session_id == NULL ||
        p.method == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = p;
    return 0;
}

int auth_authenticate(struct req *r)
{
    char id_hash[DIGEST_HEX_SIZE];
    int64_t last_used_ms = 0;
    struct err err = {0};
    int rc = ERR_NOT_FOUND;
    if (token_presented(r))
        return token_authenticate(r);
    if (cookie_hash(r, cookie_session, id_hash))
        rc = load_session(r, id_hash, &r->principal, &last_used_ms, &err);
    if (rc == ERR_NOT_FOUND) {
        /* Pages ask for their session before anybody has signed in: only a cookie that is wrong is worth a note. */
        if (req_cookie(r, cookie_session) != NULL)
            auth_failure_note(r->app, "auth.session", r->remote_addr);
        reply_problem(r, PROBLEM_UNAUTHENTICATED, "Sign in first.");
        return ERR_DENIED;
    }
    if (rc != 0) {
        reply_error(r, &err);
        return rc;
    }
    session_touch(r, id_hash, last_used_ms);
    return 0;
}
