/* Certificate requests and certificates as strangers hand them over: PEM, and nginx's %XX around it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/ca.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char spki[DIGEST_HEX_SIZE];
    struct ca_csr *csr = NULL;
    struct err err;
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (ca_csr_parse(text, &csr, &err) == 0)
        assert(strlen(ca_csr_spki(csr)) == DIGEST_HEX_SIZE - 1);
    ca_csr_free(csr);
    if (ca_escaped_spki(text, spki, &err) == 0)
        assert(strlen(spki) == DIGEST_HEX_SIZE - 1);
    free(text);
    return 0;
}
