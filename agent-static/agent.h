/* agent.h: what every part of the agent is given: settings, identity, clock and places on disk.
 *
 * Built once per process by agent_open. STATE_DIR holds what the agent must remember:
 *   identity.json     id, API key, enrolled server (0600)
 *   key.pem cert.pem  the host's key and client certificate
 *   ca.pem            the CAs we trust, and the revision of that bundle in its first line
 *   clock             the trusted time floor
 *   commands.json     what was asked of us and what became of it
 *   configs.json      the backup configs as last seen
 *   status.json       for `muster-agent status`
 *   agent.lock        held by the process that polls
 *   events/           the write-ahead log of events
 *   lists/            what the tree held at the last run of each backup config
 *   run/              a file per backup under way, locked while it runs
 *   jobs/             what the server asks to be restored or verified, for the child that does it
 *   update/           the pinned TUF root, and how far updates and roll-outs are
 *   restore/          the default RESTORE_ROOTS */
#ifndef MUSTER_AGENT_AGENT_H
#define MUSTER_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/err.h"
#include "deployment.h"
#include "identity.h"

#define AGENT_PROTO 1

struct agent {
    struct config *config;   /* agent.conf; its keys stand in settings.c */
    const char *config_path; /* NULL: the environment alone */
    const char *server_url;  /* no slash at the end; NULL when neither agent.conf nor the identity names one */
    const char *state_dir;
    const struct clock *clock; /* wall clock raised to the trusted floor: net/trusttime.h */
    struct identity identity;  /* empty before enrolment */
    enum deployment deployment;
    char hostname[256];
};

/* Reads agent.conf (NULL: only the environment and defaults) and the identity; that there is none leaves
 * agent->identity empty and is no failure: agent_enrolled() tells. Makes STATE_DIR (0700) when it is missing.
 * ERR_INVALID, ERR_DENIED, ERR_NOT_FOUND: the configuration is wrong. ERR_CORRUPT: the identity is. ERR_IO: STATE_DIR.
 */
int agent_open(const char *config_path, struct agent **ret, struct err *err) MUSTER_NODISCARD;

/* As agent_open, but writes nothing: a missing STATE_DIR stays missing. */
int agent_look(const char *config_path, struct agent **ret, struct err *err) MUSTER_NODISCARD;

void agent_close(struct agent *a); /* wipes secrets; NULL does nothing */
bool agent_enrolled(const struct agent *a);

/* STATE_DIR/name, in ret (PATH_MAX bytes). */
int agent_state_path(const struct agent *a, const char *name, char *ret, struct err *err) MUSTER_NODISCARD;

#endif
