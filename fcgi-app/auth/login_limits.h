/* login_limits.h: what makes guessing slow: back-off per account and network, a count of refused tries, and a bound on
 * how many password hashes run at once.
 *
 * All of it is memory of one process and all of it is bounded: a flood evicts the oldest entries and can neither fill
 * the heap nor lock anybody out for good. Thread-safe. */
#ifndef MUSTER_AUTH_LOGIN_LIMITS_H
#define MUSTER_AUTH_LOGIN_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct app;
struct login_limits;

/* NULL when memory is out. login_limits_free(NULL) does nothing. */
struct login_limits *login_limits_new(void);
void login_limits_free(struct login_limits *l);

/* Whose tries are counted together: those at one account from one network, /24 or /64. An address that the account has
 * signed in from before is counted by itself: others of its network slow nobody down who is at home there. */
struct login_source {
    const char *account; /* as the client typed it, known or not */
    const char *address;
    bool known; /* the account has signed in from this address */
};

/* How many seconds this source has to wait before its next try; 0: may try now. */
int login_limits_wait_s(struct login_limits *l, const struct login_source *source, int64_t now_ms);
void login_limits_failed(struct login_limits *l, const struct login_source *source, int64_t now_ms);
void login_limits_succeeded(struct login_limits *l, const struct login_source *source);

/* How many hashes may run at once: half of the processors, so that the other half goes on answering heartbeats. */
unsigned login_limits_hashes_max(void);

/* Keeps to that. Waits at most wait_ms; ERR_TIMEOUT then. Strangers stand in line before they come here (http/line.h).
 */
int login_limits_hash_begin(struct login_limits *l, int wait_ms, struct err *err) MUSTER_NODISCARD;
void login_limits_hash_end(struct login_limits *l);

/* A person who is signed in types their password once at a time: whoever sends it over and over, be it right, holds one
 * of the few places for hashes and leaves the others to others. False: they do already; else _end has to follow. */
bool login_limits_proof_begin(struct login_limits *l, const char *user_id);
void login_limits_proof_end(struct login_limits *l, const char *user_id);

/* Whether one more refused or repeated try of somebody we know (a person, a one-time password) gets a row of the audit
 * trail of its own: the first ones in a minute do. Without l always. */
enum { LOGIN_ROWS_A_MINUTE = 20 };
bool login_limits_worth_a_row(struct login_limits *l, const char *who, int64_t now_ms);

/* Counts a try that nobody vouches for ("auth.login", "agent.key", "agent.enroll"). auth_tick writes one audit row per
 * source, action and minute with the count; nothing is written on the spot, so that a flood fills no disk. Does nothing
 * on the command line, where app->logins is NULL. */
void auth_failure_note(struct app *app, const char *action, const char *address);

/* The same, where the account that was tried is known: a row per account, too. user_id: "" when it is not known, which
 * costs the same. */
void auth_failure_note_of(struct app *app, const char *action, const char *address, const char *user_id);

#endif
