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

void progress_show(struct progress *p, struct report *r)
{
    int64_t now = clock_monotonic_ms(p->clock);
    if (!p->shown || now < p->next_ms)
        return;
    p->next_ms = now + (p->terminal ? EVERY_MS : EVERY_PLAIN_MS);
    double megabytes = (double)atomic_load(&r->bytes) / 1e6;
    double seconds = (double)(now - p->started_ms) / 1000;
    (void)fprintf(stderr, "%s%llu files, %.1f MB, %.1f MB/s, %llu problems%s", p->terminal ? "\r\033[K" : "",
                  (unsigned long long)atomic_load(&r->files), megabytes, megabytes / seconds,
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
