#include "age/age_stream.h"

#include <string.h>

#include "common/wipe.h"

int age_wrap_key(const uint8_t shared[AGE_KEY_SIZE], const uint8_t share[AGE_SHARE_SIZE],
                 const uint8_t recipient[AGE_KEY_SIZE], uint8_t ret[AGE_KEY_SIZE])
{
    uint8_t salt[AGE_SHARE_SIZE + AGE_KEY_SIZE];
    memcpy(salt, share, AGE_SHARE_SIZE);
    memcpy(salt + AGE_SHARE_SIZE, recipient, AGE_KEY_SIZE);
    return age_derive(shared, AGE_KEY_SIZE, salt, sizeof salt, "age-encryption.org/v1/X25519", ret);
}

int age_header_sum(const uint8_t file_key[AGE_FILE_KEY_SIZE], const void *header, size_t len, uint8_t ret[AGE_MAC_SIZE])
{
    uint8_t key[AGE_KEY_SIZE];
    int rc = age_derive(file_key, AGE_FILE_KEY_SIZE, NULL, 0, "header", key);
    if (rc == 0)
        rc = age_mac(key, header, len, ret);
    wipe(key, sizeof key);
    return rc;
}

int age_payload_key(const uint8_t file_key[AGE_FILE_KEY_SIZE], const uint8_t nonce[AGE_STREAM_NONCE_SIZE],
                    uint8_t ret[AGE_KEY_SIZE])
{
    return age_derive(file_key, AGE_FILE_KEY_SIZE, nonce, AGE_STREAM_NONCE_SIZE, "payload", ret);
}

/* Eleven bytes of counter, most significant first, and one that says whether this is the last. */
static void next_nonce(struct age_stream *s, bool last, uint8_t ret[AGE_NONCE_SIZE])
{
    memset(ret, 0, AGE_NONCE_SIZE);
    for (int i = 0; i < 8; i++)
        ret[AGE_NONCE_SIZE - 2 - i] = (uint8_t)(s->counter >> (8 * i));
    ret[AGE_NONCE_SIZE - 1] = last;
    s->counter++;
}

int age_stream_seal(struct age_stream *s, bool last)
{
    uint8_t nonce[AGE_NONCE_SIZE];
    next_nonce(s, last, nonce);
    if (age_seal(s->key, nonce, s->chunk, s->len) != 0)
        return -1;
    s->len += AGE_TAG_SIZE;
    return 0;
}

int age_stream_open(struct age_stream *s, bool last)
{
    uint8_t nonce[AGE_NONCE_SIZE];
    bool first = s->counter == 0;
    next_nonce(s, last, nonce);
    /* Only a file of nothing ends with a chunk of nothing. */
    if (s->len < AGE_TAG_SIZE || (s->len == AGE_TAG_SIZE && !first) ||
        age_open(s->key, nonce, s->chunk, s->len - AGE_TAG_SIZE) != 0)
        return -1;
    s->len -= AGE_TAG_SIZE;
    return 0;
}
