/* device.h: browsers a person trusts: they skip the second factor at sign-in, and nothing else. The password is asked
 * for as ever, and so is the factor at every step-up. The cookie has a secret of its own (cookie.h). A device is
 * trusted for as long as auth.mfa.trustedDeviceDays says, counted from when it was named; the password's change and a
 * reset of the factors end it. */
#ifndef MUSTER_AUTH_DEVICE_H
#define MUSTER_AUTH_DEVICE_H

#include <stdbool.h>

#include "http/request.h"

enum { DEVICE_NAME_MAX = 80, DEVICES_MAX = 20 };

/* Whether the request's browser is trusted by this user; notes the use. Blocks for a write when it is. ERR_NOT_FOUND
 * when it is not. */
int device_use(struct req *r, const char *user_id, struct err *err) MUSTER_NODISCARD;

/* Trusts this browser from now on and adds its cookie to the reply; audited. The sign-in stands whether or not this
 * succeeds: a failure is logged. name: "" for one made of the User-Agent. Blocks for a write. */
void device_trust(struct req *r, const char *user_id, const char *name);

#endif
