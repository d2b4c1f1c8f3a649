#include "mfa/uri.h"

#include <liboath/oath.h>
#include <stdlib.h>
#include <string.h>

#include "common/wipe.h"

int totp_base32(const unsigned char secret[TOTP_SECRET_SIZE], char ret[TOTP_BASE32_SIZE], struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    if (oath_base32_encode((const char *)secret, TOTP_SECRET_SIZE, &text, &len) != OATH_OK || text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = len == TOTP_BASE32_SIZE - 1 ? 0 : err_set(err, ERR_INTERNAL, "base32 of an odd length");
    if (rc == 0) {
        memcpy(ret, text, len);
        ret[len] = '\0';
    }
    wipe(text, len);
    free(text);
    return rc;
}

void totp_grouped(const char base32[TOTP_BASE32_SIZE], char ret[TOTP_GROUPED_SIZE])
{
    size_t at = 0;
    for (size_t i = 0; base32[i] != '\0'; i++) {
        if (i > 0 && i % 4 == 0)
            ret[at++] = ' ';
        ret[at++] = base32[i];
    }
    ret[at] = '\0';
}

/* Everything but the unreserved characters of RFC 3986: some authenticators read '+' as a plus, others as a blank. */
static void add_encoded(struct buf *b, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL)
            buf_addc(b, *p);
        else
            buf_addf(b, "%%%02X", (unsigned)(unsigned char)*p);
    }
}

void totp_uri(const char *issuer, const char *account, const char base32[TOTP_BASE32_SIZE], struct buf *ret)
{
    buf_adds(ret, "otpauth://totp/");
    add_encoded(ret, issuer);
    buf_adds(ret, ":");
    add_encoded(ret, account);
    buf_addf(ret, "?secret=%s&issuer=", base32);
    add_encoded(ret, issuer);
    buf_addf(ret, "&algorithm=SHA1&digits=%d&period=%d", TOTP_DIGITS, TOTP_STEP_S);
}
