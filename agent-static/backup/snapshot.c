#include "backup/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/archive.h"
#include "backup/walk.h"

struct snapshot {
    struct snapshot_options options;
};

struct walking {
    struct snapshot *snapshot;
    struct archive_out *archive;
    const atomic_bool *stop;
    bool fatal; /* the archive failed, not the source */
};

static int on_file(void *ctx, const struct walk_entry *entry, struct err *err)
{
    struct walking *w = ctx;
    int rc = archive_out_add(w->archive, entry, err);
    w->fatal = rc != 0;
    return rc;
}

static void on_problem(void *ctx, const char *path, const struct err *err)
{
    struct walking *w = ctx;
    report_outcome(w->snapshot->options.report, path, REPORT_UNREADABLE, "%s", err->msg);
}

static void on_skipped(void *ctx, const char *path)
{
    struct walking *w = ctx;
    report_outcome(w->snapshot->options.report, path, REPORT_SKIPPED, "left out");
}

static bool on_stopped(void *ctx)
{
    struct walking *w = ctx;
    return w->stop != NULL && atomic_load_explicit(w->stop, memory_order_relaxed);
}

static int walk_sources(struct walking *w, struct err *err)
{
    const struct snapshot_options *o = &w->snapshot->options;
    const struct walk_visitor visitor = {
        .visit = on_file, .problem = on_problem, .skipped = on_skipped, .stopped = on_stopped, .ctx = w};
    struct walk_options options = {.excludes = o->config->excludes, .exclude_count = o->config->exclude_count};
    struct stat state_dir;
    if (stat(o->agent->state_dir, &state_dir) == 0) {
        options.has_private = true;
        options.private_dev = state_dir.st_dev;
        options.private_ino = state_dir.st_ino;
    }
    for (size_t i = 0; i < o->source_count; i++) {
        const struct pipeline_source *source = &o->sources[i];
        if (source->fd < 0)
            continue;
        int rc = walk_source(&options, source->fd, source->path, &visitor, err);
        if (rc == ERR_CONFLICT || rc == ERR_NOMEM || (rc != 0 && w->fatal))
            return rc;
        if (rc != 0)
            report_outcome(o->report, source->path, REPORT_UNREADABLE, "%s", err->msg);
    }
    if (atomic_load(&o->report->files) == 0)
        return err_set(err, ERR_NOT_FOUND, "no source could be read");
    return 0;
}

int snapshot_open(const struct snapshot_options *options, struct snapshot **ret, struct err *err)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->options = *options;
    *ret = s;
    return 0;
}

const char *snapshot_base(const struct snapshot *s)
{
    (void)s;
    return NULL;
}

void snapshot_totals(const struct snapshot *s, uint64_t *ret_files, uint64_t *ret_bytes)
{
    (void)s;
    *ret_files = *ret_bytes = 0;
}

int snapshot_archive(struct snapshot *s, const struct snapshot_run *run, const struct compress_receiver *out,
                     const atomic_bool *stop, struct err *err)
{
    if (run->incremental)
        return err_set(err, ERR_INVALID, "there is no list to go on from");
    struct walking w = {.snapshot = s, .stop = stop};
    const struct archive_options options = {
        .method = run->method, .level = run->level, .receiver = *out, .report = s->options.report, .stop = stop};
    int rc = archive_out_new(&options, &w.archive, err);
    if (rc == 0)
        rc = walk_sources(&w, err);
    if (rc == 0)
        rc = archive_out_finish(w.archive, err);
    archive_out_free(w.archive);
    return rc;
}

int snapshot_index(struct snapshot *s, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    static const char text[] = "muster-index 1\nend 0\n";
    struct compress *c = NULL;
    (void)s;
    (void)stop;
    int rc = compress_new(COMPRESS_ZSTD, 3, out, &c, err);
    if (rc == 0)
        rc = compress_write(c, text, sizeof text - 1, err);
    if (rc == 0)
        rc = compress_finish(c, err);
    compress_free(c);
    return rc;
}

int snapshot_commit(struct snapshot *s, struct err *err)
{
    (void)s;
    (void)err;
    return 0;
}

void snapshot_free(struct snapshot *s)
{
    free(s);
}
