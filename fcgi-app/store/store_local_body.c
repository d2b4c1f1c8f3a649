/* Bodies that nginx has handed over: looked at without trust, digested, copied into the staging file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/encode.h"
#include "store/store_local.h"
#include "store/store_local_private.h"

enum { COPY_CHUNK = 256 * 1024, MD5_BYTES = 16 };

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

static int md5_of(int fd, int64_t size, char ret[STORE_MD5_SIZE], struct err *err)
{
    unsigned char *chunk = malloc(COPY_CHUNK);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char sum[MD5_BYTES];
    int rc = 0;
    if (chunk == NULL || md == NULL || EVP_DigestInit_ex(md, EVP_md5(), NULL) != 1)
        rc = err_set(err, ERR_NOMEM, "no memory for a digest");
    for (int64_t at = 0; rc == 0 && at < size;) {
        ssize_t got = pread(fd, chunk, COPY_CHUNK, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            rc = err_sys(err, ERR_IO, "read a body");
        else if (EVP_DigestUpdate(md, chunk, (size_t)got) != 1)
            rc = err_set(err, ERR_INTERNAL, "MD5 failed");
        else
            at += got;
    }
    if (rc == 0 && EVP_DigestFinal_ex(md, sum, NULL) != 1)
        rc = err_set(err, ERR_INTERNAL, "MD5 failed");
    if (rc == 0)
        hex_encode(sum, sizeof sum, ret);
    EVP_MD_CTX_free(md);
    free(chunk);
    return rc;
}

int store_local_body_open(const struct store_local *s, const char *file, int64_t size, int *ret_fd,
                          char ret_md5[STORE_MD5_SIZE], struct err *err)
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
        rc = md5_of(fd, size, ret_md5, err);
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

/* Without copy_file_range: other file systems, old kernels. */
static int copy_by_hand(int from, int to, off_t *from_at, off_t *to_at, size_t len, struct err *err)
{
    char *chunk = malloc(COPY_CHUNK);
    int rc = chunk == NULL ? err_set(err, ERR_NOMEM, "no memory to copy a body") : 0;
    while (rc == 0 && len > 0) {
        ssize_t got = pread(from, chunk, len < COPY_CHUNK ? len : COPY_CHUNK, *from_at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            rc = err_sys(err, ERR_IO, "read a body");
            break;
        }
        for (ssize_t done = 0; done < got;) {
            ssize_t put = pwrite(to, chunk + done, (size_t)(got - done), *to_at + done);
            if (put < 0 && errno != EINTR) {
                rc = err_sys(err, ERR_IO, "write an upload");
                break;
            }
            done += put > 0 ? put : 0;
        }
        *from_at += got;
        *to_at += got;
        len -= (size_t)got;
    }
    free(chunk);
    return rc;
}

int store_local_copy(int stage_fd, int64_t offset, int body_fd, int64_t size, struct err *err)
{
    off_t from = 0;
    off_t to = offset;
    while (from < size) {
        ssize_t n = copy_file_range(body_fd, &from, stage_fd, &to, (size_t)(size - from), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int rc = copy_by_hand(body_fd, stage_fd, &from, &to, (size_t)(size - from), err);
            if (rc != 0)
                return rc;
        }
    }
    if (fdatasync(stage_fd) != 0)
        return err_sys(err, ERR_IO, "fdatasync an upload");
    return 0;
}
