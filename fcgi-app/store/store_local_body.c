/* Bodies that nginx has handed over: looked at without trust, digested, copied into the staging file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_local.h"
#include "store/store_local_private.h"

enum { DIRECT_BLOCK = 4096 };

/* --- bodies ---------------------------------------------------------------------------------------------------------
 */

/* The name inside incoming/: digits only, as nginx makes them. NULL when file is anything else. */
static const char *incoming_name(const struct store_local *s, const char *file)
{
    size_t len = strlen(s->incoming);
    if (strncmp(file, s->incoming, len) != 0 || file[len] != '/')
        return NULL;
    const char *name = file + len + 1;
    size_t digits = strspn(name, "0123456789");
    return digits >= 1 && digits <= 20 && name[digits] == '\0' ? name : NULL;
}

int store_local_body_open(const struct store_local *s, const char *file, int64_t size, enum part_digest kind,
                          int *ret_fd, char ret_digest[PART_DIGEST_SIZE], struct err *err)
{
    const char *name = incoming_name(s, file);
    struct stat st;
    if (name == NULL)
        return err_set(err, ERR_INVALID, "the body's file is not one of nginx's");
    /* Non-blocking, so that a planted FIFO cannot hold a worker. */
    int fd = openat(s->incoming_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int rc = err_sys(err, ERR_IO, "open a body");
        if (fd >= 0)
            close(fd);
        return rc;
    }
    int rc = 0;
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        rc = err_set(err, ERR_INVALID, "the body's file is not a plain one");
    } else if (st.st_size != size) {
        rc = err_set(err, ERR_INVALID, "the body has %lld bytes instead of %lld", (long long)st.st_size,
                     (long long)size);
    } else {
        rc = part_digest_file(kind, fd, size, ret_digest, err);
    }
    if (rc != 0) {
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

void store_local_body_remove(const struct store_local *s, const char *file)
{
    const char *name = incoming_name(s, file);
    if (name != NULL)
        unlinkat(s->incoming_fd, name, 0); /* nginx and the sweep try again */
}

/* All of it, at an offset. */
static int write_at(int fd, const char *data, size_t len, off_t at, struct err *err)
{
    while (len > 0) {
        ssize_t put = pwrite(fd, data, len, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return err_sys(err, ERR_IO, "write an upload");
        data += put;
        at += put;
        len -= (size_t)put;
    }
    return 0;
}

/* The whole blocks at the front, past the page cache: they have to be on disk before the answer, nobody reads them
 * soon, and a copy in memory costs more than the writing. Returns how many bytes were written so, or 0 where the file
 * system cannot, and all is left to write_at. */
static size_t write_direct(int fd, const char *data, size_t len, off_t at)
{
    int flags = fcntl(fd, F_GETFL);
    size_t whole = len - len % DIRECT_BLOCK, done = 0;
    if (whole == 0 || at % DIRECT_BLOCK != 0 || flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) != 0)
        return 0;
    while (done < whole) {
        ssize_t put = pwrite(fd, data + done, whole - done, at + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0 || put % DIRECT_BLOCK != 0)
            break; /* what is left is tried, and judged, the ordinary way */
        done += (size_t)put;
    }
    return fcntl(fd, F_SETFL, flags) == 0 ? done : 0;
}

/* Mapped and never read by us: a page that the disk does not give then fails the write, not the process. Private, which
 * file systems allow that know no shared maps. */
static int copy_piece(int stage_fd, off_t to, int body_fd, off_t from, size_t len, struct err *err)
{
    char *piece = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, body_fd, from);
    if (piece == MAP_FAILED)
        return err_sys(err, ERR_IO, "map a body");
    size_t direct = write_direct(stage_fd, piece, len, to);
    int rc = write_at(stage_fd, piece + direct, len - direct, to + (off_t)direct, err);
    (void)munmap(piece, len);
    return rc;
}

int store_local_copy(int stage_fd, int64_t offset, int body_fd, int64_t size, struct err *err)
{
    int rc = 0;
    for (int64_t at = 0, len; rc == 0 && at < size; at += len) {
        len = size - at < STORE_PART_SIZE ? size - at : STORE_PART_SIZE;
        rc = copy_piece(stage_fd, offset + at, body_fd, at, (size_t)len, err);
    }
    if (rc == 0 && fdatasync(stage_fd) != 0)
        rc = err_sys(err, ERR_IO, "fdatasync an upload");
    return rc;
}
