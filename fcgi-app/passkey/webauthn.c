#include "passkey/webauthn.h"

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <string.h>

#include "auth/digest.h"
#include "common/jsonread.h"
#include "common/wipe.h"
#include "passkey/cborread.h"

/* Authenticator data, §6.1: SHA-256 of the RP id, flags, counter; then a credential, then extensions. */
enum {
    AT_FLAGS = DIGEST_SIZE,
    AT_COUNT = AT_FLAGS + 1,
    HEAD_SIZE = AT_COUNT + 4,
    AAGUID_SIZE = 16,

    FLAG_PRESENT = 0x01,
    FLAG_VERIFIED = 0x04,
    FLAG_MAY_BE_BACKED_UP = 0x08,
    FLAG_BACKED_UP = 0x10,
    FLAG_CREDENTIAL = 0x40,
    FLAG_EXTENSIONS = 0x80,

    COSE_LABEL_ALGORITHM = 3,
};

int webauthn_client_data(struct span client_data, const struct webauthn_expect *expect,
                         char ret_challenge[WEBAUTHN_CHALLENGE_SIZE], struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    json_t *json = client_data.len <= WEBAUTHN_CLIENT_DATA_MAX ? jsonread_parse(client_data, NULL) : NULL;
    if (json == NULL)
        return err_set(err, ERR_DENIED, "the client data is no JSON");
    jsonread_init(&r, json, &wrong);
    const char *type = jsonread_str(&r, "type", 1, 64);
    const char *origin = jsonread_str(&r, "origin", 1, 512);
    const char *challenge = jsonread_str(&r, "challenge", WEBAUTHN_CHALLENGE_SIZE - 1, WEBAUTHN_CHALLENGE_SIZE - 1);
    bool framed = jsonread_bool_or(&r, "crossOrigin", false); /* by a page of somebody else */
    bool right = !wrong.failed && !framed && strcmp(type, expect->type) == 0 && strcmp(origin, expect->origin) == 0;
    if (right)
        memcpy(ret_challenge, challenge, WEBAUTHN_CHALLENGE_SIZE);
    json_decref(json);
    return right ? 0 : err_set(err, ERR_DENIED, "the client data is of another act or another site");
}

/* --- authenticator data --- */

struct auth_data {
    unsigned char flags;
    uint32_t count;
    struct span rest;
};

/* Flags and site. What follows the head is the caller's to read. */
static int auth_data_read(struct span bytes, const struct webauthn_expect *expect, struct auth_data *ret,
                          struct err *err)
{
    unsigned char site[DIGEST_SIZE];
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    if (bytes.len < HEAD_SIZE || bytes.len > WEBAUTHN_AUTH_DATA_MAX)
        return err_set(err, ERR_DENIED, "the authenticator data has no such length");
    digest_sha256(expect->rp_id, strlen(expect->rp_id), site);
    if (!wipe_equal(p, site, sizeof site))
        return err_set(err, ERR_DENIED, "the passkey is another site's");
    unsigned char flags = p[AT_FLAGS];
    if ((flags & FLAG_PRESENT) == 0)
        return err_set(err, ERR_DENIED, "nobody was present");
    if (expect->verified && (flags & FLAG_VERIFIED) == 0)
        return err_set(err, ERR_DENIED, "the authenticator has not verified who was present");
    if ((flags & FLAG_BACKED_UP) != 0 && (flags & FLAG_MAY_BE_BACKED_UP) == 0)
        return err_set(err, ERR_DENIED, "backed up and not to be backed up");
    ret->flags = flags;
    ret->count = (uint32_t)p[AT_COUNT] << 24 | (uint32_t)p[AT_COUNT + 1] << 16 | (uint32_t)p[AT_COUNT + 2] << 8 |
                 (uint32_t)p[AT_COUNT + 3];
    ret->rest = (struct span){bytes.ptr + HEAD_SIZE, bytes.len - HEAD_SIZE};
    return 0;
}

/* The end of authenticator data: extensions when the flags say so, and nothing behind them. */
static bool extensions_end(struct cborread *c, unsigned char flags)
{
    struct cborread map = *c;
    size_t pairs;
    if ((flags & FLAG_EXTENSIONS) != 0 && (!cborread_map(&map, &pairs) || !cborread_skip(c)))
        return false;
    return cborread_done(c);
}

/* --- keys --- */

