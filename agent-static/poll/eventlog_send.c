/* What is read back from the log: what the server has not got, and what it says it has. */
#include <string.h>

#include "poll/eventlog_impl.h"

enum { WALK_GO_ON = 0, WALK_STOP = 1 };

/* Called for every readable record, oldest first. WALK_STOP ends the walk well, a negative value badly. */
typedef int walk_fn(void *ctx, const struct segment *s, const struct record *record, struct err *err);

/* A segment that cannot be read, and what follows damage within one, is passed over: there is nothing to be had. */
static int walk(struct eventlog *log, walk_fn *fn, void *ctx, struct err *err)
{
    int rc = WALK_GO_ON;
    for (size_t i = 0; i < log->count && rc == WALK_GO_ON; i++) {
        char path[PATH_MAX];
        struct segment s;
        struct record record;
        eventlog_path(log, log->numbers[i], path);
        if (segment_load(path, eventlog_segment_max(log), &s, err) != 0)
            continue;
        while (rc == WALK_GO_ON && segment_next(&s, &record) == SEGMENT_RECORD)
            rc = fn(ctx, &s, &record, err);
        segment_done(&s);
    }
    return rc;
}

/* --- what is pending --- */

struct pending {
    struct acked acked;
    size_t max;
    size_t max_bytes;
    size_t bytes;
    char epoch[EVENTLOG_EPOCH_SIZE];
    json_t *events;
};

static int gather(void *ctx, const struct segment *s, const struct record *record, struct err *err)
{
    struct pending *p = ctx;
    size_t have = json_array_size(p->events);
    if (acked_has(&p->acked, s->header.epoch, record->seq))
        return WALK_GO_ON;
    if (have > 0 &&
        (strcmp(p->epoch, s->header.epoch) != 0 || have == p->max || p->bytes + record->json_len > p->max_bytes))
        return WALK_STOP;
    json_t *event = json_loadb(record->json, record->json_len, 0, NULL);
    if (event == NULL)
        return WALK_GO_ON; /* its CRC is right, so we wrote it so; nothing can be made of it */
    memcpy(p->epoch, s->header.epoch, sizeof p->epoch);
    p->bytes += record->json_len + 1;
    return json_array_append_new(p->events, event) == 0 ? WALK_GO_ON : err_set(err, ERR_NOMEM, "out of memory");
}

static bool known_drained(const struct eventlog *log)
{
    return log->drained_number == log->tail.number && log->drained_size == log->tail.size;
}

