/* agent_list.h: which agents a person means: the filters of the list, which acts on many agents use too. Private to
 * fleet/. */
#ifndef MUSTER_FLEET_AGENT_LIST_H
#define MUSTER_FLEET_AGENT_LIST_H

#include "fleet/labels.h"
#include "http/list.h"

/* "" does not narrow. */
struct agent_filter {
    char pattern[LIST_PATTERN_SIZE];
    const char *status, *version, *platform;
    struct label_patterns label;
};

/* The states an agent can be asked for by; ended by NULL. */
extern const char *const agent_states[];

/* The ids of the agents that the person may see and the filter lets through, by name, at most max; *ret_count may be
 * larger. In r's arena. */
int agent_filter_ids(struct req *r, const struct agent_filter *f, size_t max, const char ***ret_ids, int64_t *ret_count,
                     struct err *err) MUSTER_NODISCARD;

#endif
