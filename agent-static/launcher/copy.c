#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { BLOCK = 16 * 1024, NAMES_MAX = 4 * 1024 };

bool copy_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* A whole block but at the end of the file; -1 with errno. */
static ssize_t read_block(int fd, char block[BLOCK])
{
    size_t have = 0;
    while (have < BLOCK) {
        ssize_t n = read(fd, block + have, BLOCK - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

static bool copy_bytes(int from, int to)
{
    char block[BLOCK];
    ssize_t n;
    if (lseek(from, 0, SEEK_SET) != 0)
        return false;
    while ((n = read_block(from, block)) > 0)
        if (!copy_write(to, block, (size_t)n))
            return false;
    return n == 0;
}

/* Security modules label a new file by themselves and may refuse what is there already. */
static bool has_attribute(int fd, const char *name, const char *value, ssize_t size)
{
    char have[256];
    return size <= (ssize_t)sizeof have && fgetxattr(fd, name, have, sizeof have) == size &&
           memcmp(have, value, (size_t)size) == 0;
}

static bool copy_attributes(int from, int to)
{
    char names[NAMES_MAX];
    char value[BLOCK];
    ssize_t len = flistxattr(from, names, sizeof names);
    if (len < 0)
        return errno == ENOTSUP;
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t size = fgetxattr(from, names + at, value, sizeof value);
        if (size < 0)
            return false;
        if (fsetxattr(to, names + at, value, (size_t)size, 0) != 0) {
            int why = errno;
            if (!has_attribute(to, names + at, value, size)) {
                errno = why;
                return false;
            }
        }
    }
    return true;
}

/* The owner first: changing it takes set-user-ID bits and capabilities away. */
static bool copy_likeness(int from, int to)
{
    struct stat st;
    struct stat now;
    if (fstat(from, &st) != 0 || fstat(to, &now) != 0)
        return false;
    if ((now.st_uid != st.st_uid || now.st_gid != st.st_gid) && fchown(to, st.st_uid, st.st_gid) != 0)
        return false;
    return fchmod(to, st.st_mode & 07777) == 0 && copy_attributes(from, to);
}

bool copy_file(int from, const char *path)
{
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return false;
    bool good = copy_bytes(from, to) && copy_likeness(from, to) && fsync(to) == 0;
    int why = errno;
    (void)close(to);
    if (!good)
        (void)unlink(path);
    errno = why;
    return good;
}

bool copy_is_same(int a, int b)
{
    char x[BLOCK];
    char y[BLOCK];
    ssize_t n;
    if (lseek(a, 0, SEEK_SET) != 0 || lseek(b, 0, SEEK_SET) != 0)
        return false;
    do {
        n = read_block(a, x);
        if (n < 0 || read_block(b, y) != n || memcmp(x, y, (size_t)n) != 0)
            return false;
    } while (n > 0);
    return true;
}
