#include "auth/login_limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "auth/digest.h"
#include "auth/failures.h"
#include "auth/limits.h"
#include "common/blocking.h"
#include "common/token.h"
#include "common/uuid.h"

/* Back-off: a set-associative table, so that an entry competes with three others and not with a scan of all. Which set
 * an account falls into depends on a salt of this process: nobody can aim at somebody else's entry. */
enum {
    SETS = 1024,
    WAYS = 4,
    FREE_TRIES = 3,
    WAIT_MAX_S = 60,
    FORGET_MS = 15 * 60 * 1000,
    HASHES_WAITING_MAX = 2,
    ROW_SLOTS = 256,
    MINUTE_MS = 60 * 1000,
    PROOFS_MAX = 16, /* far more than find a place for their hash */
};

struct backoff {
    uint64_t tag; /* 0: free */
    unsigned failures;
    int64_t last_ms;
};

/* Shared by whoever falls into it: a few rows less for some beat a table that two floods could empty by turns. */
struct rows {
    int64_t minute;
    int written;
};

struct login_limits {
    pthread_mutex_t lock;
    pthread_cond_t hash_ended;
    unsigned hashes_running, hashes_waiting, hashes_max;
    unsigned char salt[16];
    struct backoff table[SETS][WAYS];
    struct rows rows[ROW_SLOTS];
    char proofs[PROOFS_MAX][UUID_SIZE]; /* who types their own password at the moment; "" is a free place */
    struct failures *failures;
    int64_t due_ms;
};

unsigned login_limits_hashes_max(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors > 3 ? (unsigned)processors / 2 : 1;
}

struct login_limits *login_limits_new(void)
{
    struct login_limits *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->failures = failures_new();
    if (l->failures == NULL || !token_random(l->salt, sizeof l->salt)) {
        failures_free(l->failures);
        free(l);
        return NULL;
    }
    l->hashes_max = login_limits_hashes_max();
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&l->hash_ended, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&l->lock, NULL);
    return l;
}

