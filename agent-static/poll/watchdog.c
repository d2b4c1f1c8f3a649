#include "poll/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void watchdog_init(struct watchdog *w, int fd)
{
    w->fd = fd;
    if (fd < 0)
        return;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        w->fd = -1;
}

static void say(const struct watchdog *w, const char *line)
{
    if (w->fd >= 0 && write(w->fd, line, strlen(line)) < 0)
        errno = 0; /* nothing to be done: the launcher is gone or asleep */
}

void watchdog_tick(const struct watchdog *w)
{
    say(w, "tick\n");
}

void watchdog_acknowledged(const struct watchdog *w)
{
    say(w, "ack\n");
}

void watchdog_replayed(const struct watchdog *w, const char *epoch, uint64_t seq, const char *current)
{
    char line[80];
    (void)snprintf(line, sizeof line, "replayed %.16s %llu%s%.16s\n", epoch, (unsigned long long)seq,
                   current[0] != '\0' ? " " : "", current);
    say(w, line);
}
