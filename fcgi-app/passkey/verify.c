/* Judging the answer to a challenge. */
#include <string.h>

#include "app.h"
#include "auth/audit.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "passkey/challenge.h"

enum { FIELD_MAX = BASE64_SIZE(WEBAUTHN_AUTH_DATA_MAX), USER_HANDLE_MAX = 64 };

struct answer {
    const char *credential_id;
    const char *user_handle; /* NULL: none was given */
    struct webauthn_assertion signed_data;
};

static int answer_read(struct req *r, const struct jsonread *credential, struct answer *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread body = *credential, response;
    if (credential->object == NULL)
        return err_set(err, ERR_INVALID, "the passkey's answer is missing");
    body.error = &wrong;
    ret->credential_id = jsonread_str(&body, "id", 1, BASE64_SIZE(WEBAUTHN_ID_MAX));
    const char *type = jsonread_str(&body, "type", 1, 32);
    jsonread_object(&body, "response", &response);
    const char *client_data = jsonread_str(&response, "clientDataJSON", 1, FIELD_MAX);
    const char *auth_data = jsonread_str(&response, "authenticatorData", 1, FIELD_MAX);
    const char *signature = jsonread_str(&response, "signature", 1, FIELD_MAX);
    const char *user_handle = jsonread_str_or(&response, "userHandle", 0, BASE64_SIZE(USER_HANDLE_MAX), NULL);
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "%s %s", wrong.pointer, wrong.reason);
    ret->signed_data.client_data = passkey_bytes(r, client_data, WEBAUTHN_CLIENT_DATA_MAX);
    ret->signed_data.auth_data = passkey_bytes(r, auth_data, WEBAUTHN_AUTH_DATA_MAX);
    ret->signed_data.signature = passkey_bytes(r, signature, WEBAUTHN_SIGNATURE_MAX);
    if (strcmp(type, "public-key") != 0 || ret->signed_data.client_data.len == 0 ||
        ret->signed_data.auth_data.len == 0 || ret->signed_data.signature.len == 0)
        return err_set(err, ERR_INVALID, "the passkey's answer is not base64url, or too long");
    if (user_handle != NULL && user_handle[0] != '\0') {
        struct span handle = passkey_bytes(r, user_handle, USER_HANDLE_MAX);
        ret->user_handle = arena_strndup(r->arena, handle.ptr != NULL ? handle.ptr : "", handle.len);
        if (ret->user_handle == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return 0;
}

/* --- whose it is --- */

/* Stands for the key of a passkey that nobody has, so that looking takes as long: the base point of P-256. */
static const struct webauthn_key nobodys_key = {
    .algorithm = WEBAUTHN_ES256,
    .len = 64,
    .bytes = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
              0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
              0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
              0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5},
};

