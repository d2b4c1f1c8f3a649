/* policy.h: the rules an admin sets while the server runs: MFA, limits, how long things are kept.
 *
 * The table of rules is in rules.c: name, type, default, bounds. What the database does not hold has its default. A
 * copy is kept in memory and replaced when any process changes a rule (topic "policy"), so it is at most 200 ms old. */
#ifndef MUSTER_POLICY_POLICY_H
#define MUSTER_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "db/db.h"

struct app;
struct cli_args;
struct req;

/* auth.mfa.issuer: at most so many bytes. */
enum { POLICY_ISSUER_MAX = 64 };

struct policy {
    bool mfa_enabled;                       /* auth.mfa.enabled [true]: people may set a factor up */
    bool mfa_required;                      /* auth.mfa.required [false]: nobody does anything else before they have */
    char mfa_issuer[POLICY_ISSUER_MAX + 1]; /* auth.mfa.issuer [Muster]: what the authenticator shows */
    int64_t backup_codes;                   /* auth.mfa.backupCodesCount [10] */
    int64_t trusted_device_days;            /* auth.mfa.trustedDeviceDays [30]; 0: no device is trusted */
    int64_t log_days;                       /* logs.days [0]: agents' events; 0: MUSTER_LOG_RETENTION */
    int64_t log_rows;                       /* logs.rows [100000]: the newest so many of an agent stay; 0: all */
    int64_t audit_days;                     /* audit.days [0]: rows of the audit trail; 0: for ever */
    int64_t agent_rate;                     /* agents.rate [0]: requests a minute and key; 0: MUSTER_AGENT_RATE */
    int64_t agent_burst;                    /* agents.burst [0]: MUSTER_AGENT_BURST */
};

/* The rules in force, copied out. Never fails: without a copy in memory (on the command line) it reads them with db,
 * and has the defaults when that fails, which is logged. */
void policy_get(struct app *app, struct db *db, struct policy *ret);

/* Reads the rules from the database. */
int policy_load(struct db *db, struct policy *ret, struct err *err) MUSTER_NODISCARD;

/* Handlers and commands. */
void policy_show(struct req *r);
void policy_change(struct req *r);
extern const char policy_set_details[];
int policy_command_show(const struct cli_args *args, void *ctx);
int policy_command_set(const struct cli_args *args, void *ctx);
int policy_command_reset(const struct cli_args *args, void *ctx);

/* The copy in memory, which app_open makes; watches the topic. NULL: out of memory. policy_free(NULL) does nothing. */
struct policy_cache;
struct policy_cache *policy_new(void);
void policy_free(struct policy_cache *cache);
int policy_watch(struct app *app, struct err *err) MUSTER_NODISCARD;

#endif
