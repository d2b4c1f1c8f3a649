#include "update/binary.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/encode.h"
#include "common/file.h"

enum { NAMES_MAX = 64 * 1024, VALUE_MAX = 64 * 1024, READ_SIZE = 16 * 1024 };

#define ACL_ACCESS "system.posix_acl_access"

/* --- what may be updated ----------------------------------------------------------------------------------------- */

static int own_path(char ret[PATH_MAX], struct err *err)
{
    static const char deleted[] = " (deleted)"; /* what the kernel appends */
    ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - 1);
    if (len < 0)
        return err_sys(err, ERR_IO, "cannot find out which file we were started from");
    ret[len] = '\0';
    size_t tail = sizeof deleted - 1;
    if ((size_t)len > tail && strcmp(ret + len - tail, deleted) == 0)
        return err_set(err, ERR_CONFLICT, "the file we were started from has been replaced or removed since");
    return 0;
}

static int name_files(struct binary *b, struct err *err)
{
    const char *slash = strrchr(b->path, '/');
    if (b->path[0] != '/' || slash[1] == '\0')
        return err_set(err, ERR_INVALID, "not the path of a binary: %.200s", b->path);
    (void)snprintf(b->directory, sizeof b->directory, "%.*s", slash == b->path ? 1 : (int)(slash - b->path), b->path);
    if (snprintf(b->part, sizeof b->part, "%s.part", b->path) >= (int)sizeof b->part ||
        snprintf(b->fresh, sizeof b->fresh, "%s.new", b->path) >= (int)sizeof b->fresh)
        return err_set(err, ERR_TOO_BIG, "the path of the binary is too long");
    return 0;
}

static int check_file(const struct binary *b, const struct stat *st, struct err *err)
{
    if (!S_ISREG(st->st_mode))
        return err_set(err, ERR_CONFLICT, "%.200s is not a regular file", b->path);
    if ((st->st_mode & (S_ISUID | S_ISGID)) != 0)
        return err_set(err, ERR_CONFLICT,
                       "%.200s is set-user-id or set-group-id, which is not handed on to a new one: chmod ug-s it",
                       b->path);
    return 0;
}

static int check_directory(const struct binary *b, struct err *err)
{
    struct statvfs fs;
    if (statvfs(b->directory, &fs) != 0)
        return err_sys(err, ERR_IO, "%s", b->directory);
    if ((fs.f_flag & ST_RDONLY) != 0)
        return err_set(err, ERR_DENIED, "%.200s is on a read-only filesystem", b->directory);
    if ((fs.f_flag & ST_NOEXEC) != 0)
        return err_set(err, ERR_DENIED, "%.200s is on a filesystem mounted noexec: nothing new could run",
                       b->directory);
    if (access(b->directory, W_OK | X_OK) != 0)
        return err_sys(err, ERR_DENIED, "%.200s cannot be written", b->directory);
    return 0;
}

int binary_open(const char *path, struct binary *ret, struct err *err)
{
    struct binary b = {.size = 0};
    struct stat st;
    int rc = 0;
    if (path == NULL)
        rc = own_path(b.path, err);
    else if (snprintf(b.path, sizeof b.path, "%s", path) >= (int)sizeof b.path)
        rc = err_set(err, ERR_TOO_BIG, "the path of the binary is too long");
    if (rc == 0)
        rc = name_files(&b, err);
    if (rc == 0 && lstat(b.path, &st) != 0)
        rc = err_sys(err, errno == ENOENT ? ERR_CONFLICT : ERR_IO, "%s", b.path);
    if (rc == 0)
        rc = check_file(&b, &st, err);
    if (rc == 0)
        rc = check_directory(&b, err);
    if (rc != 0)
        return rc;
    b.size = (int64_t)st.st_size;
    *ret = b;
    return 0;
}

static int hash_file(int fd, unsigned char ret[32], struct err *err)
{
    unsigned char data[READ_SIZE];
    size_t len = 0;
    mbedtls_sha256_context hash;
    mbedtls_sha256_init(&hash);
    bool hashed = mbedtls_sha256_starts(&hash, 0) == 0;
    int rc = 0;
    do {
        rc = file_read_all(fd, data, sizeof data, &len, err);
        hashed = hashed && rc == 0 && mbedtls_sha256_update(&hash, data, len) == 0;
    } while (hashed && len == sizeof data);
    hashed = hashed && mbedtls_sha256_finish(&hash, ret) == 0;
    mbedtls_sha256_free(&hash);
    return rc != 0 || hashed ? rc : err_set(err, ERR_INTERNAL, "cannot compute a digest");
}

