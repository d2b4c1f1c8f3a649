#include "update/download.h"

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "net/pace.h"
#include "poll/backoff.h"
#include "version.h"

enum {
    CONNECT_MS = 15 * 1000,
    IO_MS = 30 * 1000,
    HEAD_MS = 60 * 1000, /* of a try's time, what is for all but the body */
    GIVE_UP_MS = 10 * 60 * 1000,
    LEAST_RATE = 1024,
    LEAST_WINDOW_MS = 60 * 1000,
    BACKOFF_BASE_MS = 1000,
    BACKOFF_CAP_MS = 60 * 1000,
    PROGRESS_BYTES = 64 * 1024, /* a try that brought as much was no failure */
    RESTARTS_MAX = 3,
};

struct run {
    const struct download *d;
    struct part part;
    struct pace pace;
    struct least least;
    struct backoff backoff;
    int64_t least_rate, window_ms;
    int64_t give_up_at_ms; /* monotonic */
    int retry_after_s;     /* of the last try; -1: none */
    int restarts;
    bool again;   /* the last try's failure is put right by asking for the whole */
    bool resumed; /* what is there came in more than one piece */
    int percent;
};

static int64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

/* ERR_UNAVAILABLE when cancelled. */
static int wait_ms(const struct run *r, int64_t ms, struct err *err)
{
    struct pollfd p = {.fd = r->d->cancel_fd, .events = POLLIN};
    int64_t end_ms = now_ms() + ms;
    for (int64_t left = ms; left > 0; left = end_ms - now_ms())
        if (poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX) > 0)
            return err_set(err, ERR_UNAVAILABLE, "stopped");
    return 0;
}

static int64_t time_for(const struct run *r, int64_t bytes)
{
    int64_t ms = bytes * 1000 / r->least_rate;
    return r->d->rate > 0 ? ms + bytes * 1000 / r->d->rate : ms;
}

static void tell_progress(struct run *r)
{
    int percent = r->part.size > 0 ? (int)(r->part.have * 100 / r->part.size) : 100;
    if (r->d->progress == NULL || percent == r->percent)
        return;
    r->percent = percent;
    r->d->progress(r->d->progress_ctx, percent);
}

/* --- one reply --------------------------------------------------------------------------------------------------- */

static int wrong_size(const struct run *r, int64_t size, struct err *err)
{
    return err_set(err, ERR_INVALID, "the server's file has %lld bytes, not the %lld it should have", (long long)size,
                   (long long)r->part.size);
}

/* What is there is of no use with what the server has now. */
static int start_over(struct run *r, const char *why, struct err *err)
{
    if (++r->restarts > RESTARTS_MAX)
        return err_set(err, ERR_INVALID, "%s, again and again", why);
    r->again = true;
    int rc = part_restart(&r->part, NULL, err);
    return rc != 0 ? rc : err_set(err, ERR_UNAVAILABLE, "%s", why);
}

static int begin_whole(struct run *r, const struct http_reply *reply, struct err *err)
{
    if (reply->content_length >= 0 && reply->content_length != r->part.size)
        return wrong_size(r, reply->content_length, err);
    r->resumed = false;
    return part_restart(&r->part, reply->etag_weak ? NULL : reply->etag, err);
}

static int begin_rest(struct run *r, const struct http_reply *reply, struct err *err)
{
    const struct part *p = &r->part;
    if (reply->range.size >= 0 && reply->range.size != p->size)
        return wrong_size(r, reply->range.size, err);
    if (p->have == 0)
        return err_set(err, ERR_INVALID, "the server sent a range that nobody asked for");
    if (reply->range.from != p->have || reply->range.to != p->size - 1)
        return err_set(err, ERR_INVALID, "the server sent another range than it was asked for");
    if (reply->content_length >= 0 && reply->content_length != p->size - p->have)
        return err_set(err, ERR_INVALID, "the server's range has another length than it says");
    if (p->etag[0] != '\0' && reply->etag[0] != '\0' && strcmp(p->etag, reply->etag) != 0)
        return start_over(r, "the server has changed the file", err);
    r->resumed = true;
    return 0;
}

static int refused(struct run *r, const struct http_reply *reply, struct err *err)
{
    int status = reply->status;
    int code = status == 404 || status == 410                    ? ERR_NOT_FOUND
               : status == 401 || status == 403                  ? ERR_DENIED
               : status == 408 || status == 429 || status >= 500 ? ERR_UNAVAILABLE
                                                                 : ERR_INVALID;
    r->retry_after_s = reply->retry_after_s;
    if (status >= 300 && status < 400)
        return err_set(err, code, "the server answered with a redirect (%d), which is refused", status);
    return err_set(err, code, "the server answered with status %d", status);
}

/* Decides before the first byte of the body. Bodies of refusals are not even read. */
static int judge_head(void *ctx, const struct http_reply *reply, struct err *err)
{
    struct run *r = ctx;
    switch (reply->status) {
    case 200: return begin_whole(r, reply, err);
    case 206: return begin_rest(r, reply, err);
    case 416:
        if (reply->range.size >= 0 && reply->range.size != r->part.size)
            return wrong_size(r, reply->range.size, err);
        return r->part.have > 0 ? start_over(r, "the server cannot go on where it stopped", err)
                                : refused(r, reply, err);
    default: return refused(r, reply, err);
    }
}

