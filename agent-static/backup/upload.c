#include "backup/upload.h"

#include <limits.h>
#include <stdlib.h>

#include "backup/pipeline.h"
#include "backup/retry.h"
#include "common/encode.h"
#include "net/api.h"

enum {
    DENIED_TRIES = 4,
    CONNECT_MS = 15 * 1000,
    IO_MS = 60 * 1000,
    LEAST_RATE = 4096, /* bytes a second: a store that takes less is as good as none */
    TURNS = 4,         /* a second, of a limited rate */
    TURN_MIN = 512,
};

int upload_judge_status(int status)
{
    if (status >= 200 && status < 300)
        return 0;
    switch (status) {
    case 400: /* a digest that does not match: damaged on the way */
    case 401:
    case 403: return ERR_DENIED;
    case 404:
    case 409: return ERR_CONFLICT;
    case 408:
    case 429: return ERR_UNAVAILABLE;
    case 507: return ERR_TOO_BIG;
    default: return status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
    }
}

/* What a human can do something about; bodies of refusals differ from store to store. */
static const char *refusal_reason(int status)
{
    switch (status) {
    case 400: return "it arrived damaged";
    case 401:
    case 403: return "its URL is not in force";
    case 404:
    case 409: return "the run is over there";
    case 413: return "it is too large";
    case 507: return "there is no room left";
    default: return status >= 500 ? "it is not well" : "it did not say why";
    }
}

/* --- one try ----------------------------------------------------------------------------------------------------- */

struct sending {
    struct upload *upload;
    const struct part *part;
    char *buffer; /* of PART_PIECE */
};

/* The next bytes, once the rate allows them. */
static int give_piece(void *ctx, size_t at, const void **ret, size_t *ret_len, struct err *err)
{
    struct sending *s = ctx;
    struct upload *u = s->upload;
    int rc = part_read(s->part, at, s->buffer, ret, ret_len, err);
    if (rc != 0 || u->rate <= 0)
        return rc;
    size_t turn = u->rate / TURNS > TURN_MIN ? (size_t)u->rate / TURNS : TURN_MIN;
    if (*ret_len > turn)
        *ret_len = turn;
    (void)pthread_mutex_lock(&u->lock);
    int64_t wait_ms = pace_take(&u->pace, (int64_t)*ret_len, clock_monotonic_ms(u->agent->clock));
    (void)pthread_mutex_unlock(&u->lock);
    if (wait_ms > 0 && parts_sleep(u->parts, (int)wait_ms) != 0)
        return err_set(err, ERR_CONFLICT, "stopped");
    return 0;
}

/* Silence is bounded by IO_MS; this bounds a store that takes a byte now and then. */
static int time_for(const struct upload *u, size_t size)
{
    enum { ALL = 2 }; /* uploaders share the rate */
    int64_t rate = u->rate > 0 && u->rate / ALL / 2 < LEAST_RATE ? u->rate / ALL / 2 : LEAST_RATE;
    int64_t ms = 2 * (int64_t)IO_MS + (int64_t)size * 1000 / (rate > 0 ? rate : 1);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static int put_once(struct upload *u, struct api *api, const struct part *part, char *buffer,
                    struct api_result *ret_result, struct err *err)
{
    char md5[BASE64_SIZE(MD5_SIZE)];
    base64_encode(part->digest, MD5_SIZE, md5);
    struct sending sending = {.upload = u, .part = part, .buffer = buffer};
    const struct http_header headers[] = {{"Content-MD5", md5}};
    const struct http_request request = {
        .method = "PUT",
        .url = part->url,
        .headers = headers,
        .header_count = u->digest == PART_MD5, /* the other is in the URL */
        .source = give_piece,
        .source_ctx = &sending,
        .body_len = part->size,
        .timeouts = {.connect_ms = CONNECT_MS, .io_ms = IO_MS, .total_ms = time_for(u, part->size)},
    };
    struct http_reply reply = {0};
    int rc = api_store(api, &request, &reply, err);
    if (rc != 0)
        return rc;
    ret_result->status = reply.status;
    ret_result->retry_after_s = reply.retry_after_s;
    rc = upload_judge_status(reply.status);
    if (rc != 0)
        (void)err_set(err, rc, "the store refused part %llu: %s (status %d)", (unsigned long long)part->number,
                      refusal_reason(reply.status), reply.status);
    buf_done(&reply.body);
    return rc;
}

/* --- tries ------------------------------------------------------------------------------------------------------- */

struct remote_part upload_part_of(const struct part *part, enum part_digest_kind kind, struct report *report)
{
    return (struct remote_part){
        .index = part->object > 0,
        .number = part->number,
        .size = part->size,
        .digest = part->digest,
        .kind = kind,
        .files = atomic_load(&report->files),
        .bytes = atomic_load(&report->bytes),
        .sent = atomic_load(&report->sent),
    };
}

static int renew_url(struct upload *u, struct api *api, struct part *part, struct api_result *ret_result,
                     struct err *err)
{
    const struct remote_part asked = upload_part_of(part, u->digest, u->report);
    char *url = NULL;
    int rc = remote_part_url(api, u->log_id, &asked, &url, ret_result, err);
    if (rc == 0) {
        free(part->url);
        part->url = url;
    }
    return rc;
}

/* Until the part is stored or hope is lost: that takes PIPELINE_RETRY_MS from the first failure on, however long the
 * tries last. Every try but the first begins with a fresh URL. */
static int put_part(struct upload *u, struct api *api, struct part *part, char *buffer, struct err *err)
{
    struct retry retry = {0};
    int denied = 0;
    for (bool fresh = true;; fresh = false) {
        struct api_result result = {.retry_after_s = -1};
        int rc = fresh ? 0 : renew_url(u, api, part, &result, err);
        bool asked = rc == 0;
        if (rc == 0)
            rc = put_once(u, api, part, buffer, &result, err);
        if (rc == 0)
            return 0;
        if (fresh)
            retry_init(&retry, u->agent->clock, PIPELINE_RETRY_MS);
        bool again = retry_worth(rc) || (asked && rc == ERR_DENIED && result.status != 0 && ++denied < DENIED_TRIES);
        int wait = again ? retry_next_ms(&retry, &result) : -1;
        if (wait < 0)
            return err_prefix(err, "part %llu", (unsigned long long)part->number);
        if (parts_sleep(u->parts, wait) != 0)
            return err_set(err, ERR_CONFLICT, "stopped");
    }
}

int upload_parts(struct upload *u, struct err *err)
{
    struct api *api = NULL;
    struct part *part;
    char *buffer = malloc(PART_PIECE);
    int rc = buffer == NULL ? err_set(err, ERR_NOMEM, "out of memory") : api_open(u->agent, &api, err);
    if (rc == 0)
        api_set_cancel(api, u->cancel_fd);
    while (rc == 0 && (rc = parts_take_ready(u->parts, &part, err)) == 0) {
        rc = put_part(u, api, part, buffer, err);
        if (rc != 0)
            break;
        atomic_fetch_add(&u->report->sent, part->size);
        parts_pass(u->parts, part);
    }
    api_close(api);
    free(buffer);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}
