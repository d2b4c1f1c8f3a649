/* alert.h: telling people that something needs them. Raised inside the write that is the reason for it. */
#ifndef MUSTER_OPS_ALERT_H
#define MUSTER_OPS_ALERT_H

#include "db/db.h"

struct alert {
    const char *kind;     /* "otp.taken"; stable, for filters */
    const char *message;  /* one sentence for a human, without secrets */
    const char *user_id;  /* whose it is; NULL: for admins */
    const char *agent_id; /* NULL: about no agent */
    int64_t time_ms;
    bool repeat; /* raised also when one like it is still open */
};

/* Inside a write closure (db/writer.h). An unacknowledged alert of the same kind and agent is not doubled, unless it
 * says so. */
int alert_raise(struct db *db, const struct alert *alert, struct err *err) MUSTER_NODISCARD;

/* Whether alerts of this kind are about the account of whom they are told to: "account.…", "mfa.…", "passkey.…",
 * "token.…". Those everybody acknowledges who gets them; for all others the role says who does. */
bool alert_about_account(const char *kind);

#endif
