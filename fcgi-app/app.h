/* app.h: what every part of the server is given: settings, clock, database, secrets and the areas' own state.
 *
 * Built once by app_open and read-only afterwards; each member that changes guards itself. Commands of the command line
 * open the same struct without the parts that only the server runs (park, presence). */
#ifndef MUSTER_APP_H
#define MUSTER_APP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "auth/audit.h"
#include "common/clock.h"
#include "common/err.h"
#include "settings.h"

struct app {
    const struct settings *_Atomic settings; /* swapped whole by SIGHUP; the ones before stay valid until app_close */
    const struct clock *clock;
    struct db_writer *writer;
    struct secrets *secrets;         /* auth/secrets.h: master key, audit key, store signing key */
    struct ca *ca;                   /* fleet/ca.h */
    struct store *store;             /* store/store.h */
    struct park *park;               /* NULL on the command line */
    struct changes *changes;         /* ops/changes.h; NULL on the command line */
    struct http_stats *stats;        /* http/stats.h; NULL on the command line */
    struct presence *presence;       /* fleet/presence.h; NULL on the command line */
    int db_lock;                     /* db/backup.h: held shared while the database is open */
    struct login_limits *logins;     /* auth/; NULL on the command line */
    struct line *sign_ins;           /* http/line.h: those that cost a password's hash; NULL on the command line */
    struct policy_cache *policy;     /* policy/policy.h; NULL on the command line */
    struct passkey_limits *passkeys; /* passkey/limits.h; NULL on the command line */
    atomic_int trail_readers;        /* audit/: requests that read all of the trail */
    struct live *live;               /* live/live.h; NULL on the command line */
};

struct app_options {
    bool server;               /* park, presence, changes and limits too */
    const struct clock *clock; /* NULL: the system's; outlives the app */
};

/* Migrates the database when needed, opens everything. */
int app_open(const struct settings *settings, const struct app_options *options, struct app **ret,
             struct err *err) MUSTER_NODISCARD;
void app_close(struct app *app); /* NULL does nothing */

#endif
