#include "snapshot/stream.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct stream {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *data;
    size_t size;
    size_t start, len; /* what can be read */
    size_t lent;       /* of it, given out by the last stream_read */
    bool ended, left;
};

struct stream *stream_new(size_t size)
{
    struct stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->data = malloc(size);
    if (s->data == NULL) {
        free(s);
        return NULL;
    }
    s->size = size;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    return s;
}

void stream_free(struct stream *s)
{
    if (s == NULL)
        return;
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->data);
    free(s);
}

int stream_write(struct stream *s, const void *data, size_t len, struct err *err)
{
    const char *from = data;
    int rc = 0;
    (void)pthread_mutex_lock(&s->lock);
    while (len > 0) {
        while (s->len == s->size && !s->left)
            (void)pthread_cond_wait(&s->changed, &s->lock);
        if (s->left) {
            rc = err_set(err, ERR_CONFLICT, "nobody reads any more");
            break;
        }
        size_t at = (s->start + s->len) % s->size;
        size_t room = at >= s->start ? s->size - at : s->start - at;
        size_t n = len < room ? len : room;
        memcpy(s->data + at, from, n);
        s->len += n;
        from += n;
        len -= n;
        (void)pthread_cond_signal(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

void stream_end(struct stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

void stream_read(struct stream *s, const void **ret, size_t *ret_len)
{
    (void)pthread_mutex_lock(&s->lock);
    s->start = (s->start + s->lent) % s->size;
    s->len -= s->lent;
    s->lent = 0;
    (void)pthread_cond_signal(&s->changed);
    while (s->len == 0 && !s->ended)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    size_t to_end = s->size - s->start;
    s->lent = s->len < to_end ? s->len : to_end;
    if (s->lent > s->size / 2) /* so that the writer can go on meanwhile */
        s->lent = s->size / 2;
    *ret = s->data + s->start;
    *ret_len = s->lent;
    (void)pthread_mutex_unlock(&s->lock);
}

void stream_leave(struct stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->left = true;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}
