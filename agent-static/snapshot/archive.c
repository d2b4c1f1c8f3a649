#include "snapshot/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "snapshot/attrs.h"
#include "snapshot/behind.h"
#include "snapshot/sparse.h"

enum { READ_SIZE = 128 * 1024 };

struct archive_out {
    struct archive_options options;
    struct archive *archive;
    struct archive_entry *entry;
    struct compress *compress;
    struct behind *behind; /* NULL: compressed as it comes */
    struct hardlinks *links;
    bool links_full;    /* and said so */
    const char *path;   /* of the file being stored, for the report */
    bool trouble;       /* with it */
    bool holes;         /* it has some */
    struct err failure; /* of the receiver, which libarchive cannot carry */
    struct sparse_map sparse;
    char data[READ_SIZE];
};

static la_ssize_t write_callback(struct archive *archive, void *ctx, const void *data, size_t len)
{
    struct archive_out *a = ctx;
    int rc = a->behind != NULL ? behind_write(a->behind, data, len, &a->failure)
                               : compress_write(a->compress, data, len, &a->failure);
    if (rc == 0)
        return (la_ssize_t)len;
    archive_set_error(archive, EIO, "%s", a->failure.msg);
    return -1;
}

static int archive_failure(struct archive_out *a, struct err *err)
{
    if (a->failure.code != 0) {
        *err = a->failure;
        return a->failure.code;
    }
    const char *text = archive_error_string(a->archive);
    return err_set(err, ERR_INTERNAL, "archive: %s", text == NULL ? "unknown error" : text);
}

int archive_out_new(const struct archive_options *options, struct archive_out **ret, struct err *err)
{
    struct archive_out *a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->options = *options;
    int rc = compress_new(options->method, options->level, &options->receiver, &a->compress, err);
    if (rc == 0 && options->overlapped)
        rc = behind_new(a->compress, &a->behind, err);
    if (rc != 0)
        goto out;
    a->archive = archive_write_new();
    a->entry = archive_entry_new();
    a->links = hardlinks_new(ARCHIVE_HARDLINKS_MEMORY);
    if (a->archive == NULL || a->entry == NULL || a->links == NULL) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (archive_write_set_format_pax(a->archive) != ARCHIVE_OK ||
        archive_write_set_options(a->archive, "hdrcharset=BINARY,xattrheader=ALL") != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(a->archive, 0) != ARCHIVE_OK ||
        archive_write_open2(a->archive, a, NULL, write_callback, NULL, NULL) != ARCHIVE_OK)
        rc = archive_failure(a, err);
out:
    if (rc != 0) {
        archive_out_free(a);
        return rc;
    }
    *ret = a;
    return 0;
}

void archive_out_free(struct archive_out *a)
{
    if (a == NULL)
        return;
    if (a->archive != NULL) {
        (void)archive_write_fail(a->archive); /* or free would write the end of an archive that has none */
        (void)archive_write_free(a->archive);
    }
    archive_entry_free(a->entry);
    behind_free(a->behind);
    compress_free(a->compress);
    hardlinks_free(a->links);
    free(a);
}

int archive_out_finish(struct archive_out *a, struct err *err)
{
    if (archive_write_close(a->archive) != ARCHIVE_OK)
        return archive_failure(a, err);
    return a->behind != NULL ? behind_finish(a->behind, err) : compress_finish(a->compress, err);
}

/* --- what the header says ---------------------------------------------------------------------------------------- */

static const char *stored_path(const char *path)
{
    while (*path == '/')
        path++;
    return *path == '\0' ? "." : path;
}

static void attribute_problem(void *ctx, const char *why)
{
    struct archive_out *a = ctx;
    a->trouble = true;
    report_problem(a->options.report, a->path, "%s", why);
}

/* The target of a symlink. False, and reported, when it cannot be read. */
static bool set_symlink(struct archive_out *a, const struct walk_entry *entry)
{
    ssize_t len = readlinkat(entry->dir_fd, entry->name, a->data, PATH_MAX);
    if (len < 0 || len >= PATH_MAX) {
        report_outcome(a->options.report, entry->path, REPORT_UNREADABLE, "symlink cannot be read: %s",
                       len < 0 ? strerror(errno) : "too long");
        return false;
    }
    a->data[len] = '\0';
    archive_entry_copy_symlink(a->entry, a->data);
    return true;
}

/* Makes the entry a link to an earlier name of the same file. */
static bool set_hardlink(struct archive_out *a, const struct walk_entry *entry)
{
    if (entry->st.st_nlink < 2 || S_ISDIR(entry->st.st_mode))
        return false;
    const char *first = hardlinks_find(a->links, &entry->st);
    if (first == NULL || strcmp(first, stored_path(entry->path)) == 0)
        return false;
    archive_entry_copy_hardlink(a->entry, first);
    archive_entry_set_size(a->entry, 0);
    return true;
}

