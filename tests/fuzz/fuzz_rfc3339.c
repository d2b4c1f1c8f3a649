/* A string as a time: what is read can be written, and reads as the same moment again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    int64_t ms = 0;
    if (clock_parse_rfc3339(text, &ms)) {
        char written[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(ms, written);
        int64_t again = 0;
        assert(clock_parse_rfc3339(written, &again));
        /* Offsets can lead to just outside the years that can be written. */
        assert(again == ms || again == 0);
    }
    int64_t any = 0;
    memcpy(&any, text, size < sizeof any ? size : sizeof any);
    char written[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(any, written);
    assert(strlen(written) == 24 && clock_parse_rfc3339(written, &ms));
    free(text);
    return 0;
}
