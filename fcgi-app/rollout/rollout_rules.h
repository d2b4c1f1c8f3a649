/* rollout_rules.h: what a rollout does next, decided from counts alone. Pure: the engine asks the database, these
 * decide, the engine writes.
 *
 * Judgement. A member has failed when it says so, when it went back to the old version, when nothing was heard of it
 * until its deadline, or when it is unhealthy: since its update it has raised at least ROLLOUT_ERRORS_LEAST events of
 * level error, and, an hour, more than the rollout's factor times each of
 *   - its own rate in the 24 hours before it was offered the update,
 *   - the mean rate, since its update, of the members that were not updated yet (when there are any),
 *   - one an hour.
 * Rates are taken over at least an hour, so that a few errors right after the start are not blown up, and a member is
 * watched for the 24 hours after its update. */
#ifndef MUSTER_ROLLOUT_RULES_H
#define MUSTER_ROLLOUT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rollout/rollout_plan.h"

enum { ROLLOUT_ERRORS_LEAST = 10 };
#define ROLLOUT_WATCH_MS (INT64_C(24) * 3600 * 1000)

bool rollout_window_open(const struct rollout_plan *plan, int64_t now_ms);

/* How many more may be offered now, by pace alone. */
int64_t rollout_room(const struct rollout_plan *plan, int64_t in_flight, int64_t offered_last_minute);

/* Which members a stage lets in: buckets below *ret_below, and at most *ret_limit more. */
void rollout_stage_reach(const struct rollout_stage *stage, int64_t offered_in_stages, int *ret_below,
                         int64_t *ret_limit);

/* Whether more have failed than the plan allows; then ret says it for people. offered counts those that failed, too. */
bool rollout_failed_too_often(const struct rollout_plan *plan, int64_t failed, int64_t offered, char *ret, size_t size);

/* Whether everybody a stage is about has ended. A stage of a count waits for its number, or until there is nobody left
 * that was heard of lately; one of a percentage for those that are there. Nothing goes on before one was well, unless
 * nobody is left. */
struct rollout_stage_facts {
    int64_t in_flight;
    int64_t offered_in_stages;
    bool candidates; /* one that is there could be offered it in this stage */
    bool awaited;    /* one is pending that was heard of within a day */
    bool pending;    /* any is */
    bool well;       /* any is committed, current or available */
};
bool rollout_stage_complete(const struct rollout_stage *stage, const struct rollout_stage_facts *facts);

/* What to do about stages. With nobody left to offer anything to, the stages that remain are nobody's, unless one of
 * them tells workloads to roll out. */
enum rollout_step { ROLLOUT_STAY, ROLLOUT_SOAK, ROLLOUT_NEXT_STAGE, ROLLOUT_FINISH };
enum rollout_step rollout_next_step(const struct rollout_plan *plan, size_t stage,
                                    const struct rollout_stage_facts *facts, int64_t stage_done_ms, int64_t now_ms);

struct rollout_errors {
    int64_t after, after_ms;     /* errors since the update, and for how long it has been */
    int64_t before, before_ms;   /* the same before it was offered */
    int64_t others, other_count; /* errors on members not updated, in after_ms, and how many they are */
};
bool rollout_unhealthy(const struct rollout_errors *errors, int factor, char *ret, size_t size);

/* When an agent may begin to download: its place, by the hash of its id, in a window that the server's uplink needs to
 * send the release to everybody who is offered it. uplink_mbps 0: at once. */
int64_t rollout_slot_ms(const char *agent_id, int64_t now_ms, int64_t members, int64_t size_bytes, int64_t uplink_mbps);

#endif
