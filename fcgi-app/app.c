#include "app.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/login_limits.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "db/backup.h"
#include "db/migrate.h"
#include "db/writer.h"
#include "fleet/ca.h"
#include "fleet/presence.h"
#include "http/line.h"
#include "http/park.h"
#include "http/stats.h"
#include "live/live.h"
#include "ops/changes.h"
#include "passkey/limits.h"
#include "policy/policy.h"
#include "store/store.h"

enum { FINISHERS = 2, DESCRIPTORS_KEPT = 64, SIGN_INS_WAITING = 64, SIGN_INS_SHARE = 20, SIGN_INS_CROWD_MS = 1000 };

static int open_database(struct app *app, const struct settings *s, struct err *err)
{
    struct migrate_result migrated = {0};
    struct migrate_options options = {
        .path = s->db_path, .backup_dir = s->backup_dir, .now_ms = clock_now_ms(app->clock)};
    int rc = access(s->db_path, F_OK) == 0
                 ? db_lock(s->db_path, false, &app->db_lock, err)
                 : err_set(err, ERR_NOT_FOUND, "%s: no database; 'muster-app init' makes one", s->db_path);
    if (rc == 0)
        rc = db_migrate(&options, &migrated, err);
    if (rc == 0 && migrated.applied > 0)
        log_info("database: schema %d -> %d, %zu migrations; copy before: %s", (int)migrated.from, (int)migrated.to,
                 migrated.applied, migrated.backup[0] != '\0' ? migrated.backup : "none needed");
    if (rc == 0)
        rc = db_writer_start(s->db_path, &app->writer, err);
    return rc;
}

/* Each parked request holds a descriptor; some stay for the database, for nginx and for files. */
static size_t most_parked(const struct settings *s)
{
    struct rlimit limit;
    size_t kept = DESCRIPTORS_KEPT + 8 * (size_t)s->threads;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return s->max_parked;
    size_t room = limit.rlim_cur > kept ? (size_t)limit.rlim_cur - kept : 0;
    if (room < s->max_parked)
        log_warning("%llu descriptors: at most %zu requests can wait, not MUSTER_MAX_PARKED=%u",
                    (unsigned long long)limit.rlim_cur, room, s->max_parked);
    return room < s->max_parked ? room : s->max_parked;
}

/* One computes the hash while another writes its session; there is a worker left for all others, if there are two. */
static unsigned sign_ins_abreast(const struct settings *s)
{
    unsigned wanted = login_limits_hashes_max() + 1;
    unsigned spared = s->threads > 1 ? s->threads - 1 : 1;
    return wanted < spared ? wanted : spared;
}

/* What only the server has. */
static int open_server(struct app *app, const struct settings *s, struct err *err)
{
    const struct line_options sign_ins = {sign_ins_abreast(s), SIGN_INS_WAITING, SIGN_INS_SHARE, SIGN_INS_CROWD_MS};
    app->stats = http_stats_new();
    app->changes = changes_new();
    app->presence = presence_new();
    app->logins = login_limits_new();
    app->sign_ins = line_new(&sign_ins);
    app->policy = policy_new();
    app->passkeys = passkey_limits_new();
    app->live = live_new();
    if (app->stats == NULL || app->changes == NULL || app->presence == NULL || app->logins == NULL ||
        app->sign_ins == NULL || app->policy == NULL || app->passkeys == NULL || app->live == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return park_start(app, FINISHERS, most_parked(s), &app->park, err);
}

int app_open(const struct settings *settings, const struct app_options *options, struct app **ret, struct err *err)
{
    struct app *app = calloc(1, sizeof *app);
    if (app == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    app->settings = settings;
    app->clock = options->clock != NULL ? options->clock : clock_system();
    app->db_lock = -1;
    int rc = open_database(app, settings, err);
    if (rc == 0)
        rc = secrets_load(settings->secrets_dir, &app->secrets, err);
    if (rc == 0)
        rc = ca_load(settings->secrets_dir, &app->ca, err);
    if (rc == 0)
        rc = store_open(settings, app->secrets, &app->store, err);
    if (rc == 0 && options->server)
        rc = open_server(app, settings, err);
    if (rc != 0) {
        app_close(app);
        return rc;
    }
    *ret = app;
    return 0;
}

void app_close(struct app *app)
{
    if (app == NULL)
        return;
    park_stop(app->park);
    changes_free(app->changes);
    passkey_limits_free(app->passkeys);
    policy_free(app->policy);
    live_free(app->live);
    line_free(app->sign_ins);
    login_limits_free(app->logins);
    presence_free(app->presence);
    http_stats_free(app->stats);
    store_close(app->store);
    ca_free(app->ca);
    secrets_free(app->secrets);
    db_writer_stop(app->writer);
    if (app->db_lock >= 0)
        (void)close(app->db_lock);
    free(app);
}
