#include "restore/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/encode.h"
#include "restore/deleted.h"
#include "restore/disk.h"

struct extract {
    const struct extract_options *options;
    struct archive *in;
    struct disk *disk; /* NULL: nothing is written */
    uint64_t listed;
};

static la_ssize_t read_callback(struct archive *archive, void *ctx, const void **ret)
{
    (void)archive;
    const struct extract *x = ctx;
    size_t len = 0;
    x->options->read(x->options->ctx, ret, &len);
    return (la_ssize_t)len;
}

static int corrupt(struct archive *archive, struct err *err)
{
    const char *text = archive_error_string(archive);
    char shown[200];
    report_printable(text == NULL ? "not understood" : text, shown, sizeof shown);
    return err_set(err, ERR_CORRUPT, "the archive is damaged: %s", shown);
}

static int open_input(struct extract *x, struct err *err)
{
    x->in = archive_read_new();
    if (x->in == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (archive_read_support_format_tar(x->in) != ARCHIVE_OK || archive_read_support_filter_gzip(x->in) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(x->in) != ARCHIVE_OK)
        return err_set(err, ERR_INTERNAL, "the archive library lacks a format");
    if (archive_read_open2(x->in, x, NULL, read_callback, NULL, NULL) != ARCHIVE_OK)
        return corrupt(x->in, err);
    return 0;
}

/* --- listing ----------------------------------------------------------------------------------------------------- */

static const char *type_name(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL)
        return "hardlink";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG: return "file";
    case AE_IFDIR: return "directory";
    case AE_IFLNK: return "symlink";
    case AE_IFIFO: return "fifo";
    case AE_IFCHR: return "character device";
    case AE_IFBLK: return "block device";
    default: return "unknown";
    }
}

static const char *link_target(struct archive_entry *entry)
{
    const char *hard = archive_entry_hardlink(entry);
    return hard != NULL ? hard : archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;
}

/* The printable form of s; NULL for NULL or when memory is out. */
static char *printable(const char *s)
{
    size_t size = s == NULL ? 0 : strlen(s) * 4 + 8;
    char *ret = s == NULL ? NULL : malloc(size);
    if (ret != NULL)
        report_printable(s, ret, size);
    return ret;
}

static void list_json(struct extract *x, struct archive_entry *entry, const char *path)
{
    char *shown = printable(path);
    char *target = printable(link_target(entry));
    size_t len = strlen(path);
    char *exact = NULL; /* only where the printable form is not the name itself */
    if (shown != NULL && strcmp(shown, path) != 0 && (exact = malloc(BASE64_SIZE(len))) != NULL)
        base64_encode(path, len, exact);
    json_t *item = json_pack(
        "{s:s*, s:s*, s:s, s:I, s:i, s:I, s:I, s:I, s:s*}", "path", shown, "pathBase64", exact, "type",
        type_name(entry), "size", (json_int_t)archive_entry_size(entry), "mode", (int)archive_entry_perm(entry), "uid",
        (json_int_t)archive_entry_uid(entry), "gid", (json_int_t)archive_entry_gid(entry), "mtime_ms",
        (json_int_t)archive_entry_mtime(entry) * 1000 + archive_entry_mtime_nsec(entry) / 1000000, "target", target);
    char *text = item == NULL ? NULL : json_dumps(item, JSON_COMPACT);
    if (text != NULL)
        (void)fprintf(x->options->list, "%s%s", x->listed > 0 ? ",\n" : "\n", text);
    free(text);
    json_decref(item);
    free(exact);
    free(target);
    free(shown);
}

static void list_text(struct extract *x, struct archive_entry *entry, const char *path)
{
    char time[CLOCK_RFC3339_SIZE];
    char *shown = printable(path);
    char *target = printable(link_target(entry));
    clock_format_rfc3339((int64_t)archive_entry_mtime(entry) * 1000, time);
    (void)fprintf(x->options->list, "%s %lld/%lld %12lld %.19sZ %s%s%s\n", archive_entry_strmode(entry),
                  (long long)archive_entry_uid(entry), (long long)archive_entry_gid(entry),
                  (long long)archive_entry_size(entry), time, shown == NULL ? "?" : shown, target == NULL ? "" : " -> ",
                  target == NULL ? "" : target);
    free(target);
    free(shown);
}

/* --- extracting -------------------------------------------------------------------------------------------------- */

/* The content of the entry. Damage of the archive ends everything, trouble with the disk this file only. */
static int copy_content(struct extract *x, struct err *err)
{
    for (;;) {
        const void *data;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(x->in, &data, &len, &offset);
        if (rc == ARCHIVE_EOF)
            return disk_end(x->disk, err);
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            return corrupt(x->in, err);
        rc = disk_write(x->disk, data, len, offset, err);
        if (rc != 0)
            return rc;
        if (x->options->progress != NULL)
            progress_show(x->options->progress, x->options->report);
    }
}

