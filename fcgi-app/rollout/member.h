/* member.h: the states of a rollout's member and of an agent's own report, and how one follows from the other. Pure. */
#ifndef MUSTER_ROLLOUT_MEMBER_H
#define MUSTER_ROLLOUT_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "rollout/rollout.h"

enum member_state {
    MEMBER_PENDING,
    MEMBER_AWAY,    /* pending, but not there or not free when it was its turn; people see it as pending */
    MEMBER_OFFERED, /* these five are under way: they have a deadline and count against the pace */
    MEMBER_WAITING,
    MEMBER_DOWNLOADING,
    MEMBER_VERIFYING,
    MEMBER_TRIAL,
    MEMBER_COMMITTED,
    MEMBER_RESTORED, /* these four are failures */
    MEMBER_FAILED,
    MEMBER_SILENT,
    MEMBER_UNHEALTHY,
    MEMBER_SKIPPED,
    MEMBER_CURRENT,
    MEMBER_AVAILABLE,
    MEMBER_CANCELLED,
    MEMBER_STATE_COUNT
};

const char *member_state_name(enum member_state state);
bool member_state_parse(const char *name, enum member_state *ret);
bool member_in_flight(enum member_state state);
bool member_has_failed(enum member_state state);

/* Where a report about the right version takes a member. False: it stays as it is. What an agent says after its
 * deadline is believed all the same, so that a member that was only slow does not stay a failure; what has come to its
 * end by the agent's own word stays ended. */
bool member_after_report(enum member_state member, enum update_state report, enum member_state *ret);

/* What becomes of one that may be a member: where it begins, or whether it may be offered the version now. */
struct member_facts {
    const char *version; /* that it runs; "" when it was never heard of */
    const char *target;
    bool downgrade; /* a lower version is an order, not a mistake */
    bool container;
    bool can_update; /* capability "update"; judged only of an agent that is there */
};
/* MEMBER_PENDING: offer it. Else what it is instead, and why. */
enum member_state member_first_state(const struct member_facts *facts, bool judge_ability, const char **ret_reason);

/* What becomes of one whose deadline is over. MEMBER_AWAY: it waits for a window of its own. */
struct member_overdue {
    enum member_state state;
    bool heard;          /* its heartbeats go on */
    const char *version; /* that it runs */
    const char *target;
};
enum member_state member_after_deadline(const struct member_overdue *overdue);

/* Whether a JSON list of capabilities, as an agent sent it, holds this one. */
bool member_capable(const char *capabilities, const char *name);

#endif