/* Each algorithm's key as libfido2 keeps it: whether it is one, and the check of a signature (a may be NULL: no check).
 */
static bool es256(const struct webauthn_key *key, const fido_assert_t *a)
{
    es256_pk_t *pk = es256_pk_new();
    bool good = pk != NULL && key->len == 64 && es256_pk_from_ptr(pk, key->bytes, key->len) == FIDO_OK &&
                (a == NULL || fido_assert_verify(a, 0, COSE_ES256, pk) == FIDO_OK);
    es256_pk_free(&pk);
    return good;
}

static bool eddsa(const struct webauthn_key *key, const fido_assert_t *a)
{
    eddsa_pk_t *pk = eddsa_pk_new();
    bool good = pk != NULL && key->len == 32 && eddsa_pk_from_ptr(pk, key->bytes, key->len) == FIDO_OK &&
                (a == NULL || fido_assert_verify(a, 0, COSE_EDDSA, pk) == FIDO_OK);
    eddsa_pk_free(&pk);
    return good;
}

static bool rs256(const struct webauthn_key *key, const fido_assert_t *a)
{
    rs256_pk_t *pk = rs256_pk_new();
    bool good = pk != NULL && key->len == 259 && rs256_pk_from_ptr(pk, key->bytes, key->len) == FIDO_OK &&
                (a == NULL || fido_assert_verify(a, 0, COSE_RS256, pk) == FIDO_OK);
    rs256_pk_free(&pk);
    return good;
}

static bool key_good(const struct webauthn_key *key, const fido_assert_t *a)
{
    switch (key->algorithm) {
    case WEBAUTHN_ES256: return es256(key, a);
    case WEBAUTHN_EDDSA: return eddsa(key, a);
    case WEBAUTHN_RS256: return rs256(key, a);
    default: return false;
    }
}

/* --- a new credential --- */

/* {"fmt": text, "attStmt": map, "authData": bytes}, in any order and nothing else. */
static bool attestation_open(struct span attestation, struct span *ret_auth_data)
{
    struct cborread c;
    struct span name, fmt = {0}, auth_data = {0};
    size_t pairs, inner;
    unsigned seen = 0;
    cborread_init(&c, attestation);
    if (attestation.len > WEBAUTHN_ATTESTATION_MAX || !cborread_map(&c, &pairs) || pairs != 3)
        return false;
    for (size_t i = 0; i < pairs; i++) {
        struct cborread map;
        if (!cborread_text(&c, &name))
            return false;
        map = c;
        if (span_equal(name, "fmt") && cborread_text(&c, &fmt))
            seen |= 1;
        else if (span_equal(name, "attStmt") && cborread_map(&map, &inner) && cborread_skip(&c))
            seen |= 2;
        else if (span_equal(name, "authData") && cborread_bytes(&c, &auth_data))
            seen |= 4;
        else
            return false;
    }
    *ret_auth_data = auth_data;
    return seen == 7 && cborread_done(&c);
}

/* The COSE algorithm of the key that stands at c; c moves behind it. */
static bool key_walk(struct cborread *c, int *ret_algorithm)
{
    struct cborread key = *c;
    size_t pairs;
    int64_t label, algorithm = 0;
    if (!cborread_map(&key, &pairs) || !cborread_skip(c))
        return false;
    for (size_t i = 0; i < pairs; i++) {
        if (!cborread_int(&key, &label))
            return false;
        if (label == COSE_LABEL_ALGORITHM ? !cborread_int(&key, &algorithm) : !cborread_skip(&key))
            return false;
    }
    *ret_algorithm = (int)algorithm;
    return algorithm == WEBAUTHN_ES256 || algorithm == WEBAUTHN_EDDSA || algorithm == WEBAUTHN_RS256;
}

