#include "restore/disk.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "restore/place.h"
#include "restore/tree.h"
#include "snapshot/attrs.h"

struct disk {
    struct report *report;
    struct place *place;
    struct archive *archive; /* writes everything but directories */
    char *path;              /* of the entry at hand, for the report */
    char name[NAME_MAX + 1]; /* its name where we stand */
    bool plain;              /* it has no ACL, and must not inherit one from its directory */
    bool broken;             /* the content of the entry at hand cannot be written */
};

static struct archive *new_writer(void)
{
    /* Not ARCHIVE_EXTRACT_SPARSE: it would make holes of zeros that were none. Holes come from the archive's own map.
     */
    int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR |
                ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
    if (geteuid() == 0)
        flags |= ARCHIVE_EXTRACT_OWNER;
    struct archive *archive = archive_write_disk_new();
    if (archive != NULL)
        (void)archive_write_disk_set_options(archive, flags);
    return archive;
}

static void tell_problem(struct disk *d, const char *path, struct archive *archive)
{
    const char *text = archive_error_string(archive);
    report_problem(d->report, path, "%s", text == NULL ? "unknown error" : text);
}

struct finishing {
    struct disk *disk;
    const char *path;
};

static void tell_attribute(void *ctx, const char *why)
{
    const struct finishing *f = ctx;
    report_problem(f->disk->report, f->path, "%s", why);
}

/* A directory gets what the archive says of it when all is in it: else its time would not last, and its mode might keep
 * us out. Not by libarchive, which ignores failures here. */
static void finish_directory(void *ctx, const char *path, void *kept, bool lost)
{
    struct disk *d = ctx;
    struct archive_entry *entry = kept;
    struct finishing finishing = {.disk = d, .path = path};
    int fd = place_fd(d->place);
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)},
    };
    if (lost) {
        report_problem(d->report, path, "was moved away while it was being restored");
    } else {
        if (geteuid() == 0 && fchown(fd, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) != 0)
            report_problem(d->report, path, "the owner cannot be set: %s", strerror(errno));
        if (fchmod(fd, archive_entry_perm(entry)) != 0)
            report_problem(d->report, path, "the mode cannot be set: %s", strerror(errno));
        attrs_write(fd, entry, tell_attribute, &finishing);
        if (archive_entry_mtime_is_set(entry) && futimens(fd, times) != 0)
            report_problem(d->report, path, "the time cannot be set: %s", strerror(errno));
    }
    archive_entry_free(entry);
}

int disk_new(struct report *report, bool mark_ways, struct disk **ret, struct err *err)
{
    struct disk *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->report = report;
    d->archive = new_writer();
    int rc = d->archive == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0)
        rc = place_new(finish_directory, d, &d->place, err);
    if (rc != 0) {
        disk_free(d);
        return rc;
    }
    if (mark_ways)
        place_mark_ways(d->place);
    *ret = d;
    return 0;
}

void disk_free(struct disk *d)
{
    if (d == NULL)
        return;
    if (d->archive != NULL)
        (void)archive_write_free(d->archive);
    place_free(d->place);
    free(d->path);
    free(d);
}

