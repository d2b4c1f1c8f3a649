/* Any bytes as an age file, alone or behind a good magic line or a good header, and as keys. The cryptography is a
 * stand-in that random bytes come past: a MAC is zeros, a tag is good when its first byte is 0. However a file is cut
 * into pieces, the same comes out. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "age/age_decrypt.c"
#include "age/age_header.c"
#include "age/age_keys.c"
#include "age/age_stream.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int age_x25519(const uint8_t *secret, const uint8_t *theirs, uint8_t *ret_public, uint8_t *ret_shared)
{
    if (ret_public != NULL)
        memcpy(ret_public, secret, AGE_KEY_SIZE);
    if (ret_shared != NULL)
        memcpy(ret_shared, theirs, AGE_KEY_SIZE);
    return theirs != NULL && theirs[0] == 0xff ? -1 : 0;
}

int age_derive(const uint8_t *secret, size_t secret_len, const uint8_t *salt, size_t salt_len, const char *info,
               uint8_t ret[AGE_KEY_SIZE])
{
    unsigned sum = (unsigned)info[0];
    for (size_t i = 0; i < secret_len; i++)
        sum += secret[i];
    for (size_t i = 0; i < salt_len; i++)
        sum += salt[i];
    memset(ret, (int)sum & 0xff, AGE_KEY_SIZE);
    return 0;
}

int age_mac(const uint8_t key[AGE_KEY_SIZE], const void *data, size_t len, uint8_t ret[32])
{
    (void)key;
    (void)data;
    (void)len;
    memset(ret, 0, 32);
    return 0;
}

int age_open(const uint8_t key[AGE_KEY_SIZE], const uint8_t nonce[AGE_NONCE_SIZE], uint8_t *data, size_t len)
{
    if (data[len] != 0)
        return -1;
    for (size_t i = 0; i < len; i++)
        data[i] ^= (uint8_t)(key[0] ^ nonce[11]);
    return 0;
}

int age_seal(const uint8_t key[AGE_KEY_SIZE], const uint8_t nonce[AGE_NONCE_SIZE], uint8_t *data, size_t len)
{
    (void)key;
    (void)nonce;
    (void)data;
    (void)len;
    return -1;
}

struct given {
    size_t len;
    unsigned sum;
};

static int take(void *ctx, const void *data, size_t len, struct err *err)
{
    struct given *given = ctx;
    (void)err;
    assert(len > 0 && len <= AGE_CHUNK);
    for (size_t i = 0; i < len; i++)
        given->sum = given->sum * 31 + ((const uint8_t *)data)[i];
    given->len += len;
    return 0;
}

static int read_file(const struct age_identities *ids, const struct buf *file, size_t piece, struct given *ret)
{
    struct err err = {0};
    struct age_decrypt *d = NULL;
    *ret = (struct given){0};
    int rc = age_decrypt_new(ids, take, ret, &d, &err);
    for (size_t at = 0; rc == 0 && at < file->len; at += piece)
        rc = age_decrypt_push(d, file->data + at, file->len - at < piece ? file->len - at : piece, &err);
    if (rc == 0)
        rc = age_decrypt_finish(d, &err);
    age_decrypt_free(d);
    assert(rc == 0 || ((rc == ERR_CORRUPT || rc == ERR_DENIED) && err.msg[0] != '\0'));
    return rc;
}

static void add_header(struct buf *b)
{
    struct age_stanza stanza = {.x25519 = true};
    uint8_t mac[AGE_MAC_SIZE] = {0};
    age_header_add_magic(b);
    age_header_add_stanza(b, &stanza);
    buf_adds(b, AGE_MAC_MARK);
    age_header_add_mac(b, mac);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct age_identities ids = {.count = 2};
    if (size == 0)
        return 0;
    struct buf file;
    buf_init(&file, 1024 * 1024);
    if (data[0] % 3 == 1)
        age_header_add_magic(&file);
    else if (data[0] % 3 == 2)
        add_header(&file);
    buf_add(&file, data + 1, size - 1);
    struct given whole, pieces;
    int rc = read_file(&ids, &file, file.len + 1, &whole);
    assert(read_file(&ids, &file, 1 + data[0] / 3, &pieces) == rc);
    assert(pieces.len == whole.len && pieces.sum == whole.sum);
    buf_done(&file);

    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    uint8_t key[AGE_KEY_SIZE];
    struct err err;
    struct age_identities *more = NULL;
    (void)age_recipient_read(text, key);
    if (age_identities_parse(text, &more, &err) == 0)
        assert(more->count > 0);
    age_identities_free(more);
    free(text);
    return 0;
}
