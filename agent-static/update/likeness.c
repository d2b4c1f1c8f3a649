#include "update/likeness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/file.h"

enum { NAMES_MAX = 64 * 1024, VALUE_MAX = 64 * 1024, COPY_BYTES = 64 * 1024 };

/* value: VALUE_MAX bytes to work in. */
static int give_attribute(int from, int to, const char *name, char *value, struct err *err)
{
    ssize_t size = fgetxattr(from, name, value, VALUE_MAX);
    if (size < 0)
        return errno == ENODATA ? 0 : err_sys(err, ERR_IO, "read attribute %s", name);
    if (fsetxattr(to, name, value, (size_t)size, 0) == 0)
        return 0;
    int why = errno;
    /* Security modules label new files by themselves and may refuse what is there already. */
    char have[256];
    if (size <= (ssize_t)sizeof have && fgetxattr(to, name, have, sizeof have) == size &&
        memcmp(have, value, (size_t)size) == 0)
        return 0;
    errno = why;
    return err_sys(err, ERR_IO, "set attribute %s", name);
}

static int give_attributes(int from, int to, struct err *err)
{
    char *names = malloc(NAMES_MAX + VALUE_MAX);
    if (names == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = 0;
    ssize_t len = flistxattr(from, names, NAMES_MAX);
    if (len < 0 && errno != ENOTSUP)
        rc = err_sys(err, ERR_IO, "list attributes");
    for (ssize_t at = 0; rc == 0 && at < len; at += (ssize_t)strlen(names + at) + 1)
        rc = give_attribute(from, to, names + at, names + NAMES_MAX, err);
    free(names);
    return rc;
}

int likeness_give(int from, int to, struct err *err)
{
    struct stat st;
    struct stat now;
    if (fstat(from, &st) != 0 || fstat(to, &now) != 0)
        return err_sys(err, ERR_IO, "stat");
    if ((now.st_uid != st.st_uid || now.st_gid != st.st_gid) && fchown(to, st.st_uid, st.st_gid) != 0)
        return err_sys(err, ERR_IO, "change owner");
    /* After the owner, whose change takes set-user-ID bits and capabilities away. */
    if (fchmod(to, st.st_mode & 07777) != 0)
        return err_sys(err, ERR_IO, "change mode");
    return give_attributes(from, to, err);
}

static int copy_bytes(int from, int to, struct err *err)
{
    char *bytes = malloc(COPY_BYTES);
    if (bytes == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc;
    size_t len = 0;
    do {
        rc = file_read_all(from, bytes, COPY_BYTES, &len, err);
        if (rc == 0)
            rc = file_write_all(to, bytes, len, err);
    } while (rc == 0 && len == COPY_BYTES);
    free(bytes);
    return rc;
}

int likeness_copy(const char *from, const char *to, struct err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return err_sys(err, ERR_IO, "open %s", from);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0) {
        int rc = err_sys(err, ERR_IO, "create %s", to);
        (void)close(in);
        return rc;
    }
    int rc = copy_bytes(in, out, err);
    if (rc == 0)
        rc = likeness_give(in, out, err);
    if (rc == 0 && fsync(out) != 0)
        rc = err_sys(err, ERR_IO, "fsync %s", to);
    (void)close(in);
    (void)close(out);
    if (rc != 0) {
        (void)unlink(to);
        (void)err_prefix(err, "copy %s", from);
    }
    return rc;
}
