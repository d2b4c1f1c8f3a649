#include "passkey/limits.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/digest.h"
#include "auth/limits.h"
#include "common/ratelimit.h"
#include "common/token.h"

/* Which set an asker falls into depends on a salt of this process: nobody aims at somebody else's place. */
enum { SETS = 256, WAYS = 4 };

struct place {
    uint64_t tag; /* 0: free */
    struct ratelimit bucket;
};

struct passkey_limits {
    pthread_mutex_t lock;
    unsigned char salt[16];
    struct place places[SETS][WAYS];
};

struct passkey_limits *passkey_limits_new(void)
{
    struct passkey_limits *l = calloc(1, sizeof *l);
    if (l == NULL || !token_random(l->salt, sizeof l->salt)) {
        free(l);
        return NULL;
    }
    (void)pthread_mutex_init(&l->lock, NULL);
    return l;
}

void passkey_limits_free(struct passkey_limits *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static uint64_t tag_of(const struct passkey_limits *l, const char *user_id, const char *address)
{
    char network[LOGIN_NETWORK_SIZE], text[LOGIN_NETWORK_SIZE + 64];
    unsigned char digest[DIGEST_SIZE];
    uint64_t tag;
    login_limits_network(address, network);
    int len = snprintf(text, sizeof text, "%s %.40s", network, user_id);
    if (!digest_hmac(l->salt, sizeof l->salt, text, (size_t)len, digest))
        digest_sha256(text, (size_t)len, digest);
    memcpy(&tag, digest, sizeof tag);
    return tag != 0 ? tag : 1;
}

/* The tag's own place, else a free one, else the one that was quiet for longest. */
static struct place *place_of(struct passkey_limits *l, uint64_t tag)
{
    struct place *set = l->places[tag % SETS];
    struct place *best = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (best->tag != 0 && (set[i].tag == 0 || set[i].bucket.at_ms < best->bucket.at_ms))
            best = &set[i];
    }
    *best = (struct place){.tag = tag};
    return best;
}

int passkey_limits_wait_s(struct passkey_limits *l, const char *user_id, const char *address, int64_t now_ms)
{
    static const struct ratelimit_rule rule = {PASSKEY_CHALLENGES_A_MINUTE, PASSKEY_CHALLENGES_A_MINUTE};
    if (l == NULL)
        return 0;
    uint64_t tag = tag_of(l, user_id, address);
    (void)pthread_mutex_lock(&l->lock);
    int wait_s = ratelimit_take(&place_of(l, tag)->bucket, &rule, 1, now_ms);
    (void)pthread_mutex_unlock(&l->lock);
    return wait_s;
}
