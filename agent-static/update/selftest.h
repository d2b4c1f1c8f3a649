/* selftest.h: a new binary shows that it works here before anything is put in its place.
 *
 * `muster-agent selftest` looks at everything a start of the agent depends on (configuration, identity, CAs, entropy,
 * the event log's format, its own libraries) and writes nothing; selftest_run has another binary do so. */
#ifndef MUSTER_AGENT_UPDATE_SELFTEST_H
#define MUSTER_AGENT_UPDATE_SELFTEST_H

#include "common/err.h"

/* In this process. config_path NULL: environment and defaults. err->msg says what does not work. ERR_INVALID: the
 * configuration or the identity. ERR_INTERNAL: a library computes wrongly. ERR_CORRUPT: the event log. ERR_IO, … */
int selftest_self(const char *config_path, struct err *err) MUSTER_NODISCARD;

enum { SELFTEST_TIMEOUT_MS = 30000 };

struct selftest {
    const char *path;        /* the binary to be tried */
    const char *version;     /* which it must be */
    const char *config_path; /* NULL: none */
    int timeout_ms;          /* 0: SELFTEST_TIMEOUT_MS */
};

/* Runs `path selftest --json`: no shell, no descriptors but its own, of the environment only the keys of agent.conf, in
 * a process group of its own that is killed when the time is up or it talks too much. ERR_INVALID: it failed, or is
 * another version, or speaks an older format of the event log; the message ends with what it said. ERR_DENIED: it
 * cannot be executed (noexec, wrong architecture). ERR_TIMEOUT. Blocks. */
int selftest_run(const struct selftest *s, struct err *err) MUSTER_NODISCARD;

#endif
