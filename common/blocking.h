/* blocking.h: a thread says that it is about to do something slow, so that whoever counts on its work may let another
 * thread go on meanwhile. Whatever waits for a disk or computes for milliseconds says so, without knowing who listens.
 */
#ifndef MUSTER_COMMON_BLOCKING_H
#define MUSTER_COMMON_BLOCKING_H

struct blocking_listener {
    void (*begin)(void *ctx);
    void (*end)(void *ctx);
    void *ctx;
};

/* Who hears of the calling thread's waits; NULL: nobody, as at first. Borrowed until the next call. */
void blocking_listen(const struct blocking_listener *listener);

/* Around the slow part. May be nested; only the outermost pair is heard. */
void blocking_begin(void);
void blocking_end(void);

#endif
