/* pace.h: how fast a transfer may go, and how fast it must: pure arithmetic.
 *
 * pace is a token bucket: bytes go by at once as long as there is credit, then their sender is told how long to wait.
 * least is the other end: a peer that gives a little now and then, for ever, is as good as one that gives nothing. */
#ifndef MUSTER_AGENT_NET_PACE_H
#define MUSTER_AGENT_NET_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    int64_t rate;   /* bytes a second; 0: as fast as it comes */
    int64_t credit; /* in thousandths of a byte, so that no rounding adds up */
    int64_t at_ms;
};

void pace_init(struct pace *p, int64_t rate, int64_t now_ms);

/* These bytes went by. Milliseconds to wait before the next ones. */
int64_t pace_take(struct pace *p, int64_t bytes, int64_t now_ms);

struct least {
    int64_t rate;      /* bytes a second */
    int64_t window_ms; /* over which it is measured */
    int64_t since_ms;
    int64_t bytes;
};

void least_init(struct least *l, int64_t rate, int64_t window_ms, int64_t now_ms);

/* These bytes came by. False when a whole window had too few. */
bool least_take(struct least *l, int64_t bytes, int64_t now_ms);

/* Time that we ourselves have spent waiting does not count. */
void least_excuse(struct least *l, int64_t ms);

#endif
