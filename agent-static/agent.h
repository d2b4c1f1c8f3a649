/* agent.h: what every part of the agent is given: settings, identity, clock and places on disk.
 *
 * Built once per process by agent_open. STATE_DIR holds what the agent must remember:
 *   identity.json     id, API key, enrolled server, CA bundle revision (0600)
 *   key.pem cert.pem ca.pem
 *   clock             the trusted time floor
 *   events/           the write-ahead log of events
 *   run/              a file per backup under way, locked while it runs
 *   restore/          the default RESTORE_ROOTS */
#ifndef MUSTER_AGENT_AGENT_H
#define MUSTER_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/err.h"

#define AGENT_PROTO 1

enum deployment { DEPLOYMENT_VM, DEPLOYMENT_CONTAINER };

struct identity {
    char id[40];
    char api_key[64];    /* wiped by identity_done */
    int64_t ca_rev;
};

struct agent {
    struct config *config;     /* agent.conf; its keys stand in settings.c */
    const char *config_path;
    const char *server_url;    /* no slash at the end */
    const char *state_dir;
    const struct clock *clock; /* wall clock raised to the trusted floor: net/trusttime.h */
    struct identity identity;  /* empty before enrolment */
    enum deployment deployment;
    char hostname[256];
};

/* Reads agent.conf and the identity. ERR_NOT_FOUND for the identity leaves agent->identity empty and is no failure:
 * agent_enrolled() tells. Makes STATE_DIR (0700) when it is missing. */
int agent_open(const char *config_path, struct agent **ret, struct err *err) MUSTER_NODISCARD;
void agent_close(struct agent *a); /* wipes secrets; NULL does nothing */
bool agent_enrolled(const struct agent *a);

/* STATE_DIR/name, in ret (PATH_MAX bytes). */
int agent_state_path(const struct agent *a, const char *name, char *ret, struct err *err) MUSTER_NODISCARD;

#endif