static int extract_entry(struct extract *x, struct archive_entry *entry, struct err *err)
{
    bool content = false;
    int rc = disk_begin(x->disk, entry, &content, err);
    return rc == 0 && content ? copy_content(x, err) : rc;
}

static int extract_chosen(struct extract *x, struct archive_entry *entry, const char *path, struct err *err)
{
    const struct extract_options *options = x->options;
    const char *target = archive_entry_hardlink(entry);
    if (!choice_has(options->choice, path))
        return 0;
    if (target == NULL || options->links == NULL || choice_has(options->choice, target))
        return extract_entry(x, entry, err);
    if (!links_add(options->links, target, path))
        report_problem(options->report, path, "too many hard links to names that were not chosen");
    return 0;
}

/* The content goes to the first of the chosen names, and the others become links to that. */
static int extract_linked(struct extract *x, struct archive_entry *entry, struct err *err)
{
    struct links *links = x->options->links;
    char *target = strdup(archive_entry_pathname(entry));
    if (target == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    const char *first = links_of(links, target, 0);
    int rc = 0;
    if (first != NULL && archive_entry_hardlink(entry) == NULL) {
        archive_entry_copy_pathname(entry, first);
        rc = extract_entry(x, entry, err);
        for (size_t i = 1; rc == 0 && links_of(links, target, i) != NULL; i++) {
            archive_entry_copy_pathname(entry, links_of(links, target, i));
            archive_entry_copy_hardlink(entry, first);
            archive_entry_set_size(entry, 0);
            rc = extract_entry(x, entry, err);
        }
    }
    free(target);
    return rc;
}

/* --- deletions --------------------------------------------------------------------------------------------------- */

static int delete_one(void *ctx, const char *path, struct err *err)
{
    struct extract *x = ctx;
    if (x->disk == NULL || x->options->mode != EXTRACT_DISK)
        return 0;
    int rc = disk_remove(x->disk, path, err);
    if (rc != ERR_DENIED && rc != ERR_IO)
        return rc;
    report_problem(x->options->report, path, "is not deleted: %s", err->msg);
    return 0;
}

static int read_deletions(struct extract *x, struct err *err)
{
    struct deleted *deleted = NULL;
    int rc = deleted_new(delete_one, x, &deleted, err);
    while (rc == 0) {
        const void *data;
        size_t len;
        la_int64_t offset;
        int got = archive_read_data_block(x->in, &data, &len, &offset);
        if (got == ARCHIVE_EOF) {
            rc = deleted_finish(deleted, err);
            break;
        }
        rc = got == ARCHIVE_OK ? deleted_push(deleted, data, len, offset, err) : corrupt(x->in, err);
    }
    deleted_free(deleted);
    return rc;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static void list_entry(struct extract *x, struct archive_entry *entry, const char *path)
{
    if (!choice_has(x->options->choice, path))
        return;
    if (x->options->json)
        list_json(x, entry, path);
    else
        list_text(x, entry, path);
    x->listed++;
}

static int handle_entry(struct extract *x, struct archive_entry *entry, struct err *err)
{
    const struct extract_options *options = x->options;
    const char *path = archive_entry_pathname(entry);
    if (path == NULL || *path == '\0') {
        report_problem(options->report, NULL, "an entry without a usable name was left out");
        return 0;
    }
    if (strcmp(path, DELETED_MEMBER) == 0 && archive_entry_filetype(entry) == AE_IFREG)
        return read_deletions(x, err);
    switch (options->mode) {
    case EXTRACT_DISK: return extract_chosen(x, entry, path, err);
    case EXTRACT_LINKS: return extract_linked(x, entry, err);
    case EXTRACT_LIST: list_entry(x, entry, path); break;
    case EXTRACT_VISIT: return choice_has(options->choice, path) ? options->visit(options->visit_ctx, entry, err) : 0;
    case EXTRACT_READ: break;
    }
    atomic_fetch_add(&options->report->files, 1);
    if (options->progress != NULL)
        progress_show(options->progress, options->report);
    return 0;
}

static int handle_all(struct extract *x, struct err *err)
{
    struct archive_entry *entry;
    for (;;) {
        int rc = archive_read_next_header(x->in, &entry);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            return corrupt(x->in, err);
        rc = handle_entry(x, entry, err);
        if (rc != 0)
            return rc;
    }
    if (archive_format(x->in) == ARCHIVE_FORMAT_TAR ||
        (archive_format(x->in) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR)
        return 0;
    return err_set(err, ERR_CORRUPT, "the archive is empty or not a tar archive");
}

int extract_archive(const struct extract_options *options, struct err *err)
{
    struct extract x = {.options = options};
    bool writes = options->mode == EXTRACT_DISK || options->mode == EXTRACT_LINKS;
    int rc = writes ? disk_new(options->report, options->mark_ways, &x.disk, err) : 0;
    if (rc == 0)
        rc = open_input(&x, err);
    if (rc == 0)
        rc = handle_all(&x, err);
    if (x.in != NULL)
        (void)archive_read_free(x.in);
    disk_free(x.disk);
    return rc;
}
