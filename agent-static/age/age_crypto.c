#include "age/age_crypto.h"

#include <string.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <psa/crypto.h>

#include "common/token.h"

enum { CURVE_BITS = 255 };

static psa_status_t take_secret(const uint8_t *secret, psa_key_id_t *ret)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY));
    psa_set_key_bits(&attributes, CURVE_BITS);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
    return secret == NULL ? psa_generate_key(&attributes, ret) : psa_import_key(&attributes, secret, AGE_KEY_SIZE, ret);
}

int age_x25519(const uint8_t *secret, const uint8_t *theirs, uint8_t *ret_public, uint8_t *ret_shared)
{
    psa_key_id_t key = PSA_KEY_ID_NULL;
    size_t len;
    psa_status_t status = take_secret(secret, &key);
    if (status == PSA_SUCCESS && ret_public != NULL)
        status = psa_export_public_key(key, ret_public, AGE_KEY_SIZE, &len);
    if (status == PSA_SUCCESS && ret_shared != NULL)
        status = psa_raw_key_agreement(PSA_ALG_ECDH, key, theirs, AGE_KEY_SIZE, ret_shared, AGE_KEY_SIZE, &len);
    (void)psa_destroy_key(key);
    return status == PSA_SUCCESS ? 0 : -1;
}

int age_derive(const uint8_t *secret, size_t secret_len, const uint8_t *salt, size_t salt_len, const char *info,
               uint8_t ret[AGE_KEY_SIZE])
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    return mbedtls_hkdf(sha256, salt, salt_len, secret, secret_len, (const uint8_t *)info, strlen(info), ret,
                        AGE_KEY_SIZE) == 0
               ? 0
               : -1;
}

int age_mac(const uint8_t key[AGE_KEY_SIZE], const void *data, size_t len, uint8_t ret[32])
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    return mbedtls_md_hmac(sha256, key, AGE_KEY_SIZE, data, len, ret) == 0 ? 0 : -1;
}

int age_seal(const uint8_t key[AGE_KEY_SIZE], const uint8_t nonce[AGE_NONCE_SIZE], uint8_t *data, size_t len)
{
    mbedtls_chachapoly_context c;
    mbedtls_chachapoly_init(&c);
    int rc = mbedtls_chachapoly_setkey(&c, key);
    if (rc == 0)
        rc = mbedtls_chachapoly_encrypt_and_tag(&c, len, nonce, NULL, 0, data, data, data + len);
    mbedtls_chachapoly_free(&c);
    return rc == 0 ? 0 : -1;
}

int age_open(const uint8_t key[AGE_KEY_SIZE], const uint8_t nonce[AGE_NONCE_SIZE], uint8_t *data, size_t len)
{
    mbedtls_chachapoly_context c;
    mbedtls_chachapoly_init(&c);
    int rc = mbedtls_chachapoly_setkey(&c, key);
    if (rc == 0)
        rc = mbedtls_chachapoly_auth_decrypt(&c, len, nonce, NULL, 0, data + len, data, data);
    mbedtls_chachapoly_free(&c);
    return rc == 0 ? 0 : -1;
}

int age_random(void *ret, size_t len)
{
    return token_random(ret, len) ? 0 : -1;
}
