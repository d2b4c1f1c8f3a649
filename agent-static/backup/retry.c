#include "backup/retry.h"

#include <time.h>

#include "common/token.h"

enum { FIRST_MS = 500, MOST_MS = 30000, ASKED_MOST_S = 300 };

void retry_init(struct retry *r, const struct clock *clock, int64_t give_up_after_ms)
{
    *r = (struct retry){.clock = clock, .give_up_ms = clock_monotonic_ms(clock) + give_up_after_ms};
}

bool retry_worth(int code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT;
}

int retry_next_ms(struct retry *r, const struct api_result *result)
{
    int span = FIRST_MS;
    for (int i = 0; i < r->tries && span < MOST_MS; i++)
        span *= 2;
    if (span > MOST_MS)
        span = MOST_MS;
    r->tries++;
    uint32_t random = 0;
    if (!token_random(&random, sizeof random))
        random = UINT32_MAX / 2;
    int wait = 50 + (int)(random % (uint32_t)span);
    if (result != NULL && result->retry_after_s > 0) {
        int asked = (result->retry_after_s < ASKED_MOST_S ? result->retry_after_s : ASKED_MOST_S) * 1000;
        wait = asked + wait / 4;
    }
    return clock_monotonic_ms(r->clock) + wait > r->give_up_ms ? -1 : wait;
}

void retry_sleep(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}