/* ERR_NOT_FOUND: nobody who may sign in has it. */
static int owner_find(struct req *r, const char *credential_id, struct passkey_owner *ret, struct webauthn_key *ret_key,
                      struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_PASSKEY_BY_CREDENTIAL, DB_ARGS(DB_TEXT("credential", credential_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such passkey");
    if (rc < 0)
        return rc;
    (void)snprintf(ret->passkey_id, sizeof ret->passkey_id, "%s", db_rows_text(&rows, 0));
    (void)snprintf(ret->user_id, sizeof ret->user_id, "%s", db_rows_text(&rows, 1));
    (void)snprintf(ret->email, sizeof ret->email, "%s", db_rows_text(&rows, 2));
    ret->role = role_parse(db_rows_text(&rows, 3));
    ret_key->algorithm = (int)db_rows_int(&rows, 4, 0);
    bool good = base64url_decode(db_rows_text(&rows, 5), ret_key->bytes, sizeof ret_key->bytes, &ret_key->len);
    db_rows_done(&rows);
    return good ? 0 : err_set(err, ERR_CORRUPT, "the key of passkey %s is none", ret->passkey_id);
}

/* The account that was asked, and the one that the authenticator believes to answer for. */
static bool owner_fits(const struct passkey_ask *ask, const struct answer *answer, const struct passkey_owner *owner)
{
    if (ask->purpose != PASSKEY_SIGNIN && strcmp(ask->user_id, owner->user_id) != 0)
        return false;
    if (answer->user_handle == NULL)
        return ask->purpose != PASSKEY_SIGNIN;
    return strcmp(answer->user_handle, owner->user_id) == 0;
}

/* --- the end of a challenge --- */

struct verdict {
    struct req *r;
    struct challenge challenge;
    bool right; /* but for the counter */
    const struct passkey_owner *owner;
    int64_t sign_count;
    struct audit_entry audit; /* of a counter that went back */
};

/* The key may have been copied: its owner has to know. */
static int counter_went_back(struct db *db, const struct verdict *v, const char *name, struct err *err)
{
    struct alert alert = {
        .kind = "passkey.counter",
        .message = arena_printf(v->r->arena,
                                "The passkey \"%s\" was refused: its counter went back, so that there may be a copy "
                                "of it. Remove it and make a new one.",
                                name),
        .user_id = v->owner->user_id,
        .time_ms = v->r->now_ms,
    };
    int rc = alert.message != NULL ? alert_raise(db, &alert, err) : err_set(err, ERR_NOMEM, "out of memory");
    return rc != 0 ? rc : audit_append(db, secrets_audit_key(v->r->app->secrets), &v->audit, err);
}

/* §6.1.1: either both counters are 0, or the new one is the greater. */
static int count(struct db *db, struct verdict *v, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_PASSKEY_SIGN_COUNT, DB_ARGS(DB_TEXT("id", v->owner->passkey_id)), &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_DONE) { /* removed a moment ago */
        v->right = false;
        return 0;
    }
    int64_t before = db_rows_int(&rows, 0, 0);
    const char *name = arena_strdup(v->r->arena, db_rows_text(&rows, 1));
    db_rows_done(&rows);
    if (v->sign_count > before || (v->sign_count == 0 && before == 0))
        return db_exec(db, DB_PASSKEY_USED,
                       DB_ARGS(DB_INT("sign_count", v->sign_count), DB_INT("now", v->r->now_ms),
                               DB_TEXT("id", v->owner->passkey_id)),
                       NULL, err);
    v->right = false;
    return name != NULL ? counter_went_back(db, v, name, err) : err_set(err, ERR_NOMEM, "out of memory");
}

static int write_verdict(struct db *db, void *ctx, struct err *err)
{
    struct verdict *v = ctx;
    int rc = challenge_use(db, &v->challenge, err);
    return rc == 0 && v->right ? count(db, v, err) : rc;
}

/* One write ends the challenge and moves the counter: of two answers at once one finds the challenge gone. */
static int conclude(struct req *r, struct verdict *v, struct err *err)
{
    v->r = r;
    v->audit = audit_of_request(r, "auth.passkey_counter", arena_printf(r->arena, "user:%s", v->owner->user_id));
    v->audit.actor = "anonymous"; /* whoever has the copy */
    v->audit.result = AUDIT_DENIED;
    v->audit.detail = arena_printf(r->arena, "{\"passkey\":\"%s\"}", v->owner->passkey_id);
    int rc = db_write(r->app->writer, write_verdict, v, err);
    return rc != 0 ? rc : v->right ? 0 : err_set(err, ERR_DENIED, "not a right answer");
}

static int judge(struct req *r, const struct passkey_ask *ask, const struct jsonread *credential,
                 struct passkey_owner *owner, struct err *err)
{
    char rp_id[RP_ID_SIZE], text[WEBAUTHN_CHALLENGE_SIZE];
    struct webauthn_key key = {0};
    struct answer answer = {0};
    uint32_t sign_count = 0;
    struct verdict v = {.challenge = {.ask = ask, .now_ms = r->now_ms}, .owner = owner};
    struct webauthn_expect expect = {"webauthn.get", r->app->settings->public_url, rp_id,
                                     ask->purpose == PASSKEY_SIGNIN};
    int rc = answer_read(r, credential, &answer, err);
    if (rc == 0)
        rc = passkey_rp_id(r, rp_id, err);
    if (rc == 0)
        rc = webauthn_client_data(answer.signed_data.client_data, &expect, text, err);
    if (rc != 0)
        return rc;
    rc = challenge_find(r, text, &v.challenge, err);
    if (rc != 0)
        return rc;
    rc = owner_find(r, answer.credential_id, owner, &key, err);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    bool known = rc == 0;
    rc = webauthn_assert(&answer.signed_data, known ? &key : &nobodys_key, &expect, &sign_count, err);
    v.right = rc == 0 && known && owner_fits(ask, &answer, owner);
    v.sign_count = sign_count;
    return v.right || challenge_wrong_answer_counts(&v.challenge) ? conclude(r, &v, err)
                                                                  : err_set(err, ERR_DENIED, "not a right answer");
}

/* A stranger may name any passkey: they are counted, on the account it is of when there is one. */
static void leave_trace(struct req *r, const struct passkey_ask *ask, const struct passkey_owner *owner)
{
    if (ask->purpose == PASSKEY_SIGNIN)
        auth_failure_note_of(r->app, "auth.passkey", r->remote_addr, owner->user_id);
    else
        auth_denied(r, ask->user_id, "auth.passkey", arena_printf(r->arena, "user:%s", ask->user_id), NULL);
}

int passkey_verify(struct req *r, const struct passkey_ask *ask, const struct jsonread *credential,
                   struct passkey_owner *ret, struct err *err)
{
    struct passkey_owner owner = {0};
    int rc = judge(r, ask, credential, &owner, err);
    if (rc == ERR_DENIED)
        leave_trace(r, ask, &owner);
    if (rc == 0)
        *ret = owner;
    return rc;
}
