/* What the repository needs by the clock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "common/file.h"
#include "common/log.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "update/release_public.h"
#include "update/release_store.h"
#include "update/repo.h"
#include "update/update.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum { QUIET_MS = 3600 * 1000, PRUNE_EVERY_MS = 3600 * 1000, KEPT_DAYS = 7 };

int update_root_fingerprint(const struct settings *settings, char ret[UPDATE_FINGERPRINT_SIZE], struct err *err)
{
    char path[REPO_PATH_SIZE];
    char *text = NULL;
    size_t len = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/public/tuf/1.root.json", settings->update_dir) >= sizeof path)
        return err_set(err, ERR_INVALID, "MUSTER_UPDATE_DIR is too long");
    int rc = file_read(path, TUF_DOCUMENT_MAX, &text, &len, err);
    if (rc == 0) {
        char hex[DIGEST_HEX_SIZE];
        digest_sha256_hex(text, len, hex);
        (void)snprintf(ret, UPDATE_FINGERPRINT_SIZE, "sha256:%s", hex);
    }
    free(text);
    return rc;
}

/* --- alerts, once for each version of a document --- */

struct expiry_alert {
    struct alert alert;
    char fact[40], version[24], kind[40], message[400];
};

static int raise_once(struct db *db, void *ctx, struct err *err)
{
    struct expiry_alert *a = ctx;
    struct db_rows rows;
    int rc = db_query_one(db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", a->fact)), &rows, err);
    if (rc < 0)
        return rc;
    bool told = rc == DB_ROW && strcmp(db_rows_text(&rows, 0), a->version) == 0;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    if (told)
        return 0;
    rc = alert_raise(db, &a->alert, err);
    return rc == 0
               ? db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", a->fact), DB_TEXT("value", a->version)), NULL, err)
               : rc;
}

static void warn_of_expiry(struct app *app, const json_t *document, int64_t now_ms, const char *what_to_do)
{
    struct expiry_alert a = {0};
    struct err err = {0};
    char expires[CLOCK_RFC3339_SIZE];
    const char *role = tuf_role_names[tuf_document_role(document)];
    clock_format_rfc3339(tuf_document_expires_ms(document), expires);
    (void)snprintf(a.fact, sizeof a.fact, "update.alert.%s", role);
    (void)snprintf(a.version, sizeof a.version, "%lld", (long long)tuf_document_version(document));
    (void)snprintf(a.kind, sizeof a.kind, "update.expiry.%s", role);
    (void)snprintf(a.message, sizeof a.message,
                   "The update repository's %s metadata expires at %.10s; then no agent updates any more. %s", role,
                   expires, what_to_do);
    a.alert = (struct alert){.kind = a.kind, .message = a.message, .time_ms = now_ms};
    if (db_write(app->writer, raise_once, &a, &err) != 0)
        log_error("alert: %s", err.msg);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void look_at_expiry(struct app *app, const struct repo *repo, int64_t now_ms, bool resign_failed)
{
    const struct settings *s = app->settings;
    if (tuf_document_expires_ms(repo->root) - now_ms < least(30 * DAY_MS, s->update_root_life_s * 1000 / 3))
        warn_of_expiry(app, repo->root, now_ms, "Sign it anew with 'muster-app release refresh root'.");
    if (tuf_document_expires_ms(repo->targets) - now_ms < least(30 * DAY_MS, s->update_targets_life_s * 1000 / 3))
        warn_of_expiry(app, repo->targets, now_ms, "Sign it anew with 'muster-app release refresh targets'.");
    if (!resign_failed)
        return;
    if (tuf_document_expires_ms(repo->snapshot) - now_ms < DAY_MS)
        warn_of_expiry(app, repo->snapshot, now_ms, "The server cannot sign it; its log says why.");
    if (tuf_document_expires_ms(repo->timestamp) - now_ms < DAY_MS)
        warn_of_expiry(app, repo->timestamp, now_ms, "The server cannot sign it; its log says why.");
}

/* --- signing --- */

static bool is_due(const json_t *document, int64_t life_s, int64_t now_ms)
{
    return tuf_document_expires_ms(document) - now_ms < life_s * 1000 / 2;
}

static int resign(struct app *app, struct repo *repo, int64_t now_ms, struct err *err)
{
    const struct settings *s = app->settings;
    struct tuf_keyring ring = {0};
    bool snapshot_due = is_due(repo->snapshot, s->update_snapshot_life_s, now_ms);
    if (!snapshot_due && !is_due(repo->timestamp, s->update_timestamp_life_s, now_ms))
        return 0;
    struct repo_change change = {.timestamp_only = !snapshot_due,
                                 .server = &ring,
                                 .now_ms = now_ms,
                                 .snapshot_life_s = s->update_snapshot_life_s,
                                 .timestamp_life_s = s->update_timestamp_life_s};
    int rc = tuf_keyring_load(s->secrets_dir, "update-", &ring, err);
    if (rc == 0)
        rc = repo_commit(repo, &change, err);
    tuf_keyring_done(&ring);
    if (rc == 0)
        log_info("update repository: timestamp %" PRId64 "%s signed anew", tuf_document_version(repo->timestamp),
                 snapshot_due ? " and the snapshot" : "");
    return rc;
}

/* --- following --- */

struct sync_write {
    const struct repo *repo;
    int64_t now_ms;
};

static int write_sync(struct db *db, void *ctx, struct err *err)
{
    const struct sync_write *w = ctx;
    int64_t synced = 0;
    int rc = release_synced(db, &synced, err);
    if (rc != 0 || synced == tuf_document_version(w->repo->targets))
        return rc;
    return release_sync(db, w->repo->targets, w->now_ms, err);
}

/* For a command that was cut short, or a database that was put back. */
static int follow(struct app *app, const struct repo *repo, int64_t now_ms, struct err *err)
{
    struct sync_write w = {repo, now_ms};
    int rc = db_write(app->writer, write_sync, &w, err);
    return rc == 0 ? release_public_write(repo, err) : rc;
}

/* --- removing --- */

struct old_versions {
    int64_t before_ms;
    json_t *list;
};

static int read_old(struct db *db, void *ctx, struct err *err)
{
    struct old_versions *old = ctx;
    struct db_rows rows;
    int rc = db_query(db, DB_RELEASE_WITHDRAWN_BEFORE, DB_ARGS(DB_INT("before", old->before_ms)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = json_array_append_new(old->list, json_string(db_rows_text(&rows, 0))) == 0
                 ? 0
                 : err_set(err, ERR_NOMEM, "out of memory");
    db_rows_done(&rows);
    return rc;
}

static int prune(struct app *app, const struct repo *repo, int64_t now_ms, struct err *err)
{
    struct old_versions old = {.before_ms = now_ms - KEPT_DAYS * DAY_MS, .list = json_array()};
    size_t i;
    const json_t *version;
    int rc = db_write(app->writer, read_old, &old, err);
    json_array_foreach(old.list, i, version)
    {
        if (rc == 0)
            rc = repo_prune_version(repo, json_string_value(version), err);
    }
    json_decref(old.list);
    return rc == 0 ? repo_prune_metadata(repo, old.before_ms, err) : rc;
}

/* --- all of it --- */

static void complain(struct update_schedule *schedule, int64_t now_ms, const struct err *err)
{
    if (now_ms < schedule->quiet_until_ms)
        return;
    schedule->quiet_until_ms = now_ms + QUIET_MS;
    log_error("update repository: %s", err->msg);
}

static int raise_damage(struct db *db, void *ctx, struct err *err)
{
    return alert_raise(db, ctx, err);
}

/* Half a repository: agents refuse it too. */
static void report_damage(struct app *app, struct update_schedule *schedule, int64_t now_ms, const struct err *why)
{
    struct err err = {0};
    struct alert alert = {.kind = "update.repository",
                          .message = "The update repository is damaged; 'muster-app release check' says how.",
                          .time_ms = now_ms};
    if (now_ms >= schedule->quiet_until_ms && db_write(app->writer, raise_damage, &alert, &err) != 0)
        log_error("alert: %s", err.msg);
    complain(schedule, now_ms, why);
}

void update_tick(struct app *app, struct update_schedule *schedule)
{
    struct repo *repo = NULL;
    struct err err = {0};
    int64_t now_ms = clock_now_ms(app->clock);
    int rc = repo_open(app->settings->update_dir, REPO_TRY, &repo, &err);
    if (rc == ERR_NOT_FOUND || rc == ERR_UNAVAILABLE)
        return;
    if (rc != 0) {
        report_damage(app, schedule, now_ms, &err);
        return;
    }
    int resigned = resign(app, repo, now_ms, &err);
    look_at_expiry(app, repo, now_ms, resigned != 0);
    rc = resigned;
    if (rc == 0 && schedule->followed != tuf_document_version(repo->targets)) {
        rc = follow(app, repo, now_ms, &err);
        schedule->followed = rc == 0 ? tuf_document_version(repo->targets) : 0;
    }
    if (rc == 0 && now_ms >= schedule->prune_next_ms) {
        schedule->prune_next_ms = now_ms + PRUNE_EVERY_MS;
        rc = prune(app, repo, now_ms, &err);
    }
    if (rc != 0)
        complain(schedule, now_ms, &err);
    repo_close(repo);
}
