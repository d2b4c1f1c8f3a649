/* first_admin.h: the first administrator's password, as the configuration gives it. */
#ifndef MUSTER_AUTH_FIRST_ADMIN_H
#define MUSTER_AUTH_FIRST_ADMIN_H

#include "common/err.h"
#include "settings.h"

/* ERR_INVALID for what must not start a server: a plain password in the environment, a hash that is none of ours, and
 * the hash of a password that is tried first everywhere or made of the account's own address. Costs an Argon2
 * computation for each of those when a hash is given, else nothing. */
int first_admin_check(const struct settings *settings, struct err *err) MUSTER_NODISCARD;

#endif
