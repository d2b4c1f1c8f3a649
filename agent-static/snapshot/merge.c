#include "snapshot/merge.h"

#include <stdlib.h>
#include <string.h>

struct merge {
    struct merge_options options;
    const struct list_entry *at; /* the next entry of the base; NULL: none left */
    int64_t settled_ms;          /* times before this are safely older than the base */
    uint64_t visited;
    char *unknown;  /* the list's entries below this path stay, whatever the walk comes to; NULL: none */
    char *replaced; /* and those below this one need no mention */
};

int merge_new(const struct merge_options *options, struct merge **ret, struct err *err)
{
    struct merge *m = calloc(1, sizeof *m);
    if (m == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->options = *options;
    if (options->base != NULL) {
        int64_t start_ms = list_head(options->base)->start_ms;
        m->settled_ms = (start_ms < options->now_ms ? start_ms : options->now_ms) - MERGE_TICK_MS;
        int rc = list_next(options->base, &m->at, err);
        if (rc != 0) {
            free(m);
            return rc;
        }
    }
    *ret = m;
    return 0;
}

void merge_free(struct merge *m)
{
    if (m == NULL)
        return;
    free(m->unknown);
    free(m->replaced);
    free(m);
}

static const char *stored_path(const char *path)
{
    while (*path == '/')
        path++;
    return path;
}

/* NULL: no mark is set. */
static bool lies_below(const char *path, const char *mark)
{
    size_t len = mark == NULL ? 0 : strlen(mark);
    return mark != NULL && strncmp(path, mark, len) == 0 && (len == 0 || path[len] == '/');
}

static int set_mark(char **mark, const char *path, struct err *err)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    free(*mark);
    *mark = copy;
    return 0;
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

static int add(struct merge *m, const struct list_entry *e, struct err *err)
{
    if (list_entry_counts(e)) {
        atomic_fetch_add_explicit(&m->options.report->listed_files, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&m->options.report->listed_bytes, e->size, memory_order_relaxed);
    }
    return list_add(m->options.list, e, err);
}

static int consume(struct merge *m, struct err *err)
{
    return list_next(m->options.base, &m->at, err);
}

/* The root itself cannot be deleted. */
static int mention_deleted(struct merge *m, const struct list_entry *e, struct err *err)
{
    return e->path[0] == '\0' ? 0 : spool_write(m->options.deleted, e->path, strlen(e->path) + 1, err);
}

/* An entry of the base that the walk did not come to. */
static int pass_over(struct merge *m, struct err *err)
{
    const struct list_entry *e = m->at;
    int rc = 0;
    if (e->seq < 0 || lies_below(e->path, m->replaced)) {
        /* nothing of it is stored, or it is no more when this archive is put over the base's */
    } else if (lies_below(e->path, m->unknown)) {
        struct list_entry kept = *e;
        kept.outcome = LIST_UNREADABLE;
        kept.doubt = true;
        rc = add(m, &kept, err);
    } else {
        rc = mention_deleted(m, e, err);
    }
    return rc == 0 ? consume(m, err) : rc;
}

/* Comes to path (NULL: the end) in the base. *ret is its entry there, or NULL. */
static int advance(struct merge *m, const char *path, const struct list_entry **ret, struct err *err)
{
    int order = -1;
    while (m->at != NULL && (path == NULL || (order = path_compare(m->at->path, path)) < 0)) {
        int rc = pass_over(m, err);
        if (rc != 0)
            return rc;
    }
    *ret = m->at != NULL && order == 0 ? m->at : NULL;
    return 0;
}

/* --- what the walk comes to -------------------------------------------------------------------------------------- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The change time is the kernel's; the modification time is whatever somebody has set, so that one of the future says
 * nothing. */
static bool settled(const struct merge *m, const struct list_entry *e)
{
    int64_t modified = list_time_ms(&e->mtime);
    return list_time_ms(&e->ctime) < m->settled_ms &&
           (modified < m->settled_ms || modified > m->options.now_ms + MERGE_TICK_MS);
}

static bool unchanged(const struct merge *m, const struct list_entry *base, const struct list_entry *now)
{
    return base != NULL && base->seq >= 0 && !base->doubt && base->type == now->type && base->size == now->size &&
           base->ino == now->ino && same_time(&base->mtime, &now->mtime) && same_time(&base->ctime, &now->ctime) &&
           settled(m, base);
}

static bool was_directory(const struct list_entry *base)
{
    return base != NULL && base->type == 'd' && base->seq >= 0;
}

/* Of an entry that is not stored by this run. What an earlier one has of it counts while it can be the same thing. */
static int add_missed(struct merge *m, const struct list_entry *base, struct list_entry *e, struct err *err)
{
    int rc = 0;
    bool had = base != NULL && base->seq >= 0;
    e->seq = -1;
    e->doubt = true;
    if (had && e->outcome == LIST_UNREADABLE && base->type == e->type)
        e->seq = base->seq;
    else if (had)
        rc = mention_deleted(m, base, err);
    if (rc == 0 && e->outcome == LIST_UNREADABLE && e->type == 'd')
        rc = set_mark(&m->unknown, e->path, err);
    return rc == 0 ? add(m, e, err) : rc;
}

static int add_stored(struct merge *m, const struct list_entry *base, struct list_entry *e, struct err *err)
{
    e->seq = m->options.seq;
    int rc = was_directory(base) && e->type != 'd' ? set_mark(&m->replaced, e->path, err) : 0;
    return rc == 0 ? add(m, e, err) : rc;
}

static int store(struct merge *m, const struct list_entry *base, struct walk_entry *entry, struct list_entry *e,
                 struct err *err)
{
    struct archive_added added;
    int rc = archive_out_add(m->options.archive, entry, &added, err);
    if (rc != 0)
        return rc;
    list_entry_stat(e, &entry->st);
    if (added.outcome != LIST_FINE)
        e->outcome = added.outcome;
    e->doubt = e->doubt || added.doubt;
    return added.stored ? add_stored(m, base, e, err) : add_missed(m, base, e, err);
}

static int keep(struct merge *m, const struct list_entry *base, struct list_entry *e, struct err *err)
{
    e->seq = base->seq;
    return add(m, e, err);
}

/* A directory that is stored without all that is in it. */
static int note_incomplete(struct merge *m, const struct walk_entry *entry, struct list_entry *e, struct err *err)
{
    if (entry->left_out != NULL) {
        e->outcome = LIST_SKIPPED;
        report_outcome(m->options.report, entry->path, REPORT_SKIPPED, "%s", entry->left_out);
    }
    if (entry->incomplete == NULL)
        return 0;
    e->outcome = LIST_UNREADABLE;
    e->doubt = true;
    report_outcome(m->options.report, entry->path, REPORT_UNREADABLE, "%s", entry->incomplete);
    return set_mark(&m->unknown, e->path, err);
}

static int on_entry(void *ctx, struct walk_entry *entry, struct err *err)
{
    struct merge *m = ctx;
    const struct list_entry *base = NULL;
    struct list_entry e = {.path = stored_path(entry->path), .outcome = LIST_FINE};
    m->visited++;
    int rc = advance(m, e.path, &base, err);
    if (rc == 0)
        rc = note_incomplete(m, entry, &e, err);
    if (rc != 0)
        return rc;
    list_entry_stat(&e, &entry->st);
    rc = unchanged(m, base, &e) ? keep(m, base, &e, err) : store(m, base, entry, &e, err);
    return rc == 0 && base != NULL ? consume(m, err) : rc;
}

static int miss(struct merge *m, const char *path, const struct stat *st, enum list_outcome outcome, char guess,
                struct err *err)
{
    const struct list_entry *base = NULL;
    struct list_entry e = {.path = stored_path(path), .type = guess, .outcome = outcome};
    int rc = advance(m, e.path, &base, err);
    if (rc != 0)
        return rc;
    if (base != NULL) {
        e = *base;
        e.path = stored_path(path);
        e.outcome = outcome;
    }
    if (st != NULL)
        list_entry_stat(&e, st);
    rc = add_missed(m, base, &e, err);
    return rc == 0 && base != NULL ? consume(m, err) : rc;
}

static int on_missed(void *ctx, const char *path, const struct stat *st, enum report_kind kind, const char *why,
                     struct err *err)
{
    struct merge *m = ctx;
    report_outcome(m->options.report, path, kind, "%s", why);
    return miss(m, path, st,
                kind == REPORT_SKIPPED    ? LIST_SKIPPED
                : kind == REPORT_VANISHED ? LIST_VANISHED
                                          : LIST_UNREADABLE,
                'f', err);
}

static int on_incomplete(void *ctx, const char *path, const char *why, struct err *err)
{
    struct merge *m = ctx;
    report_outcome(m->options.report, path, REPORT_UNREADABLE, "%s", why);
    const char *mark = stored_path(path);
    bool covered = m->unknown != NULL && (strcmp(mark, m->unknown) == 0 || lies_below(mark, m->unknown));
    return covered ? 0 : set_mark(&m->unknown, mark, err);
}

static bool on_stopped(void *ctx)
{
    const struct merge *m = ctx;
    return m->options.stop != NULL && atomic_load_explicit(m->options.stop, memory_order_relaxed);
}

struct walk_visitor merge_visitor(struct merge *m)
{
    return (struct walk_visitor){
        .visit = on_entry, .missed = on_missed, .incomplete = on_incomplete, .stopped = on_stopped, .ctx = m};
}

int merge_source_lost(struct merge *m, const char *path, struct err *err)
{
    return miss(m, path, NULL, LIST_UNREADABLE, 'd', err);
}

int merge_finish(struct merge *m, struct err *err)
{
    const struct list_entry *none;
    if (m->visited == 0)
        return err_set(err, ERR_NOT_FOUND, "no source could be read");
    return advance(m, NULL, &none, err);
}
