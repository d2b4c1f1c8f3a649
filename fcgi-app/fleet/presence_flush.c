/* Writing what heartbeats have changed.
 *
 * In the order of their ids, which is nearly the order of their rows: neighbours share pages, and what a commit costs
 * is the pages it touches. In the order of the table, which is by hash, it would be a page for every row. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "common/clock.h"
#include "db/writer.h"
#include "fleet/presence_private.h"

enum { FLUSH_CHUNK = 100 }; /* rows of one write: about a millisecond */

struct flush_row {
    struct presence_entry *entry; /* held */
    struct live live;
    bool changed, back;
    struct update_report *report; /* owned; NULL: nothing new */
};

struct flush {
    int64_t now_ms;
    size_t count;
    struct flush_row rows[FLUSH_CHUNK];
};

static int write_row(struct db *db, const struct flush_row *row, struct err *err)
{
    const struct live *live = &row->live;
    const struct presence_beat *beat = &live->beat;
    struct db_arg uptime = beat->uptime_s >= 0 ? DB_INT("uptime_s", beat->uptime_s) : DB_NULL("uptime_s");
    if (!row->changed)
        return db_exec(db, DB_AGENT_SEEN,
                       DB_ARGS(DB_TEXT("id", row->entry->id), DB_TEXT("status", live->status), uptime,
                               DB_INT("last_seen", live->last_seen_ms),
                               DB_INT("offline_after", live->offline_after_ms)),
                       NULL, err);
    return db_exec(
        db, DB_AGENT_SEEN_CHANGED,
        DB_ARGS(DB_TEXT("id", row->entry->id), DB_TEXT("version", beat->version), DB_TEXT("platform", beat->platform),
                DB_TEXT("arch", beat->arch), DB_TEXT("deployment_mode", beat->deployment_mode),
                DB_TEXT("boot_id", beat->boot_id), uptime, DB_TEXT("address", beat->address),
                DB_INT("proto", beat->proto), DB_TEXT("status", live->status), DB_INT("last_seen", live->last_seen_ms),
                DB_INT("offline_after", live->offline_after_ms), DB_INT("poll_interval_s", live->poll_interval_s)),
        NULL, err);
}

static int write_flush(struct db *db, void *ctx, struct err *err)
{
    const struct flush *flush = ctx;
    struct update_write updates = {.now_ms = flush->now_ms};
    bool news = false, reports = false; /* that pages show; nobody's memory depends on them */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < flush->count; i++) {
        const struct flush_row *row = &flush->rows[i];
        news = news || row->changed || row->back;
        reports = reports || row->report != NULL;
        rc = write_row(db, row, err);
        if (rc == 0 && row->back)
            rc = update_agent_back(db, &updates, row->entry->id, err);
        if (rc == 0 && row->report != NULL)
            rc = update_report_store(db, &updates, row->entry->id, row->live.beat.version, row->report, err);
    }
    if (rc == 0 && reports)
        rc = db_changed(db, "plans", err);
    return rc == 0 && news ? db_changed(db, "presence", err) : rc;
}

static int flush_chunk(struct app *app, struct flush *flush, struct err *err)
{
    int rc = flush->count == 0 ? 0 : db_write(app->writer, write_flush, flush, err);
    for (size_t i = 0; i < flush->count; i++) {
        struct presence_entry *e = flush->rows[i].entry;
        if (rc != 0) {
            presence_lock(e);
            e->dirty = true; /* again at the next flush */
            e->changed = e->changed || flush->rows[i].changed;
            e->back = e->back || flush->rows[i].back;
            if (e->updates.report == NULL) { /* nothing newer was said meanwhile */
                e->updates.report = flush->rows[i].report;
                flush->rows[i].report = NULL;
            }
            presence_unlock(e);
        }
        free(flush->rows[i].report);
        presence_release(e);
    }
    flush->count = 0;
    return rc;
}

struct held {
    struct presence_entry *entry;
};

/* Every dirty entry. Those that no memory was left for stay dirty and come next time. */
struct dirty {
    struct held *entries;
    size_t count, size;
    bool incomplete;
};

static bool make_room(struct dirty *d)
{
    if (d->count < d->size)
        return true;
    size_t size = d->size == 0 ? 1024 : d->size * 2;
    struct held *more = realloc(d->entries, size * sizeof *more);
    if (more == NULL)
        return false;
    d->entries = more;
    d->size = size;
    return true;
}

static void collect(struct stripe *s, struct dirty *d)
{
    (void)pthread_mutex_lock(&s->lock);
    for (size_t b = 0; b < s->bucket_count; b++) {
        for (struct presence_entry *e = s->buckets[b].first; e != NULL; e = e->next) {
            if (!e->dirty)
                continue;
            if (!make_room(d)) {
                d->incomplete = true;
                break;
            }
            atomic_fetch_add(&e->refs, 1);
            d->entries[d->count++].entry = e;
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static int by_id(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return strcmp(x->entry->id, y->entry->id);
}

/* What the entry says now: it may have been heard from again since it was collected. */
static void take(struct presence_entry *e, struct flush_row *ret)
{
    presence_lock(e);
    *ret = (struct flush_row){e, e->live, e->changed, e->back, e->updates.report};
    e->updates.report = NULL;
    e->dirty = false;
    e->changed = e->back = false;
    presence_unlock(e);
}

static void pause_ms(int ms)
{
    if (ms > 0)
        (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

int presence_flush(struct app *app, int pause_between_ms, struct err *err)
{
    struct presence *p = app->presence;
    struct dirty dirty = {0};
    if (p == NULL)
        return 0;
    struct flush *flush = calloc(1, sizeof *flush);
    if (flush == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    flush->now_ms = clock_now_ms(app->clock);
    for (int i = 0; i < PRESENCE_STRIPES; i++)
        collect(&p->stripes[i], &dirty);
    if (dirty.count > 0)
        qsort(dirty.entries, dirty.count, sizeof *dirty.entries, by_id);
    int rc = 0;
    size_t at = 0;
    while (rc == 0 && at < dirty.count) {
        while (at < dirty.count && flush->count < FLUSH_CHUNK)
            take(dirty.entries[at++].entry, &flush->rows[flush->count++]);
        rc = flush_chunk(app, flush, err);
        if (at < dirty.count)
            pause_ms(pause_between_ms);
    }
    for (; at < dirty.count; at++)
        presence_release(dirty.entries[at].entry);
    free(dirty.entries);
    free(flush);
    return rc == 0 && dirty.incomplete ? err_set(err, ERR_NOMEM, "out of memory") : rc;
}