static int take_piece(void *ctx, const void *data, size_t len, struct err *err)
{
    struct run *r = ctx;
    int rc = part_add(&r->part, data, len, err);
    if (rc != 0)
        return rc;
    tell_progress(r);
    if (!least_take(&r->least, (int64_t)len, now_ms()))
        return err_set(err, ERR_TIMEOUT, "the server sends less than %lld bytes a second", (long long)r->least.rate);
    int64_t wait = r->part.have < r->part.size ? pace_take(&r->pace, (int64_t)len, now_ms()) : 0;
    least_excuse(&r->least, wait);
    return wait_ms(r, wait, err);
}

/* --- tries ------------------------------------------------------------------------------------------------------- */

static int time_limit(const struct run *r)
{
    int64_t ms = HEAD_MS + time_for(r, r->part.size - r->part.have);
    int64_t left = r->give_up_at_ms - now_ms();
    if (left < ms)
        ms = left;
    return ms < 1 ? 1 : ms < INT_MAX ? (int)ms : INT_MAX;
}

static int fetch(struct run *r, struct err *err)
{
    char user_agent[96], range[64], etag[PART_ETAG_SIZE + 2];
    (void)snprintf(user_agent, sizeof user_agent, "muster-agent/%s", agent_version);
    (void)snprintf(range, sizeof range, "bytes=%lld-", (long long)r->part.have);
    (void)snprintf(etag, sizeof etag, "\"%s\"", r->part.etag);
    struct http_header headers[4] = {{"User-Agent", user_agent}, {"Accept-Encoding", "identity"}};
    size_t count = 2;
    if (r->part.have > 0)
        headers[count++] = (struct http_header){"Range", range};
    if (r->part.have > 0 && r->part.etag[0] != '\0')
        headers[count++] = (struct http_header){"If-Range", etag};
    const struct http_request request = {
        .method = "GET",
        .url = r->d->url,
        .headers = headers,
        .header_count = count,
        .timeouts = {.connect_ms = CONNECT_MS, .io_ms = IO_MS, .total_ms = time_limit(r)},
        .head = judge_head,
        .head_ctx = r,
        .sink = take_piece,
        .sink_ctx = r,
    };
    struct http_reply reply;
    r->retry_after_s = -1;
    r->again = false;
    least_init(&r->least, r->least_rate, r->window_ms, now_ms());
    int rc = http_perform(r->d->http, &request, &reply, err);
    if (rc != 0)
        return rc;
    buf_done(&reply.body);
    if (r->part.have < r->part.size)
        return err_set(err, ERR_UNAVAILABLE, "the server ended after %lld of %lld bytes", (long long)r->part.have,
                       (long long)r->part.size);
    return 0;
}

static bool may_pass(int code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT;
}

/* Until all bytes are there or hope is lost; then err tells of the last try. */
static int fetch_all(struct run *r, struct err *err)
{
    while (r->part.have < r->part.size) {
        int64_t before = r->part.have;
        int rc = fetch(r, err);
        if (rc == 0 || r->again)
            continue;
        if (r->part.have - before >= PROGRESS_BYTES)
            backoff_reset(&r->backoff);
        int64_t wait = backoff_next(&r->backoff, r->retry_after_s, backoff_random());
        struct err stopped;
        bool time_left = now_ms() + wait + r->window_ms < r->give_up_at_ms; /* for more than being cut off */
        if (!may_pass(rc) || !time_left || wait_ms(r, wait, &stopped) != 0)
            return rc;
    }
    return 0;
}

static int complete(struct run *r, struct err *err)
{
    r->resumed = r->part.have > 0;
    tell_progress(r);
    int rc = fetch_all(r, err);
    if (rc == 0)
        rc = part_finish(&r->part, err);
    if (rc != ERR_CORRUPT || !r->resumed)
        return rc;
    /* Pieces of different files, or what a power cut left of one: the fault need not be the server's. */
    rc = part_restart(&r->part, NULL, err);
    if (rc == 0)
        rc = fetch_all(r, err);
    return rc == 0 ? part_finish(&r->part, err) : rc;
}

static bool keeps_part(int code)
{
    return code == 0 || may_pass(code) || code == ERR_DENIED || code == ERR_NOT_FOUND || code == ERR_NOMEM;
}

int download_run(const struct download *d, struct err *err)
{
    struct run r = {.d = d, .percent = -1};
    r.least_rate = d->least_rate > 0 ? d->least_rate : LEAST_RATE;
    r.window_ms = d->least_window_ms > 0 ? d->least_window_ms : LEAST_WINDOW_MS;
    int rc = part_open(d->part, d->note, d->size, d->sha256, &r.part, err);
    if (rc != 0)
        return rc;
    r.backoff = (struct backoff){.base_ms = BACKOFF_BASE_MS, .cap_ms = BACKOFF_CAP_MS};
    r.give_up_at_ms = now_ms() + time_for(&r, d->size) + (d->give_up_ms > 0 ? d->give_up_ms : GIVE_UP_MS);
    pace_init(&r.pace, d->rate, now_ms());
    rc = complete(&r, err);
    if (keeps_part(rc))
        part_close(&r.part);
    else
        part_discard(&r.part);
    return rc;
}
