/* What is asked and told of one agent in the presence table. */
#include <stdio.h>
#include <string.h>

#include "fleet/presence_private.h"

enum {
    POLLS_MAX = 4,
    OFFLINE_INTERVALS = 3,
    PARTS_PER_MINUTE = 6000, /* 800 MB/s in parts of 8 MiB */
    PARTS_BURST = 600,
    EVENT_BYTES_PER_MINUTE = 128 * 1024,
    EVENT_BYTES_BURST = 16 * 1024 * 1024,
    RENEWALS_PER_MINUTE = 1,
    RENEWALS_BURST = 5,
};

const char *presence_agent_id(const struct presence_entry *e)
{
    return e->id;
}

const char *presence_owner_id(const struct presence_entry *e)
{
    return e->owner_id;
}

static enum presence_verdict admit(struct presence_entry *e, struct ratelimit *bucket,
                                   const struct ratelimit_rule *rule, int64_t now_ms, int *ret_retry_after_s)
{
    enum presence_verdict verdict = PRESENCE_OK;
    presence_lock(e);
    int wait_s = ratelimit_take(bucket, rule, 1, now_ms);
    if (wait_s > 0)
        verdict = PRESENCE_RATE_LIMITED;
    else if (e->facts.key_denied)
        verdict = PRESENCE_KEY_DENIED;
    else if (e->facts.deactivated)
        verdict = PRESENCE_DEACTIVATED;
    else if (e->facts.quarantined)
        verdict = PRESENCE_QUARANTINED;
    presence_unlock(e);
    if (verdict == PRESENCE_RATE_LIMITED)
        *ret_retry_after_s = wait_s;
    return verdict;
}

enum presence_verdict presence_admit(struct presence_entry *e, const struct ratelimit_rule *rule, int64_t now_ms,
                                     int *ret_retry_after_s)
{
    return admit(e, &e->requests, rule, now_ms, ret_retry_after_s);
}

enum presence_verdict presence_admit_part(struct presence_entry *e, int64_t now_ms, int *ret_retry_after_s)
{
    static const struct ratelimit_rule rule = {PARTS_PER_MINUTE, PARTS_BURST};
    return admit(e, &e->parts, &rule, now_ms, ret_retry_after_s);
}

int presence_take_bytes(struct presence_entry *e, int64_t bytes, int64_t now_ms)
{
    static const struct ratelimit_rule rule = {EVENT_BYTES_PER_MINUTE, EVENT_BYTES_BURST};
    presence_lock(e);
    int wait_s = ratelimit_take(&e->event_bytes, &rule, bytes, now_ms);
    presence_unlock(e);
    return wait_s;
}

int presence_take_renewal(struct presence_entry *e, int64_t now_ms)
{
    static const struct ratelimit_rule rule = {RENEWALS_PER_MINUTE, RENEWALS_BURST};
    presence_lock(e);
    int wait_s = ratelimit_take(&e->renewals, &rule, 1, now_ms);
    presence_unlock(e);
    return wait_s;
}

void presence_spki(struct presence_entry *e, char ret[DIGEST_HEX_SIZE])
{
    presence_lock(e);
    memcpy(ret, e->facts.spki, DIGEST_HEX_SIZE);
    presence_unlock(e);
}

bool presence_certificate_known(struct presence_entry *e, const unsigned char hash[DIGEST_SIZE])
{
    presence_lock(e);
    bool known = e->certificate_known && memcmp(e->certificate, hash, DIGEST_SIZE) == 0;
    presence_unlock(e);
    return known;
}

void presence_certificate_remember(struct presence_entry *e, const unsigned char hash[DIGEST_SIZE])
{
    presence_lock(e);
    e->certificate_known = true;
    memcpy(e->certificate, hash, DIGEST_SIZE);
    presence_unlock(e);
}

bool presence_poll_begin(struct presence_entry *e)
{
    presence_lock(e);
    bool ok = e->polls < POLLS_MAX;
    if (ok)
        e->polls++;
    presence_unlock(e);
    return ok;
}

void presence_poll_end(struct presence_entry *e)
{
    presence_lock(e);
    e->polls--;
    presence_unlock(e);
}

/* The interval, give or take a tenth, so that agents that were started together drift apart. */
static int jittered(struct presence_entry *e, int interval_s)
{
    e->jitter = e->jitter * 1664525u + 1013904223u;
    int spread = interval_s / 10;
    int next_s = interval_s - spread + (int)((e->jitter >> 8) % (uint32_t)(2 * spread + 1));
    return next_s > 0 ? next_s : 1;
}

static bool says_something_new(const struct presence_beat *a, const struct presence_beat *b)
{
    return strcmp(a->version, b->version) != 0 || strcmp(a->platform, b->platform) != 0 ||
           strcmp(a->arch, b->arch) != 0 || strcmp(a->deployment_mode, b->deployment_mode) != 0 ||
           strcmp(a->boot_id, b->boot_id) != 0 || strcmp(a->address, b->address) != 0 || a->proto != b->proto;
}

void presence_beat(struct presence_entry *e, const struct presence_beat *beat, int poll_interval_s, int64_t now_ms,
                   struct presence_news *ret)
{
    presence_lock(e);
    struct live *live = &e->live;
    int next_s = jittered(e, poll_interval_s);
    if (says_something_new(&live->beat, beat) || live->poll_interval_s != poll_interval_s)
        e->changed = true;
    if (live->status == presence_offline || live->offline_after_ms <= now_ms)
        e->back = true;
    live->beat = *beat;
    live->status = beat->final ? presence_offline : beat->error ? presence_error : presence_online;
    live->last_seen_ms = now_ms;
    live->offline_after_ms = now_ms + OFFLINE_INTERVALS * INT64_C(1000) * next_s;
    live->poll_interval_s = poll_interval_s;
    e->dirty = true;
    *ret = (struct presence_news){live->status, next_s, e->facts.configs_rev, e->facts.commands};
    presence_unlock(e);
}

static bool hash_new(struct presence_entry *e, unsigned char known[DIGEST_SIZE], const char *text)
{
    unsigned char hash[DIGEST_SIZE];
    digest_sha256(text, strlen(text), hash);
    presence_lock(e);
    bool is_new = memcmp(hash, known, sizeof hash) != 0;
    memcpy(known, hash, sizeof hash);
    presence_unlock(e);
    return is_new;
}

bool presence_capabilities_new(struct presence_entry *e, const char *text)
{
    return hash_new(e, e->capabilities, text);
}

bool presence_roots_new(struct presence_entry *e, const char *text)
{
    return hash_new(e, e->roots, text);
}

bool presence_head_new(struct presence_entry *e, const char *head)
{
    presence_lock(e);
    bool is_new = strncmp(head, e->head, sizeof e->head) != 0;
    (void)snprintf(e->head, sizeof e->head, "%s", head);
    presence_unlock(e);
    return is_new;
}

void presence_audit_head(struct presence *p, char ret[AUDIT_HEAD_SIZE])
{
    (void)pthread_mutex_lock(&p->head_lock);
    memcpy(ret, p->head, AUDIT_HEAD_SIZE);
    (void)pthread_mutex_unlock(&p->head_lock);
}

void presence_set_audit_head(struct presence *p, const char *head)
{
    (void)pthread_mutex_lock(&p->head_lock);
    (void)snprintf(p->head, sizeof p->head, "%s", head);
    (void)pthread_mutex_unlock(&p->head_lock);
}

struct presence_chores *presence_chores(struct presence *p)
{
    return &p->chores;
}
