#include "snapshot/behind.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/stream.h"

enum {
    RING = 2 * 1024 * 1024,  /* the reader is woken for half of it: each time it may take the compressor's core */
    STACK_SIZE = 256 * 1024, /* musl's 128 KiB is too little for zstd */
};

struct behind {
    struct compress *compress;
    struct stream *ring;
    pthread_t thread;
    bool running;
    atomic_bool given_up;
    struct err failure; /* the thread's; read after its end */
};

static void *compress_main(void *arg)
{
    struct behind *b = arg;
    int rc = 0;
    while (rc == 0 && !atomic_load(&b->given_up)) {
        const void *data;
        size_t len;
        stream_read(b->ring, &data, &len);
        if (len == 0 || atomic_load(&b->given_up)) /* whose last bytes were handed over by the end alone */
            break;
        rc = compress_write(b->compress, data, len, &b->failure);
    }
    if (rc == 0 && !atomic_load(&b->given_up))
        rc = compress_finish(b->compress, &b->failure);
    if (rc != 0)
        b->failure.code = rc;
    stream_leave(b->ring);
    return NULL;
}

int behind_new(struct compress *compress, struct behind **ret, struct err *err)
{
    struct behind *b = calloc(1, sizeof *b);
    pthread_attr_t attr;
    if (b == NULL || (b->ring = stream_new(RING)) == NULL) {
        behind_free(b);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    b->compress = compress;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    b->running = pthread_create(&b->thread, &attr, compress_main, b) == 0;
    (void)pthread_attr_destroy(&attr);
    if (!b->running) {
        behind_free(b);
        return err_set(err, ERR_NOMEM, "a thread cannot be started");
    }
    *ret = b;
    return 0;
}

static void end_thread(struct behind *b)
{
    if (!b->running)
        return;
    stream_end(b->ring);
    (void)pthread_join(b->thread, NULL);
    b->running = false;
}

void behind_free(struct behind *b)
{
    if (b == NULL)
        return;
    atomic_store(&b->given_up, true);
    end_thread(b);
    stream_free(b->ring);
    free(b);
}

/* A ring that nobody reads any more says nothing of the reason, which the thread has. */
static int failed(struct behind *b, struct err *err)
{
    end_thread(b);
    *err = b->failure;
    return b->failure.code;
}

int behind_room(struct behind *b, void **ret, size_t *ret_len, struct err *err)
{
    int rc = b->running ? stream_room(b->ring, ret, ret_len, err) : ERR_CONFLICT;
    return rc == 0 ? 0 : failed(b, err);
}

int behind_write(struct behind *b, const void *data, size_t len, struct err *err)
{
    int rc = b->running ? stream_write(b->ring, data, len, err) : ERR_CONFLICT;
    return rc == 0 ? 0 : failed(b, err);
}

int behind_finish(struct behind *b, struct err *err)
{
    end_thread(b);
    if (b->failure.code != 0)
        *err = b->failure;
    return b->failure.code;
}
