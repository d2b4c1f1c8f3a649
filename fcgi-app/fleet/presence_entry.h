/* presence_entry.h: the presence table as the files of fleet/ use it. An entry is held by reference for a request; its
 * id and owner never change, everything else is read and written through these calls, each of which takes one lock for
 * a moment and does no I/O unless it says so. */
#ifndef MUSTER_FLEET_PRESENCE_ENTRY_H
#define MUSTER_FLEET_PRESENCE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/audit.h"
#include "auth/digest.h"
#include "common/ratelimit.h"
#include "common/uuid.h"
#include "db/db.h"
#include "fleet/presence.h"
#include "rollout/rollout.h"

struct presence_entry;

/* The entry of a key, given the key's SHA-256; read from db when it is unknown, out of date or a minute old.
 * ERR_NOT_FOUND: no agent has this key. Release what is got. */
int presence_acquire(struct presence *p, struct db *db, const unsigned char key[DIGEST_SIZE], int64_t now_ms,
                     struct presence_entry **ret, struct err *err) MUSTER_NODISCARD;
void presence_release(struct presence_entry *e); /* NULL does nothing */

const char *presence_agent_id(const struct presence_entry *e);
const char *presence_owner_id(const struct presence_entry *e);

/* Has every entry read again when it is next used. */
void presence_invalidate(struct presence *p);

/* Whether a request of this agent may go on. */
enum presence_verdict {
    PRESENCE_OK,
    PRESENCE_RATE_LIMITED,
    PRESENCE_DEACTIVATED,
    PRESENCE_QUARANTINED,
    PRESENCE_KEY_DENIED,
};
enum presence_verdict presence_admit(struct presence_entry *e, const struct ratelimit_rule *rule, int64_t now_ms,
                                     int *ret_retry_after_s);

/* The same for the URL of a backup's part, by a limit of its own: a fast host asks for several a second as long as its
 * backup lasts, and at the general rate would be held to 16 MB/s. */
enum presence_verdict presence_admit_part(struct presence_entry *e, int64_t now_ms, int *ret_retry_after_s);

/* Takes bytes of events from the agent's allowance: 0, or after how many seconds it will do. */
int presence_take_bytes(struct presence_entry *e, int64_t bytes, int64_t now_ms);

/* As presence_take_bytes, for one renewal of the certificate. */
int presence_take_renewal(struct presence_entry *e, int64_t now_ms);

/* The enrolled public key's hash; "" for an agent registered by key alone. */
void presence_spki(struct presence_entry *e, char ret[DIGEST_HEX_SIZE]);

/* Remembers that the certificate with this hash (of its text as nginx hands it over) was checked, so that the next
 * request with the same one need not parse it. */
bool presence_certificate_known(struct presence_entry *e, const unsigned char hash[DIGEST_SIZE]);
void presence_certificate_remember(struct presence_entry *e, const unsigned char hash[DIGEST_SIZE]);

/* Counts a parked poll; false when the agent has too many already. */
bool presence_poll_begin(struct presence_entry *e);
void presence_poll_end(struct presence_entry *e);

/* What a heartbeat says. */
struct presence_beat {
    char version[65];
    char platform[33];
    char arch[33];
    char deployment_mode[17];
    char boot_id[65];
    char address[46];
    int64_t uptime_s; /* -1: not said */
    int64_t proto;
    bool error;
    bool final;
};

/* What the reply to it says. */
struct presence_news {
    const char *status; /* in static storage */
    int next_poll_s;
    int64_t configs_rev;
    int64_t commands;
};
void presence_beat(struct presence_entry *e, const struct presence_beat *beat, int poll_interval_s, int64_t now_ms,
                   struct presence_news *ret);

/* Takes what the agent says of its updates; what is new is written with the next flush. */
void presence_report(struct presence_entry *e, const struct update_report *report);

/* What it is offered; false: nothing. */
bool presence_offer(struct presence_entry *e, struct update_offer *ret);

/* Has the entries hear of offers that changed, each by itself: an offer to five hundred agents is five hundred rows,
 * not a new reading of a hundred thousand. Reads what is new since the last call; for one thread. */
int presence_offers_changed(struct presence *p, struct db *db, struct err *err) MUSTER_NODISCARD;

/* True, once for each different text: these capabilities, roots, or this audit head were not seen from the agent
 * before. */
bool presence_capabilities_new(struct presence_entry *e, const char *text);
bool presence_roots_new(struct presence_entry *e, const char *text);
bool presence_head_new(struct presence_entry *e, const char *head);

/* The audit trail's head as of the last tick, for replies. */
void presence_audit_head(struct presence *p, char ret[AUDIT_HEAD_SIZE]);
void presence_set_audit_head(struct presence *p, const char *head);

/* Forgets entries that nobody used for an hour. */
void presence_sweep(struct presence *p, int64_t now_ms);

/* fleet_tick's own memory: its read connection, and when its slower work is due. For that one thread. */
struct presence_chores {
    struct db *db; /* NULL until it is first needed */
    int64_t minute_due_ms;
    int64_t retention_due_ms;
    bool retention_runs;                    /* a round has begun … */
    char retention_after[UUID_SIZE];        /* … and has come behind this agent */
    int64_t retention_days, retention_rows; /* the rules of the last round */
    bool failing;
};
struct presence_chores *presence_chores(struct presence *p);

#endif
