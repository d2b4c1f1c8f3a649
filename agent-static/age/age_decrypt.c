#include <stdlib.h>
#include <string.h>

#include "age/age_keys.h"
#include "age/age_stream.h"
#include "common/wipe.h"

enum phase { HEADER, NONCE, PAYLOAD, BROKEN };

struct age_decrypt {
    const struct age_identities *ids;
    age_sink *sink;
    void *ctx;
    enum phase phase;
    struct buf header; /* what has come of it */
    uint8_t file_key[AGE_FILE_KEY_SIZE];
    uint8_t nonce[AGE_STREAM_NONCE_SIZE];
    size_t nonce_len;
    struct age_stream stream;
};

static int damaged(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the encrypted data is damaged");
}

/* --- the header -------------------------------------------------------------------------------------------------- */

/* 0: unwrapped; ERR_NOT_FOUND: not for this identity. */
static int unwrap(struct age_decrypt *d, size_t identity, const struct age_stanza *stanza, struct err *err)
{
    static const uint8_t nonce[AGE_NONCE_SIZE];
    uint8_t shared[AGE_KEY_SIZE] = {0}, key[AGE_KEY_SIZE] = {0}, wrapped[AGE_WRAPPED_SIZE];
    int rc = 0;
    memcpy(wrapped, stanza->wrapped, sizeof wrapped);
    if (age_x25519(d->ids->item[identity].secret, stanza->share, NULL, shared) != 0) /* a point of low order */
        rc = damaged(err);
    else if (age_wrap_key(shared, stanza->share, d->ids->item[identity].recipient, key) != 0)
        rc = err_set(err, ERR_INTERNAL, "making the keys failed");
    else if (age_open(key, nonce, wrapped, AGE_FILE_KEY_SIZE) != 0)
        rc = ERR_NOT_FOUND;
    else
        memcpy(d->file_key, wrapped, AGE_FILE_KEY_SIZE);
    wipe(shared, sizeof shared);
    wipe(key, sizeof key);
    wipe(wrapped, sizeof wrapped);
    return rc;
}

static int try_stanza(struct age_decrypt *d, const struct age_stanza *stanza, bool *ret_found, struct err *err)
{
    for (size_t i = 0; stanza->x25519 && !*ret_found && i < d->ids->count; i++) {
        int rc = unwrap(d, i, stanza, err);
        if (rc != 0 && rc != ERR_NOT_FOUND)
            return rc;
        *ret_found = rc == 0;
    }
    return 0;
}

static int read_header(struct age_decrypt *d, struct span text, struct err *err)
{
    struct cursor c;
    bool found = false, more = true;
    uint8_t told[AGE_MAC_SIZE], mac[AGE_MAC_SIZE];
    cursor_init(&c, text);
    if (!age_header_magic(&c))
        return err_set(err, ERR_CORRUPT, "not a file of age, version 1");
    while (more) {
        struct age_stanza stanza;
        if (!age_header_stanza(&c, &stanza, &more))
            return damaged(err);
        int rc = more ? try_stanza(d, &stanza, &found, err) : 0;
        if (rc != 0)
            return rc;
    }
    size_t covered = (size_t)(c.at - text.ptr) + sizeof AGE_MAC_MARK - 1;
    if (!age_header_mac(&c, told) || !cursor_done(&c))
        return damaged(err);
    if (!found)
        return err_set(err, ERR_DENIED, "none of the identities can decrypt this");
    if (age_header_sum(d->file_key, text.ptr, covered, mac) != 0)
        return err_set(err, ERR_INTERNAL, "making the keys failed");
    return wipe_equal(mac, told, sizeof mac) ? 0 : damaged(err);
}

