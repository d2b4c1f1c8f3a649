/* archive_fixture.h: a tree into an archive in memory, and back. */
#ifndef MUSTER_TESTS_ARCHIVE_FIXTURE_H
#define MUSTER_TESTS_ARCHIVE_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "restore/extract.h"
#include "snapshot/archive.h"

enum { PACKED_MAX = 64 * 1024 * 1024, PACK_ROOM = 1000 };

struct packed {
    struct buf archive;
    struct report report;
    char room[PACK_ROOM];
    size_t given; /* to the reader so far */
    struct archive_out *out;
    const char *path; /* of the file that is being stored */
    /* Called when the first bytes of a file, those of its header, come out; NULL: nothing. */
    void (*before)(const char *path);
    void (*added)(const char *path, const struct archive_added *added);
};

static inline int packed_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    struct packed *p = ctx;
    (void)err;
    *ret = p->room;
    *ret_len = sizeof p->room;
    return 0;
}

static inline void packed_filled(void *ctx, size_t len)
{
    struct packed *p = ctx;
    buf_add(&p->archive, p->room, len);
    if (p->before != NULL && p->path != NULL)
        p->before(p->path);
    p->path = NULL;
}

static inline int packed_visit(void *ctx, struct walk_entry *entry, struct err *err)
{
    struct packed *p = ctx;
    struct archive_added added;
    p->path = entry->path;
    int rc = archive_out_add(p->out, entry, &added, err);
    if (rc == 0 && p->added != NULL)
        p->added(entry->path, &added);
    return rc;
}

static inline int packed_missed(void *ctx, const char *path, const struct stat *st, enum report_kind kind,
                                const char *why, struct err *err)
{
    struct packed *p = ctx;
    (void)st;
    (void)err;
    report_outcome(&p->report, path, kind, "%s", why);
    return 0;
}

static inline int packed_incomplete(void *ctx, const char *path, const char *why, struct err *err)
{
    return packed_missed(ctx, path, NULL, REPORT_UNREADABLE, why, err);
}

static inline int pack_with(struct packed *p, const char *path, const struct walk_options *walk,
                            enum compress_method method, int level, struct err *err)
{
    buf_init(&p->archive, PACKED_MAX);
    report_init(&p->report);
    p->given = 0;
    p->out = NULL;
    const struct archive_options options = {
        .method = method,
        .level = level,
        .receiver = {.room = packed_room, .filled = packed_filled, .ctx = p},
        .report = &p->report,
    };
    const struct walk_visitor visitor = {
        .visit = packed_visit, .missed = packed_missed, .incomplete = packed_incomplete, .ctx = p};
    int rc = archive_out_new(&options, &p->out, err);
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (rc == 0)
        rc = walk_source(walk, fd, path, &visitor, err);
    if (rc == 0)
        rc = archive_out_finish(p->out, err);
    archive_out_free(p->out);
    (void)close(fd);
    return rc;
}

static inline int pack(struct packed *p, const char *path)
{
    static const struct walk_options everything;
    struct err err;
    return pack_with(p, path, &everything, COMPRESS_ZSTD, 1, &err);
}

static inline void packed_done(struct packed *p)
{
    buf_done(&p->archive);
    report_done(&p->report);
}

static inline void packed_read(void *ctx, const void **ret, size_t *ret_len)
{
    struct packed *p = ctx;
    size_t left = p->archive.len - p->given;
    *ret = p->archive.data + p->given;
    *ret_len = left < 777 ? left : 777;
    p->given += *ret_len;
}

/* Extracts into the directory; the current one is another afterwards. */
static inline int unpack(struct packed *p, const char *into, struct report *report, struct err *err)
{
    const struct extract_options options = {.read = packed_read, .ctx = p, .report = report};
    p->given = 0;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (chdir(into) != 0)
        abort();
    int rc = extract_archive(&options, err);
    if (fchdir(here) != 0)
        abort();
    (void)close(here);
    return rc;
}

/* The first kept problem's message, or "". */
static inline const char *first_problem(const struct report *report)
{
    return report->kept == 0 ? "" : report->problems[0].message;
}

#endif
