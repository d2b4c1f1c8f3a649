#include "restore/reading.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/sha256.h>

#include "backup/retry.h"
#include "common/encode.h"
#include "snapshot/stream.h"

enum { STREAM_SIZE = 1024 * 1024, STACK_SIZE = 256 * 1024, RETRY_MS = 2 * 60 * 1000 };

struct reading {
    const struct reading_options *options;
    struct stream *stream;
    struct age_decrypt *age; /* NULL: what comes in is the plaintext */
    pthread_t thread;
    const struct remote_object *volume; /* the one at hand */
    int64_t received;                   /* of it */
    int64_t total;                      /* of all */
    mbedtls_sha256_context hash;
    unsigned char sha256[32];
    bool refused; /* by the store, of the URL */
    int rc;
    struct err err;
};

/* --- in the thread ----------------------------------------------------------------------------------------------- */

static int give(void *ctx, const void *data, size_t len, struct err *err)
{
    struct reading *r = ctx;
    return stream_write(r->stream, data, len, err);
}

static int take_bytes(void *ctx, const void *data, size_t len, struct err *err)
{
    struct reading *r = ctx;
    if (r->volume->size >= 0 && (int64_t)len > r->volume->size - r->received)
        return err_set(err, ERR_CORRUPT, "the store has more bytes than were stored");
    r->received += (int64_t)len;
    r->total += (int64_t)len;
    if (!r->options->index)
        atomic_fetch_add(&r->options->report->sent, len);
    if (mbedtls_sha256_update(&r->hash, data, len) != 0)
        return err_set(err, ERR_INTERNAL, "hashing failed");
    return r->age != NULL ? age_decrypt_push(r->age, data, len, err) : give(r, data, len, err);
}

static int judge_status(int status, int wanted, struct err *err)
{
    if (status == wanted)
        return 0;
    int code = status >= 500 || status == 429        ? ERR_UNAVAILABLE
               : status == 404                       ? ERR_NOT_FOUND
               : status == 200 /* knows no ranges */ ? ERR_CORRUPT
                                                     : ERR_DENIED;
    return err_set(err, code, "the store answered with status %d", status);
}

/* A store that sends a volume from its start again must be stopped before its bytes are taken for the rest. */
static int check_head(void *ctx, const struct http_reply *reply, struct err *err)
{
    struct reading *r = ctx;
    int rc = judge_status(reply->status, r->received > 0 ? 206 : 200, err);
    r->refused = rc == ERR_DENIED;
    return rc;
}

/* The volume from where we are on. */
static int fetch_rest(struct reading *r, const char *url)
{
    char range[48];
    (void)snprintf(range, sizeof range, "bytes=%lld-", (long long)r->received);
    const struct http_header headers[] = {{"Range", range}};
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .header_count = r->received > 0 ? 1 : 0,
        .timeouts = {.connect_ms = 15000, .io_ms = 60000, .total_ms = 0},
        .sink = take_bytes,
        .sink_ctx = r,
        .head = check_head,
        .head_ctx = r,
    };
    struct http_reply reply = {0};
    int rc = api_store(r->options->api, &request, &reply, &r->err);
    if (rc == 0)
        buf_done(&reply.body);
    if (rc == 0 && r->volume->size >= 0 && r->received < r->volume->size) /* a reply that was whole: it has no more */
        rc = err_set(&r->err, reply.content_length >= 0 ? ERR_CORRUPT : ERR_UNAVAILABLE,
                     "the store has %lld of %lld bytes", (long long)r->received, (long long)r->volume->size);
    return rc;
}

/* The same object in a chain that was asked for again. */
static const struct remote_object *find_again(const struct reading *r, const struct remote_chain *chain, size_t number)
{
    const struct remote_archive *archive = r->options->archive;
    for (size_t i = 0; i < chain->count; i++) {
        const struct remote_archive *a = &chain->archives[i];
        if (strcmp(a->log_id, archive->log_id) != 0)
            continue;
        if (r->options->index)
            return a->index.url == NULL ? NULL : &a->index;
        return a->volume_count == archive->volume_count ? &a->volumes[number] : NULL;
    }
    return NULL;
}

/* The rest, with a URL that has not run out. */
static int fetch_rest_afresh(struct reading *r, size_t number)
{
    struct remote_chain chain;
    struct arena *arena = arena_new(REMOTE_CHAIN_MEMORY);
    const struct remote_which which = {.log_id = r->options->run};
    int rc = arena == NULL ? err_set(&r->err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0)
        rc = remote_restore(r->options->api, &which, arena, &chain, &r->err);
    const struct remote_object *again = rc == 0 ? find_again(r, &chain, number) : NULL;
    if (rc == 0 && (again == NULL || again->size != r->volume->size))
        rc = err_set(&r->err, ERR_CORRUPT, "the server now says something else about the backup");
    if (rc == 0)
        rc = fetch_rest(r, again->url);
    arena_free(arena);
    return rc;
}

