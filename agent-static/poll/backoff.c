#include "poll/backoff.h"

#include "common/token.h"

enum { LEAST_MS = 100, DOUBLINGS_MAX = 20 };

void backoff_reset(struct backoff *b)
{
    b->attempts = 0;
}

/* Even from 0 to max_ms. */
static int64_t scale(uint32_t random, int64_t max_ms)
{
    return (int64_t)((uint64_t)max_ms * random / UINT32_MAX);
}

int64_t backoff_next(struct backoff *b, int retry_after_s, uint32_t random)
{
    int64_t ceiling_ms = b->attempts > DOUBLINGS_MAX ? b->cap_ms : b->base_ms << b->attempts;
    if (ceiling_ms > b->cap_ms)
        ceiling_ms = b->cap_ms;
    if (b->attempts <= DOUBLINGS_MAX)
        b->attempts++;
    int64_t wait_ms = scale(random, ceiling_ms);
    if (retry_after_s > 0) {
        int asked_s = retry_after_s < BACKOFF_RETRY_AFTER_MAX_S ? retry_after_s : BACKOFF_RETRY_AFTER_MAX_S;
        wait_ms += (int64_t)asked_s * 1000;
    }
    return wait_ms > LEAST_MS ? wait_ms : LEAST_MS;
}

int64_t backoff_jitter(int64_t interval_ms, uint32_t random)
{
    return interval_ms - interval_ms / 10 + scale(random, interval_ms / 5);
}

uint32_t backoff_random(void)
{
    uint32_t random = 0x80000000u;
    (void)token_random(&random, sizeof random);
    return random;
}
