#include "token/access.h"

#include <jansson.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "common/jsonread.h"

/* What is said to be signed for; a token of another kind, signed with the same key one day, is none of these. */
static const char audience[] = "muster-api";
static const char algorithm[] = "HS256";
static const char type[] = "JWT";

enum { HEADER_MAX = 128, VALUES_MAX = 16, SIGNATURE_CHARS = 43 };

/* --- making --- */

static bool fill(jwt_t *jwt, const struct access_key *key, const struct access_new *token)
{
    int64_t now_s = token->now_ms / 1000;
    int64_t expires_s = now_s + ACCESS_TTL_S;
    if (token->ends_ms / 1000 < expires_s)
        expires_s = token->ends_ms / 1000;
    return jwt_set_alg(jwt, JWT_ALG_HS256, key->bytes, ACCESS_KEY_SIZE) == 0 &&
           jwt_add_header(jwt, "kid", key->kid) == 0 && jwt_add_grant(jwt, "iss", token->issuer) == 0 &&
           jwt_add_grant(jwt, "aud", audience) == 0 && jwt_add_grant(jwt, "sub", token->user_id) == 0 &&
           jwt_add_grant(jwt, "sid", token->session_id) == 0 && jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 &&
           jwt_add_grant_int(jwt, "nbf", (long)now_s) == 0 && jwt_add_grant_int(jwt, "exp", (long)expires_s) == 0;
}

int access_sign(const struct access_key *key, const struct access_new *token, char **ret, struct err *err)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 && fill(jwt, key, token))
        text = jwt_encode_str(jwt);
    jwt_free(jwt); /* with its copy of the key */
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "an access token could not be made");
    if (strlen(text) > ACCESS_MAX) { /* a public URL of hundreds of bytes */
        free(text);
        return err_set(err, ERR_TOO_BIG, "an access token of more than %d bytes", ACCESS_MAX);
    }
    *ret = text;
    return 0;
}

/* --- judging --- */

/* Three parts of base64url, none of them empty, the last as long as a SHA-256. */
static bool well_formed(const char *token, size_t *ret_header_len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t parts[3];
    const char *at = token;
    if (strnlen(token, ACCESS_MAX + 1) > ACCESS_MAX)
        return false;
    for (int i = 0; i < 3; i++) {
        parts[i] = strspn(at, alphabet);
        at += parts[i];
        if (parts[i] == 0 || *at != (i < 2 ? '.' : '\0'))
            return false;
        at++;
    }
    *ret_header_len = parts[0];
    return parts[0] <= HEADER_MAX && parts[2] == SIGNATURE_CHARS;
}

static bool is_text(const json_t *object, const char *name, const char *want)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && strcmp(text, want) == 0;
}

static bool is_kid(const char *kid)
{
    return kid != NULL && strlen(kid) == ACCESS_KID_SIZE - 1 && strspn(kid, "0123456789abcdef") == ACCESS_KID_SIZE - 1;
}

bool access_kid(const char *token, char ret[ACCESS_KID_SIZE])
{
    char header[HEADER_MAX + 1];
    char text[HEADER_MAX];
    size_t header_len = 0, len = 0;
    struct err ignored = {0};
    if (!well_formed(token, &header_len))
        return false;
    memcpy(header, token, header_len);
    header[header_len] = '\0';
    if (!base64url_decode(header, text, sizeof text, &len))
        return false;
    json_t *json = jsonread_parse_max((struct span){text, len}, VALUES_MAX, &ignored);
    const char *kid = json_string_value(json_object_get(json, "kid"));
    bool ours =
        json_object_size(json) == 3 && is_text(json, "alg", algorithm) && is_text(json, "typ", type) && is_kid(kid);
    if (ours)
        memcpy(ret, kid, ACCESS_KID_SIZE);
    json_decref(json);
    return ours;
}

static bool grant_is(jwt_t *jwt, const char *name, const char *want)
{
    const char *text = jwt_get_grant(jwt, name);
    return text != NULL && strcmp(text, want) == 0;
}

static bool read_id(jwt_t *jwt, const char *name, char ret[UUID_SIZE])
{
    const char *text = jwt_get_grant(jwt, name);
    if (text == NULL || !uuid_valid(text))
        return false;
    memcpy(ret, text, UUID_SIZE);
    return true;
}

/* 0 stands for "missing" and "no number", so neither passes as a time. */
static enum access_verdict judge_claims(jwt_t *jwt, const char *issuer, int64_t now_ms, struct access_claims *ret)
{
    struct access_claims c = {.issued_s = jwt_get_grant_int(jwt, "iat"), .expires_s = jwt_get_grant_int(jwt, "exp")};
    int64_t from_s = jwt_get_grant_int(jwt, "nbf");
    int64_t now_s = now_ms / 1000;
    if (!grant_is(jwt, "iss", issuer) || !grant_is(jwt, "aud", audience) || !read_id(jwt, "sub", c.user_id) ||
        !read_id(jwt, "sid", c.session_id))
        return ACCESS_FORGED;
    if (c.issued_s <= 0 || c.issued_s > now_s + ACCESS_SKEW_S || from_s <= 0 || from_s > now_s + ACCESS_SKEW_S ||
        c.expires_s <= c.issued_s || c.expires_s - c.issued_s > ACCESS_TTL_S)
        return ACCESS_FORGED;
    *ret = c;
    return now_s < c.expires_s ? ACCESS_OK : ACCESS_EXPIRED;
}

enum access_verdict access_judge(const char *token, const struct access_key *key, const char *issuer, int64_t now_ms,
                                 struct access_claims *ret)
{
    char kid[ACCESS_KID_SIZE];
    jwt_t *jwt = NULL;
    enum access_verdict verdict = ACCESS_FORGED;
    if (access_kid(token, kid) && strcmp(kid, key->kid) == 0 &&
        jwt_decode(&jwt, token, key->bytes, ACCESS_KEY_SIZE) == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256)
        verdict = judge_claims(jwt, issuer, now_ms, ret);
    jwt_free(jwt);
    return verdict;
}