static void remember_link(struct archive_out *a, const struct walk_entry *entry)
{
    if (entry->st.st_nlink < 2 || S_ISDIR(entry->st.st_mode) ||
        hardlinks_add(a->links, &entry->st, stored_path(entry->path)) || a->links_full)
        return;
    a->links_full = true;
    report_problem(a->options.report, entry->path,
                   "too many files with several names: from here on some names are stored as files of their own");
}

static void set_stat(struct archive_entry *entry, const struct stat *st)
{
    archive_entry_set_filetype(entry, st->st_mode & S_IFMT);
    archive_entry_set_perm(entry, st->st_mode & 07777);
    archive_entry_set_uid(entry, st->st_uid);
    archive_entry_set_gid(entry, st->st_gid);
    archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
    archive_entry_set_nlink(entry, (unsigned)st->st_nlink);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(st->st_rdev));
        archive_entry_set_rdevminor(entry, minor(st->st_rdev));
    }
}

/* Fills a->sparse and, for a file with holes, tells the entry. */
static void set_sparse(struct archive_out *a, const struct walk_entry *entry)
{
    int64_t size = entry->st.st_size;
    a->sparse.count = 0;
    a->sparse.least_gap = 0;
    a->holes = false;
    if (size == 0)
        return;
    a->holes = (int64_t)entry->st.st_blocks * 512 < size && sparse_read(entry->fd, size, &a->sparse);
    if (!a->holes) {
        a->sparse.count = 1;
        a->sparse.segments[0] = (struct sparse_segment){.length = size};
        return;
    }
    for (size_t i = 0; i < a->sparse.count; i++)
        archive_entry_sparse_add_entry(a->entry, a->sparse.segments[i].offset, a->sparse.segments[i].length);
    if (a->sparse.count == 0)
        archive_entry_sparse_add_entry(a->entry, size, 0);
}

/* --- content ----------------------------------------------------------------------------------------------------- */

static bool stopped(const struct archive_out *a)
{
    return a->options.stop != NULL && atomic_load_explicit(a->options.stop, memory_order_relaxed);
}

static int put(struct archive_out *a, const void *data, size_t len, struct err *err)
{
    if (stopped(a))
        return err_set(err, ERR_CONFLICT, "stopped");
    return archive_write_data(a->archive, data, len) < 0 ? archive_failure(a, err) : 0;
}

static int put_zeros(struct archive_out *a, int64_t len, struct err *err)
{
    if (len <= 0)
        return 0;
    memset(a->data, 0, len < READ_SIZE ? (size_t)len : READ_SIZE);
    int rc = 0;
    for (; rc == 0 && len > 0; len -= READ_SIZE)
        rc = put(a, a->data, len < READ_SIZE ? (size_t)len : READ_SIZE, err);
    return rc;
}

/* Room to read a file into. Content passes libarchive as it is, so that it may lie where it is compressed from, unless
 * the file has holes: libarchive writes the map of them when the first content comes, which is then in that place. */
static int take_room(struct archive_out *a, void **ret, size_t *ret_len, struct err *err)
{
    *ret = a->data;
    *ret_len = READ_SIZE;
    return a->behind != NULL && !a->holes ? behind_room(a->behind, ret, ret_len, err) : 0;
}

/* A segment of the file; *ret_lost is set when the file no longer had all of it. */
static int put_segment(struct archive_out *a, int fd, struct sparse_segment segment, const char **ret_lost,
                       struct err *err)
{
    int64_t end = segment.offset + segment.length;
    for (int64_t at = segment.offset; at < end;) {
        void *room;
        size_t size;
        int rc = take_room(a, &room, &size, err);
        if (rc != 0)
            return rc;
        ssize_t n = pread(fd, room, end - at < (int64_t)size ? (size_t)(end - at) : size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *ret_lost = n == 0 ? "became shorter while it was read; the rest is zeros" : strerror(errno);
            return put_zeros(a, end - at, err);
        }
        rc = put(a, room, (size_t)n, err);
        if (rc != 0)
            return rc;
        at += n;
        atomic_fetch_add_explicit(&a->options.report->bytes, (uint_fast64_t)n, memory_order_relaxed);
    }
    return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static int put_content(struct archive_out *a, const struct walk_entry *entry, struct archive_added *ret,
                       struct err *err)
{
    const char *lost = NULL;
    int64_t at = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->sparse.count; i++) {
        struct sparse_segment segment = a->sparse.segments[i];
        rc = put_zeros(a, segment.offset - at, err); /* which the archive takes as the hole it was told of */
        if (rc == 0)
            rc = put_segment(a, entry->fd, segment, &lost, err);
        at = segment.offset + segment.length;
    }
    if (rc == 0)
        rc = put_zeros(a, entry->st.st_size - at, err);
    if (rc != 0)
        return rc;
    struct stat after;
    if (fstat(entry->fd, &after) == 0 && !same_state(&after, &entry->st))
        ret->outcome = LIST_CHANGED;
    else if (lost != NULL)
        ret->outcome = LIST_UNREADABLE;
    if (ret->outcome != LIST_FINE)
        report_outcome(a->options.report, entry->path,
                       ret->outcome == LIST_CHANGED ? REPORT_CHANGED : REPORT_UNREADABLE, "%s",
                       lost == NULL ? "changed while it was read" : lost);
    return 0;
}

