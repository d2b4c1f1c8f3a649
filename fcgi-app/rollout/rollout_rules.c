#include "rollout/rollout_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/fnv1a.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

bool rollout_window_open(const struct rollout_plan *plan, int64_t now_ms)
{
    if (plan->window_count == 0)
        return true;
    int64_t days = now_ms / DAY_MS;
    int minute = (int)(now_ms % DAY_MS / MINUTE_MS);
    unsigned today = 1u << ((days + 3) % 7), yesterday = 1u << ((days + 2) % 7); /* 1970-01-01 was a Thursday */
    for (size_t i = 0; i < plan->window_count; i++) {
        const struct rollout_window *w = &plan->windows[i];
        bool over_midnight = w->to_min < w->from_min;
        if ((w->days & today) != 0 && minute >= w->from_min && (over_midnight || minute < w->to_min))
            return true;
        if ((w->days & yesterday) != 0 && over_midnight && minute < w->to_min)
            return true;
    }
    return false;
}

int64_t rollout_room(const struct rollout_plan *plan, int64_t in_flight, int64_t offered_last_minute)
{
    int64_t room = plan->max_in_flight - in_flight;
    if (plan->max_per_minute > 0 && plan->max_per_minute - offered_last_minute < room)
        room = plan->max_per_minute - offered_last_minute;
    return room > 0 ? room : 0;
}

void rollout_stage_reach(const struct rollout_stage *stage, int64_t offered_in_stages, int *ret_below,
                         int64_t *ret_limit)
{
    *ret_below = stage->count > 0 ? 100 : stage->percent;
    *ret_limit = stage->count == 0                  ? INT64_MAX
                 : stage->count > offered_in_stages ? stage->count - offered_in_stages
                                                    : 0;
}

bool rollout_failed_too_often(const struct rollout_plan *plan, int64_t failed, int64_t offered, char *ret, size_t size)
{
    if (failed <= 0)
        return false;
    if (plan->fail_count != ROLLOUT_NO_LIMIT && failed > plan->fail_count) {
        (void)snprintf(ret, size, "%" PRId64 " of %" PRId64 " agents failed; %d may", failed, offered,
                       plan->fail_count);
        return true;
    }
    if (plan->fail_percent != ROLLOUT_NO_LIMIT && failed * 100 > plan->fail_percent * offered) {
        (void)snprintf(ret, size, "%" PRId64 " of %" PRId64 " agents failed; %d %% may", failed, offered,
                       plan->fail_percent);
        return true;
    }
    return false;
}

bool rollout_stage_complete(const struct rollout_stage *stage, const struct rollout_stage_facts *facts)
{
    if (facts->in_flight > 0 || (facts->pending && !facts->well))
        return false;
    if (stage->count > 0)
        return facts->offered_in_stages >= stage->count || !facts->awaited;
    return !facts->candidates;
}

static bool is_last(const struct rollout_plan *plan, size_t stage, const struct rollout_stage_facts *facts)
{
    bool signals = false;
    for (size_t i = stage + 1; i < plan->stage_count; i++)
        signals |= plan->stages[i].k8s_automatic;
    return stage + 1 >= plan->stage_count || (!facts->pending && !signals);
}

enum rollout_step rollout_next_step(const struct rollout_plan *plan, size_t stage,
                                    const struct rollout_stage_facts *facts, int64_t stage_done_ms, int64_t now_ms)
{
    const struct rollout_stage *s = &plan->stages[stage];
    if (!rollout_stage_complete(s, facts))
        return ROLLOUT_STAY;
    if (is_last(plan, stage, facts))
        return ROLLOUT_FINISH;
    if (stage_done_ms == 0)
        return ROLLOUT_SOAK;
    return !s->manual && now_ms - stage_done_ms >= s->soak_s * INT64_C(1000) ? ROLLOUT_NEXT_STAGE : ROLLOUT_STAY;
}

static double per_hour(int64_t count, int64_t over_ms)
{
    return (double)count * (double)HOUR_MS / (double)(over_ms > HOUR_MS ? over_ms : HOUR_MS);
}

bool rollout_unhealthy(const struct rollout_errors *errors, int factor, char *ret, size_t size)
{
    if (factor == ROLLOUT_NO_LIMIT || errors->after < ROLLOUT_ERRORS_LEAST)
        return false;
    double after = per_hour(errors->after, errors->after_ms);
    double before = per_hour(errors->before, errors->before_ms);
    double others =
        errors->other_count > 0 ? per_hour(errors->others, errors->after_ms) / (double)errors->other_count : 0;
    if (after <= factor * before || after <= factor * others || after <= factor)
        return false;
    (void)snprintf(ret, size,
                   "%" PRId64 " errors since the update, %.1f an hour; before it had %.1f, hosts not updated have %.1f",
                   errors->after, after, before, others);
    return true;
}

int64_t rollout_slot_ms(const char *agent_id, int64_t now_ms, int64_t members, int64_t size_bytes, int64_t uplink_mbps)
{
    if (uplink_mbps <= 0 || members <= 1 || size_bytes <= 0)
        return now_ms;
    /* Bits over megabits a second are microseconds. */
    int64_t window_ms = (int64_t)((double)members * (double)size_bytes * 8 / (double)uplink_mbps / 1000);
    if (window_ms <= 0)
        return now_ms;
    return now_ms + (int64_t)(fnv1a32(FNV1A32_START, agent_id, strlen(agent_id)) % (uint64_t)window_ms);
}
