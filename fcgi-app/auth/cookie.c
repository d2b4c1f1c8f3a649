#include "auth/cookie.h"

#include <stdio.h>
#include <string.h>

#include "common/encode.h"
#include "common/token.h"
#include "common/wipe.h"

enum { TOKEN_BYTES = 32 };

const char cookie_session[] = "__Host-muster";
const char cookie_signin[] = "__Host-muster-signin";
const char cookie_device[] = "__Host-muster-device";

bool cookie_token_new(char ret[COOKIE_TOKEN_SIZE])
{
    unsigned char bytes[TOKEN_BYTES];
    if (!token_random(bytes, sizeof bytes))
        return false;
    base64url_encode(bytes, sizeof bytes, ret);
    wipe(bytes, sizeof bytes);
    return true;
}

bool cookie_token_hash(const char *token, char ret[DIGEST_HEX_SIZE])
{
    if (token == NULL || strlen(token) != COOKIE_TOKEN_SIZE - 1)
        return false;
    digest_token(token, ret);
    return true;
}

bool cookie_hash(const struct req *r, const char *name, char ret[DIGEST_HEX_SIZE])
{
    return cookie_token_hash(req_cookie(r, name), ret);
}

void cookie_set(struct req *r, const char *name, const char *value, int64_t max_age_s)
{
    char text[160];
    (void)snprintf(text, sizeof text, "%s=%s; Path=/; Max-Age=%lld; Secure; HttpOnly; SameSite=Strict", name, value,
                   (long long)max_age_s);
    reply_header(r, "Set-Cookie", text);
    wipe(text, sizeof text);
}
