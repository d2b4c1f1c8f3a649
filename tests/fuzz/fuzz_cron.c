/* Lines of cron and names of zones as people send them: whatever is taken has moments that come one after the other. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "schedule/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The zone's name, a line feed, the line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[300];
    struct cron cron;
    struct zone *zone = NULL;
    size_t len = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, len);
    text[len] = '\0';
    char *line = strchr(text, '\n');
    if (line != NULL)
        *line++ = '\0';
    if (zone_open(text, &zone, NULL) != 0 && zone_open("Europe/Berlin", &zone, NULL) != 0)
        return 0;
    if (line != NULL && cron_parse(line, &cron, NULL) == 0) {
        int64_t at_ms = INT64_C(1774740000000), next_ms = 0; /* hours before clocks change */
        for (int i = 0; i < 20 && cron_next(&cron, zone, at_ms, &next_ms); i++) {
            assert(next_ms > at_ms && next_ms % 60000 == 0);
            at_ms = next_ms;
        }
    }
    zone_close(zone);
    return 0;
}
