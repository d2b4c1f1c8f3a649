#include "rollout/member.h"

#include <jansson.h>
#include <string.h>

#include "common/version.h"

static const char *const names[MEMBER_STATE_COUNT] = {
    [MEMBER_PENDING] = "pending",
    [MEMBER_AWAY] = "away",
    [MEMBER_OFFERED] = "offered",
    [MEMBER_WAITING] = "waiting",
    [MEMBER_DOWNLOADING] = "downloading",
    [MEMBER_VERIFYING] = "verifying",
    [MEMBER_TRIAL] = "trial",
    [MEMBER_COMMITTED] = "committed",
    [MEMBER_RESTORED] = "restored",
    [MEMBER_FAILED] = "failed",
    [MEMBER_SILENT] = "silent",
    [MEMBER_UNHEALTHY] = "unhealthy",
    [MEMBER_SKIPPED] = "skipped",
    [MEMBER_CURRENT] = "current",
    [MEMBER_AVAILABLE] = "available",
    [MEMBER_CANCELLED] = "cancelled",
};

const char *member_state_name(enum member_state state)
{
    return names[state];
}

bool member_state_parse(const char *name, enum member_state *ret)
{
    for (int i = 0; name != NULL && i < MEMBER_STATE_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum member_state)i;
            return true;
        }
    return false;
}

bool member_in_flight(enum member_state state)
{
    return state >= MEMBER_OFFERED && state <= MEMBER_TRIAL;
}

bool member_has_failed(enum member_state state)
{
    return state >= MEMBER_RESTORED && state <= MEMBER_UNHEALTHY;
}

static bool waits(enum member_state state)
{
    return state == MEMBER_PENDING || state == MEMBER_AWAY;
}

bool member_after_report(enum member_state member, enum update_state report, enum member_state *ret)
{
    static const enum member_state said[UPDATE_STATE_COUNT] = {
        [UPDATE_IDLE] = MEMBER_STATE_COUNT,    [UPDATE_OFFERED] = MEMBER_OFFERED,
        [UPDATE_WAITING] = MEMBER_WAITING,     [UPDATE_DOWNLOADING] = MEMBER_DOWNLOADING,
        [UPDATE_VERIFYING] = MEMBER_VERIFYING, [UPDATE_TRIAL] = MEMBER_TRIAL,
        [UPDATE_COMMITTED] = MEMBER_COMMITTED, [UPDATE_RESTORED] = MEMBER_RESTORED,
        [UPDATE_SKIPPED] = MEMBER_SKIPPED,     [UPDATE_FAILED] = MEMBER_FAILED,
        [UPDATE_AVAILABLE] = MEMBER_AVAILABLE,
    };
    enum member_state to = said[report];
    bool open = member_in_flight(member) || member == MEMBER_SILENT || waits(member) || member == MEMBER_CANCELLED;
    /* One that is not offered anything says what is left over from before, until it hears so. Only what cannot be
     * stopped any more counts. */
    bool unstoppable = to == MEMBER_TRIAL || to == MEMBER_COMMITTED || to == MEMBER_RESTORED;
    if ((waits(member) || member == MEMBER_CANCELLED) && !unstoppable)
        open = false;
    /* "failed" may be the server's own word, for one that did not move on. */
    if (member == MEMBER_FAILED && (to == MEMBER_COMMITTED || to == MEMBER_RESTORED))
        open = true;
    if (!open || to == MEMBER_STATE_COUNT || to == member)
        return false;
    *ret = to;
    return true;
}

enum member_state member_first_state(const struct member_facts *facts, bool judge_ability, const char **ret_reason)
{
    *ret_reason = "";
    if (!version_valid(facts->version))
        return MEMBER_PENDING;
    int order = version_compare(facts->version, facts->target);
    if (order == 0)
        return MEMBER_CURRENT;
    if (order > 0 && !facts->downgrade) {
        *ret_reason = "it runs a newer version";
        return MEMBER_SKIPPED;
    }
    if (facts->container)
        return MEMBER_AVAILABLE;
    if (judge_ability && !facts->can_update) {
        *ret_reason = "it does not update in place";
        return MEMBER_SKIPPED;
    }
    return MEMBER_PENDING;
}

enum member_state member_after_deadline(const struct member_overdue *overdue)
{
    if (!overdue->heard)
        return MEMBER_SILENT;
    /* On trial it runs the new version too, and may still go back. */
    if (overdue->state != MEMBER_TRIAL && strcmp(overdue->version, overdue->target) == 0)
        return MEMBER_COMMITTED;
    return overdue->state == MEMBER_WAITING ? MEMBER_AWAY : MEMBER_FAILED;
}

bool member_capable(const char *capabilities, const char *name)
{
    bool found = false;
    size_t i;
    json_t *item;
    json_t *list = capabilities != NULL ? json_loads(capabilities, 0, NULL) : NULL;
    json_array_foreach(list, i, item) found |= json_is_string(item) && strcmp(json_string_value(item), name) == 0;
    json_decref(list);
    return found;
}
