/* clock.h: time, so that tests can move it.
 *
 * Code that judges time takes a `const struct clock *`; programs pass clock_system(), tests a clock_fake. */
#ifndef MUSTER_COMMON_CLOCK_H
#define MUSTER_COMMON_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*now_ms)(void *ctx);       /* wall clock, unix milliseconds */
    int64_t (*monotonic_ms)(void *ctx); /* never goes back; counts time asleep (CLOCK_BOOTTIME) */
    void *ctx;
};

const struct clock *clock_system(void);

int64_t clock_now_ms(const struct clock *c);
int64_t clock_monotonic_ms(const struct clock *c);

/* A clock that stands still until the test moves it. */
struct clock_fake {
    struct clock clock;
    int64_t now_ms;
    int64_t monotonic_ms;
};
void clock_fake_init(struct clock_fake *f, int64_t now_ms);
void clock_fake_advance(struct clock_fake *f, int64_t by_ms);

/* RFC 3339 in UTC with milliseconds: "2026-02-15T20:00:00.000Z". ret has room for CLOCK_RFC3339_SIZE bytes. */
enum { CLOCK_RFC3339_SIZE = 32 };
void clock_format_rfc3339(int64_t unix_ms, char ret[CLOCK_RFC3339_SIZE]);

/* Reads RFC 3339 with 'Z' or an offset and an optional fraction. False when it is not one. */
bool clock_parse_rfc3339(const char *s, int64_t *ret_ms);

#endif