void login_limits_free(struct login_limits *l)
{
    if (l == NULL)
        return;
    failures_free(l->failures);
    (void)pthread_cond_destroy(&l->hash_ended);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

struct failures *login_limits_failures(struct login_limits *l)
{
    return l->failures;
}

bool login_limits_due(struct login_limits *l, int64_t now_ms, int64_t every_ms)
{
    if (now_ms >= l->due_ms - every_ms && now_ms < l->due_ms)
        return false;
    l->due_ms = now_ms + every_ms;
    return true;
}

void login_limits_network(const char *address, char ret[LOGIN_NETWORK_SIZE])
{
    unsigned char bytes[16];
    if (strncasecmp(address, "::ffff:", 7) == 0 && strchr(address, '.') != NULL)
        address += 7; /* IPv4 on an IPv6 socket: not all of it is one network */
    if (inet_pton(AF_INET, address, bytes) == 1)
        (void)snprintf(ret, LOGIN_NETWORK_SIZE, "%d.%d.%d.0/24", bytes[0], bytes[1], bytes[2]);
    else if (inet_pton(AF_INET6, address, bytes) == 1)
        (void)snprintf(ret, LOGIN_NETWORK_SIZE, "%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", bytes[0], bytes[1],
                       bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
    else
        (void)snprintf(ret, LOGIN_NETWORK_SIZE, "unknown");
}

static uint64_t tag_of(const struct login_limits *l, const struct login_source *source)
{
    char text[sizeof l->salt + LOGIN_NETWORK_SIZE + 256];
    char network[LOGIN_NETWORK_SIZE];
    unsigned char digest[DIGEST_SIZE];
    memcpy(text, l->salt, sizeof l->salt);
    login_limits_network(source->address, network);
    int n = snprintf(text + sizeof l->salt, sizeof text - sizeof l->salt, "%.46s %s",
                     source->known ? source->address : network, source->account);
    size_t len = sizeof l->salt + (size_t)n;
    for (size_t i = sizeof l->salt; i < sizeof text && i < len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] + ('a' - 'A'));
    digest_sha256(text, len < sizeof text ? len : sizeof text - 1, digest);
    uint64_t tag;
    memcpy(&tag, digest, sizeof tag);
    return tag != 0 ? tag : 1;
}

static struct backoff *find(struct login_limits *l, uint64_t tag)
{
    struct backoff *set = l->table[tag % SETS];
    for (int i = 0; i < WAYS; i++)
        if (set[i].tag == tag)
            return &set[i];
    return NULL;
}

/* A free place in the tag's set, else the one that was quiet for longest. */
static struct backoff *place(struct login_limits *l, uint64_t tag)
{
    struct backoff *set = l->table[tag % SETS];
    struct backoff *best = &set[0];
    for (int i = 1; i < WAYS && best->tag != 0; i++)
        if (set[i].tag == 0 || set[i].last_ms < best->last_ms)
            best = &set[i];
    return best;
}

/* 0 for the first tries, then 1, 2, 4 … seconds. */
static int64_t wait_after_ms(unsigned failures)
{
    if (failures < FREE_TRIES)
        return 0;
    unsigned doublings = failures - FREE_TRIES;
    int seconds = doublings < 6 ? 1 << doublings : WAIT_MAX_S;
    return (seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S) * INT64_C(1000);
}

int login_limits_wait_s(struct login_limits *l, const struct login_source *source, int64_t now_ms)
{
    uint64_t tag = tag_of(l, source);
    int64_t wait_ms = 0;
    (void)pthread_mutex_lock(&l->lock);
    const struct backoff *b = find(l, tag);
    if (b != NULL && now_ms - b->last_ms < FORGET_MS)
        wait_ms = b->last_ms + wait_after_ms(b->failures) - now_ms;
    (void)pthread_mutex_unlock(&l->lock);
    if (wait_ms > WAIT_MAX_S * INT64_C(1000)) /* the clock was set back */
        wait_ms = WAIT_MAX_S * INT64_C(1000);
    return wait_ms <= 0 ? 0 : (int)((wait_ms + 999) / 1000);
}

void login_limits_failed(struct login_limits *l, const struct login_source *source, int64_t now_ms)
{
    uint64_t tag = tag_of(l, source);
    (void)pthread_mutex_lock(&l->lock);
    struct backoff *b = find(l, tag);
    if (b == NULL || now_ms - b->last_ms >= FORGET_MS) {
        b = b != NULL ? b : place(l, tag);
        *b = (struct backoff){.tag = tag};
    }
    b->failures++;
    b->last_ms = now_ms;
    (void)pthread_mutex_unlock(&l->lock);
}

void login_limits_succeeded(struct login_limits *l, const struct login_source *source)
{
    uint64_t tag = tag_of(l, source);
    (void)pthread_mutex_lock(&l->lock);
    struct backoff *b = find(l, tag);
    if (b != NULL)
        *b = (struct backoff){0};
    (void)pthread_mutex_unlock(&l->lock);
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

int login_limits_hash_begin(struct login_limits *l, int wait_ms, struct err *err)
{
    struct timespec deadline = deadline_in(wait_ms);
    int rc = 0;
    blocking_begin();
    (void)pthread_mutex_lock(&l->lock);
    if (l->hashes_running >= l->hashes_max && l->hashes_waiting >= HASHES_WAITING_MAX)
        rc = ETIMEDOUT; /* waiting holds a worker: few may */
    l->hashes_waiting++;
    while (rc == 0 && l->hashes_running >= l->hashes_max)
        rc = pthread_cond_timedwait(&l->hash_ended, &l->lock, &deadline);
    l->hashes_waiting--;
    if (rc == 0)
        l->hashes_running++;
    (void)pthread_mutex_unlock(&l->lock);
    blocking_end();
    return rc == 0 ? 0 : err_set(err, ERR_TIMEOUT, "too many sign-ins at once");
}

void login_limits_hash_end(struct login_limits *l)
{
    (void)pthread_mutex_lock(&l->lock);
    l->hashes_running--;
    (void)pthread_cond_signal(&l->hash_ended);
    (void)pthread_mutex_unlock(&l->lock);
}

/* The place of this person, or of "" a free one. */
static char *proof_of(struct login_limits *l, const char *user_id)
{
    for (size_t i = 0; i < PROOFS_MAX; i++)
        if (strcmp(l->proofs[i], user_id) == 0)
            return l->proofs[i];
    return NULL;
}

bool login_limits_proof_begin(struct login_limits *l, const char *user_id)
{
    (void)pthread_mutex_lock(&l->lock);
    char *place = proof_of(l, user_id) == NULL ? proof_of(l, "") : NULL;
    if (place != NULL)
        (void)snprintf(place, UUID_SIZE, "%s", user_id);
    (void)pthread_mutex_unlock(&l->lock);
    return place != NULL;
}

void login_limits_proof_end(struct login_limits *l, const char *user_id)
{
    (void)pthread_mutex_lock(&l->lock);
    char *place = proof_of(l, user_id);
    if (place != NULL)
        place[0] = '\0';
    (void)pthread_mutex_unlock(&l->lock);
}

bool login_limits_worth_a_row(struct login_limits *l, const char *who, int64_t now_ms)
{
    if (l == NULL)
        return true;
    struct rows *rows = &l->rows[tag_of(l, &(struct login_source){.account = who, .address = ""}) % ROW_SLOTS];
    (void)pthread_mutex_lock(&l->lock);
    if (rows->minute != now_ms / MINUTE_MS)
        *rows = (struct rows){.minute = now_ms / MINUTE_MS};
    bool worth = rows->written < LOGIN_ROWS_A_MINUTE;
    rows->written += worth;
    (void)pthread_mutex_unlock(&l->lock);
    return worth;
}
