/* totp.h: time-based one-time passwords (RFC 6238) with the parameters that every authenticator knows: SHA-1, six
 * digits, thirty seconds. No state: which steps were used is the caller's. */
#ifndef MUSTER_MFA_TOTP_H
#define MUSTER_MFA_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOTP_DIGITS = 6, TOTP_STEP_S = 30, TOTP_WINDOW = 1, TOTP_SECRET_SIZE = 20 };

enum totp_match { TOTP_NONE, TOTP_FRESH, TOTP_USED };

/* Compares six digits with the steps around now, one each way (RFC 6238 §5.2). FRESH: *ret_step is the oldest step that
 * fits and is newer than last_step. USED: it fits, but only a step that is not. All steps are computed and compared in
 * any case, so that the time tells nothing. */
enum totp_match totp_match(const unsigned char secret[TOTP_SECRET_SIZE], const char *code, int64_t now_ms,
                           int64_t last_step, int64_t *ret_step);

/* The six digits of what somebody typed: authenticators show "123 456", so blanks and dashes do not matter. False, and
 * ret is "", when that is no code. */
bool totp_parse(const char *typed, char ret[TOTP_DIGITS + 1]);

#endif