/* A URL of a long chain may have run out before its turn comes, which the store calls denied. */
static int fetch_volume(struct reading *r, size_t number)
{
    const struct watch *watch = r->options->watch;
    struct retry retry;
    int64_t before = 0;
    bool fresh = false; /* the URL was asked for because the one before was refused */
    r->received = 0;
    retry_init(&retry, r->options->agent->clock, RETRY_MS);
    int rc = fetch_rest(r, r->volume->url);
    while ((retry_worth(rc) || (r->refused && !fresh)) && !watch_stopped(watch)) {
        if (r->received > before)
            retry_init(&retry, r->options->agent->clock, RETRY_MS);
        fresh = r->refused;
        before = r->received;
        int wait = r->refused ? 0 : retry_next_ms(&retry, NULL);
        r->refused = false;
        if (wait < 0 || !watch_sleep(watch, wait))
            break;
        rc = fetch_rest_afresh(r, number);
    }
    return rc;
}

static int fetch_all(struct reading *r)
{
    const struct remote_archive *archive = r->options->archive;
    const struct remote_object *volumes = r->options->index ? &archive->index : archive->volumes;
    size_t count = r->options->index ? 1 : archive->volume_count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        r->volume = &volumes[i];
        rc = fetch_volume(r, i);
    }
    if (rc == 0 && mbedtls_sha256_finish(&r->hash, r->sha256) != 0)
        rc = err_set(&r->err, ERR_INTERNAL, "hashing failed");
    if (rc == 0 && r->age != NULL)
        rc = age_decrypt_finish(r->age, &r->err);
    return rc;
}

static void *fetch_main(void *arg)
{
    struct reading *r = arg;
    r->rc = fetch_all(r);
    stream_end(r->stream);
    return NULL;
}

/* --- the reader's side ------------------------------------------------------------------------------------------- */

static void reading_free(struct reading *r)
{
    mbedtls_sha256_free(&r->hash);
    age_decrypt_free(r->age);
    stream_free(r->stream);
    free(r);
}

static int start(struct reading *r, struct err *err)
{
    const struct reading_options *options = r->options;
    pthread_attr_t attr;
    if (r->stream == NULL || mbedtls_sha256_starts(&r->hash, 0) != 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (options->identities != NULL && options->archive->encrypted) {
        int rc = age_decrypt_new(options->identities, give, r, &r->age, err);
        if (rc != 0)
            return rc;
    }
    api_set_cancel(options->api, watch_fd(options->watch));
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    int failed = pthread_create(&r->thread, &attr, fetch_main, r);
    (void)pthread_attr_destroy(&attr);
    return failed == 0 ? 0 : err_set(err, ERR_NOMEM, "cannot start the download");
}

int reading_open(const struct reading_options *options, struct reading **ret, struct err *err)
{
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->options = options;
    mbedtls_sha256_init(&r->hash);
    r->stream = stream_new(STREAM_SIZE);
    int rc = start(r, err);
    if (rc == 0)
        *ret = r;
    else
        reading_free(r);
    return rc;
}

void reading_next(void *reading, const void **ret, size_t *ret_len)
{
    struct reading *r = reading;
    stream_read(r->stream, ret, ret_len);
}

/* Whether what came in is what was stored. The index has no hash of its own: it is looked at, never restored from. */
static int check_whole(const struct reading *r, struct err *err)
{
    const struct remote_archive *archive = r->options->archive;
    char hex[HEX_SIZE(32)];
    if (r->options->index)
        return 0;
    hex_encode(r->sha256, sizeof r->sha256, hex);
    if (archive->sha256 == NULL) /* of an upload that was not ours */
        (void)fputs("note: the server knows no SHA-256 of this archive, so its content could not be verified\n",
                    stderr);
    else if (strcmp(hex, archive->sha256) != 0)
        return err_set(err, ERR_CORRUPT, "the archive is not the one that was stored: its SHA-256 differs");
    return 0;
}

int reading_close(struct reading *r, int rc, struct err *err)
{
    const void *rest = NULL;
    for (size_t len = 1; rc == 0 && len > 0;) /* what follows an archive's end counts for the hash */
        stream_read(r->stream, &rest, &len);
    stream_leave(r->stream);
    (void)pthread_join(r->thread, NULL);
    if (watch_stopped(r->options->watch) && (rc != 0 || r->rc != 0)) {
        rc = err_set(err, ERR_CONFLICT, "it was stopped");
    } else if (r->rc != 0 && (rc == 0 || r->rc != ERR_CONFLICT)) { /* the reader failed for want of bytes */
        *err = r->err;
        rc = r->rc;
    } else if (rc == 0) {
        rc = check_whole(r, err);
    }
    reading_free(r);
    return rc;
}
