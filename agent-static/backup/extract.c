#include "backup/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/encode.h"

struct extract {
    const struct extract_options *options;
    struct archive *in;
    struct archive *disk; /* NULL: list */
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

static int open_disk(struct extract *x, struct err *err)
{
    /* Not ARCHIVE_EXTRACT_SPARSE: it would make holes of zeros that were none. Holes come from the archive's own map.
     */
    int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR |
                ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
    if (geteuid() == 0)
        flags |= ARCHIVE_EXTRACT_OWNER;
    x->disk = archive_write_disk_new();
    if (x->disk == NULL || archive_write_disk_set_options(x->disk, flags) != ARCHIVE_OK)
        return err_set(err, ERR_NOMEM, "out of memory");
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

static void tell_problem(struct extract *x, const char *path, struct archive *archive)
{
    const char *text = archive_error_string(archive);
    report_problem(x->options->report, path, "%s", text == NULL ? "unknown error" : text);
}

/* The content of the entry. Damage of the archive ends everything, trouble with the disk this file only. */
static int copy_content(struct extract *x, const char *path, struct err *err)
{
    bool writing = true;
    for (;;) {
        const void *data;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(x->in, &data, &len, &offset);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            return corrupt(x->in, err);
        if (writing && archive_write_data_block(x->disk, data, len, offset) < ARCHIVE_OK) {
            tell_problem(x, path, x->disk);
            writing = false;
        }
        atomic_fetch_add(&x->options->report->bytes, len);
        if (x->options->progress != NULL)
            progress_show(x->options->progress, x->options->report);
    }
}

static int extract_entry(struct extract *x, struct archive_entry *entry, const char *path, struct err *err)
{
    int rc = archive_write_header(x->disk, entry);
    if (rc != ARCHIVE_OK)
        tell_problem(x, path, x->disk);
    if (rc == ARCHIVE_FATAL)
        return err_set(err, ERR_IO, "%.200s", archive_error_string(x->disk));
    if (rc < ARCHIVE_WARN)
        return 0;
    if (archive_entry_hardlink(entry) == NULL && archive_entry_filetype(entry) == AE_IFREG) {
        int copied = copy_content(x, path, err);
        if (copied != 0)
            return copied;
    }
    rc = archive_write_finish_entry(x->disk);
    if (rc != ARCHIVE_OK)
        tell_problem(x, path, x->disk);
    if (rc == ARCHIVE_FATAL)
        return err_set(err, ERR_IO, "%.200s", archive_error_string(x->disk));
    atomic_fetch_add(&x->options->report->files, 1);
    return 0;
}

static int handle_entry(struct extract *x, struct archive_entry *entry, struct err *err)
{
    const char *path = archive_entry_pathname(entry);
    if (path == NULL || *path == '\0') {
        report_problem(x->options->report, NULL, "an entry without a usable name was left out");
        return 0;
    }
    if (x->disk != NULL)
        return extract_entry(x, entry, path, err);
    if (x->options->list != NULL && x->options->json)
        list_json(x, entry, path);
    else if (x->options->list != NULL)
        list_text(x, entry, path);
    x->listed++;
    atomic_fetch_add(&x->options->report->files, 1);
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
    int rc = options->list == NULL ? open_disk(&x, err) : 0;
    if (rc == 0)
        rc = open_input(&x, err);
    if (rc == 0)
        rc = handle_all(&x, err);
    if (x.in != NULL)
        (void)archive_read_free(x.in);
    /* Modes and times of directories are set now, after their content. */
    if (x.disk != NULL && archive_write_close(x.disk) != ARCHIVE_OK)
        tell_problem(&x, NULL, x.disk);
    if (x.disk != NULL)
        (void)archive_write_free(x.disk);
    return rc;
}
