#include "store/part_digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <xxhash.h>

#include "common/encode.h"

enum { CHUNK = 256 * 1024, MD5_BYTES = 16, XXH64_HEX = HEX_SIZE(sizeof(XXH64_canonical_t)) - 1 };

enum part_digest part_digest_of(const char *hex)
{
    return strlen(hex) == XXH64_HEX ? PART_XXH64 : PART_MD5;
}

/* Calls add for each piece of the file. */
static int each_piece(int fd, int64_t size, int (*add)(void *ctx, const void *data, size_t len), void *ctx,
                      struct err *err)
{
    unsigned char *chunk = malloc(CHUNK);
    int rc = chunk == NULL ? err_set(err, ERR_NOMEM, "no memory for a digest") : 0;
    for (int64_t at = 0; rc == 0 && at < size;) {
        ssize_t got = pread(fd, chunk, size - at < CHUNK ? (size_t)(size - at) : CHUNK, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            rc = err_sys(err, ERR_IO, "read a body");
        else if (add(ctx, chunk, (size_t)got) != 0)
            rc = err_set(err, ERR_INTERNAL, "a digest failed");
        else
            at += got;
    }
    free(chunk);
    return rc;
}

static int add_md5(void *ctx, const void *data, size_t len)
{
    return EVP_DigestUpdate(ctx, data, len) == 1 ? 0 : -1;
}

static int md5_file(int fd, int64_t size, char ret[PART_DIGEST_SIZE], struct err *err)
{
    unsigned char sum[MD5_BYTES];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int rc = md == NULL || EVP_DigestInit_ex(md, EVP_md5(), NULL) != 1
                 ? err_set(err, ERR_NOMEM, "no memory for a digest")
                 : each_piece(fd, size, add_md5, md, err);
    if (rc == 0 && EVP_DigestFinal_ex(md, sum, NULL) != 1)
        rc = err_set(err, ERR_INTERNAL, "a digest failed");
    if (rc == 0)
        hex_encode(sum, sizeof sum, ret);
    EVP_MD_CTX_free(md);
    return rc;
}

static int add_xxh64(void *ctx, const void *data, size_t len)
{
    return XXH64_update(ctx, data, len) == XXH_OK ? 0 : -1;
}

static int xxh64_file(int fd, int64_t size, char ret[PART_DIGEST_SIZE], struct err *err)
{
    XXH64_canonical_t sum;
    XXH64_state_t *state = XXH64_createState();
    int rc = state == NULL || XXH64_reset(state, 0) != XXH_OK ? err_set(err, ERR_NOMEM, "no memory for a digest")
                                                              : each_piece(fd, size, add_xxh64, state, err);
    if (rc == 0) {
        XXH64_canonicalFromHash(&sum, XXH64_digest(state));
        hex_encode(sum.digest, sizeof sum.digest, ret);
    }
    (void)XXH64_freeState(state);
    return rc;
}

int part_digest_file(enum part_digest kind, int fd, int64_t size, char ret[PART_DIGEST_SIZE], struct err *err)
{
    return kind == PART_XXH64 ? xxh64_file(fd, size, ret, err) : md5_file(fd, size, ret, err);
}
