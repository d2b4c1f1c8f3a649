#include "snapshot/snapshot.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "snapshot/archive.h"
#include "snapshot/exclude.h"
#include "snapshot/index.h"
#include "snapshot/list.h"
#include "snapshot/merge.h"
#include "snapshot/tempfile.h"
#include "snapshot/walk.h"

enum { SUFFIX_SIZE = 8 };

struct snapshot {
    struct snapshot_options options;
    const struct clock *clock;
    struct pipeline_source *sources; /* in the order of paths */
    struct excludes *excludes;
    struct list *base;    /* NULL: none that can be trusted */
    struct list *written; /* of this run, once the archive is complete */
    char dir[PATH_MAX];   /* of the lists */
    char path[PATH_MAX];
    char new_path[PATH_MAX + SUFFIX_SIZE];
    char links_path[PATH_MAX + SUFFIX_SIZE];
};

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int compare_sources(const void *a, const void *b)
{
    const struct pipeline_source *left = a;
    const struct pipeline_source *right = b;
    return path_compare(left->path, right->path);
}

static int sort_sources(struct snapshot *s, struct err *err)
{
    size_t count = s->options.source_count;
    s->sources = calloc(count == 0 ? 1 : count, sizeof *s->sources);
    if (s->sources == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        s->sources[i] = s->options.sources[i];
    qsort(s->sources, count, sizeof *s->sources, compare_sources);
    return 0;
}

static int set_paths(struct snapshot *s, struct err *err)
{
    char name[REMOTE_ID_SIZE + 8];
    const char *id = s->options.config->id;
    if (!remote_id_valid(id))
        return err_set(err, ERR_INVALID, "not an id of a configuration");
    (void)snprintf(name, sizeof name, "lists/%s", id);
    int rc = agent_state_path(s->options.agent, "lists", s->dir, err);
    if (rc == 0)
        rc = agent_state_path(s->options.agent, name, s->path, err);
    if (rc == 0)
        rc = file_mkdirs(s->dir, 0700, err);
    if (rc == 0) {
        (void)snprintf(s->new_path, sizeof s->new_path, "%s.new", s->path);
        (void)snprintf(s->links_path, sizeof s->links_path, "%s.links", s->path);
    }
    return rc;
}

int snapshot_open(const struct snapshot_options *options, struct snapshot **ret, struct err *err)
{
    const struct remote_config *config = options->config;
    struct snapshot *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->options = *options;
    s->clock = options->clock == NULL ? clock_system() : options->clock;
    int rc = set_paths(s, err);
    if (rc == 0)
        rc = sort_sources(s, err);
    if (rc == 0)
        rc = excludes_new(config->excludes, config->exclude_count, &s->excludes, err);
    if (rc == 0)
        rc = list_open(s->path, config->id, &s->base, err);
    if (rc == ERR_NOT_FOUND || rc == ERR_CORRUPT ||
        rc == ERR_IO) /* then the run is a full one, which is always right */
        rc = 0;
    if (rc != 0) {
        snapshot_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return;
    if (s->new_path[0] != '\0')
        (void)unlink(s->new_path);
    if (s->links_path[0] != '\0')
        (void)unlink(s->links_path);
    list_close(s->base);
    list_close(s->written);
    excludes_free(s->excludes);
    free(s->sources);
    free(s);
}

const char *snapshot_base(const struct snapshot *s)
{
    return s->base == NULL ? NULL : list_head(s->base)->run_id;
}

void snapshot_totals(const struct snapshot *s, uint64_t *ret_files, uint64_t *ret_bytes)
{
    struct list_totals t = {0};
    if (s->base != NULL)
        t = list_totals(s->base);
    *ret_files = t.files;
    *ret_bytes = t.bytes;
}

/* --- the archive ------------------------------------------------------------------------------------------------- */

/* What one archive takes while it is written. */
struct writing {
    struct snapshot *snapshot;
    const struct snapshot_run *run;
    const atomic_bool *stop;
    struct archive_out *archive;
    struct list_writer *list;
    struct merge *merge;
    struct spool deleted;
    int64_t start_ms;
};

static struct walk_options walk_options(const struct snapshot *s)
{
    const struct remote_config *config = s->options.config;
    struct walk_options o = {
        .spool_dir = s->dir,
        .excludes = s->excludes,
        .one_file_system = config->one_file_system,
        .max_file_size = config->max_file_size,
        .skip_tags = config->skip_tags,
        .skip_tag_count = config->skip_tag_count,
        .reserved = "/" SNAPSHOT_DELETED,
    };
    struct stat state_dir;
    if (stat(s->options.agent->state_dir, &state_dir) == 0) {
        o.has_private = true;
        o.private_dev = state_dir.st_dev;
        o.private_ino = state_dir.st_ino;
    }
    return o;
}

static int walk_sources(struct writing *w, struct err *err)
{
    const struct walk_options options = walk_options(w->snapshot);
    const struct walk_visitor visitor = merge_visitor(w->merge);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->snapshot->options.source_count; i++) {
        const struct pipeline_source *source = &w->snapshot->sources[i];
        rc = source->fd < 0 ? merge_source_lost(w->merge, source->path, err)
                            : walk_source(&options, source->fd, source->path, &visitor, err);
    }
    return rc == 0 ? merge_finish(w->merge, err) : rc;
}

static int create_list(const struct writing *w, const char *path, struct list_writer **ret, struct err *err)
{
    struct list_head head = {.chain_seq = w->run->chain_seq, .start_ms = w->start_ms};
    (void)snprintf(head.config_id, sizeof head.config_id, "%s", w->snapshot->options.config->id);
    (void)snprintf(head.run_id, sizeof head.run_id, "%s", w->run->run_id);
    return list_create(path, &head, ret, err);
}

static int open_written(struct snapshot *s, struct err *err)
{
    list_close(s->written);
    s->written = NULL;
    return list_open(s->new_path, s->options.config->id, &s->written, err);
}

/* Whether it is one more name of a file that this run stored under another, which was not stored itself since nothing
 * about it has changed: the other one is new, in a directory that was renamed. */
static bool is_late_link(const struct writing *w, const struct list_entry *e, struct hardlink *ret)
{
    return e->seq >= 0 && e->seq < (int64_t)w->run->chain_seq && e->type != 'd' && e->outcome == LIST_FINE &&
           hardlinks_like(archive_out_links(w->archive), e->ino, &e->ctime, ret);
}

/* Says whether there are such, or, with a list to write, stores them and writes it anew. */
static int each_late_link(struct writing *w, struct list_writer *list, bool *ret_any, struct err *err)
{
    const struct list_entry *e = NULL;
    int rc = list_rewind(w->snapshot->written, err);
    while (rc == 0 && (rc = list_next(w->snapshot->written, &e, err)) == 0 && e != NULL) {
        struct hardlink link;
        struct list_entry copy = *e;
        bool late = is_late_link(w, e, &link);
        *ret_any = *ret_any || late;
        if (list == NULL)
            continue;
        if (late) {
            copy.seq = w->run->chain_seq;
            rc = archive_out_add_link(w->archive, e->path, &link, err);
        }
        if (rc == 0)
            rc = list_add(list, &copy, err);
    }
    return rc;
}

/* All names of a file are stored when one is, so that they are one file again after a restore. */
static int add_late_links(struct writing *w, struct err *err)
{
    struct snapshot *s = w->snapshot;
    struct list_writer *list = NULL;
    bool any = false;
    if (!w->run->incremental || hardlinks_used(archive_out_links(w->archive)) == 0)
        return 0;
    int rc = each_late_link(w, NULL, &any, err);
    if (rc != 0 || !any)
        return rc;
    rc = create_list(w, s->links_path, &list, err);
    if (rc == 0)
        rc = each_late_link(w, list, &any, err);
    if (rc == 0)
        rc = list_finish(list, err);
    list_writer_free(list);
    if (rc == 0)
        rc = file_rename(s->links_path, s->new_path, err);
    return rc == 0 ? open_written(s, err) : rc;
}

static int add_deleted(struct writing *w, struct err *err)
{
    char piece[4096];
    size_t len = 0;
    if (!w->run->incremental)
        return 0;
    int rc = archive_out_begin(w->archive, SNAPSHOT_DELETED, (int64_t)spool_size(&w->deleted), w->start_ms, err);
    if (rc == 0)
        rc = spool_rewind(&w->deleted, err);
    while (rc == 0 && (rc = spool_read(&w->deleted, piece, sizeof piece, &len, err)) == 0 && len > 0)
        rc = archive_out_data(w->archive, piece, len, err);
    return rc;
}

static int open_all(struct writing *w, const struct compress_receiver *out, struct err *err)
{
    struct snapshot *s = w->snapshot;
    const struct archive_options archive = {.method = w->run->method,
                                            .level = w->run->level,
                                            .receiver = *out,
                                            .overlapped = true,
                                            .report = s->options.report,
                                            .stop = w->stop};
    int rc = archive_out_new(&archive, &w->archive, err);
    if (rc == 0)
        rc = create_list(w, s->new_path, &w->list, err);
    if (rc == 0 && w->run->incremental)
        rc = list_rewind(s->base, err);
    const struct merge_options merge = {.base = w->run->incremental ? s->base : NULL,
                                        .list = w->list,
                                        .archive = w->archive,
                                        .deleted = &w->deleted,
                                        .report = s->options.report,
                                        .seq = w->run->chain_seq,
                                        .now_ms = w->start_ms,
                                        .stop = w->stop};
    return rc == 0 ? merge_new(&merge, &w->merge, err) : rc;
}

static int write_all(struct writing *w, struct err *err)
{
    struct snapshot *s = w->snapshot;
    int rc = walk_sources(w, err);
    if (rc == 0)
        rc = list_finish(w->list, err);
    if (rc == 0)
        rc = open_written(s, err);
    if (rc == 0)
        rc = add_late_links(w, err);
    if (rc == 0)
        rc = add_deleted(w, err);
    return rc == 0 ? archive_out_finish(w->archive, err) : rc;
}

static int check_run(const struct snapshot *s, const struct snapshot_run *run, struct err *err)
{
    bool follows =
        run->incremental ? s->base != NULL && run->chain_seq == list_head(s->base)->chain_seq + 1 : run->chain_seq == 0;
    if (!follows)
        return err_set(err, ERR_INVALID, "the server's run does not follow what this host knows of the run before");
    return remote_id_valid(run->run_id) ? 0 : err_set(err, ERR_INVALID, "not an id of a run");
}

int snapshot_archive(struct snapshot *s, const struct snapshot_run *run, const struct compress_receiver *out,
                     const atomic_bool *stop, struct err *err)
{
    struct writing w = {.snapshot = s, .run = run, .stop = stop, .start_ms = clock_now_ms(s->clock)};
    spool_init(&w.deleted, s->dir);
    list_close(s->written);
    s->written = NULL;
    int rc = check_run(s, run, err);
    if (rc == 0)
        rc = open_all(&w, out, err);
    if (rc == 0)
        rc = write_all(&w, err);
    merge_free(w.merge);
    list_writer_free(w.list);
    archive_out_free(w.archive);
    spool_done(&w.deleted);
    if (rc != 0) {
        list_close(s->written);
        s->written = NULL;
    }
    return rc;
}

/* --- after it ---------------------------------------------------------------------------------------------------- */

int snapshot_index(struct snapshot *s, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    if (s->written == NULL)
        return err_set(err, ERR_INTERNAL, "there is no archive to make an index of");
    return index_write(s->written, out, stop, err);
}

int snapshot_commit(struct snapshot *s, struct err *err)
{
    if (s->written == NULL)
        return err_set(err, ERR_INTERNAL, "there is no archive to go on from");
    int rc = file_rename(s->new_path, s->path, err);
    if (rc == 0)
        s->new_path[0] = '\0';
    else
        (void)unlink(s->path);
    return rc;
}
