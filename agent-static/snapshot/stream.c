#include "snapshot/stream.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Waking the reader for less than this costs more than it gains. */
enum { HAND_OVER = 64 * 1024 };

struct stream {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *data;
    size_t size, hand_over;
    size_t start, len; /* what can be read */
    size_t lent;       /* of it, given out by the last stream_read */
    bool ended, left;
    size_t head, fresh; /* the writer's alone: where it goes on, and what before that was not handed over yet */
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
    s->hand_over = size / 4 < HAND_OVER ? size / 4 : HAND_OVER;
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

/* Under the lock. */
static void hand_over(struct stream *s)
{
    s->len += s->fresh;
    s->fresh = 0;
    (void)pthread_cond_signal(&s->changed);
}

int stream_room(struct stream *s, void **ret, size_t *ret_len, struct err *err)
{
    (void)pthread_mutex_lock(&s->lock);
    while (s->len + s->fresh == s->size && !s->left) {
        hand_over(s);
        (void)pthread_cond_wait(&s->changed, &s->lock);
    }
    size_t room = s->size - s->len - s->fresh, to_end = s->size - s->head;
    bool left = s->left;
    (void)pthread_mutex_unlock(&s->lock);
    if (left)
        return err_set(err, ERR_CONFLICT, "nobody reads any more");
    *ret = s->data + s->head;
    *ret_len = room < to_end ? room : to_end;
    return 0;
}

static void filled(struct stream *s, size_t len)
{
    s->head = (s->head + len) % s->size;
    s->fresh += len;
    if (s->fresh < s->hand_over)
        return;
    (void)pthread_mutex_lock(&s->lock);
    hand_over(s);
    (void)pthread_mutex_unlock(&s->lock);
}

static bool lies_inside(const struct stream *s, const void *data)
{
    return (uintptr_t)data - (uintptr_t)s->data < s->size;
}

int stream_write(struct stream *s, const void *data, size_t len, struct err *err)
{
    const char *from = data;
    while (len > 0) {
        void *room;
        size_t size;
        int rc = stream_room(s, &room, &size, err);
        if (rc != 0)
            return rc;
        size_t n = len < size ? len : size;
        if (from != room && lies_inside(s, from)) /* something else came between, and over it */
            return err_set(err, ERR_INTERNAL, "what was put into a stream's room is not there any more");
        if (from != room)
            memcpy(room, from, n);
        filled(s, n);
        from += n;
        len -= n;
    }
    return 0;
}

void stream_end(struct stream *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    hand_over(s);
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
