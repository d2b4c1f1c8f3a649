/* The end of a run: POST /api/agent/backup/complete.
 *
 * A run ends once. Completed and warning need their objects: everything announced is stored, what the agent says
 * agrees, the store has made the objects durable, and only then the database says so; a crash in between is finished by
 * the agent's next try. Failed and cancelled leave no object. The same end may be told again; another one is refused.
 */
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/finish.h"
#include "backup/volume.h"
#include "db/writer.h"
#include "ops/alert.h"
#include "retention/retention_config.h"
#include "store/store.h"

static bool has_object(const struct finish *f)
{
    return f->outcome == FINISH_COMPLETED || f->outcome == FINISH_WARNING;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What was told before. Without an object one end is like another: the agent of a run that was lost or cancelled
 * meanwhile may well say that it failed. */
static int check_repeat(const struct finish *f, const struct upload *u, struct err *err)
{
    bool same = has_object(f) ? strcmp(u->status, finish_outcome_names[f->outcome]) == 0 && u->files == f->files &&
                                    same_text(u->sha256, f->sha256) && (f->claim.size < 0 || f->claim.size == u->size)
                              : upload_ended_badly(u);
    return same ? 0 : err_set(err, ERR_CONFLICT, "The run has ended already, as %s.", u->status);
}

static int raise_failure(struct db *db, const struct finish *f, struct err *err)
{
    const struct alert alert = {
        .kind = "backup.failed",
        .message = "A backup has failed; its run says why.",
        .user_id = f->owner_id,
        .agent_id = f->agent_id,
        .time_ms = f->now_ms,
    };
    return f->outcome == FINISH_FAILED ? alert_raise(db, &alert, err) : 0;
}

static struct db_arg int_or_null(const char *name, int64_t value)
{
    return value < 0 ? DB_NULL(name) : DB_INT(name, value);
}

static int write_finish(struct db *db, void *ctx, struct err *err)
{
    const struct finish *f = ctx;
    int64_t changed = 0;
    int rc = db_exec(db, DB_BACKUP_RUN_FINISH,
                     DB_ARGS(DB_TEXT("id", f->run_id), DB_TEXT("status", finish_outcome_names[f->outcome]),
                             DB_INT("files", f->files), DB_INT("bytes_read", f->bytes_read),
                             DB_INT("bytes_transferred", f->bytes_transferred), DB_INT("duration_ms", f->duration_ms),
                             int_or_null("size_bytes", f->size), DB_TEXT("sha256", f->sha256),
                             DB_TEXT("errors", f->errors), DB_INT("error_count", f->error_count),
                             int_or_null("listed_files", f->listed_files), int_or_null("listed_bytes", f->listed_bytes),
                             DB_INT("unreadable", f->unreadable), DB_INT("vanished", f->vanished),
                             DB_INT("changed", f->changed), DB_INT("skipped", f->skipped), DB_INT("now", f->now_ms)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_CONFLICT, "The run has ended meanwhile.");
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_PART_DROP_ALL, DB_ARGS(DB_TEXT("run_id", f->run_id)), NULL, err);
    if (rc == 0)
        rc = has_object(f) ? retention_run_stored(db, f->run_id, f->now_ms, err) : raise_failure(db, f, err);
    return rc == 0 ? db_changed(db, "runs", err) : rc;
}

/* The objects first, then the word that they are there. */
static int end_run(struct req *r, struct finish *f, const struct upload *u, struct err *err)
{
    struct upload_total total;
    int rc = 0;
    if (has_object(f)) {
        rc = upload_check(r->db, u, store_tracks_parts(r->app->store), &f->claim, &total, err);
        if (rc == 0)
            rc = volume_make_all(r->app, r->db, u->run_id, r->arena, err);
        if (rc == 0) {
            f->size = total.size;
            f->bytes_transferred = total.size + total.index_size;
        }
    }
    return rc == 0 ? db_write(r->app->writer, write_finish, f, err) : rc;
}

static int finish_run(struct req *r, struct finish *f, struct err *err)
{
    struct upload u;
    int rc = upload_by_run(r->db, f->run_id, f->agent_id, r->arena, &u, err);
    if (rc != 0)
        return rc;
    if (!upload_running(&u))
        return check_repeat(f, &u, err);
    int ended = end_run(r, f, &u, err);
    rc = upload_by_run(r->db, f->run_id, f->agent_id, r->arena, &u, ended != 0 ? NULL : err);
    if (rc != 0)
        return ended != 0 ? ended : rc;
    if (upload_ended_badly(&u))
        volume_drop_all(r->app, r->db, u.run_id, r->arena);
    return ended == ERR_CONFLICT && !upload_running(&u) ? check_repeat(f, &u, err) : ended;
}

void backup_complete(struct req *r)
{
    struct finish finish = {
        .agent_id = r->principal.id, .owner_id = r->principal.owner_id, .size = -1, .now_ms = r->now_ms};
    struct err err = {0};
    if (!finish_read(r, &finish))
        return;
    if (finish_run(r, &finish, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
