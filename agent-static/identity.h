/* identity.h: who this host is to the server.
 *
 * Either enrolled (STATE_DIR/identity.json, written last, so that it stands for a complete enrolment) or registered by
 * key alone (AGENT_ID and API_KEY of agent.conf, which then win). Never deleted by the agent itself, whatever the
 * server answers. */
#ifndef MUSTER_AGENT_IDENTITY_H
#define MUSTER_AGENT_IDENTITY_H

#include <stdint.h>

#include "common/err.h"

struct identity {
    char id[40];
    char api_key[64];     /* wiped by identity_done */
    int64_t ca_rev;       /* of STATE_DIR/ca.pem; 0: none received */
    char server_url[512]; /* where it enrolled; "" when registered by key alone */
    int64_t enrolled_ms;
};

/* Reads path. ERR_NOT_FOUND; ERR_CORRUPT when it is damaged; ERR_DENIED when others can read it. */
int identity_load(const char *path, struct identity *ret, struct err *err) MUSTER_NODISCARD;

/* Durably writes path, 0600. */
int identity_save(const char *path, const struct identity *identity, struct err *err) MUSTER_NODISCARD;

void identity_done(struct identity *identity);

/* ca.pem carries the bundle's revision in its first line, so that both change in one rename. */
int identity_save_ca(const char *path, const char *pem, int64_t rev, struct err *err) MUSTER_NODISCARD;
int64_t identity_ca_rev(const char *path); /* 0 when there is no such file or line */

#endif
