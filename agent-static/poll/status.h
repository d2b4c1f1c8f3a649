/* status.h: STATE_DIR/status.json: how the polling goes, for `muster-agent status`.
 *
 * Written when something changed that a human would care about, else every few minutes: flash memory wears out. */
#ifndef MUSTER_AGENT_POLL_STATUS_H
#define MUSTER_AGENT_POLL_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { STATUS_ERROR_SIZE = 320, STATUS_HEAD_SIZE = 96, STATUS_WRITE_MS = 5 * 60 * 1000 };

struct status {
    int64_t pid;
    int64_t started_ms;
    bool connected;                /* the last try reached the server and was accepted */
    int64_t last_contact_ms;       /* 0: never */
    int64_t last_attempt_ms;       /* 0: never */
    char error[STATUS_ERROR_SIZE]; /* of the last try; "" when it went well */
    int64_t next_poll_s;
    int64_t configs_rev;               /* -1: none fetched */
    char audit_head[STATUS_HEAD_SIZE]; /* "<seq>:<64 hex>", the newest the server has told; "" */
};

/* A missing or damaged file gives an empty status. */
void status_load(const char *path, struct status *ret);
int status_save(const char *path, const struct status *s, struct err *err) MUSTER_NODISCARD;

/* Whether now differs from what was saved at saved_ms in a way worth a write. */
bool status_worth_saving(const struct status *saved, const struct status *now, int64_t saved_ms, int64_t now_ms);

#endif