/* What went wrong with one file goes into the report, unless it would with all the others too. */
static int judge(struct disk *d, int why, struct err *err)
{
    if (why == ENOSPC || why == EDQUOT || why == EROFS) {
        errno = why;
        return err_sys(err, ERR_TOO_BIG, "nothing more can be written");
    }
    tell_problem(d, d->path, d->archive);
    return 0;
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

static int make_directory(struct disk *d, const char *name, struct archive_entry *entry, struct err *err)
{
    archive_entry_copy_pathname(entry, ""); /* before the copy, which would else hold a long path for long */
    struct archive_entry *kept = archive_entry_clone(entry);
    if (kept == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = place_enter(d->place, name, kept, err);
    if (rc != 0)
        archive_entry_free(kept);
    return rc;
}

/* Links name, where we stand, to an entry restored before. linkat without AT_SYMLINK_FOLLOW links a symlink itself. */
static int make_hardlink(struct disk *d, const char *name, const char *target, struct err *err)
{
    int fd = -1;
    char *target_name = NULL;
    int rc = place_find(d->place, target, &fd, &target_name, err);
    if (rc != 0)
        return rc == ERR_NOMEM ? rc : err_prefix(err, "its other name");
    int to = place_fd(d->place);
    bool done = linkat(fd, target_name, to, name, 0) == 0;
    if (!done && errno == EEXIST && tree_remove(to, name, err) == 0)
        done = linkat(fd, target_name, to, name, 0) == 0;
    if (!done)
        rc = err_sys(err, ERR_IO, "link to its other name");
    (void)close(fd);
    free(target_name);
    return rc;
}

/* A directory of an earlier archive, where now something else is. The writer removes everything but these. */
static int clear_directory(struct disk *d, const char *name, struct err *err)
{
    struct stat st;
    int fd = place_fd(d->place);
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return 0;
    return tree_remove(fd, name, err);
}

static int write_header(struct disk *d, const char *name, struct archive_entry *entry, bool *ret_content,
                        struct err *err)
{
    (void)snprintf(d->name, sizeof d->name, "%s", name);
    d->plain = archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS) == 0;
    archive_entry_copy_pathname(entry, d->name);
    int rc = archive_write_header(d->archive, entry);
    if (rc == ARCHIVE_FATAL)
        return err_set(err, ERR_INTERNAL, "nothing more can be written");
    d->broken = rc < ARCHIVE_WARN;
    *ret_content = !d->broken;
    return rc == ARCHIVE_OK ? 0 : judge(d, archive_errno(d->archive), err);
}

static int make(struct disk *d, struct archive_entry *entry, bool *ret_content, struct err *err)
{
    const char *name;
    int rc = place_go(d->place, d->path, &name, err);
    if (rc != 0)
        return rc;
    const char *target = archive_entry_hardlink(entry);
    bool directory = target == NULL && archive_entry_filetype(entry) == AE_IFDIR;
    if (*name == '\0' && !directory)
        return err_set(err, ERR_DENIED, "has no name");
    if (directory)
        return make_directory(d, name, entry, err);
    if (target != NULL)
        return make_hardlink(d, name, target, err);
    rc = clear_directory(d, name, err);
    return rc == 0 ? write_header(d, name, entry, ret_content, err) : rc;
}

int disk_begin(struct disk *d, struct archive_entry *entry, bool *ret_content, struct err *err)
{
    *ret_content = false;
    d->broken = false;
    free(d->path);
    d->path = strdup(archive_entry_pathname(entry));
    if (d->path == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = attrs_clean(entry, err);
    if (rc == 0)
        rc = make(d, entry, ret_content, err);
    if (rc == ERR_IO && (err->sys_errno == ENOSPC || err->sys_errno == EDQUOT || err->sys_errno == EROFS))
        return err_prefix(err, "nothing more can be written");
    if (rc == ERR_DENIED || rc == ERR_IO) {
        report_problem(d->report, d->path, "%s", err->msg);
        return 0;
    }
    if (rc == 0 && !d->broken)
        atomic_fetch_add(&d->report->files, 1);
    return rc;
}

int disk_write(struct disk *d, const void *data, size_t len, int64_t offset, struct err *err)
{
    if (d->broken)
        return 0;
    d->broken = archive_write_data_block(d->archive, data, len, offset) < ARCHIVE_OK;
    atomic_fetch_add(&d->report->bytes, len);
    return d->broken ? judge(d, archive_errno(d->archive), err) : 0;
}

int disk_end(struct disk *d, struct err *err)
{
    int rc = archive_write_finish_entry(d->archive);
    if (rc == ARCHIVE_FATAL)
        return err_set(err, ERR_INTERNAL, "nothing more can be written");
    if (d->plain)
        (void)lremovexattr(d->name, "system.posix_acl_access");
    return rc == ARCHIVE_OK || d->broken ? 0 : judge(d, archive_errno(d->archive), err);
}

int disk_remove(struct disk *d, const char *path, struct err *err)
{
    const char *name;
    int rc = place_visit(d->place, path, &name, err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0 && *name == '\0')
        rc = err_set(err, ERR_DENIED, "names the whole tree");
    return rc == 0 ? tree_remove(place_fd(d->place), name, err) : rc;
}
