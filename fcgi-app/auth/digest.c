#include "auth/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#include "common/encode.h"

void digest_sha256(const void *data, size_t len, unsigned char ret[DIGEST_SIZE])
{
    (void)SHA256(data, len, ret);
}

void digest_sha256_hex(const void *data, size_t len, char ret[DIGEST_HEX_SIZE])
{
    unsigned char digest[DIGEST_SIZE];
    digest_sha256(data, len, digest);
    hex_encode(digest, sizeof digest, ret);
}

void digest_token(const char *token, char ret[DIGEST_HEX_SIZE])
{
    digest_sha256_hex(token, strlen(token), ret);
}

bool digest_hmac(const void *key, size_t key_len, const void *data, size_t len, unsigned char ret[DIGEST_SIZE])
{
    unsigned ret_len = 0;
    return HMAC(EVP_sha256(), key, (int)key_len, data, len, ret, &ret_len) != NULL && ret_len == DIGEST_SIZE;
}

/* OpenSSL's parameters are not const, but it only reads them. */
static OSSL_PARAM octets(const char *name, const void *data, size_t len)
{
    union {
        const void *in;
        void *out;
    } u = {.in = data};
    return OSSL_PARAM_construct_octet_string(name, u.out, len);
}

bool digest_hkdf(const void *secret, size_t secret_len, const char *info, unsigned char *ret, size_t len)
{
    char sha256[] = "SHA256";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        octets(OSSL_KDF_PARAM_KEY, secret, secret_len),
        octets(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, ret, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}
