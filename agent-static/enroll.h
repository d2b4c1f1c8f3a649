/* enroll.h: redeeming a one-time password: the host becomes known to the server.
 *
 * The host makes its own key; only a certificate request leaves it. The first connection trusts the one CA whose
 * fingerprint was given. The key is kept until the enrolment is complete, so that a retry after a lost reply is the
 * same host to the server. identity.json is written last: there is an identity only when all of it is there. */
#ifndef MUSTER_AGENT_ENROLL_H
#define MUSTER_AGENT_ENROLL_H

#include "agent.h"

struct enroll_options {
    const char *server_url;
    const char *fingerprint; /* "sha256:…" of the CA */
    const char *otp;
    const char *name;     /* NULL: the server takes the host's */
    const char *tuf_root; /* bytes of the root to trust for updates; NULL: not given */
    size_t tuf_root_len;
    const char *tuf_fingerprint; /* or "sha256:…" of the server's 1.root.json; NULL: not given */
    bool force;                  /* also when this host is enrolled already */
    int timeout_ms;              /* how long an unreachable server is tried */
};

struct enroll_result {
    bool already; /* nothing was done: enrolled there before */
    char id[40];
    char name[256];
    int64_t certificate_not_after_ms;
};

/* Whether the options can be right at all. ERR_INVALID. */
int enroll_check(const struct enroll_options *options, struct err *err) MUSTER_NODISCARD;

/* Blocks, at most a little longer than the timeout. On failure nothing has changed but the pending key. ERR_CONFLICT:
 * enrolled elsewhere, or the password was used by another key; ERR_DENIED: the server, or our trust in it. */
int enroll_run(const struct agent *agent, const struct enroll_options *options, struct enroll_result *ret,
               struct err *err) MUSTER_NODISCARD;

#endif
