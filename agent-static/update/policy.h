/* policy.h: what this host does about a version: pure decisions over what agent.conf says, what the server offers and
 * what went wrong before.
 *
 * The server decides when a host is offered a version. The host decides whether it wants it at all: mode, pin, skipped
 * versions, its own percentage and its window hold against every offer. `force` of an operator opens window and slot,
 * nothing else. Whether the version exists, and may be older than ours, only signed metadata can say (stage.h). */
#ifndef MUSTER_AGENT_UPDATE_POLICY_H
#define MUSTER_AGENT_UPDATE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum { POLICY_VERSION_SIZE = 65, POLICY_ROLLOUT_SIZE = 40, POLICY_REASON_SIZE = 200 };

struct policy_offer {
    char version[POLICY_VERSION_SIZE]; /* "": nothing is offered */
    char rollout_id[POLICY_ROLLOUT_SIZE];
    int64_t not_before_ms; /* the slot for this host's download */
    bool force;            /* an operator wants it now */
    bool downgrade;        /* may be older than what runs */
    bool minimum;          /* signed metadata says that what runs is too old */
};

enum policy_mode {
    POLICY_MODE_INSTALL,
    POLICY_MODE_REPORT, /* say what is there, touch nothing */
    POLICY_MODE_OFF,
};

struct policy_host {
    const char *own_version;
    enum policy_mode mode;
    const char *mode_reason; /* why it is not INSTALL */
    const char *pin;         /* UPDATE_PIN; "" or NULL: none */
    const char *skip_reason; /* why the offered version was given up before; NULL: it was not */
    int bucket;              /* FNV-1a 32 of the agent's id, mod 100 */
    int percent;             /* UPDATE_ROLLOUT_PERCENT */
    int64_t now_ms;
    int64_t window_opens_ms; /* at most now: it is open */
};

enum policy_act {
    POLICY_NOTHING, /* nothing is offered, or it runs already */
    POLICY_REPORT,  /* in a container: an operator or an orchestrator installs it */
    POLICY_SKIP,    /* not here; reason says why */
    POLICY_WAIT,    /* not before until_ms; reason says for what */
    POLICY_INSTALL,
};

struct policy_decision {
    enum policy_act act;
    int64_t until_ms;
    char reason[POLICY_REASON_SIZE];
};

struct policy_decision policy_decide(const struct policy_offer *offer, const struct policy_host *host);

#endif
