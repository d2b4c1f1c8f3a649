#include "net/pace.h"

enum { SECOND_MS = 1000, BURST_MS = 250 }; /* a quarter of a second's bytes may go by at once */

void pace_init(struct pace *p, int64_t rate, int64_t now_ms)
{
    *p = (struct pace){.rate = rate, .credit = rate * BURST_MS, .at_ms = now_ms};
}

int64_t pace_take(struct pace *p, int64_t bytes, int64_t now_ms)
{
    if (p->rate <= 0)
        return 0;
    p->credit += (now_ms - p->at_ms) * p->rate;
    p->at_ms = now_ms;
    if (p->credit > p->rate * BURST_MS) /* what was not used is not made up for later */
        p->credit = p->rate * BURST_MS;
    p->credit -= bytes * SECOND_MS;
    return p->credit >= 0 ? 0 : (p->rate - 1 - p->credit) / p->rate;
}

void least_init(struct least *l, int64_t rate, int64_t window_ms, int64_t now_ms)
{
    *l = (struct least){.rate = rate, .window_ms = window_ms, .since_ms = now_ms};
}

bool least_take(struct least *l, int64_t bytes, int64_t now_ms)
{
    l->bytes += bytes;
    int64_t passed_ms = now_ms - l->since_ms;
    if (passed_ms < l->window_ms)
        return true;
    bool enough = l->bytes * SECOND_MS >= l->rate * passed_ms;
    l->since_ms = now_ms;
    l->bytes = 0;
    return enough;
}

void least_excuse(struct least *l, int64_t ms)
{
    l->since_ms += ms;
}