/* Takes id and algorithm; what is handed to libfido2 afterwards has been walked to its end. */
static int credential_walk(const struct auth_data *data, struct webauthn_credential *ret, struct err *err)
{
    struct cborread c;
    const unsigned char *p = (const unsigned char *)data->rest.ptr;
    size_t fixed = AAGUID_SIZE + 2;
    if ((data->flags & FLAG_CREDENTIAL) == 0 || data->rest.len < fixed)
        return err_set(err, ERR_INVALID, "no credential in it");
    size_t id_len = (size_t)p[AAGUID_SIZE] << 8 | p[AAGUID_SIZE + 1];
    if (id_len < WEBAUTHN_ID_MIN || id_len > WEBAUTHN_ID_MAX || id_len > data->rest.len - fixed)
        return err_set(err, ERR_INVALID, "the credential's id has no such length");
    memcpy(ret->id, p + fixed, id_len);
    ret->id_len = id_len;
    ret->sign_count = data->count;
    cborread_init(&c, (struct span){data->rest.ptr + fixed + id_len, data->rest.len - fixed - id_len});
    if (!key_walk(&c, &ret->key.algorithm))
        return err_set(err, ERR_INVALID, "the key is of no algorithm that was offered");
    if (!extensions_end(&c, data->flags))
        return err_set(err, ERR_INVALID, "what follows the key cannot be read");
    return 0;
}

/* Has libfido2 take the key out of authenticator data that credential_walk has seen. */
static bool key_take(struct span auth_data, struct webauthn_key *key)
{
    fido_cred_t *cred = fido_cred_new();
    bool good = cred != NULL && fido_cred_set_type(cred, key->algorithm) == FIDO_OK &&
                fido_cred_set_authdata_raw(cred, (const unsigned char *)auth_data.ptr, auth_data.len) == FIDO_OK &&
                fido_cred_pubkey_ptr(cred) != NULL && fido_cred_pubkey_len(cred) <= sizeof key->bytes;
    if (good) {
        key->len = fido_cred_pubkey_len(cred);
        memcpy(key->bytes, fido_cred_pubkey_ptr(cred), key->len);
        good = key_good(key, NULL);
    }
    fido_cred_free(&cred);
    return good;
}

int webauthn_register(struct span attestation, const struct webauthn_expect *expect, struct webauthn_credential *ret,
                      struct err *err)
{
    struct webauthn_credential credential = {0};
    struct auth_data data;
    struct span bytes;
    if (!attestation_open(attestation, &bytes))
        return err_set(err, ERR_INVALID, "the attestation object cannot be read");
    int rc = auth_data_read(bytes, expect, &data, err);
    if (rc == 0)
        rc = credential_walk(&data, &credential, err);
    if (rc == 0 && !key_take(bytes, &credential.key))
        rc = err_set(err, ERR_INVALID, "the key is none");
    if (rc == 0)
        *ret = credential;
    return rc;
}

/* --- an answer --- */

static fido_assert_t *assertion_new(const struct webauthn_assertion *assertion, const struct webauthn_expect *expect)
{
    fido_assert_t *a = fido_assert_new();
    const unsigned char *client_data = (const unsigned char *)assertion->client_data.ptr;
    const unsigned char *auth_data = (const unsigned char *)assertion->auth_data.ptr;
    const unsigned char *signature = (const unsigned char *)assertion->signature.ptr;
    if (a != NULL && fido_assert_set_count(a, 1) == FIDO_OK && fido_assert_set_rp(a, expect->rp_id) == FIDO_OK &&
        fido_assert_set_clientdata(a, client_data, assertion->client_data.len) == FIDO_OK &&
        fido_assert_set_up(a, FIDO_OPT_TRUE) == FIDO_OK &&
        fido_assert_set_uv(a, expect->verified ? FIDO_OPT_TRUE : FIDO_OPT_OMIT) == FIDO_OK &&
        fido_assert_set_authdata_raw(a, 0, auth_data, assertion->auth_data.len) == FIDO_OK &&
        fido_assert_set_sig(a, 0, signature, assertion->signature.len) == FIDO_OK)
        return a;
    fido_assert_free(&a);
    return NULL;
}

int webauthn_assert(const struct webauthn_assertion *assertion, const struct webauthn_key *key,
                    const struct webauthn_expect *expect, uint32_t *ret_sign_count, struct err *err)
{
    struct auth_data data;
    struct cborread c;
    int rc = auth_data_read(assertion->auth_data, expect, &data, err);
    if (rc != 0)
        return rc;
    cborread_init(&c, data.rest);
    if ((data.flags & FLAG_CREDENTIAL) != 0 || !extensions_end(&c, data.flags))
        return err_set(err, ERR_DENIED, "the authenticator data cannot be read");
    fido_assert_t *a = assertion_new(assertion, expect);
    bool right = a != NULL && key_good(key, a);
    fido_assert_free(&a);
    if (!right)
        return err_set(err, ERR_DENIED, "the signature is wrong");
    *ret_sign_count = data.count;
    return 0;
}
