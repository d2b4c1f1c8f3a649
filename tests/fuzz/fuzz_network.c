/* Networks and addresses: "network address"; what a network contains is of its own bits. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "fleet/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    char *blank = strchr(text, ' ');
    const char *address = blank != NULL ? blank + 1 : "192.0.2.1";
    if (blank != NULL)
        *blank = '\0';
    struct network n;
    if (network_parse(text, &n)) {
        assert(n.bits >= 0 && n.bits <= 128);
        (void)network_contains(&n, address);
    }
    if (password_hash_valid(text))
        assert(strlen(text) < PASSWORD_HASH_SIZE);
    free(text);
    return 0;
}
