/* Writing what heartbeats have changed. */
#include <stdlib.h>
#include <time.h>

#include "app.h"
#include "db/writer.h"
#include "fleet/presence_private.h"

enum { FLUSH_CHUNK = 100 }; /* rows of one write: about a millisecond */

struct flush_row {
    struct presence_entry *entry; /* held */
    struct live live;
    bool changed;
};

struct flush {
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
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < flush->count; i++)
        rc = write_row(db, &flush->rows[i], err);
    return rc;
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
            presence_unlock(e);
        }
        presence_release(e);
    }
    flush->count = 0;
    return rc;
}

/* Takes dirty entries of the stripe from *bucket on until the chunk is full. True when the stripe is done. */
static bool collect(struct stripe *s, size_t *bucket, struct flush *flush)
{
    bool done = false;
    (void)pthread_mutex_lock(&s->lock);
    for (; !done && flush->count < FLUSH_CHUNK; *bucket += 1) {
        done = *bucket >= s->bucket_count;
        struct presence_entry *e = done ? NULL : s->buckets[*bucket].first;
        for (; e != NULL && flush->count < FLUSH_CHUNK; e = e->next) {
            if (!e->dirty)
                continue;
            e->dirty = false;
            atomic_fetch_add(&e->refs, 1);
            flush->rows[flush->count++] = (struct flush_row){e, e->live, e->changed};
            e->changed = false;
        }
        if (e != NULL)
            break; /* full in the middle of a chain: what is left of it is still dirty */
    }
    (void)pthread_mutex_unlock(&s->lock);
    return done;
}

static void pause_ms(int ms)
{
    if (ms > 0)
        (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

int presence_flush(struct app *app, int pause_between_ms, struct err *err)
{
    struct presence *p = app->presence;
    struct flush *flush = p != NULL ? calloc(1, sizeof *flush) : NULL;
    if (p == NULL)
        return 0;
    if (flush == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = 0;
    for (int i = 0; rc == 0 && i < PRESENCE_STRIPES; i++) {
        size_t bucket = 0;
        while (rc == 0 && !collect(&p->stripes[i], &bucket, flush)) {
            if (flush->count < FLUSH_CHUNK)
                continue;
            rc = flush_chunk(app, flush, err);
            pause_ms(pause_between_ms);
        }
    }
    int last = flush_chunk(app, flush, rc == 0 ? err : NULL);
    free(flush);
    return rc != 0 ? rc : last;
}