static int write_header(struct archive_out *a, bool *ret_stored, struct err *err)
{
    int rc = archive_write_header(a->archive, a->entry);
    if (rc == ARCHIVE_FATAL || a->failure.code != 0)
        return archive_failure(a, err);
    if (rc != ARCHIVE_OK)
        attribute_problem(a, archive_error_string(a->archive));
    *ret_stored = rc >= ARCHIVE_WARN;
    return 0;
}

/* Starts the entry that a->entry will be. */
static void begin(struct archive_out *a, const char *path, const struct stat *st)
{
    archive_entry_clear(a->entry);
    a->path = path;
    a->trouble = false;
    archive_entry_copy_pathname(a->entry, stored_path(path));
    set_stat(a->entry, st);
}

static int finish_entry(struct archive_out *a, struct err *err)
{
    return archive_write_finish_entry(a->archive) == ARCHIVE_FATAL ? archive_failure(a, err) : 0;
}

/* Opens the file. False, and reported, when it cannot be read. */
static bool open_file(struct archive_out *a, struct walk_entry *entry, struct archive_added *ret)
{
    struct err why;
    int rc = walk_open(entry, &why);
    if (rc == 0) {
        set_stat(a->entry, &entry->st);
        return true;
    }
    bool gone = rc == ERR_NOT_FOUND;
    ret->outcome = gone ? LIST_VANISHED : LIST_UNREADABLE;
    report_outcome(a->options.report, entry->path, gone ? REPORT_VANISHED : REPORT_UNREADABLE, "%s",
                   gone ? "vanished" : why.msg);
    return false;
}

/* What stands in the entry's header beside its stat. False: the file cannot be stored. */
static bool prepare(struct archive_out *a, struct walk_entry *entry, bool link, struct archive_added *ret)
{
    if (link)
        return true;
    if (S_ISREG(entry->st.st_mode))
        return open_file(a, entry, ret);
    if (!S_ISLNK(entry->st.st_mode) || set_symlink(a, entry))
        return true;
    ret->outcome = LIST_UNREADABLE;
    return false;
}

static int store(struct archive_out *a, const struct walk_entry *entry, bool link, struct archive_added *ret,
                 struct err *err)
{
    bool content = S_ISREG(entry->st.st_mode) && !link;
    int rc = link ? 0 : attrs_read(entry, a->entry, attribute_problem, a, err);
    if (rc == 0 && content)
        set_sparse(a, entry);
    if (rc == 0)
        rc = write_header(a, &ret->stored, err);
    if (rc == 0 && !ret->stored)
        ret->outcome = LIST_UNREADABLE;
    if (rc == 0 && ret->stored && content)
        rc = put_content(a, entry, ret, err);
    return rc;
}

int archive_out_add(struct archive_out *a, struct walk_entry *entry, struct archive_added *ret, struct err *err)
{
    struct archive_added added = {.outcome = LIST_FINE};
    begin(a, entry->path, &entry->st);
    bool link = set_hardlink(a, entry);
    int rc = prepare(a, entry, link, &added) ? store(a, entry, link, &added, err) : 0;
    if (rc == 0 && added.stored) {
        if (!link)
            remember_link(a, entry);
        atomic_fetch_add_explicit(&a->options.report->files, 1, memory_order_relaxed);
        rc = finish_entry(a, err);
    }
    added.doubt = a->trouble || added.outcome != LIST_FINE;
    *ret = added;
    return rc;
}

const struct hardlinks *archive_out_links(const struct archive_out *a)
{
    return a->links;
}

int archive_out_add_link(struct archive_out *a, const char *path, const struct hardlink *link, struct err *err)
{
    bool stored = false;
    begin(a, path, &link->st);
    archive_entry_copy_hardlink(a->entry, link->path);
    archive_entry_set_size(a->entry, 0);
    int rc = write_header(a, &stored, err);
    if (rc != 0 || !stored)
        return rc;
    atomic_fetch_add_explicit(&a->options.report->files, 1, memory_order_relaxed);
    return finish_entry(a, err);
}

int archive_out_begin(struct archive_out *a, const char *path, int64_t size, int64_t now_ms, struct err *err)
{
    const struct stat st = {
        .st_mode = S_IFREG | 0600, .st_nlink = 1, .st_size = size, .st_mtim = {.tv_sec = now_ms / 1000}};
    bool stored = false;
    begin(a, path, &st);
    int rc = write_header(a, &stored, err);
    return rc != 0 || stored ? rc : err_set(err, ERR_INTERNAL, "the archive does not take a file of our own");
}

int archive_out_data(struct archive_out *a, const void *data, size_t len, struct err *err)
{
    return put(a, data, len, err);
}