int binary_sha256(const struct binary *b, char ret[BINARY_SHA256_SIZE], struct err *err)
{
    unsigned char digest[32];
    int fd = open(b->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "%s", b->path);
    int rc = hash_file(fd, digest, err);
    (void)close(fd);
    if (rc == 0)
        hex_encode(digest, sizeof digest, ret);
    return rc;
}

/* --- A.new ------------------------------------------------------------------------------------------------------- */

/* Digests and signatures of the content, which is another now; with them the kernel would refuse to run it. */
static bool is_of_content(const char *name)
{
    return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

/* ACLs go the same way, in the kernel's own form. What is as it must be already (a label by policy, say) need not be
 * ours to set. */
static int copy_attribute(int from, int to, const char *name, char *value, struct err *err)
{
    ssize_t len = fgetxattr(from, name, value, VALUE_MAX);
    if (len < 0)
        return errno == ENODATA ? 0 : err_sys(err, ERR_IO, "attribute %.80s cannot be read", name);
    if (fsetxattr(to, name, value, (size_t)len, 0) == 0)
        return 0;
    int why = errno;
    char *have = value + VALUE_MAX;
    if (fgetxattr(to, name, have, VALUE_MAX) == len && memcmp(have, value, (size_t)len) == 0)
        return 0;
    errno = why;
    return err_sys(err, ERR_IO, "attribute %.80s cannot be set", name);
}

static int copy_attributes(int from, int to, struct err *err)
{
    char *room = malloc(NAMES_MAX + 2 * VALUE_MAX);
    if (room == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    ssize_t len = flistxattr(from, room, NAMES_MAX);
    int rc = len >= 0 || errno == ENOTSUP ? 0 : err_sys(err, ERR_IO, "attributes cannot be listed");
    for (const char *name = room; rc == 0 && name < room + len; name += strlen(name) + 1)
        if (!is_of_content(name))
            rc = copy_attribute(from, to, name, room + NAMES_MAX, err);
    free(room);
    return rc;
}

/* Owner first, since a change of it takes capabilities away; then no ACL but A's own, which the directory may have
 * given a default one; then the mode, then the rest. */
static int copy_properties(int from, int to, struct err *err)
{
    struct stat st, have;
    if (fstat(from, &st) != 0 || fstat(to, &have) != 0)
        return err_sys(err, ERR_IO, "stat");
    if ((st.st_mode & (S_ISUID | S_ISGID)) != 0) /* since binary_open looked */
        return err_set(err, ERR_CONFLICT, "it has become set-user-id or set-group-id");
    bool same_owner = st.st_uid == have.st_uid && st.st_gid == have.st_gid;
    if (!same_owner && fchown(to, st.st_uid, st.st_gid) != 0)
        return err_sys(err, ERR_DENIED, "the owner cannot be set");
    if (fremovexattr(to, ACL_ACCESS) != 0 && errno != ENODATA && errno != ENOTSUP)
        return err_sys(err, ERR_IO, "the directory's default ACL cannot be taken off");
    if (fchmod(to, st.st_mode & 0777) != 0)
        return err_sys(err, ERR_IO, "the mode cannot be set");
    return copy_attributes(from, to, err);
}

static int open_part(const struct binary *b, int *ret_fd, struct err *err)
{
    struct stat st;
    int fd = open(b->part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_sys(err, ERR_IO, "%s", b->part);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        (void)close(fd);
        return err_set(err, ERR_CONFLICT, "%.200s is not a file of its own", b->part);
    }
    *ret_fd = fd;
    return 0;
}

int binary_finish(const struct binary *b, struct err *err)
{
    int part = -1;
    int rc = open_part(b, &part, err);
    if (rc != 0)
        return rc;
    int own = open(b->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (own < 0)
        rc = err_sys(err, ERR_IO, "%s", b->path);
    if (rc == 0)
        rc = copy_properties(own, part, err);
    if (rc == 0 && fsync(part) != 0)
        rc = err_sys(err, ERR_IO, "fsync");
    if (own >= 0)
        (void)close(own);
    (void)close(part);
    if (rc == 0)
        rc = file_rename(b->part, b->fresh, err);
    if (rc != 0) {
        (void)unlink(b->part);
        (void)err_prefix(err, "%s", b->fresh);
    }
    return rc;
}

int binary_discard(const struct binary *b, struct err *err)
{
    int rc = file_remove(b->part, err);
    return rc == 0 ? file_remove(b->fresh, err) : rc;
}
