/* Events to the server: POST /api/agent/events. */
#include <stdio.h>

#include "poll/poller.h"

enum { BATCH_MAX = 200, BATCH_BYTES = 256 * 1024, LEAST_MS = 1000 };

/* How far the log has got to the server. On disk already, so that what the launcher is told holds after a power cut. */
static int tell_launcher(struct poller *p, struct err *err)
{
    struct eventlog_replayed log;
    int rc = eventlog_replayed(p->events, &log, err);
    if (rc != 0)
        return rc;
    if (log.epoch[0] != '\0')
        watchdog_replayed(&p->watchdog, log.epoch, log.seq, log.current);
    p->replay_told = true;
    return 0;
}

static int acknowledge(struct poller *p, const char *epoch, const json_t *seqs, struct err *err)
{
    int rc = eventlog_acknowledge(p->events, epoch, seqs, err);
    if (rc == 0)
        rc = tell_launcher(p, err);
    return rc == 0 ? 0 : err_prefix(err, "event log");
}

static int send_batch(struct poller *p, const char *epoch, json_t *events, int timeout_ms, struct api_result *result,
                      struct err *err)
{
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s, s:O}", "epoch", epoch, "events", events);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = api_call(p->api, "POST", "/api/agent/events", body, timeout_ms, &reply, result, err);
    if (rc != 0)
        return rc;
    const json_t *acked = json_object_get(reply, "acked");
    if (json_array_size(acked) == 0)
        rc = err_set(err, ERR_INVALID, "the server acknowledged none of %zu events", json_array_size(events));
    else
        rc = acknowledge(p, epoch, acked, err);
    json_decref(reply);
    return rc;
}

/* One event the server will never take must not hold up those behind it: batches shrink until it stands alone. */
static int refused(struct poller *p, const char *epoch, const json_t *events, const struct err *why, struct err *err)
{
    size_t count = json_array_size(events);
    if (count > 1) {
        p->batch_max = count / 2;
        return 0;
    }
    json_t *seqs = json_pack("[O]", json_object_get(json_array_get(events, 0), "seq"));
    int rc =
        seqs == NULL ? err_set(err, ERR_NOMEM, "out of memory") : eventlog_acknowledge(p->events, epoch, seqs, err);
    json_decref(seqs);
    if (rc == 0)
        log_error("an event was given up, since the server refuses it: %s", why->msg);
    p->batch_max = BATCH_MAX;
    return rc;
}

/* For one request; never so little that it could not work at all. */
static int time_left(const struct poller *p, int64_t end_ms)
{
    int64_t left_ms = end_ms - poller_monotonic_ms(p);
    return left_ms > POLLER_REQUEST_MS ? POLLER_REQUEST_MS : left_ms > LEAST_MS ? (int)left_ms : LEAST_MS;
}

int uploader_run(struct poller *p, int budget_ms, struct api_result *result, struct err *err)
{
    int64_t end_ms = poller_monotonic_ms(p) + budget_ms;
    int rc = 0;
    while (rc == 0 && poller_monotonic_ms(p) < end_ms) {
        char epoch[EVENTLOG_EPOCH_SIZE];
        json_t *events = NULL;
        struct err why = {0};
        rc = eventlog_pending(p->events, p->batch_max, BATCH_BYTES, epoch, &events, err);
        if (rc != 0)
            return err_prefix(err, "event log");
        bool none = json_array_size(events) == 0;
        if (!none) {
            watchdog_tick(&p->watchdog);
            rc = send_batch(p, epoch, events, time_left(p, end_ms), result, &why);
            if (rc == ERR_INVALID && result->status >= 400)
                rc = refused(p, epoch, events, &why, err);
            else if (rc != 0)
                *err = why;
            else if (p->batch_max < BATCH_MAX)
                p->batch_max = p->batch_max * 2 < BATCH_MAX ? p->batch_max * 2 : BATCH_MAX;
        }
        json_decref(events);
        if (none) /* drained; perhaps before this process began, and the launcher waits to hear of it */
            return p->replay_told ? 0 : tell_launcher(p, err);
    }
    return rc;
}
