/* A new passkey. */
#include <string.h>

#include "app.h"
#include "auth/audit.h"
#include "auth/secrets.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "http/problem.h"
#include "mfa/backup_code.h"
#include "passkey/challenge.h"
#include "passkey/keys.h"
#include "policy/policy.h"

enum { FIELD_MAX = BASE64_SIZE(WEBAUTHN_ATTESTATION_MAX), TRANSPORTS_MAX = 8, TRANSPORT_MAX = 32 };

/* False after the reply was set. */
static bool factors_allowed(struct req *r, struct policy *ret)
{
    policy_get(r->app, r->db, ret);
    if (!ret->mfa_enabled)
        reply_problem(r, PROBLEM_CONFLICT, "An admin has switched the setting-up of second factors off.");
    return ret->mfa_enabled;
}

/* --- POST /api/auth/passkeys/options --- */

static json_t *parameters_json(void)
{
    return json_pack("[{s:s,s:i},{s:s,s:i},{s:s,s:i}]", "type", "public-key", "alg", WEBAUTHN_ES256, "type",
                     "public-key", "alg", WEBAUTHN_EDDSA, "type", "public-key", "alg", WEBAUTHN_RS256);
}

/* The authenticator keeps the person's id, which says nothing of them, and shows their address. */
static json_t *options_json(struct req *r, const char *rp_id, const char *issuer, const char *challenge, json_t *had)
{
    const struct principal *p = &r->principal;
    char handle[BASE64_SIZE(UUID_SIZE)];
    base64url_encode(p->id, strlen(p->id), handle);
    return json_pack("{s:s,s:{s:s,s:s},s:{s:s,s:s,s:s},s:o,s:i,s:o,s:{s:s,s:b,s:s},s:s}", "challenge", challenge, "rp",
                     "id", rp_id, "name", issuer, "user", "id", handle, "name", p->email, "displayName", p->email,
                     "pubKeyCredParams", parameters_json(), "timeout", PASSKEY_CHALLENGE_MS, "excludeCredentials", had,
                     "authenticatorSelection", "residentKey", "preferred", "requireResidentKey", 0, "userVerification",
                     "preferred", "attestation", "none");
}

void passkey_options(struct req *r)
{
    const struct passkey_ask ask = {PASSKEY_REGISTER, r->principal.id, r->principal.session_id};
    char rp_id[RP_ID_SIZE], challenge[WEBAUTHN_CHALLENGE_SIZE];
    json_t *had = NULL;
    struct policy policy;
    struct err err = {0};
    if (!factors_allowed(r, &policy))
        return;
    int rc = passkey_rp_id(r, rp_id, &err);
    if (rc == 0)
        rc = passkey_descriptors(r, ask.user_id, &had, &err);
    if (rc == 0 && json_array_size(had) >= PASSKEYS_MAX)
        rc = err_set(&err, ERR_CONFLICT, PASSKEYS_FULL, PASSKEYS_MAX);
    if (rc == 0)
        rc = challenge_new(r, &ask, challenge, &err);
    if (rc == 0) {
        reply_json(r, 200, options_json(r, rp_id, policy.mfa_issuer, challenge, had));
        return;
    }
    json_decref(had);
    reply_error(r, &err);
}

/* --- POST /api/auth/passkeys --- */

struct new_passkey {
    const char *name;
    const char *credential_id;
    struct span client_data, attestation;
    char transports[TRANSPORTS_MAX * (TRANSPORT_MAX + 1) + 1];
};

/* How the browser has reached the authenticator; it is told next time. What is no such word is left out. */
static void transports_read(struct jsonread *response, char *ret, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz-";
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(response, "transports", TRANSPORTS_MAX, &list), len = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *one = jsonread_item_str(response, "transports", list, i, 1, TRANSPORT_MAX);
        if (one != NULL && one[strspn(one, allowed)] == '\0')
            len += (size_t)snprintf(ret + len, size - len, "%s%s", len > 0 ? " " : "", one);
    }
}

/* False after the reply was set. */
static bool body_read_new(struct req *r, struct new_passkey *ret)
{
    struct jsonread_error wrong = {0};
    struct jsonread body, credential, response;
    if (!req_json(r, &wrong, &body))
        return false;
    ret->name = jsonread_str(&body, "name", 1, PASSKEY_NAME_MAX);
    jsonread_object(&body, "credential", &credential);
    ret->credential_id = jsonread_str(&credential, "id", 1, BASE64_SIZE(WEBAUTHN_ID_MAX));
    const char *type = jsonread_str(&credential, "type", 1, 32);
    jsonread_object(&credential, "response", &response);
    ret->client_data =
        passkey_bytes(r, jsonread_str(&response, "clientDataJSON", 1, FIELD_MAX), WEBAUTHN_CLIENT_DATA_MAX);
    ret->attestation =
        passkey_bytes(r, jsonread_str(&response, "attestationObject", 1, FIELD_MAX), WEBAUTHN_ATTESTATION_MAX);
    transports_read(&response, ret->transports, sizeof ret->transports);
    if (!wrong.failed && strcmp(type, "public-key") != 0)
        jsonread_fail(&credential, "type", "must be \"public-key\"");
    if (!wrong.failed && ret->client_data.len == 0)
        jsonread_fail(&response, "clientDataJSON", "is no base64url, or too long");
    if (!wrong.failed && ret->attestation.len == 0)
        jsonread_fail(&response, "attestationObject", "is no base64url, or too long");
    return req_fields_ok(r, &wrong);
}

