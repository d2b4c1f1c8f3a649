/* backoff.h: how long to wait after a failure: exponential with full jitter, so that a thousand agents after an outage
 * are no herd; and how long until the next regular poll. Pure: randomness is passed in. */
#ifndef MUSTER_AGENT_POLL_BACKOFF_H
#define MUSTER_AGENT_POLL_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t base_ms; /* the first wait is at most this */
    int64_t cap_ms;  /* no wait is longer */
    int attempts;    /* failures since the last backoff_reset */
};

enum { BACKOFF_RETRY_AFTER_MAX_S = 3600 };

void backoff_reset(struct backoff *b);

/* The wait before the next try: even from 0 to min(cap, base * 2^attempts). What the server asked for (retry_after_s,
 * -1: nothing) is waited in any case, within an hour, and the jitter comes on top. random: any 32 bits. */
int64_t backoff_next(struct backoff *b, int retry_after_s, uint32_t random);

/* interval_ms give or take a tenth. */
int64_t backoff_jitter(int64_t interval_ms, uint32_t random);

/* 32 random bits; a poor constant when there are none, which jitter survives. */
uint32_t backoff_random(void);

#endif
