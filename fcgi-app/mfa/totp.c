#include "mfa/totp.h"

#include <liboath/oath.h>
#include <string.h>

#include "common/wipe.h"

bool totp_parse(const char *typed, char ret[TOTP_DIGITS + 1])
{
    char digits[TOTP_DIGITS + 1] = "";
    size_t count = 0;
    bool odd = false;
    for (const char *p = typed; *p != '\0' && !odd; p++) {
        if (*p == ' ' || *p == '-' || *p == '\t')
            continue;
        odd = *p < '0' || *p > '9' || count == TOTP_DIGITS;
        if (!odd)
            digits[count++] = *p;
    }
    bool whole = !odd && count == TOTP_DIGITS;
    memcpy(ret, digits, sizeof digits);
    if (!whole)
        wipe(ret, sizeof digits);
    wipe(digits, sizeof digits);
    return whole;
}

static bool fits(const unsigned char *secret, const char *code, int64_t step)
{
    char right[TOTP_DIGITS + 1] = "";
    bool made = step >= 0 && oath_totp_generate((const char *)secret, TOTP_SECRET_SIZE, (time_t)(step * TOTP_STEP_S),
                                                TOTP_STEP_S, 0, TOTP_DIGITS, right) == OATH_OK;
    bool equal = made && wipe_equal(right, code, TOTP_DIGITS);
    wipe(right, sizeof right);
    return equal;
}

enum totp_match totp_match(const unsigned char secret[TOTP_SECRET_SIZE], const char *code, int64_t now_ms,
                           int64_t last_step, int64_t *ret_step)
{
    enum totp_match match = TOTP_NONE;
    int64_t now_step = now_ms / 1000 / TOTP_STEP_S;
    if (strlen(code) != TOTP_DIGITS)
        return TOTP_NONE;
    for (int64_t step = now_step + TOTP_WINDOW; step >= now_step - TOTP_WINDOW; step--) {
        if (!fits(secret, code, step))
            continue;
        if (step > last_step) {
            match = TOTP_FRESH;
            *ret_step = step;
        } else if (match == TOTP_NONE) {
            match = TOTP_USED;
        }
    }
    return match;
}
