#include "tuf/tuf_crypto.h"

#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 4096 };

/* --- hashes --- */

static const struct {
    const char *name;
    mbedtls_md_type_t type;
    size_t size;
} hashes[TUF_HASHES] = {
    [TUF_SHA256] = {"sha256", MBEDTLS_MD_SHA256, 32},
    [TUF_SHA384] = {"sha384", MBEDTLS_MD_SHA384, 48},
    [TUF_SHA512] = {"sha512", MBEDTLS_MD_SHA512, 64},
};

struct tuf_hasher {
    mbedtls_md_context_t md;
    bool failed;
};

size_t tuf_hash_size(enum tuf_hash hash)
{
    return hashes[hash].size;
}

bool tuf_hash_named(const char *name, enum tuf_hash *ret)
{
    for (int i = 0; i < TUF_HASHES; i++)
        if (strcmp(hashes[i].name, name) == 0) {
            *ret = (enum tuf_hash)i;
            return true;
        }
    return false;
}

struct tuf_hasher *tuf_hasher_new(enum tuf_hash hash)
{
    struct tuf_hasher *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    mbedtls_md_init(&h->md);
    if (mbedtls_md_setup(&h->md, mbedtls_md_info_from_type(hashes[hash].type), 0) != 0 ||
        mbedtls_md_starts(&h->md) != 0) {
        mbedtls_md_free(&h->md);
        free(h);
        return NULL;
    }
    return h;
}

void tuf_hasher_add(void *hasher, const void *data, size_t len)
{
    struct tuf_hasher *h = hasher;
    h->failed |= mbedtls_md_update(&h->md, data, len) != 0;
}

bool tuf_hasher_end(struct tuf_hasher *h, uint8_t ret[TUF_DIGEST_MAX])
{
    bool ok = mbedtls_md_finish(&h->md, ret) == 0 && !h->failed;
    mbedtls_md_free(&h->md);
    free(h);
    return ok;
}

/* --- signatures --- */

/* securesystemslib once called an ECDSA key by its scheme. */
static const struct tuf_scheme schemes[] = {
    {"ecdsa", "ecdsa-sha2-nistp256", TUF_SHA256, MBEDTLS_ECP_DP_SECP256R1},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", TUF_SHA256, MBEDTLS_ECP_DP_SECP256R1},
    {"ecdsa", "ecdsa-sha2-nistp384", TUF_SHA384, MBEDTLS_ECP_DP_SECP384R1},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", TUF_SHA384, MBEDTLS_ECP_DP_SECP384R1},
    {"rsa", "rsassa-pss-sha256", TUF_SHA256, MBEDTLS_ECP_DP_NONE},
    {"rsa", "rsassa-pss-sha384", TUF_SHA384, MBEDTLS_ECP_DP_NONE},
    {"rsa", "rsassa-pss-sha512", TUF_SHA512, MBEDTLS_ECP_DP_NONE},
};

const struct tuf_scheme *tuf_scheme_find(const char *keytype, const char *scheme)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strcmp(schemes[i].keytype, keytype) == 0 && strcmp(schemes[i].scheme, scheme) == 0)
            return &schemes[i];
    return NULL;
}

static bool verify_ecdsa(mbedtls_pk_context *key, const struct tuf_scheme *scheme, const uint8_t *digest,
                         const uint8_t *signature, size_t signature_len)
{
    return mbedtls_pk_get_type(key) == MBEDTLS_PK_ECKEY &&
           (int)mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key)) == scheme->curve &&
           mbedtls_pk_verify(key, hashes[scheme->hash].type, digest, hashes[scheme->hash].size, signature,
                             signature_len) == 0;
}

static bool verify_rsa(mbedtls_pk_context *key, const struct tuf_scheme *scheme, const uint8_t *digest,
                       const uint8_t *signature, size_t signature_len)
{
    const mbedtls_pk_rsassa_pss_options options = {.mgf1_hash_id = hashes[scheme->hash].type,
                                                   .expected_salt_len = MBEDTLS_RSA_SALT_LEN_ANY};
    size_t bits = mbedtls_pk_get_bitlen(key);
    return mbedtls_pk_get_type(key) == MBEDTLS_PK_RSA && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
           mbedtls_pk_verify_ext(MBEDTLS_PK_RSASSA_PSS, &options, key, hashes[scheme->hash].type, digest,
                                 hashes[scheme->hash].size, signature, signature_len) == 0;
}

bool tuf_verify(const struct tuf_scheme *scheme, const char *public_pem, const uint8_t *digest,
                const uint8_t *signature, size_t signature_len)
{
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    bool ok = mbedtls_pk_parse_public_key(&key, (const unsigned char *)public_pem, strlen(public_pem) + 1) == 0;
    if (ok)
        ok = (scheme->curve != MBEDTLS_ECP_DP_NONE ? verify_ecdsa : verify_rsa)(&key, scheme, digest, signature,
                                                                                signature_len);
    mbedtls_pk_free(&key);
    return ok;
}
