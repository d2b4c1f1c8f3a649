#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

size_t say_time(char *ret, size_t size)
{
    struct timespec t = {0};
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    size_t len = gmtime_r(&t.tv_sec, &utc) != NULL ? strftime(ret, size, "%Y-%m-%dT%H:%M:%S", &utc) : 0;
    int n = snprintf(ret + len, size - len, ".%03dZ", (int)(t.tv_nsec / 1000000));
    return n > 0 ? len + (size_t)n : len;
}

void say(const char *level, const char *fmt, ...)
{
    char line[512];
    size_t len = say_time(line, 32);
    len += (size_t)snprintf(line + len, sizeof line - len, " %-7s launcher: ", level);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line + len, sizeof line - len - 1, fmt, args);
    va_end(args);
    len = strlen(line);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        errno = 0; /* nowhere to report it */
}
