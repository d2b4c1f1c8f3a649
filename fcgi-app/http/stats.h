/* stats.h: how many requests each route answered, by class of status; for /metrics. Thread-safe, lock-free. */
#ifndef MUSTER_HTTP_STATS_H
#define MUSTER_HTTP_STATS_H

#include <stdint.h>

struct route;
struct http_stats;

enum { HTTP_STATS_CLASSES = 6 }; /* index: status / 100 */

struct http_stats *http_stats_new(void); /* NULL: out of memory */
void http_stats_free(struct http_stats *s);

/* route NULL: the request matched none. */
void http_stats_count(struct http_stats *s, const struct route *route, int status);
uint64_t http_stats_get(const struct http_stats *s, const struct route *route, int status_class);

#endif
