/* tuf_standin.c: in place of tuf/tuf_crypto.c, so that random bytes come past hashes and signatures: there are four
 * digests in all, and a signature is good when its first byte is 0. */
#include <stdlib.h>
#include <string.h>

#include "tuf/tuf_crypto.h"

struct tuf_hasher {
    uint8_t sum;
};

size_t tuf_hash_size(enum tuf_hash hash)
{
    return hash == TUF_SHA256 ? 32 : hash == TUF_SHA384 ? 48 : 64;
}

bool tuf_hash_named(const char *name, enum tuf_hash *ret)
{
    *ret = strcmp(name, "sha384") == 0 ? TUF_SHA384 : strcmp(name, "sha512") == 0 ? TUF_SHA512 : TUF_SHA256;
    return *ret != TUF_SHA256 || strcmp(name, "sha256") == 0;
}

struct tuf_hasher *tuf_hasher_new(enum tuf_hash hash)
{
    (void)hash;
    return calloc(1, sizeof(struct tuf_hasher));
}

void tuf_hasher_add(void *hasher, const void *data, size_t len)
{
    struct tuf_hasher *h = hasher;
    for (size_t i = 0; i < len; i++)
        h->sum = (h->sum ^ ((const uint8_t *)data)[i]) & 3;
}

bool tuf_hasher_end(struct tuf_hasher *h, uint8_t ret[TUF_DIGEST_MAX])
{
    memset(ret, 0, TUF_DIGEST_MAX);
    ret[0] = h->sum;
    free(h);
    return true;
}

const struct tuf_scheme *tuf_scheme_find(const char *keytype, const char *scheme)
{
    static const struct tuf_scheme schemes[TUF_HASHES] = {
        {.hash = TUF_SHA256}, {.hash = TUF_SHA384}, {.hash = TUF_SHA512}};
    (void)scheme;
    return keytype[0] == 'x' ? NULL : &schemes[(uint8_t)keytype[0] % TUF_HASHES];
}

bool tuf_verify(const struct tuf_scheme *scheme, const char *public_pem, const uint8_t *digest,
                const uint8_t *signature, size_t signature_len)
{
    (void)scheme;
    (void)public_pem;
    (void)digest;
    return signature_len > 0 && signature[0] == 0;
}
