/* soft_authenticator.h: an authenticator made of OpenSSL, for what the server has to believe and what not. */
#ifndef MUSTER_TESTS_SOFT_AUTHENTICATOR_H
#define MUSTER_TESTS_SOFT_AUTHENTICATOR_H

#include "unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/digest.h"
#include "common/buf.h"
#include "common/encode.h"
#include "passkey/webauthn.h"

enum { SOFT_PRESENT = 0x01, SOFT_VERIFIED = 0x04, SOFT_CREDENTIAL = 0x40, SOFT_EXTENSIONS = 0x80 };

struct soft {
    EVP_PKEY *key;
    int algorithm;
    unsigned char id[32];
    const char *rp_id, *origin;
    unsigned char flags;
    uint32_t count;
    const char *cross_origin; /* "true", "false", NULL */
};

static inline struct soft soft_new(int algorithm)
{
    struct soft s = {.algorithm = algorithm,
                     .rp_id = "muster.example.org",
                     .origin = "https://muster.example.org:8443",
                     .flags = SOFT_PRESENT | SOFT_VERIFIED,
                     .count = 1};
    s.key = algorithm == WEBAUTHN_ES256   ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
            : algorithm == WEBAUTHN_EDDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                          : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    assert_non_null(s.key);
    memset(s.id, -algorithm & 0xff, sizeof s.id);
    return s;
}

static inline void soft_cbor_head(struct buf *b, unsigned major, size_t value)
{
    if (value < 24) {
        buf_addc(b, (char)(major << 5 | value));
    } else if (value < 256) {
        buf_addc(b, (char)(major << 5 | 24));
        buf_addc(b, (char)value);
    } else {
        buf_addc(b, (char)(major << 5 | 25));
        buf_addc(b, (char)(value >> 8));
        buf_addc(b, (char)value);
    }
}

static inline void soft_cbor_bytes(struct buf *b, const void *data, size_t len)
{
    soft_cbor_head(b, 2, len);
    buf_add(b, data, len);
}

static inline void soft_cbor_text(struct buf *b, const char *s)
{
    soft_cbor_head(b, 3, strlen(s));
    buf_adds(b, s);
}

/* A label or a value of a COSE key. */
static inline void soft_cbor_int(struct buf *b, int value)
{
    soft_cbor_head(b, value < 0, (size_t)(value < 0 ? -1 - value : value));
}

static inline void soft_cose_key(const struct soft *s, struct buf *b)
{
    unsigned char bytes[256];
    size_t len = 0;
    if (s->algorithm == WEBAUTHN_RS256) {
        BIGNUM *n = NULL;
        static const unsigned char e[] = {1, 0, 1};
        assert_int_equal(EVP_PKEY_get_bn_param(s->key, "n", &n), 1);
        assert_int_equal(BN_bn2binpad(n, bytes, 256), 256);
        BN_free(n);
        soft_cbor_head(b, 5, 4);
        soft_cbor_int(b, 1), soft_cbor_int(b, 3);
        soft_cbor_int(b, 3), soft_cbor_int(b, s->algorithm);
        soft_cbor_int(b, -1), soft_cbor_bytes(b, bytes, 256);
        soft_cbor_int(b, -2), soft_cbor_bytes(b, e, sizeof e);
    } else if (s->algorithm == WEBAUTHN_EDDSA) {
        len = sizeof bytes;
        assert_int_equal(EVP_PKEY_get_raw_public_key(s->key, bytes, &len), 1);
        soft_cbor_head(b, 5, 4);
        soft_cbor_int(b, 1), soft_cbor_int(b, 1);
        soft_cbor_int(b, 3), soft_cbor_int(b, s->algorithm);
        soft_cbor_int(b, -1), soft_cbor_int(b, 6);
        soft_cbor_int(b, -2), soft_cbor_bytes(b, bytes, len);
    } else {
        assert_int_equal(EVP_PKEY_get_octet_string_param(s->key, "pub", bytes, sizeof bytes, &len), 1);
        assert_int_equal(len, 65);
        soft_cbor_head(b, 5, 5);
        soft_cbor_int(b, 1), soft_cbor_int(b, 2);
        soft_cbor_int(b, 3), soft_cbor_int(b, s->algorithm);
        soft_cbor_int(b, -1), soft_cbor_int(b, 1);
        soft_cbor_int(b, -2), soft_cbor_bytes(b, bytes + 1, 32);
        soft_cbor_int(b, -3), soft_cbor_bytes(b, bytes + 33, 32);
    }
}

static inline void soft_auth_data(const struct soft *s, struct buf *b)
{
    unsigned char site[DIGEST_SIZE];
    const char count[] = {(char)(s->count >> 24), (char)(s->count >> 16), (char)(s->count >> 8), (char)s->count};
    digest_sha256(s->rp_id, strlen(s->rp_id), site);
    buf_add(b, site, sizeof site);
    buf_addc(b, (char)s->flags);
    buf_add(b, count, sizeof count);
}

/* Authenticator data with the credential in it. */
static inline void soft_new_auth_data(const struct soft *s, struct buf *b)
{
    struct soft made = *s;
    static const unsigned char aaguid[16];
    made.flags |= SOFT_CREDENTIAL;
    soft_auth_data(&made, b);
    buf_add(b, aaguid, sizeof aaguid);
    buf_addc(b, 0);
    buf_addc(b, sizeof s->id);
    buf_add(b, s->id, sizeof s->id);
    soft_cose_key(s, b);
}

static inline void soft_attestation_of(const struct buf *auth_data, struct buf *b)
{
    soft_cbor_head(b, 5, 3);
    soft_cbor_text(b, "fmt"), soft_cbor_text(b, "none");
    soft_cbor_text(b, "attStmt"), soft_cbor_head(b, 5, 0);
    soft_cbor_text(b, "authData"), soft_cbor_bytes(b, auth_data->data, auth_data->len);
}

static inline void soft_attestation(const struct soft *s, struct buf *b)
{
    struct buf auth_data;
    buf_init(&auth_data, 4096);
    soft_new_auth_data(s, &auth_data);
    soft_attestation_of(&auth_data, b);
    assert_true(buf_ok(&auth_data) && buf_ok(b));
    buf_done(&auth_data);
}

static inline void soft_client_data(const struct soft *s, const char *type, const char *challenge, struct buf *b)
{
    buf_addf(b, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"", type, challenge, s->origin);
    if (s->cross_origin != NULL)
        buf_addf(b, ",\"crossOrigin\":%s", s->cross_origin);
    buf_addc(b, '}');
}

static inline void soft_sign(const struct soft *s, const struct buf *auth_data, const struct buf *client_data,
                             struct buf *ret)
{
    unsigned char hash[DIGEST_SIZE], signature[512];
    size_t len = sizeof signature;
    struct buf text;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    buf_init(&text, 4096);
    digest_sha256(client_data->data, client_data->len, hash);
    buf_add(&text, auth_data->data, auth_data->len);
    buf_add(&text, hash, sizeof hash);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, s->algorithm == WEBAUTHN_EDDSA ? NULL : EVP_sha256(), NULL, s->key),
                     1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, (unsigned char *)text.data, text.len), 1);
    buf_add(ret, signature, len);
    EVP_MD_CTX_free(ctx);
    buf_done(&text);
}

#endif