int eventlog_pending(struct eventlog *log, size_t max, size_t max_bytes, char ret_epoch[EVENTLOG_EPOCH_SIZE],
                     json_t **ret, struct err *err)
{
    struct pending p = {.max = max, .max_bytes = max_bytes, .events = json_array()};
    if (p.events == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = eventlog_begin(log, err);
    if (rc != 0) {
        json_decref(p.events);
        return rc;
    }
    memcpy(p.epoch, log->tail.header.epoch, sizeof p.epoch);
    if (!known_drained(log)) {
        char path[PATH_MAX];
        eventlog_acked_path(log, path);
        acked_load(path, &p.acked);
        rc = walk(log, gather, &p, err);
        acked_done(&p.acked);
    }
    if (rc >= 0 && json_array_size(p.events) == 0) {
        log->drained_number = log->tail.number;
        log->drained_size = log->tail.size;
    }
    eventlog_end(log);
    if (rc < 0) {
        json_decref(p.events);
        return rc;
    }
    memcpy(ret_epoch, p.epoch, sizeof p.epoch);
    *ret = p.events;
    return 0;
}

/* --- what is acknowledged --- */

struct advance {
    struct acked *acked;
    bool any; /* the epoch is there at all */
};

static int advance(void *ctx, const struct segment *s, const struct record *record, struct err *err)
{
    struct advance *a = ctx;
    (void)err;
    if (strcmp(s->header.epoch, a->acked->epoch) != 0)
        return a->any ? WALK_STOP : WALK_GO_ON;
    a->any = true;
    return acked_advance(a->acked, record->seq) ? WALK_GO_ON : WALK_STOP;
}

struct remains {
    const struct acked *acked;
    bool pending;
};

static int find_pending(void *ctx, const struct segment *s, const struct record *record, struct err *err)
{
    struct remains *r = ctx;
    (void)err;
    r->pending = !acked_has(r->acked, s->header.epoch, record->seq);
    return r->pending ? WALK_STOP : WALK_GO_ON;
}

/* Whether numbers[index] holds nothing the server still needs. */
static bool is_spent(struct eventlog *log, const struct acked *acked, size_t index, struct err *err)
{
    struct eventlog only = *log;
    only.numbers = log->numbers + index;
    only.count = 1;
    struct remains r = {.acked = acked};
    return walk(&only, find_pending, &r, err) >= 0 && !r.pending;
}

/* From the oldest on, segments that are spent go. A tail that goes on stays while it is small: it carries the
 * numbering. */
static int forget_spent(struct eventlog *log, const struct acked *acked, struct err *err)
{
    int rc = 0;
    while (rc == 0 && log->count > (log->continues ? 1 : 0) && is_spent(log, acked, 0, err))
        rc = eventlog_remove(log, 0, err);
    if (rc == 0 && log->count == 1 && log->tail.size > log->segment_bytes / 2 && is_spent(log, acked, 0, err)) {
        rc = eventlog_roll(log, false, err);
        if (rc == 0)
            rc = eventlog_remove(log, 0, err);
    }
    return rc;
}

static int take_seqs(struct acked *acked, const json_t *seqs, struct err *err)
{
    for (size_t i = 0; i < json_array_size(seqs); i++) {
        json_int_t seq = json_integer_value(json_array_get(seqs, i));
        int rc = seq > 0 ? acked_add(acked, (uint64_t)seq, err) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int eventlog_acknowledge(struct eventlog *log, const char *epoch, const json_t *seqs, struct err *err)
{
    char path[PATH_MAX];
    struct acked acked;
    int rc = eventlog_begin(log, err);
    if (rc != 0)
        return rc;
    eventlog_acked_path(log, path);
    acked_load(path, &acked);
    if (strcmp(acked.epoch, epoch) != 0) {
        rc = forget_spent(log, &acked, err); /* before it is forgotten what the server has of the epoch before */
        acked_reset(&acked, epoch);
    }
    struct advance a = {.acked = &acked};
    if (rc == 0)
        rc = take_seqs(&acked, seqs, err);
    if (rc == 0)
        rc = walk(log, advance, &a, err);
    if (rc >= 0)
        rc = a.any ? acked_save(path, &acked, err) : 0; /* an epoch we do not have: a late answer */
    if (rc == 0 && a.any)
        rc = forget_spent(log, &acked, err);
    acked_done(&acked);
    eventlog_end(log);
    return rc;
}

int eventlog_replayed(struct eventlog *log, struct eventlog_replayed *ret, struct err *err)
{
    char path[PATH_MAX];
    struct acked acked;
    int rc = eventlog_begin(log, err);
    if (rc != 0)
        return rc;
    eventlog_acked_path(log, path);
    acked_load(path, &acked);
    eventlog_end(log);
    *ret = (struct eventlog_replayed){.seq = acked.through};
    memcpy(ret->epoch, acked.epoch, sizeof ret->epoch);
    if (log->continues)
        memcpy(ret->current, log->tail.header.epoch, sizeof ret->current);
    acked_done(&acked);
    return 0;
}

int eventlog_position(struct eventlog *log, struct eventlog_position *ret, struct err *err)
{
    struct eventlog_replayed replayed;
    int rc = eventlog_replayed(log, &replayed, err);
    if (rc == 0 && replayed.current[0] == '\0')
        rc = err_set(err, ERR_NOT_FOUND, "the event log starts a new epoch with its next event");
    if (rc != 0)
        return rc;
    *ret = (struct eventlog_position){.seq = log->tail.last_seq};
    memcpy(ret->epoch, replayed.current, sizeof ret->epoch);
    memcpy(ret->boot_id, log->boot_id, sizeof ret->boot_id);
    if (strcmp(replayed.epoch, replayed.current) == 0)
        ret->replayed = replayed.seq;
    return 0;
}

/* --- looking --- */

struct look {
    struct acked acked;
    eventlog_visit_fn *visit;
    void *ctx;
};

static int look(void *ctx, const struct segment *s, const struct record *record, struct err *err)
{
    struct look *l = ctx;
    (void)err;
    bool acknowledged = acked_has(&l->acked, s->header.epoch, record->seq);
    return l->visit(l->ctx, s->header.epoch, acknowledged, record->json, record->json_len);
}

int eventlog_each(struct eventlog *log, eventlog_visit_fn *visit, void *ctx, struct err *err)
{
    char path[PATH_MAX];
    struct look l = {.visit = visit, .ctx = ctx};
    int rc = eventlog_begin(log, err);
    if (rc != 0)
        return rc;
    eventlog_acked_path(log, path);
    acked_load(path, &l.acked);
    rc = walk(log, look, &l, err);
    acked_done(&l.acked);
    eventlog_end(log);
    return rc;
}
