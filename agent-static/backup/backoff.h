/* backoff.h: how long to wait before the next try: exponential with full jitter, bounded in all. */
#ifndef MUSTER_AGENT_BACKUP_BACKOFF_H
#define MUSTER_AGENT_BACKUP_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "net/api.h"

struct backoff {
    const struct clock *clock;
    int64_t give_up_ms; /* monotonic */
    int tries;
};

void backoff_init(struct backoff *b, const struct clock *clock, int64_t give_up_after_ms);

/* Whether an error with this code may pass by itself. */
bool backoff_worth(int code);

/* Milliseconds to wait before the next try, at least what the server asked for; -1: the time is over. */
int backoff_next_ms(struct backoff *b, const struct api_result *result);

#endif
