/* limits.h: what the files of auth/ share about login_limits.h and nobody else needs. */
#ifndef MUSTER_AUTH_LIMITS_H
#define MUSTER_AUTH_LIMITS_H

#include <stdbool.h>

#include "auth/login_limits.h"

struct failures;

/* How long a request waits for its turn to compute a password's hash. */
enum { LOGIN_HASH_WAIT_MS = 2000 };

/* The counted failures that travel with the limits. Borrowed. */
struct failures *login_limits_failures(struct login_limits *l);

/* True at most once in every_ms: when auth_tick's slower work is due. For one thread. */
bool login_limits_due(struct login_limits *l, int64_t now_ms, int64_t every_ms);

/* The network an address belongs to: "192.0.2.0/24", "2001:0db8:0000:0000::/64"; "unknown" when it is none. */
enum { LOGIN_NETWORK_SIZE = 48 };
void login_limits_network(const char *address, char ret[LOGIN_NETWORK_SIZE]);

#endif
