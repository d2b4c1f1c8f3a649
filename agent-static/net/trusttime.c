#include "net/trusttime.h"

#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/file.h"

#ifndef MUSTER_BUILD_TIME_S
#define MUSTER_BUILD_TIME_S 1735689600 /* 2025-01-01: before anything of this program existed */
#endif

static _Atomic int64_t floor_ms = (int64_t)MUSTER_BUILD_TIME_S * 1000;
static _Atomic int64_t saved_ms;

static void raise_to(_Atomic int64_t *what, int64_t ms)
{
    int64_t now = atomic_load(what);
    while (ms > now && !atomic_compare_exchange_weak(what, &now, ms))
        ;
}

static int64_t trusted_now(void *ctx)
{
    (void)ctx;
    int64_t now = clock_now_ms(clock_system());
    int64_t least = atomic_load(&floor_ms);
    return now > least ? now : least;
}

static int64_t monotonic(void *ctx)
{
    (void)ctx;
    return clock_monotonic_ms(clock_system());
}

const struct clock *trusttime_clock(void)
{
    static const struct clock clock = {.now_ms = trusted_now, .monotonic_ms = monotonic};
    return &clock;
}

static mbedtls_time_t hook(mbedtls_time_t *ret)
{
    mbedtls_time_t now = (mbedtls_time_t)(trusted_now(NULL) / 1000);
    if (ret != NULL)
        *ret = now;
    return now;
}

void trusttime_load(const char *path)
{
    (void)mbedtls_platform_set_time(hook); /* cannot fail */
    char *text = NULL;
    struct err err;
    if (file_read(path, 64, &text, NULL, &err) != 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    uint64_t ms;
    if (cursor_parse_uint(text, INT64_MAX, &ms)) {
        raise_to(&floor_ms, (int64_t)ms);
        raise_to(&saved_ms, (int64_t)ms);
    }
    free(text);
}

int trusttime_observe(const char *path, int64_t now_ms, int64_t not_after_ms, struct err *err)
{
    if (now_ms > not_after_ms)
        return 0;
    raise_to(&floor_ms, now_ms);
    int64_t least = atomic_load(&floor_ms);
    if (least - atomic_load(&saved_ms) < TRUSTTIME_SAVE_MS)
        return 0;
    char text[32];
    int len = snprintf(text, sizeof text, "%lld\n", (long long)least);
    int rc = file_write(path, text, (size_t)len, 0600, err);
    if (rc == 0)
        raise_to(&saved_ms, least);
    return rc;
}
