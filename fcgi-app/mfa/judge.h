/* judge.h: what stands behind every route that takes a code: limits, judging, using it up and the audit row, in one
 * write closure. Of any number of requests with the same code, on whatever process, one has it. Private to mfa/. */
#ifndef MUSTER_MFA_JUDGE_H
#define MUSTER_MFA_JUDGE_H

#include "auth/audit.h"
#include "auth/secrets.h"
#include "db/db.h"
#include "mfa/mfa.h"

struct mfa_try {
    const struct secrets *secrets;
    const char *user_id;
    const char *code;
    const char *setup_session; /* NULL: for a factor in force; else for what this session has set up */
    int64_t now_ms;
    struct audit_entry audit; /* whose act, from where; the rest is filled in */
};

/* Inside a write closure. The answer counts once the write is through. ERR_CONFLICT: this session has set nothing
 * up. */
int mfa_judge(struct db *db, const struct mfa_try *t, struct mfa_answer *ret, struct err *err) MUSTER_NODISCARD;

/* A closure of it, and the write. */
int mfa_try_write(struct req *r, const char *user_id, const char *code, const char *setup_session,
                  struct mfa_answer *ret, struct err *err) MUSTER_NODISCARD;

#endif
