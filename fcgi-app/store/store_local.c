#include "store/store_local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/uuid.h"
#include "store/store_driver.h"
#include "store/store_local_private.h"

enum { OBJECT_DIGITS_MAX = 6 };

/* --- directories ----------------------------------------------------------------------------------------------------
 */

static void free_all(struct store_local *s)
{
    int fds[] = {s->objects_fd, s->uploads_fd, s->incoming_fd};
    for (size_t i = 0; i < sizeof fds / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(s->incoming);
    free(s);
}

static void store_local_close(struct store *base)
{
    free_all(store_local_self(base));
}

static int open_dir(const char *store_dir, const char *name, int *ret_fd, char **ret_path, struct err *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", store_dir, name) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the store");
    int rc = file_mkdirs(path, 0700, err);
    if (rc == 0) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            rc = err_sys(err, ERR_IO, "open %s", path);
        else
            *ret_fd = fd;
    }
    if (rc == 0 && ret_path != NULL)
        *ret_path = path;
    else
        free(path);
    return rc;
}

int store_local_parent(const struct store_local *s, const char *path, bool make, int *ret_fd, const char **ret_name,
                       struct err *err)
{
    int fd = openat(s->objects_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash;
    if (fd < 0)
        return err_sys(err, ERR_IO, "open the objects' directory");
    while ((slash = strchr(path, '/')) != NULL) {
        char segment[NAME_MAX + 1];
        snprintf(segment, sizeof segment, "%.*s", (int)(slash - path), path);
        if (make && mkdirat(fd, segment, 0700) == 0 && fsync(fd) != 0) {
            close(fd);
            return err_sys(err, ERR_IO, "fsync an objects' directory");
        }
        int next = openat(fd, segment, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        close(fd);
        if (next < 0) {
            errno = saved;
            return err_sys(err, saved == ENOENT ? ERR_NOT_FOUND : ERR_IO, "open objects/…/%s", segment);
        }
        fd = next;
        path = slash + 1;
    }
    *ret_fd = fd;
    *ret_name = path;
    return 0;
}

static int store_local_room(struct store *base, int64_t *ret, struct err *err)
{
    const struct store_local *s = store_local_self(base);
    struct statvfs fs;
    if (fstatvfs(s->objects_fd, &fs) != 0)
        return err_sys(err, ERR_IO, "statvfs of the store");
    *ret = (int64_t)(fs.f_bavail * fs.f_frsize) - s->reserve_bytes;
    return 0;
}

static int store_local_check(struct store *base, struct err *err)
{
    const struct store_local *s = store_local_self(base);
    int64_t room = 0;
    if (faccessat(s->uploads_fd, ".", W_OK | X_OK, AT_EACCESS) != 0 ||
        faccessat(s->objects_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return err_sys(err, ERR_UNAVAILABLE, "the object store cannot be written");
    int rc = store_local_room(base, &room, err);
    if (rc == 0 && room < 0)
        return err_set(err, ERR_UNAVAILABLE, "the object store's disk is full: its reserve is touched");
    return rc;
}

/* --- uploads --------------------------------------------------------------------------------------------------------
 */

/* The run's id, and perhaps which of its objects. */
bool store_local_upload_id_valid(const char *id)
{
    char run_id[UUID_SIZE];
    (void)snprintf(run_id, sizeof run_id, "%s", id);
    if (!uuid_valid(run_id))
        return false;
    const char *rest = id + UUID_SIZE - 1;
    size_t digits = rest[0] == '-' ? strspn(rest + 1, "0123456789") : 0;
    return rest[0] == '\0' || (digits >= 1 && digits <= OBJECT_DIGITS_MAX && rest[1 + digits] == '\0');
}

static int upload_over(struct err *err)
{
    return err_set(err, ERR_CONFLICT, "the upload is over");
}

/* Opens a staging file and locks a range of it; length 0 means all. ERR_NOT_FOUND when it is gone, even if that happens
 * between the open and the lock. */
static int open_locked(const struct store_local *s, const char *upload_id, int64_t offset, int64_t length, int *ret_fd,
                       struct err *err)
{
    struct stat held;
    struct stat named;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = length};
    if (!store_local_upload_id_valid(upload_id))
        return err_set(err, ERR_NOT_FOUND, "no such upload");
    int fd = openat(s->uploads_fd, upload_id, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "open an upload");
    int rc = 0;
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        bool busy = errno == EAGAIN || errno == EACCES;
        rc = busy ? err_set(err, ERR_UNAVAILABLE, "the same bytes are being written; try again in a moment")
                  : err_sys(err, ERR_IO, "lock an upload");
    } else if (fstat(fd, &held) != 0 || fstatat(s->uploads_fd, upload_id, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
               held.st_ino != named.st_ino || held.st_dev != named.st_dev || !S_ISREG(held.st_mode)) {
        rc = err_set(err, ERR_NOT_FOUND, "no such upload");
    }
    if (rc != 0) {
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static int store_local_upload_begin(struct store *base, const char *path, const char *id_hint,
                                    char ret[STORE_UPLOAD_ID_SIZE], struct err *err)
{
    const struct store_local *s = store_local_self(base);
    (void)path;
    if (!store_local_upload_id_valid(id_hint))
        return err_set(err, ERR_INTERNAL, "an upload's id is not of the form that is kept");
    /* One that is there was begun before a crash, or at this moment: the same one, since the id is the caller's. */
    int fd = openat(s->uploads_fd, id_hint, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "make an upload");
    close(fd);
    if (fsync(s->uploads_fd) != 0) {
        int rc = err_sys(err, ERR_IO, "fsync uploads");
        unlinkat(s->uploads_fd, id_hint, 0);
        return rc;
    }
    snprintf(ret, STORE_UPLOAD_ID_SIZE, "%s", id_hint);
    return 0;
}

int store_local_stage(const struct store_local *s, const char *upload_id, int64_t offset, int64_t size, int *ret_fd,
                      struct err *err)
{
    int rc = open_locked(s, upload_id, offset, size, ret_fd, err);
    return rc == ERR_NOT_FOUND ? upload_over(err) : rc;
}

/* The staging file is gone: fine when the object is there already, made by a try that a crash cut short. */
static int already_complete(const struct store_local *s, const char *path, int64_t size, struct err *err)
{
    int dir = -1;
    const char *name = "";
    struct stat st;
    int rc = store_local_parent(s, path, false, &dir, &name, err);
    if (rc == ERR_NOT_FOUND)
        return upload_over(err);
    if (rc != 0)
        return rc;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) || st.st_size != size)
        rc = upload_over(err);
    else if (fsync(dir) != 0)
        rc = err_sys(err, ERR_IO, "fsync an objects' directory");
    close(dir);
    return rc;
}

/* rename(2) that replaces nothing. Where the file system cannot promise that, looking first does: a path belongs to one
 * run. */
static int rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
    struct stat st;
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from_dir, from, to_dir, to);
}

/* The locked staging file becomes the object. */
static int make_object(const struct store_local *s, int fd, const char *path, const char *upload_id, struct err *err)
{
    int dir = -1;
    const char *name = "";
    if (fsync(fd) != 0)
        return err_sys(err, ERR_IO, "fsync an upload");
    int rc = store_local_parent(s, path, true, &dir, &name, err);
    if (rc != 0)
        return rc;
    if (rename_new(s->uploads_fd, upload_id, dir, name) != 0)
        rc = err_sys(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "rename an upload");
    else if (fsync(dir) != 0 || fsync(s->uploads_fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync an objects' directory");
    close(dir);
    return rc;
}

static int make_complete(const struct store_local *s, const char *path, const char *upload_id, int64_t size,
                         struct err *err)
{
    struct stat st;
    int fd = -1;
    int rc = open_locked(s, upload_id, 0, 0, &fd, err);
    if (rc == ERR_NOT_FOUND)
        return already_complete(s, path, size, err);
    if (rc != 0)
        return rc;
    if (fstat(fd, &st) != 0) {
        rc = err_sys(err, ERR_IO, "stat an upload");
    } else if (st.st_size != size) {
        rc =
            err_set(err, ERR_CONFLICT, "%lld bytes are stored instead of %lld", (long long)st.st_size, (long long)size);
    } else {
        rc = make_object(s, fd, path, upload_id, err);
    }
    close(fd);
    return rc;
}

static int store_local_upload_complete(struct store *base, const char *path, const char *upload_id,
                                       const struct store_part *parts, size_t count, struct store_made *ret,
                                       struct err *err)
{
    int64_t size = store_parts_size(parts, count);
    int rc = make_complete(store_local_self(base), path, upload_id, size, err);
    if (rc == 0)
        *ret = (struct store_made){.size = size};
    return rc;
}

static int store_local_upload_forget(struct store *base, const char *path, const char *upload_id, struct err *err)
{
    (void)path;
    const struct store_local *s = store_local_self(base);
    if (store_local_upload_id_valid(upload_id) && unlinkat(s->uploads_fd, upload_id, 0) != 0 && errno != ENOENT)
        return err_sys(err, ERR_IO, "remove an upload");
    return 0;
}

/* Staging first: a completion under way then either finds it gone, or has renamed it already and loses the object here.
 */
static int store_local_upload_abort(struct store *base, const char *path, const char *upload_id, struct err *err)
{
    int rc = store_local_upload_forget(base, path, upload_id, err);
    return rc == 0 ? store_local_object_delete(base, path, err) : rc;
}

/* --- walks ----------------------------------------------------------------------------------------------------------
 */

typedef int entry_fn(void *ctx, const char *name, int64_t written_ms, struct err *err);

/* fn for each plain file of the directory that was last written more than age_s ago. */
static int each_older(int dir_fd, int64_t age_s, entry_fn *fn, void *ctx, struct err *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        int rc = err_sys(err, ERR_IO, "open a directory of the store");
        if (fd >= 0)
            close(fd);
        return rc;
    }
    int64_t before = (int64_t)time(NULL) - age_s; /* file times are the system's, whatever the app's clock says */
    struct dirent *entry;
    int rc = 0;
    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        struct stat st;
        if (entry->d_name[0] != '.' && fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtim.tv_sec < before)
            rc = fn(ctx, entry->d_name, st.st_mtim.tv_sec * INT64_C(1000), err);
    }
    closedir(dir);
    return rc;
}

struct upload_walk {
    store_upload_fn *fn;
    void *ctx;
};

static int show_upload(void *ctx, const char *name, int64_t written_ms, struct err *err)
{
    const struct upload_walk *walk = ctx;
    return walk->fn(walk->ctx, NULL, name, written_ms, err);
}

static int store_local_upload_each(struct store *base, int64_t min_age_s, store_upload_fn *fn, void *ctx,
                                   struct err *err)
{
    struct upload_walk walk = {.fn = fn, .ctx = ctx};
    return each_older(store_local_self(base)->uploads_fd, min_age_s, show_upload, &walk, err);
}

static int remove_incoming(void *ctx, const char *name, int64_t written_ms, struct err *err)
{
    (void)written_ms;
    const struct store_local *s = ctx;
    bool ours = strspn(name, "0123456789") == strlen(name);
    if (ours && unlinkat(s->incoming_fd, name, 0) != 0 && errno != ENOENT)
        return err_sys(err, ERR_IO, "remove a body");
    return 0;
}

static int store_local_sweep(struct store *base, int64_t max_age_s, struct err *err)
{
    struct store_local *s = store_local_self(base);
    return each_older(s->incoming_fd, max_age_s, remove_incoming, s, err);
}

static const struct store_driver store_local_driver = {
    .tracks_parts = true,
    .digest = PART_XXH64,
    .close = store_local_close,
    .check = store_local_check,
    .room = store_local_room,
    .presign = store_local_presign,
    .upload_begin = store_local_upload_begin,
    .upload_complete = store_local_upload_complete,
    .upload_abort = store_local_upload_abort,
    .upload_forget = store_local_upload_forget,
    .upload_each = store_local_upload_each,
    .object_delete = store_local_object_delete,
    .user_remove = store_local_user_remove,
    .object_head = store_local_object_head,
    .object_thaw = store_local_object_thaw,
    .object_open = store_local_object_open,
    .object_read = store_local_object_read,
    .object_close = store_local_object_close,
    .sweep = store_local_sweep,
};

struct store_local *store_local_of(struct store *s)
{
    return s != NULL && s->driver == &store_local_driver ? (struct store_local *)s : NULL;
}

int store_local_open(const struct settings *settings, const struct secrets *secrets, struct store **ret,
                     struct err *err)
{
    struct store_local *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the store");
    s->base = (struct store){.driver = &store_local_driver, .bucket = "objects", .region = STORE_LOCAL_REGION};
    s->objects_fd = s->uploads_fd = s->incoming_fd = -1;
    s->url = settings->agent_url;
    s->secrets = secrets;
    s->reserve_bytes = settings->store_reserve_bytes;
    int rc = open_dir(settings->store_dir, "objects", &s->objects_fd, NULL, err);
    if (rc == 0)
        rc = open_dir(settings->store_dir, "uploads", &s->uploads_fd, NULL, err);
    if (rc == 0)
        rc = open_dir(settings->store_dir, "incoming", &s->incoming_fd, &s->incoming, err);
    if (rc != 0) {
        free_all(s);
        return rc;
    }
    *ret = &s->base;
    return 0;
}
