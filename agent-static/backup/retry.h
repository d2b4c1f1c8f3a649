/* retry.h: how long to wait before the next try: exponential with full jitter, bounded in all. */
#ifndef MUSTER_AGENT_BACKUP_RETRY_H
#define MUSTER_AGENT_BACKUP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "net/api.h"

struct retry {
    const struct clock *clock;
    int64_t give_up_ms; /* monotonic */
    int tries;
};

void retry_init(struct retry *r, const struct clock *clock, int64_t give_up_after_ms);

/* Whether an error with this code may pass by itself. */
bool retry_worth(int code);

/* Milliseconds to wait before the next try, at least what the server asked for; -1: the time is over. */
int retry_next_ms(struct retry *r, const struct api_result *result);

void retry_sleep(int ms);

#endif
