#include "update/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cursor.h"
#include "common/encode.h"
#include "common/file.h"

enum { NOTE_MAX = 512, READ_SIZE = 16 * 1024 };

/* --- the note ---------------------------------------------------------------------------------------------------- */

static int write_note(const struct part *p, struct err *err)
{
    char text[NOTE_MAX];
    if (p->note == NULL)
        return 0;
    int len = snprintf(text, sizeof text, "muster-part 1\nsha256 %s\nsize %lld\netag %s\n", p->sha256,
                       (long long)p->size, p->etag);
    return file_write(p->note, text, (size_t)len, 0600, err);
}

/* The etag of a note that is for this target, "" when it has none. False: another target, or no note. */
static bool read_note(const struct part *p, char ret_etag[PART_ETAG_SIZE])
{
    char *text = NULL;
    size_t len = 0;
    struct err err;
    struct cursor c;
    struct span etag;
    uint64_t size;
    if (p->note == NULL || file_read(p->note, NOTE_MAX, &text, &len, &err) != 0)
        return false;
    cursor_init(&c, (struct span){.ptr = text, .len = len});
    bool ours = cursor_literal(&c, "muster-part 1\nsha256 ") && cursor_literal(&c, p->sha256) &&
                cursor_literal(&c, "\nsize ") && cursor_uint(&c, INT64_MAX, &size) && (int64_t)size == p->size &&
                cursor_literal(&c, "\netag ") && cursor_until(&c, '\n', &etag) && cursor_done(&c) &&
                etag.len < PART_ETAG_SIZE;
    if (ours) {
        memcpy(ret_etag, etag.ptr, etag.len);
        ret_etag[etag.len] = '\0';
    }
    free(text);
    return ours;
}

/* What is sent back to the server in a header must be what can stand in one. */
static void set_etag(struct part *p, const char *etag)
{
    p->etag[0] = '\0';
    size_t len = etag != NULL ? strlen(etag) : 0;
    if (len == 0 || len >= sizeof p->etag)
        return;
    for (const char *c = etag; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '"')
            return;
    memcpy(p->etag, etag, len + 1);
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid();
}

/* What stands at path, when it is a file of ours alone; else a new one. O_NONBLOCK, because a FIFO must not hold us. */
static int open_file(const char *path, int *ret_fd, struct err *err)
{
    enum { FLAGS = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };
    int fd = open(path, FLAGS);
    if (fd >= 0 && !is_ours(fd)) {
        (void)close(fd);
        fd = -1;
        errno = EEXIST;
    }
    if (fd < 0 && errno != ENOENT && unlink(path) != 0)
        return err_sys(err, errno == EISDIR ? ERR_CONFLICT : ERR_IO, "remove what is at %s", path);
    if (fd < 0)
        fd = open(path, FLAGS | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "create %s", path);
    *ret_fd = fd;
    return 0;
}

static int empty(struct part *p, struct err *err)
{
    if (ftruncate(p->fd, 0) != 0 || lseek(p->fd, 0, SEEK_SET) != 0)
        return err_sys(err, ERR_IO, "empty %s", p->path);
    p->have = 0;
    return mbedtls_sha256_starts(&p->hash, 0) == 0 ? 0 : err_set(err, ERR_INTERNAL, "cannot start a digest");
}

static int read_back(struct part *p, struct err *err)
{
    unsigned char data[READ_SIZE];
    size_t len;
    int rc = mbedtls_sha256_starts(&p->hash, 0) == 0 ? 0 : err_set(err, ERR_INTERNAL, "cannot start a digest");
    do {
        len = 0;
        if (rc == 0)
            rc = file_read_all(p->fd, data, sizeof data, &len, err);
        if (rc == 0 && mbedtls_sha256_update(&p->hash, data, len) != 0)
            rc = err_set(err, ERR_INTERNAL, "cannot compute a digest");
        p->have += (int64_t)len;
    } while (rc == 0 && len == sizeof data && p->have <= p->size);
    return rc != 0 ? err_prefix(err, "%s", p->path) : 0;
}

static int take_up(struct part *p, struct err *err)
{
    char etag[PART_ETAG_SIZE];
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "another process is downloading to %.200s", p->path);
    if (!is_ours(p->fd))
        return err_set(err, ERR_CONFLICT, "%.200s was removed just now", p->path);
    if (fchmod(p->fd, 0600) != 0)
        return err_sys(err, ERR_IO, "chmod %s", p->path);
    if (!read_note(p, etag))
        return empty(p, err);
    set_etag(p, etag);
    int rc = read_back(p, err);
    return rc == 0 && p->have > p->size ? empty(p, err) : rc;
}

int part_open(const char *path, const char *note, int64_t size, const char *sha256, struct part *ret, struct err *err)
{
    struct part p = {.path = path, .note = note, .size = size, .fd = -1};
    uint8_t digest[32];
    if (strlen(sha256) != PART_SHA256_SIZE - 1 || !hex_decode(sha256, digest, sizeof digest) || size < 0)
        return err_set(err, ERR_INVALID, "a target without a size or a SHA-256");
    memcpy(p.sha256, sha256, sizeof p.sha256);
    int rc = open_file(path, &p.fd, err);
    if (rc != 0)
        return rc;
    mbedtls_sha256_init(&p.hash);
    rc = take_up(&p, err);
    if (rc != 0)
        part_close(&p);
    else
        *ret = p;
    return rc;
}

void part_close(struct part *p)
{
    mbedtls_sha256_free(&p->hash);
    (void)close(p->fd);
    p->fd = -1;
}

void part_discard(struct part *p)
{
    struct err err;
    (void)!part_remove(p->path, p->note, &err); /* while the lock is held, so that nobody else's goes */
    part_close(p);
}

int part_restart(struct part *p, const char *etag, struct err *err)
{
    int rc = empty(p, err); /* first, so that a crash in between leaves nothing under the new note */
    if (rc != 0)
        return rc;
    set_etag(p, etag);
    return write_note(p, err);
}

int part_add(struct part *p, const void *data, size_t len, struct err *err)
{
    if ((int64_t)len > p->size - p->have)
        return err_set(err, ERR_TOO_BIG, "the file is larger than the %lld bytes it should have", (long long)p->size);
    int rc = file_write_all(p->fd, data, len, err);
    if (rc != 0)
        return err_prefix(err, "%s", p->path);
    p->have += (int64_t)len;
    return mbedtls_sha256_update(&p->hash, data, len) == 0 ? 0 : err_set(err, ERR_INTERNAL, "cannot compute a digest");
}

int part_finish(struct part *p, struct err *err)
{
    unsigned char digest[32];
    char hex[PART_SHA256_SIZE];
    if (p->have != p->size)
        return err_set(err, ERR_CORRUPT, "%lld bytes are there, not %lld", (long long)p->have, (long long)p->size);
    if (mbedtls_sha256_finish(&p->hash, digest) != 0)
        return err_set(err, ERR_INTERNAL, "cannot compute a digest");
    hex_encode(digest, sizeof digest, hex);
    if (strcmp(hex, p->sha256) != 0)
        return err_set(err, ERR_CORRUPT, "the file's SHA-256 is %.12s…, not %.12s… as it was signed", hex, p->sha256);
    return fsync(p->fd) == 0 ? 0 : err_sys(err, ERR_IO, "fsync %s", p->path);
}

int part_remove(const char *path, const char *note, struct err *err)
{
    int rc = file_remove(path, err);
    int note_rc = note != NULL ? file_remove(note, err) : 0;
    return rc != 0 ? rc : note_rc;
}
