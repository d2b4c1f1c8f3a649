#include <stdlib.h>
#include <string.h>

#include "age/age_keys.h"
#include "age/age_stream.h"
#include "common/wipe.h"

enum { SPILL = 4096 };

struct age_encrypt {
    struct compress_receiver out;
    struct compress_receiver in; /* ours, for the caller */
    struct buf header;           /* and the nonce, until they are written */
    struct age_stream stream;
    /* What comes after a full chunk. That one is sealed only when there is something: room may be asked for and left
     * unused, and the last chunk must be sealed as such. */
    uint8_t spill[SPILL];
    size_t spill_len;
};

/* --- output ------------------------------------------------------------------------------------------------------ */

static int put(struct age_encrypt *e, const void *data, size_t len, struct err *err)
{
    const char *at = data;
    while (len > 0) {
        void *room;
        size_t size;
        int rc = e->out.room(e->out.ctx, &room, &size, err);
        if (rc != 0)
            return rc;
        size_t n = len < size ? len : size;
        memcpy(room, at, n);
        e->out.filled(e->out.ctx, n);
        at += n;
        len -= n;
    }
    return 0;
}

static int put_chunk(struct age_encrypt *e, bool last, struct err *err)
{
    int rc = put(e, e->header.data, e->header.len, err);
    if (rc != 0)
        return rc;
    buf_clear(&e->header);
    if (age_stream_seal(&e->stream, last) != 0)
        return err_set(err, ERR_INTERNAL, "encrypting failed");
    rc = put(e, e->stream.chunk, e->stream.len, err);
    e->stream.len = 0;
    return rc;
}

static int put_full_chunk(struct age_encrypt *e, struct err *err)
{
    int rc = put_chunk(e, false, err);
    memcpy(e->stream.chunk, e->spill, e->spill_len);
    e->stream.len = e->spill_len;
    e->spill_len = 0;
    return rc;
}

static int take_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    struct age_encrypt *e = ctx;
    int rc = e->spill_len > 0 ? put_full_chunk(e, err) : 0;
    if (rc != 0)
        return rc;
    bool full = e->stream.len == AGE_CHUNK;
    *ret = full ? e->spill : e->stream.chunk + e->stream.len;
    *ret_len = full ? SPILL : AGE_CHUNK - e->stream.len;
    return 0;
}

static void give_filled(void *ctx, size_t len)
{
    struct age_encrypt *e = ctx;
    if (e->stream.len == AGE_CHUNK)
        e->spill_len = len;
    else
        e->stream.len += len;
}

const struct compress_receiver *age_encrypt_receiver(struct age_encrypt *e)
{
    return &e->in;
}

int age_encrypt_finish(struct age_encrypt *e, struct err *err)
{
    int rc = e->spill_len > 0 ? put_full_chunk(e, err) : 0;
    return rc == 0 ? put_chunk(e, true, err) : rc;
}

/* --- the header -------------------------------------------------------------------------------------------------- */

static int add_recipient(struct buf *b, const char *text, const uint8_t file_key[AGE_FILE_KEY_SIZE], struct err *err)
{
    static const uint8_t nonce[AGE_NONCE_SIZE]; /* each wrap key is used once */
    struct age_stanza stanza = {0};
    uint8_t recipient[AGE_KEY_SIZE], shared[AGE_KEY_SIZE], key[AGE_KEY_SIZE];
    int rc = age_recipient_check(text, err);
    if (rc != 0)
        return rc;
    if (!age_recipient_read(text, recipient) || age_x25519(NULL, recipient, stanza.share, shared) != 0)
        return err_set(err, ERR_INVALID, "nothing can be encrypted to \"%.80s\"", text);
    memcpy(stanza.wrapped, file_key, AGE_FILE_KEY_SIZE);
    if (age_wrap_key(shared, stanza.share, recipient, key) != 0 ||
        age_seal(key, nonce, stanza.wrapped, AGE_FILE_KEY_SIZE) != 0)
        rc = err_set(err, ERR_INTERNAL, "wrapping the file key failed");
    else
        age_header_add_stanza(b, &stanza);
    wipe(shared, sizeof shared);
    wipe(key, sizeof key);
    wipe(&stanza, sizeof stanza);
    return rc;
}

static int write_header(struct age_encrypt *e, const char *const *recipients, size_t count,
                        const uint8_t file_key[AGE_FILE_KEY_SIZE], struct err *err)
{
    uint8_t mac[AGE_MAC_SIZE], nonce[AGE_STREAM_NONCE_SIZE];
    int rc = 0;
    age_header_add_magic(&e->header);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_recipient(&e->header, recipients[i], file_key, err);
    if (rc != 0)
        return rc;
    buf_adds(&e->header, AGE_MAC_MARK);
    if (!buf_ok(&e->header))
        return err_set(err, ERR_NOMEM, "out of memory");
    if (age_header_sum(file_key, e->header.data, e->header.len, mac) != 0 || age_random(nonce, sizeof nonce) != 0 ||
        age_payload_key(file_key, nonce, e->stream.key) != 0)
        return err_set(err, ERR_INTERNAL, "making the keys failed");
    age_header_add_mac(&e->header, mac);
    buf_add(&e->header, nonce, sizeof nonce);
    return buf_ok(&e->header) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int age_encrypt_new(const char *const *recipients, size_t count, const struct compress_receiver *out,
                    struct age_encrypt **ret, struct err *err)
{
    if (count == 0 || count > AGE_RECIPIENTS_MAX)
        return err_set(err, ERR_INVALID, "there must be 1 to %d recipients", AGE_RECIPIENTS_MAX);
    struct age_encrypt *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    uint8_t file_key[AGE_FILE_KEY_SIZE];
    e->out = *out;
    e->in = (struct compress_receiver){.room = take_room, .filled = give_filled, .ctx = e};
    buf_init(&e->header, AGE_HEADER_MAX);
    int rc = age_random(file_key, sizeof file_key) == 0 ? 0 : err_set(err, ERR_INTERNAL, "no random numbers");
    if (rc == 0)
        rc = write_header(e, recipients, count, file_key, err);
    wipe(file_key, sizeof file_key);
    if (rc != 0) {
        age_encrypt_free(e);
        return rc;
    }
    *ret = e;
    return 0;
}

void age_encrypt_free(struct age_encrypt *e)
{
    if (e == NULL)
        return;
    buf_done(&e->header);
    wipe(e, sizeof *e);
    free(e);
}
