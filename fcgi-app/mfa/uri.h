/* uri.h: how an authenticator is told a secret: base32, and the otpauth: URI (the "Key Uri Format" that all of them
 * read). Private to mfa/. */
#ifndef MUSTER_MFA_URI_H
#define MUSTER_MFA_URI_H

#include "common/buf.h"
#include "mfa/totp.h"

enum { TOTP_BASE32_SIZE = 32 + 1, TOTP_GROUPED_SIZE = 32 + 7 + 1 };

/* RFC 4648 §6; twenty bytes need no padding. _grouped: fours with blanks between, for people who type it. */
int totp_base32(const unsigned char secret[TOTP_SECRET_SIZE], char ret[TOTP_BASE32_SIZE],
                struct err *err) MUSTER_NODISCARD;
void totp_grouped(const char base32[TOTP_BASE32_SIZE], char ret[TOTP_GROUPED_SIZE]);

/* Appends "otpauth://totp/Issuer:account?secret=…". */
void totp_uri(const char *issuer, const char *account, const char base32[TOTP_BASE32_SIZE], struct buf *ret);

#endif
