/* Two strings as versions: comparing them is an order whatever they are. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 2);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    const char *a = text; /* up to the first NUL, and what follows it */
    const char *b = text + strlen(text) + 1;
    int order = sign(version_compare(a, b));
    assert(order == -sign(version_compare(b, a)));
    assert(version_compare(a, a) == 0);
    if (version_valid(a) != version_valid(b))
        assert(order == (version_valid(a) ? 1 : -1));
    free(text);
    return 0;
}
