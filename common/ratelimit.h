/* ratelimit.h: a token bucket in the caller's storage, all in whole numbers. Not thread-safe. */
#ifndef MUSTER_COMMON_RATELIMIT_H
#define MUSTER_COMMON_RATELIMIT_H

#include <stdint.h>

struct ratelimit {
    int64_t at_ms; /* 0: never used, so full */
    int64_t level; /* tokens times 60,000: what one token takes a millisecond at one a minute to come back */
};

struct ratelimit_rule {
    int64_t per_minute; /* at most 10^9; 0: no limit */
    int64_t burst;      /* what a full bucket holds, at most 10^9 */
};

/* Takes cost tokens. 0, or after how many seconds so many will be there; then nothing was taken. What costs more than
 * the burst is taken from a full bucket. A clock that was set back refills nothing and does no harm. */
int ratelimit_take(struct ratelimit *bucket, const struct ratelimit_rule *rule, int64_t cost, int64_t now_ms);

#endif
