#include "backup/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { EVERY_MS = 1000, EVERY_PLAIN_MS = 10000 };

void progress_init(struct progress *p, const struct clock *clock, bool shown)
{
    int64_t now = clock_monotonic_ms(clock);
    *p = (struct progress){.clock = clock, .shown = shown, .started_ms = now};
    p->terminal = isatty(STDERR_FILENO) == 1;
    p->next_ms = now + (p->terminal ? EVERY_MS : EVERY_PLAIN_MS);
}

/* A file costs time as well as its bytes do: this many bytes' worth. */
static double work(uint64_t files, uint64_t bytes)
{
    enum { PER_FILE = 16 * 1024 };
    return (double)files * PER_FILE + (double)bytes;
}

int progress_permille(const struct progress *p, uint64_t files, uint64_t bytes)
{
    double all = work(p->total_files, p->total_bytes);
    double done = work(files, bytes);
    return all <= 0 ? -1 : done >= all ? 999 : (int)(done / all * 1000);
}

/* ", 42 %, 3:25 left" or nothing. */
static void describe_rest(const struct progress *p, struct report *r, double seconds, char *ret, size_t size)
{
    int permille = progress_permille(p, atomic_load(&r->listed_files), atomic_load(&r->listed_bytes));
    long left = permille > 0 ? (long)(seconds * (1000 - permille) / permille) : 0;
    ret[0] = '\0';
    if (permille > 0)
        (void)snprintf(ret, size, ", %d %%, %ld:%02ld left", permille / 10, left / 60, left % 60);
}

void progress_show(struct progress *p, struct report *r)
{
    int64_t now = clock_monotonic_ms(p->clock);
    if (!p->shown || now < p->next_ms)
        return;
    p->next_ms = now + (p->terminal ? EVERY_MS : EVERY_PLAIN_MS);
    double megabytes = (double)atomic_load(&r->bytes) / 1e6;
    double seconds = (double)(now - p->started_ms) / 1000;
    char rest[64];
    describe_rest(p, r, seconds, rest, sizeof rest);
    (void)fprintf(stderr, "%s%llu files, %.1f MB, %.1f MB/s%s, %llu problems%s", p->terminal ? "\r\033[K" : "",
                  (unsigned long long)atomic_load(&r->files), megabytes, megabytes / seconds, rest,
                  (unsigned long long)report_problems(r), p->terminal ? "" : "\n");
    (void)fflush(stderr);
    p->dirty = p->terminal;
}

void progress_end(struct progress *p)
{
    if (p->dirty)
        (void)fputs("\r\033[K", stderr);
    p->dirty = false;
}
