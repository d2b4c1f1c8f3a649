#include "evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"
#include "say.h"

void evidence_add(struct evidence *e, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        e->ring[(e->total + i) % EVIDENCE_MAX] = bytes[i];
    e->total += len;
}

size_t evidence_get(const struct evidence *e, char ret[EVIDENCE_MAX])
{
    size_t len = e->total < EVIDENCE_MAX ? e->total : EVIDENCE_MAX;
    for (size_t i = 0; i < len; i++)
        ret[i] = e->ring[(e->total - len + i) % EVIDENCE_MAX];
    if (e->total <= EVIDENCE_MAX)
        return len;
    const char *line = memchr(ret, '\n', len);
    if (line == NULL)
        return len;
    size_t gone = (size_t)(line - ret) + 1;
    memmove(ret, ret + gone, len - gone);
    return len - gone;
}

static int open_dir(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & 022) == 0)
        return fd;
    (void)close(fd);
    errno = EPERM;
    return -1;
}

static bool write_all(int fd, const struct evidence *e, const struct state *s)
{
    char head[512];
    char time[40];
    char bytes[EVIDENCE_MAX] = "";
    size_t len = evidence_get(e, bytes);
    (void)say_time(time, sizeof time);
    int n = snprintf(head, sizeof head, "version %s\nprevious %s\ntime %s\nround %u\nstarts %u\nreason %s\n\n",
                     s->version, s->previous, time, s->round, s->starts, s->reason);
    return n > 0 && (size_t)n < sizeof head && copy_write(fd, head, (size_t)n) && copy_write(fd, bytes, len) &&
           fsync(fd) == 0;
}

static bool write_in(int dir, const struct evidence *e, const struct state *s)
{
    char name[STATE_VERSION_SIZE + 8];
    char temp[STATE_VERSION_SIZE + 8];
    (void)snprintf(name, sizeof name, "%s.log", s->version);
    (void)snprintf(temp, sizeof temp, "%s.tmp", s->version);
    if (unlinkat(dir, temp, 0) != 0 && errno != ENOENT)
        return false;
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = write_all(fd, e, s);
    int why = errno;
    (void)close(fd);
    errno = why;
    return good && renameat(dir, temp, dir, name) == 0 && fsync(dir) == 0;
}

bool evidence_write(const struct evidence *e, const struct state *s)
{
    int dir = open_dir(s->evidence);
    if (dir < 0)
        return false;
    bool good = write_in(dir, e, s);
    int why = errno;
    (void)close(dir);
    errno = why;
    return good;
}
