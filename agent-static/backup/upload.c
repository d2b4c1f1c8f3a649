#include "backup/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/pipeline.h"
#include "backup/retry.h"
#include "common/encode.h"
#include "net/api.h"

enum { DENIED_TRIES = 4 };

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

static int put_once(struct api *api, const struct part *part, char ret_etag[80], struct api_result *ret_result,
                    struct err *err)
{
    char md5[BASE64_SIZE(16)];
    base64_encode(part->md5, sizeof part->md5, md5);
    const struct http_header headers[] = {{"Content-MD5", md5}};
    const struct http_request request = {
        .method = "PUT",
        .url = part->url,
        .headers = headers,
        .header_count = 1,
        .body = part->data,
        .body_len = part->size,
        .timeouts = {.connect_ms = 15000, .io_ms = 60000, .total_ms = 0},
    };
    struct http_reply reply = {0};
    int rc = api_store(api, &request, &reply, err);
    if (rc != 0)
        return rc;
    ret_result->status = reply.status;
    ret_result->retry_after_s = reply.retry_after_s;
    rc = upload_judge_status(reply.status);
    if (rc != 0)
        (void)err_set(err, rc, "the store refused part %u: %s (status %d)", part->number, refusal_reason(reply.status),
                      reply.status);
    else if (reply.etag[0] == '\0')
        rc = err_set(err, ERR_INVALID, "the store gave no ETag for part %u", part->number);
    else
        memcpy(ret_etag, reply.etag, sizeof reply.etag);
    buf_done(&reply.body);
    return rc;
}

static int renew_url(struct upload *u, struct api *api, struct part *part, struct api_result *ret_result,
                     struct err *err)
{
    const struct remote_part asked = {
        .number = part->number,
        .size = part->size,
        .md5 = part->md5,
        .files = atomic_load(&u->report->files),
        .bytes = atomic_load(&u->report->bytes),
    };
    char *url = NULL;
    int rc = remote_part_url(api, u->log_id, &asked, &url, ret_result, err);
    if (rc == 0) {
        free(part->url);
        part->url = url;
    }
    return rc;
}

/* Until the part is stored or hope is lost. Every try but the first begins with a fresh URL. */
static int put_part(struct upload *u, struct api *api, struct part *part, char ret_etag[80], struct err *err)
{
    struct retry retry;
    retry_init(&retry, u->agent->clock, PIPELINE_RETRY_MS);
    int denied = 0;
    for (bool fresh = true;; fresh = false) {
        struct api_result result = {.retry_after_s = -1};
        int rc = fresh ? 0 : renew_url(u, api, part, &result, err);
        bool asked = rc == 0;
        if (rc == 0)
            rc = put_once(api, part, ret_etag, &result, err);
        if (rc == 0)
            return 0;
        bool again = retry_worth(rc) || (asked && rc == ERR_DENIED && result.status != 0 && ++denied < DENIED_TRIES);
        int wait = again ? retry_next_ms(&retry, &result) : -1;
        if (wait < 0)
            return err_prefix(err, "part %u", part->number);
        if (parts_sleep(u->parts, wait) != 0)
            return err_set(err, ERR_CONFLICT, "stopped");
    }
}

/* Under the lock. */
static int make_room(struct upload *u, size_t count, struct err *err)
{
    if (count <= u->stored_size)
        return 0;
    size_t size = u->stored_size == 0 ? 64 : u->stored_size * 2;
    struct remote_stored *more = realloc(u->stored, size * sizeof *more);
    if (more == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    u->stored = more;
    u->stored_size = size;
    return 0;
}

static int keep_etag(struct upload *u, const struct part *part, const char etag[80], struct err *err)
{
    (void)pthread_mutex_lock(&u->lock);
    int rc = make_room(u, part->number, err);
    if (rc == 0) {
        struct remote_stored *stored = &u->stored[part->number - 1];
        stored->size = part->size;
        (void)snprintf(stored->etag, sizeof stored->etag, "%s", etag);
        if (part->number > u->stored_count)
            u->stored_count = part->number;
    }
    (void)pthread_mutex_unlock(&u->lock);
    return rc;
}

int upload_parts(struct upload *u, struct err *err)
{
    struct api *api = NULL;
    int rc = api_open(u->agent, &api, err);
    if (rc != 0)
        return rc;
    api_set_cancel(api, u->cancel_fd);
    struct part *part;
    while ((rc = parts_take_ready(u->parts, &part, err)) == 0) {
        char etag[80];
        rc = put_part(u, api, part, etag, err);
        if (rc == 0)
            rc = keep_etag(u, part, etag, err);
        if (rc != 0)
            break;
        atomic_fetch_add(&u->report->sent, part->size);
        parts_pass(u->parts, part);
    }
    api_close(api);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}
