/* turns.h: how many threads take requests at the same time.
 *
 * More threads than cores that wait for work cost a wake-up for every request and gain nothing: the next request is
 * best taken by the thread that has just finished one. But a thread that waits for the disk must not keep the others
 * from working. So a few threads have a turn, the others wait for one, and whoever is about to block
 * (common/blocking.h) lends its turn for as long. Measured on two cores: two turns answer a fifth more
 * heartbeats than eight, at three quarters of the 99th percentile. Thread-safe. */
#ifndef MUSTER_HTTP_TURNS_H
#define MUSTER_HTTP_TURNS_H

struct turns;

/* NULL when memory is out. */
struct turns *turns_new(unsigned count);
void turns_free(struct turns *t); /* NULL does nothing; nobody may hold or await a turn */

/* Waits for a turn; from then until turns_give the thread's blocking_begin and blocking_end lend it and take it back.
 */
void turns_take(struct turns *t);

/* Between two requests: keeps the turn, without waking anybody, unless more threads have one than should. */
void turns_renew(struct turns *t);

void turns_give(struct turns *t);

#endif