/* Takes what belongs to the header; *used tells how much that was. */
static int push_header(struct age_decrypt *d, const char *data, size_t len, size_t *used, struct err *err)
{
    size_t had = d->header.len;
    size_t room = AGE_HEADER_MAX - had;
    buf_add(&d->header, data, len < room ? len : room);
    if (!buf_ok(&d->header))
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t end = age_header_end(d->header.data, d->header.len);
    if (end == 0 && d->header.len == AGE_HEADER_MAX)
        return err_set(err, ERR_CORRUPT, "not a file of age, or its header is longer than %d bytes", AGE_HEADER_MAX);
    if (end == 0) {
        *used = len;
        return 0;
    }
    *used = end - had;
    int rc = read_header(d, (struct span){d->header.data, end}, err);
    buf_done(&d->header);
    d->phase = NONCE;
    return rc;
}

/* --- the payload ------------------------------------------------------------------------------------------------- */

static int push_nonce(struct age_decrypt *d, const char *data, size_t len, size_t *used, struct err *err)
{
    size_t wanted = sizeof d->nonce - d->nonce_len;
    *used = len < wanted ? len : wanted;
    memcpy(d->nonce + d->nonce_len, data, *used);
    d->nonce_len += *used;
    if (d->nonce_len < sizeof d->nonce)
        return 0;
    int rc = age_payload_key(d->file_key, d->nonce, d->stream.key);
    wipe(d->file_key, sizeof d->file_key);
    d->phase = PAYLOAD;
    return rc == 0 ? 0 : err_set(err, ERR_INTERNAL, "making the keys failed");
}

static int give_chunk(struct age_decrypt *d, bool last, struct err *err)
{
    if (age_stream_open(&d->stream, last) != 0)
        return last ? err_set(err, ERR_CORRUPT, "the encrypted data is damaged or cut off") : damaged(err);
    int rc = d->stream.len == 0 ? 0 : d->sink(d->ctx, d->stream.chunk, d->stream.len, err);
    d->stream.len = 0;
    return rc;
}

/* A full chunk waits until more comes: only then it is known not to be the last. */
static int push_payload(struct age_decrypt *d, const char *data, size_t len, size_t *used, struct err *err)
{
    int rc = d->stream.len == AGE_SEALED_CHUNK ? give_chunk(d, false, err) : 0;
    if (rc != 0)
        return rc;
    size_t room = AGE_SEALED_CHUNK - d->stream.len;
    *used = len < room ? len : room;
    memcpy(d->stream.chunk + d->stream.len, data, *used);
    d->stream.len += *used;
    return 0;
}

int age_decrypt_push(struct age_decrypt *d, const void *data, size_t len, struct err *err)
{
    const char *at = data;
    int rc = 0;
    while (rc == 0 && len > 0) {
        size_t used = 0;
        switch (d->phase) {
        case HEADER: rc = push_header(d, at, len, &used, err); break;
        case NONCE: rc = push_nonce(d, at, len, &used, err); break;
        case PAYLOAD: rc = push_payload(d, at, len, &used, err); break;
        case BROKEN: return damaged(err);
        }
        at += used;
        len -= used;
    }
    if (rc != 0)
        d->phase = BROKEN;
    return rc;
}

int age_decrypt_finish(struct age_decrypt *d, struct err *err)
{
    if (d->phase != PAYLOAD)
        return err_set(err, ERR_CORRUPT,
                       d->phase == BROKEN ? "the encrypted data is damaged"
                                          : "the encrypted data ends within its header");
    int rc = give_chunk(d, true, err);
    d->phase = BROKEN;
    return rc;
}

int age_decrypt_new(const struct age_identities *ids, age_sink *sink, void *ctx, struct age_decrypt **ret,
                    struct err *err)
{
    struct age_decrypt *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->ids = ids;
    d->sink = sink;
    d->ctx = ctx;
    buf_init(&d->header, AGE_HEADER_MAX);
    *ret = d;
    return 0;
}

void age_decrypt_free(struct age_decrypt *d)
{
    if (d == NULL)
        return;
    buf_done(&d->header);
    wipe(d, sizeof *d);
    free(d);
}