struct add {
    struct req *r;
    struct challenge challenge;
    const struct new_passkey *passkey;
    struct audit_entry audit;
    int algorithm;
    int64_t sign_count;
    const char *id;
    char credential_id[BASE64_SIZE(WEBAUTHN_ID_MAX)];
    char key[BASE64_SIZE(WEBAUTHN_KEY_MAX)];
    int code_count; /* wanted, then made */
    char codes[BACKUP_CODES_MAX][BACKUP_CODE_SIZE];
};

static int insert(struct db *db, const struct add *w, struct err *err)
{
    int64_t count = 0;
    int rc = passkey_count(db, w->challenge.ask->user_id, &count, err);
    if (rc == 0 && count >= PASSKEYS_MAX)
        return err_set(err, ERR_CONFLICT, PASSKEYS_FULL, PASSKEYS_MAX);
    if (rc == 0)
        rc = db_exec(db, DB_PASSKEY_INSERT,
                     DB_ARGS(DB_TEXT("id", w->id), DB_TEXT("user", w->challenge.ask->user_id),
                             DB_TEXT("name", w->passkey->name), DB_TEXT("credential", w->credential_id),
                             DB_TEXT("public_key", w->key), DB_INT("algorithm", w->algorithm),
                             DB_INT("sign_count", w->sign_count), DB_TEXT("transports", w->passkey->transports),
                             DB_INT("now", w->challenge.now_ms)),
                     NULL, err);
    return rc == ERR_CONFLICT ? err_set(err, ERR_CONFLICT, "This passkey is registered already.") : rc;
}

/* Who has a factor needs a way back when it is lost: where no codes are left, there are new ones. */
static int make_codes(struct db *db, struct add *w, struct err *err)
{
    int left = 0, total = 0;
    int rc = backup_code_count(db, w->challenge.ask->user_id, &left, &total, err);
    if (left > 0)
        w->code_count = 0;
    return rc != 0    ? rc
           : left > 0 ? 0
                      : backup_code_replace(db, w->r->app->secrets, w->challenge.ask->user_id, w->code_count,
                                            w->challenge.now_ms, w->codes, err);
}

static int write_add(struct db *db, void *ctx, struct err *err)
{
    struct add *w = ctx;
    int rc = challenge_use(db, &w->challenge, err);
    if (rc == 0)
        rc = insert(db, w, err);
    if (rc == 0)
        rc = make_codes(db, w, err);
    return rc != 0 ? rc : audit_append(db, secrets_audit_key(w->r->app->secrets), &w->audit, err);
}

/* Fills in what the authenticator has made. */
static int judge(struct req *r, struct add *w, struct err *err)
{
    char rp_id[RP_ID_SIZE], text[WEBAUTHN_CHALLENGE_SIZE];
    struct webauthn_credential credential;
    struct webauthn_expect expect = {"webauthn.create", r->app->settings->public_url, rp_id, false};
    int rc = passkey_rp_id(r, rp_id, err);
    if (rc == 0)
        rc = webauthn_client_data(w->passkey->client_data, &expect, text, err);
    if (rc != 0)
        return rc;
    rc = challenge_find(r, text, &w->challenge, err);
    if (rc == 0)
        rc = webauthn_register(w->passkey->attestation, &expect, &credential, err);
    if (rc != 0)
        return rc;
    base64url_encode(credential.id, credential.id_len, w->credential_id);
    base64url_encode(credential.key.bytes, credential.key.len, w->key);
    w->algorithm = credential.key.algorithm;
    w->sign_count = credential.sign_count;
    return strcmp(w->credential_id, w->passkey->credential_id) == 0
               ? 0
               : err_set(err, ERR_INVALID, "the id is not the one in the attestation object");
}

static json_t *added_json(struct req *r, struct add *w, struct err *err)
{
    json_t *passkey = passkey_json_of(r, w->id, err);
    json_t *body = json_pack("{s:b,s:o}", "success", 1, "passkey", passkey);
    if (body == NULL || w->code_count == 0)
        return body;
    json_t *list = json_array();
    for (int i = 0; i < w->code_count; i++)
        (void)json_array_append_new(list, json_string(w->codes[i]));
    (void)json_object_set_new(body, "backupCodes", list);
    return body;
}

static int add(struct req *r, const struct new_passkey *passkey, int codes, struct err *err)
{
    const struct passkey_ask ask = {PASSKEY_REGISTER, r->principal.id, r->principal.session_id};
    char id[UUID_SIZE];
    if (!uuid_v7(r->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    struct add w = {.r = r,
                    .challenge = {.ask = &ask, .now_ms = r->now_ms},
                    .passkey = passkey,
                    .audit = audit_of_request(r, "passkey.add", arena_printf(r->arena, "passkey:%s", id)),
                    .id = id,
                    .code_count = codes};
    int rc = judge(r, &w, err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_add, &w, err);
    if (rc == 0)
        reply_json(r, 201, added_json(r, &w, err));
    wipe(w.codes, sizeof w.codes);
    return rc;
}

void passkey_add(struct req *r)
{
    struct new_passkey passkey;
    struct policy policy;
    struct err err = {0};
    if (!factors_allowed(r, &policy) || !body_read_new(r, &passkey))
        return;
    int rc = add(r, &passkey, (int)policy.backup_codes, &err);
    if (rc == ERR_DENIED)
        reply_problem(r, PROBLEM_PROOF_WRONG, "This passkey was not accepted; begin again.");
    else if (rc == ERR_INVALID)
        reply_invalid_field(r, "/credential", NULL, err.msg);
    else if (rc != 0)
        reply_error(r, &err);
}
