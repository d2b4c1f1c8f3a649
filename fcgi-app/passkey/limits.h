/* limits.h: how many challenges somebody may ask for. Memory of one process, bounded: each asker competes for a place
 * with three others at most, and who is pushed out begins anew; the rows in the database have a bound of their own.
 * Thread-safe. For the files of passkey/. */
#ifndef MUSTER_PASSKEY_LIMITS_H
#define MUSTER_PASSKEY_LIMITS_H

#include <stdint.h>

enum { PASSKEY_CHALLENGES_A_MINUTE = 240 }; /* of one network, and of one person there */

struct passkey_limits;

/* NULL: out of memory. passkey_limits_free(NULL) does nothing. */
struct passkey_limits *passkey_limits_new(void);
void passkey_limits_free(struct passkey_limits *l);

/* 0 and one challenge less, or after how many seconds there is one. user_id: "" for whoever has not said. Networks are
 * /24 and /64. Without l always 0. */
int passkey_limits_wait_s(struct passkey_limits *l, const char *user_id, const char *address, int64_t now_ms);

#endif
