/* Any bytes as an access token: nobody but the holder of the key makes one that is taken. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "token/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct access_key key = {.kid = "0123456789abcdef", .bytes = {1, 2, 3}};
    struct access_claims claims;
    char kid[ACCESS_KID_SIZE];
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (access_kid(text, kid))
        assert(strlen(text) <= ACCESS_MAX && strspn(kid, "0123456789abcdef") == ACCESS_KID_SIZE - 1);
    assert(access_judge(text, &key, "https://x", INT64_C(1800000000000), &claims) == ACCESS_FORGED);
    free(text);
    return 0;
}
