/* mfa.h: second factors that people type: one-time codes (TOTP, RFC 6238) and backup codes. The one header other parts
 * include.
 *
 * Every route that takes a code gives it to mfa_check, so that a code is good once wherever it is typed, and the limits
 * hold on all of them: five tries a minute; five wrong ones lock one-time codes for a quarter of an hour; after twenty
 * wrong ones in a row only a backup code helps, or the host's command line. It is called only for somebody who has
 * shown a password, a passkey or a session before: thus nobody locks a stranger out. */
#ifndef MUSTER_MFA_MFA_H
#define MUSTER_MFA_MFA_H

#include <stdbool.h>

#include "common/cli.h"
#include "common/err.h"

struct db;
struct req;

/* How long a code may be in a body; longer ones are no codes. */
enum { MFA_CODE_MAX = 64 };

enum mfa_verdict {
    MFA_WRONG, /* 0: what was not judged is wrong */
    MFA_RIGHT,
    MFA_REPEATED, /* right, but used before, here or elsewhere */
    MFA_LOCKED,
    MFA_TOO_FAST,
    MFA_BACKUP_CODE_NEEDED,
};

struct mfa_answer {
    enum mfa_verdict verdict;
    const char *method; /* "totp" or "backup-code", by the form of what was typed */
    int wait_s;         /* LOCKED and TOO_FAST: until the next try; WRONG: more than 0 when this one locked */
    int codes_left;     /* backup codes that are left; of a RIGHT one only */
};

/* Judges a code of somebody, whatever its kind, and uses it up: one write. A wrong one is in the audit trail. Blocks.
 */
int mfa_check(struct req *r, const char *user_id, const char *code, struct mfa_answer *ret,
              struct err *err) MUSTER_NODISCARD;

/* Sets the problem that fits a verdict other than RIGHT: 403 proof-wrong, code-repeated, backup-code-required; 429. */
void mfa_verdict_reply(struct req *r, const struct mfa_answer *answer);

/* What somebody has set up. */
struct mfa_state {
    bool totp;
    int passkeys;
    int codes_left;
};
int mfa_state(struct db *db, const char *user_id, struct mfa_state *ret, struct err *err) MUSTER_NODISCARD;

/* Whoever is signed in types a code of what they have set up in this very session. Sets the reply: {success, verified},
 * 409 when nothing waits, or the problem of the verdict. Blocks. */
void mfa_setup_verify(struct req *r, const char *code);

/* Handlers */
void mfa_get(struct req *r);
void mfa_setup(struct req *r);
void mfa_enable(struct req *r);
void mfa_disable(struct req *r);
void mfa_backup_codes(struct req *r);
void mfa_user_reset(struct req *r);

/* Commands */
extern const char mfa_reset_details[];
int mfa_command_user_reset(const struct cli_args *args, void *ctx);

#endif
