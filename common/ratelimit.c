#include "ratelimit.h"

enum { UNIT = 60000, IDLE_MAX_MS = 3600 * 1000 };

static void refill(struct ratelimit *bucket, const struct ratelimit_rule *rule, int64_t now_ms)
{
    int64_t full = rule->burst * UNIT;
    int64_t idle_ms = now_ms - bucket->at_ms;
    if (bucket->at_ms == 0)
        bucket->level = full;
    else if (idle_ms > 0)
        bucket->level += (idle_ms < IDLE_MAX_MS ? idle_ms : IDLE_MAX_MS) * rule->per_minute;
    if (bucket->level > full || idle_ms >= IDLE_MAX_MS)
        bucket->level = full;
    bucket->at_ms = now_ms;
}

int ratelimit_take(struct ratelimit *bucket, const struct ratelimit_rule *rule, int64_t cost, int64_t now_ms)
{
    if (rule->per_minute <= 0)
        return 0;
    refill(bucket, rule, now_ms);
    int64_t need = (cost < rule->burst ? cost : rule->burst) * UNIT;
    if (bucket->level >= need) {
        bucket->level -= need;
        return 0;
    }
    int64_t wait_ms = (need - bucket->level + rule->per_minute - 1) / rule->per_minute;
    return (int)((wait_ms + 999) / 1000);
}
