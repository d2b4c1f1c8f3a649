#include "backup/parts.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "snapshot/tempfile.h"

enum {
    PARTS = 5,           /* one is filled, one is hashed and announced, the others are on their way */
    BLOCK = 1024 * 1024, /* zstd writes where it has room for a whole block of its own; else there is a copy more */
    MORE_MEMORY = BLOCK, /* beside two parts */
};

struct parts {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t part_size, block_size;
    struct part_digest digest; /* of the part that is filled */
    bool stopped;
    bool ended;                   /* last is final */
    unsigned object;              /* that is filled */
    uint64_t last_number;         /* in it */
    uint64_t last;                /* sequence of the part filled last or being filled */
    uint64_t passed[PART_STATES]; /* the last sequence that left this state */
    uint64_t sent;                /* parts; they need not come home in order */
    struct part part[PARTS];
    int fd;        /* -1: no file */
    bool fd_fails; /* what is in it stays good */
    size_t blocks_made, blocks_max, idle_count;
    char **idle; /* blocks of no part */
};

static size_t blocks_of(const struct parts *p, size_t size)
{
    return (size + p->block_size - 1) / p->block_size;
}

/* -1: none. A file that is memory itself is no gain. */
static int open_file(const char *dir)
{
    struct statfs fs;
    struct err ignored;
    int fd = dir == NULL ? -1 : tempfile_fd(dir, &ignored);
    if (fd >= 0 && (fstatfs(fd, &fs) != 0 || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int parts_new(size_t part_size, enum part_digest_kind digest, const char *dir, struct parts **ret, struct err *err)
{
    struct parts *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->part_size = part_size;
    p->block_size = part_size < BLOCK ? part_size : BLOCK;
    p->blocks_max = 2 * blocks_of(p, part_size) + MORE_MEMORY / BLOCK;
    p->fd = open_file(dir);
    p->digest.kind = digest;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&p->lock, NULL);
    p->idle = calloc(p->blocks_max, sizeof *p->idle);
    bool good = p->idle != NULL;
    for (size_t i = 0; i < PARTS; i++) {
        p->part[i].block_size = p->block_size;
        p->part[i].fd = p->fd;
        p->part[i].start = (off_t)(i * part_size);
        p->part[i].blocks = calloc(blocks_of(p, part_size), sizeof *p->part[i].blocks);
        good = good && p->part[i].blocks != NULL;
    }
    if (!good) {
        parts_free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = p;
    return 0;
}

/* Under the lock, or when nobody else is left. */
static void release_blocks(struct parts *p, struct part *part)
{
    for (size_t i = 0; i < blocks_of(p, p->part_size) && part->blocks != NULL; i++) {
        if (part->blocks[i] != NULL)
            p->idle[p->idle_count++] = part->blocks[i];
        part->blocks[i] = NULL;
    }
}

void parts_free(struct parts *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        release_blocks(p, &p->part[i]);
        free(p->part[i].blocks);
        free(p->part[i].url);
    }
    while (p->idle_count > 0)
        free(p->idle[--p->idle_count]);
    free(p->idle);
    if (p->fd >= 0)
        (void)close(p->fd);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

int part_read(const struct part *part, size_t at, char buffer[PART_PIECE], const void **ret, size_t *ret_len,
              struct err *err)
{
    size_t within = at % part->block_size;
    size_t left = part->size - at;
    size_t len = left < part->block_size - within ? left : part->block_size - within;
    const char *block = part->blocks[at / part->block_size];
    if (len > PART_PIECE)
        len = PART_PIECE;
    *ret_len = len;
    *ret = block == NULL ? buffer : block + within;
    return block == NULL ? tempfile_read_at(part->fd, buffer, len, part->start + (off_t)at, err) : 0;
}

static struct part *find(struct parts *p, enum part_state state)
{
    struct part *first = NULL;
    for (size_t i = 0; i < PARTS; i++)
        if (p->part[i].state == state && (first == NULL || p->part[i].sequence < first->sequence))
            first = &p->part[i];
    return first;
}

static struct timespec deadline_in(int ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* One wait under the lock; false when the time is over. deadline NULL: for ever. */
static bool wait_change(struct parts *p, const struct timespec *deadline)
{
    if (deadline == NULL)
        return pthread_cond_wait(&p->changed, &p->lock) == 0;
    return pthread_cond_timedwait(&p->changed, &p->lock, deadline) != ETIMEDOUT;
}

/* The free part that was used last: what was written and read there is still in the processor's caches. */
static struct part *find_free(struct parts *p)
{
    struct part *last = NULL;
    for (size_t i = 0; i < PARTS; i++)
        if (p->part[i].state == PART_FREE && (last == NULL || p->part[i].sequence > last->sequence))
            last = &p->part[i];
    return last;
}

/* Under the lock: the part being filled, a fresh one if need be; NULL when none is free. */
static struct part *filling(struct parts *p)
{
    struct part *part = find(p, PART_FILLING);
    if (part != NULL || (part = find_free(p)) == NULL)
        return part;
    part->state = PART_FILLING;
    part->sequence = ++p->last;
    part->object = p->object;
    part->number = ++p->last_number;
    part->size = 0;
    part_digest_init(&p->digest, p->digest.kind);
    return part;
}

/* Under the lock: the block that the part goes on in. ERR_UNAVAILABLE when none is free. */
static int ensure_block(struct parts *p, struct part *part, struct err *err)
{
    char **block = &part->blocks[part->size / p->block_size];
    if (*block != NULL)
        return 0;
    if (p->idle_count > 0) {
        *block = p->idle[--p->idle_count];
        return 0;
    }
    if (p->blocks_made == p->blocks_max)
        return ERR_UNAVAILABLE;
    *block = malloc(p->block_size);
    if (*block == NULL)
        return err_set(err, ERR_NOMEM, "out of memory for a part");
    p->blocks_made++;
    return 0;
}

int parts_room(struct parts *p, void **ret, size_t *ret_len, struct err *err)
{
    struct part *part = NULL;
    int rc;
    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        part = p->stopped ? NULL : filling(p);
        rc = p->stopped     ? err_set(err, ERR_CONFLICT, "stopped")
             : part == NULL ? ERR_UNAVAILABLE
                            : ensure_block(p, part, err);
        if (rc != ERR_UNAVAILABLE)
            break;
        (void)wait_change(p, NULL);
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (rc != 0)
        return rc;
    size_t within = part->size % p->block_size;
    size_t left = p->part_size - part->size;
    *ret = part->blocks[part->size / p->block_size] + within;
    *ret_len = left < p->block_size - within ? left : p->block_size - within;
    return 0;
}

/* Under the lock. */
static void move(struct parts *p, struct part *part, enum part_state to)
{
    p->passed[part->state] = part->sequence;
    part->state = to;
    (void)pthread_cond_broadcast(&p->changed);
}

/* Under the lock, which is left meanwhile: nobody else looks at a part that is filled. Puts the block that is full now
 * into the file; it stays where it is when that cannot be done. */
static void put_away(struct parts *p, struct part *part)
{
    size_t index = (part->size - 1) / p->block_size;
    off_t at = part->start + (off_t)(index * p->block_size);
    struct err ignored;
    if (p->fd < 0 || p->fd_fails)
        return;
    (void)pthread_mutex_unlock(&p->lock);
    bool put = tempfile_write_at(p->fd, part->blocks[index], part->size - index * p->block_size, at, &ignored) == 0;
    (void)pthread_mutex_lock(&p->lock);
    p->fd_fails = !put;
    if (put) {
        p->idle[p->idle_count++] = part->blocks[index];
        part->blocks[index] = NULL;
    }
}

/* Under the lock: what was filled is all of it. */
static void close_part(struct parts *p, struct part *part)
{
    part_digest_finish(&p->digest, part->digest);
    move(p, part, PART_FULL);
}

void parts_filled(struct parts *p, size_t len)
{
    (void)pthread_mutex_lock(&p->lock);
    struct part *part = find(p, PART_FILLING);
    (void)pthread_mutex_unlock(&p->lock); /* nobody else looks at it, nor at its digest */
    if (len > 0)
        part_digest_update(&p->digest, part->blocks[part->size / p->block_size] + part->size % p->block_size, len);
    (void)pthread_mutex_lock(&p->lock);
    part->size += len;
    if (len > 0 && (part->size == p->part_size || part->size % p->block_size == 0))
        put_away(p, part);
    if (part->size == p->part_size)
        close_part(p, part);
    (void)pthread_mutex_unlock(&p->lock);
}

void parts_end_object(struct parts *p)
{
    (void)pthread_mutex_lock(&p->lock);
    struct part *part = find(p, PART_FILLING);
    if (part != NULL && (part->size > 0 || part->number == 1)) {
        close_part(p, part);
    } else if (part != NULL) {
        release_blocks(p, part);
        part->state = PART_FREE;
        p->last--;
    }
    p->object++;
    p->last_number = 0;
    (void)pthread_mutex_unlock(&p->lock);
}

void parts_end(struct parts *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->ended = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

/* Under the lock: the next part in this state. *ret is set only when it is 0. */
static int wait_for(struct parts *p, enum part_state state, int timeout_ms, struct part **ret, struct err *err)
{
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    for (;;) {
        if (p->stopped)
            return err_set(err, ERR_CONFLICT, "stopped");
        *ret = find(p, state);
        if (*ret != NULL)
            return 0;
        if (p->ended && p->passed[state] == p->last)
            return err_set(err, ERR_NOT_FOUND, "no more parts");
        if (!wait_change(p, timeout_ms < 0 ? NULL : &deadline))
            return err_set(err, ERR_TIMEOUT, "no part yet");
    }
}

int parts_wait_full(struct parts *p, int timeout_ms, struct part **ret, struct err *err)
{
    struct part *part = NULL;
    (void)pthread_mutex_lock(&p->lock);
    int rc = wait_for(p, PART_FULL, timeout_ms, &part, err);
    (void)pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        *ret = part;
    return rc;
}

int parts_take_ready(struct parts *p, struct part **ret, struct err *err)
{
    struct part *part = NULL;
    (void)pthread_mutex_lock(&p->lock);
    int rc = wait_for(p, PART_READY, -1, &part, err);
    if (rc == 0)
        move(p, part, PART_SENDING);
    (void)pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        *ret = part;
    return rc;
}

void parts_pass(struct parts *p, struct part *part)
{
    (void)pthread_mutex_lock(&p->lock);
    if (part->state == PART_SENDING) {
        free(part->url);
        part->url = NULL;
        release_blocks(p, part);
        p->sent++;
        move(p, part, PART_FREE);
    } else {
        move(p, part, PART_READY);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

int parts_drain(struct parts *p, int timeout_ms)
{
    struct timespec deadline = deadline_in(timeout_ms);
    bool in_time = true;
    (void)pthread_mutex_lock(&p->lock);
    while (in_time && !p->stopped && !(p->ended && p->sent == p->last))
        in_time = wait_change(p, &deadline);
    int rc = p->stopped ? ERR_CONFLICT : in_time ? 0 : ERR_TIMEOUT;
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

void parts_stop(struct parts *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->stopped = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

int parts_sleep(struct parts *p, int ms)
{
    struct timespec deadline = deadline_in(ms);
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopped && wait_change(p, &deadline))
        ;
    bool stopped = p->stopped;
    (void)pthread_mutex_unlock(&p->lock);
    return stopped ? ERR_CONFLICT : 0;
}
