/* The passkeys that somebody has: seen, renamed, removed. */
#include "passkey/keys.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/prove.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "http/problem.h"
#include "mfa/mfa.h"
#include "passkey/challenge.h"
#include "policy/policy.h"

static const char none[] = "There is no such passkey.";

int passkey_count(struct db *db, const char *user_id, int64_t *ret, struct err *err)
{
    return db_query_number(db, DB_PASSKEY_COUNT, DB_ARGS(DB_TEXT("user", user_id)), ret, err);
}

/* --- GET /api/auth/passkeys --- */

static json_t *row_json(const struct db_rows *rows)
{
    return json_pack("{s:s,s:s,s:I,s:o}", "id", db_rows_text(rows, 0), "name", db_rows_text(rows, 1), "created_ms",
                     (json_int_t)db_rows_int(rows, 5, 0), "lastUsed_ms",
                     db_rows_null(rows, 6) ? json_null() : json_integer((json_int_t)db_rows_int(rows, 6, 0)));
}

json_t *passkey_json_of(struct req *r, const char *id, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(r->db, DB_PASSKEY_GET, DB_ARGS(DB_TEXT("id", id), DB_TEXT("user", r->principal.id)), &rows, err);
    if (rc == DB_DONE)
        (void)err_set(err, ERR_NOT_FOUND, "%s", none);
    if (rc != DB_ROW)
        return NULL;
    json_t *json = row_json(&rows);
    db_rows_done(&rows);
    if (json == NULL)
        (void)err_set(err, ERR_NOMEM, "out of memory");
    return json;
}

void passkey_list(struct req *r)
{
    struct db_rows rows;
    struct err err = {0};
    json_t *list = json_array();
    int rc = db_query(r->db, DB_PASSKEY_LIST, DB_ARGS(DB_TEXT("user", r->principal.id)), &rows, &err);
    while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW)
        rc = json_array_append_new(list, row_json(&rows)) == 0 ? 0 : err_set(&err, ERR_NOMEM, "out of memory");
    db_rows_done(&rows);
    if (rc == 0) {
        reply_json(r, 200, json_pack("{s:o}", "passkeys", list));
        return;
    }
    json_decref(list);
    reply_error(r, &err);
}

/* --- PATCH /api/auth/passkeys/{id} --- */

struct change {
    struct req *r;
    const struct audit_key *key;
    struct audit_entry audit;
    const char *name;
    bool required;       /* the last factor stays */
    bool password_shown; /* it may be the last factor */
};

static int write_rename(struct db *db, void *ctx, struct err *err)
{
    const struct change *w = ctx;
    int64_t changes = 0;
    int rc =
        db_exec(db, DB_PASSKEY_RENAME,
                DB_ARGS(DB_TEXT("name", w->name), DB_TEXT("id", w->r->params[0]), DB_TEXT("user", w->r->principal.id)),
                &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "%s", none);
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

static struct change change_of(struct req *r, const char *action)
{
    return (struct change){.r = r,
                           .key = secrets_audit_key(r->app->secrets),
                           .audit = audit_of_request(r, action, arena_printf(r->arena, "passkey:%s", r->params[0]))};
}

/* False after the reply was set: what is no id is nobody's, and goes into no log. */
static bool id_good(struct req *r)
{
    if (!uuid_valid(r->params[0]))
        reply_problem(r, PROBLEM_NOT_FOUND, none);
    return uuid_valid(r->params[0]);
}

void passkey_rename(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    json_t *passkey = NULL;
    if (!id_good(r) || !req_json(r, &wrong, &body))
        return;
    struct change w = change_of(r, "passkey.rename");
    w.name = jsonread_str(&body, "name", 1, PASSKEY_NAME_MAX);
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = db_write(r->app->writer, write_rename, &w, &err);
    if (rc == 0)
        passkey = passkey_json_of(r, r->params[0], &err);
    if (passkey == NULL)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b,s:o}", "success", 1, "passkey", passkey));
}

/* --- DELETE /api/auth/passkeys/{id} --- */

/* What the loss of the last factor asks for. ERR_DENIED: the password has not been shown. */
static int may_lose_the_last(const struct change *w, struct err *err)
{
    if (w->required)
        return err_set(err, ERR_CONFLICT,
                       "This server asks everybody for a second factor, and this is your last one. Set another one "
                       "up first.");
    return w->password_shown ? 0 : err_set(err, ERR_DENIED, "the last factor goes");
}

/* Browsers that were trusted on the word of a factor are asked for one again; the last one takes its codes along. */
static int write_delete(struct db *db, void *ctx, struct err *err)
{
    const struct change *w = ctx;
    const char *user_id = w->r->principal.id;
    struct mfa_state left;
    int64_t changes = 0;
    int rc = db_exec(db, DB_PASSKEY_DELETE, DB_ARGS(DB_TEXT("id", w->r->params[0]), DB_TEXT("user", user_id)), &changes,
                     err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "%s", none);
    if (rc == 0)
        rc = db_exec(db, DB_DEVICE_DELETE_OF_USER, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
    if (rc == 0)
        rc = mfa_state(db, user_id, &left, err);
    if (rc == 0 && !left.totp && left.passkeys == 0) {
        rc = may_lose_the_last(w, err);
        if (rc == 0)
            rc = db_exec(db, DB_MFA_BACKUP_CODE_DELETE_ALL, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
    }
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* The password, when the body has one. False after the reply was set. */
static bool password_read(struct req *r, const char **ret)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    *ret = NULL;
    if (r->body.len == 0)
        return true;
    if (!req_json(r, &wrong, &body))
        return false;
    *ret = jsonread_text_or(&body, "password", 1, PASSWORD_MAX, NULL);
    return req_fields_ok(r, &wrong);
}

void passkey_delete(struct req *r)
{
    const char *password = NULL;
    struct policy policy;
    struct err err = {0};
    if (!id_good(r) || !password_read(r, &password))
        return;
    json_t *passkey = passkey_json_of(r, r->params[0], &err);
    if (passkey == NULL) {
        reply_error(r, &err);
        return;
    }
    json_decref(passkey);
    if (password != NULL && !own_password_proven(r, password))
        return;
    policy_get(r->app, r->db, &policy);
    struct change w = change_of(r, "passkey.remove");
    w.required = policy.mfa_required;
    w.password_shown = password != NULL;
    int rc = w.audit.target != NULL ? db_write(r->app->writer, write_delete, &w, &err)
                                    : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc == ERR_DENIED)
        reply_invalid_field(r, "/password", NULL, "is needed to remove the last second factor");
    else if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
