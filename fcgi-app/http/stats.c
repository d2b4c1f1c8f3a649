#include "http/stats.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "route.h"

enum { ROUTES_MAX = 256 };

struct http_stats {
    _Atomic uint64_t counts[ROUTES_MAX][HTTP_STATS_CLASSES]; /* row 0: no route */
};

struct http_stats *http_stats_new(void)
{
    return calloc(1, sizeof(struct http_stats));
}

void http_stats_free(struct http_stats *s)
{
    free(s);
}

static size_t row(const struct route *route)
{
    if (route == NULL)
        return 0;
    size_t index = (size_t)(route - routes) + 1;
    return index < ROUTES_MAX ? index : 0;
}

void http_stats_count(struct http_stats *s, const struct route *route, int status)
{
    int status_class = status / 100;
    if (status_class < 0 || status_class >= HTTP_STATS_CLASSES)
        status_class = 0;
    (void)atomic_fetch_add_explicit(&s->counts[row(route)][status_class], 1, memory_order_relaxed);
}

uint64_t http_stats_get(const struct http_stats *s, const struct route *route, int status_class)
{
    return atomic_load_explicit(&s->counts[row(route)][status_class], memory_order_relaxed);
}
