/* The end of a run: POST /api/agent/backup/complete.
 *
 * A run ends once. Completed and warning need an object: everything announced is stored, the agent's list agrees, the
 * store has made the object durable, and only then the database says so; a crash in between is finished by the agent's
 * next try. Failed and cancelled leave no object. The same end may be told again; another one is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/store.h"
#include "backup/upload.h"
#include "common/encode.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "http/request.h"
#include "ops/alert.h"

enum { ERRORS_SENT_MAX = 20000, MESSAGE_BYTES = 1000, PATH_BYTES = 4096, SHA256_HEX = 64 };

/* Of the errors of one run: every list of runs carries them. */
enum { ERRORS_KEPT = 200, ERRORS_KEPT_BYTES = 64 * 1024 };

enum outcome { OUTCOME_COMPLETED, OUTCOME_WARNING, OUTCOME_FAILED, OUTCOME_CANCELLED };
static const char *const outcome_names[] = {"completed", "warning", "failed", "cancelled", NULL};

struct finish {
    const char *run_id;
    const char *agent_id;
    const char *owner_id;
    int outcome;
    int64_t files;
    int64_t bytes_read;
    int64_t bytes_transferred;
    int64_t duration_ms;
    const char *sha256;
    const char *errors; /* JSON list, the first ones */
    int64_t error_count;
    struct upload_part *parts; /* what the agent believes it has sent */
    size_t part_count;
    int64_t size;  /* of the object; -1: none */
    bool repeated; /* the run has ended like this already */
    int64_t now_ms;
};

/* --- reading --------------------------------------------------------------------------------------------------------
 */

/* As much of text as fits, cut between characters. */
static json_t *cut(const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len > max)
        for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            continue;
    return json_stringn(text, len);
}

/* Errors come as {"path", "message"} or as bare strings. */
static json_t *read_error(const json_t *item)
{
    const char *path = json_string_value(json_object_get(item, "path"));
    const char *message = json_string_value(json_is_string(item) ? item : json_object_get(item, "message"));
    json_t *out = json_object();
    if (path != NULL)
        (void)json_object_set_new(out, "path", cut(path, PATH_BYTES));
    (void)json_object_set_new(out, "message", cut(message != NULL ? message : "", MESSAGE_BYTES));
    return out;
}

static void read_errors(struct jsonread *body, struct arena *arena, struct finish *f)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(body, "errors", ERRORS_SENT_MAX, &list);
    json_t *kept = json_array();
    for (size_t i = 0, bytes = 0; i < count && i < ERRORS_KEPT; i++) {
        json_t *item = read_error(json_array_get(list, i));
        bytes += json_dumpb(item, NULL, 0, JSON_COMPACT);
        if (bytes > ERRORS_KEPT_BYTES) {
            json_decref(item);
            break;
        }
        (void)json_array_append_new(kept, item);
    }
    char *text = json_dumps(kept, JSON_COMPACT);
    f->errors = arena_strdup(arena, text);
    f->error_count = jsonread_int_or(body, "errorCount", (int64_t)count, INT64_MAX, (int64_t)count);
    free(text);
    json_decref(kept);
}

static void read_etag(struct jsonread *item, char ret[STORE_MD5_SIZE])
{
    unsigned char md5[(STORE_MD5_SIZE - 1) / 2];
    const char *etag = jsonread_str(item, "etag", STORE_MD5_SIZE - 1, STORE_MD5_SIZE + 1);
    if (etag == NULL)
        return;
    if (etag[0] == '"')
        etag++;
    (void)snprintf(ret, STORE_MD5_SIZE, "%.32s", etag);
    if (!hex_decode(ret, md5, sizeof md5))
        jsonread_fail(item, "etag", "must be the ETag that the store gave");
}

static bool read_parts(struct jsonread *body, struct arena *arena, struct finish *f)
{
    const json_t *list = NULL;
    f->part_count = jsonread_array_or_none(body, "parts", STORE_PARTS_MAX, &list);
    f->parts = arena_array(arena, f->part_count + 1, sizeof *f->parts);
    if (f->parts == NULL)
        return false;
    for (size_t i = 0; i < f->part_count; i++) {
        struct jsonread item;
        jsonread_item(body, "parts", list, i, &item);
        f->parts[i].number = jsonread_int(&item, "number", 1, STORE_PARTS_MAX);
        f->parts[i].size = jsonread_int(&item, "size", 1, INT64_MAX);
        read_etag(&item, f->parts[i].md5);
    }
    return true;
}

static const char *read_sha256(struct jsonread *body)
{
    unsigned char bytes[SHA256_HEX / 2];
    const char *hex = jsonread_str_or(body, "sha256", SHA256_HEX, SHA256_HEX, NULL);
    if (hex != NULL && !hex_decode(hex, bytes, sizeof bytes))
        jsonread_fail(body, "sha256", "must be 64 hex digits in lower case");
    return hex;
}

static bool read_finish(struct req *r, struct finish *f)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    f->run_id = jsonread_str(&body, "logId", 1, UUID_SIZE);
    if (f->run_id != NULL && !uuid_valid(f->run_id))
        jsonread_fail(&body, "logId", "must be a UUID in lower case");
    f->outcome = jsonread_enum(&body, "status", outcome_names);
    f->files = jsonread_int_or(&body, "filesProcessed", 0, INT64_MAX, 0);
    f->bytes_read = jsonread_int_or(&body, "bytesRead", 0, INT64_MAX, -1);
    f->bytes_transferred = jsonread_int_or(&body, "bytesTransferred", 0, INT64_MAX, 0);
    f->duration_ms = jsonread_int_or(&body, "duration", 0, INT64_MAX, 0);
    f->sha256 = read_sha256(&body);
    read_errors(&body, r->arena, f);
    if (!read_parts(&body, r->arena, f) || f->errors == NULL) {
        reply_error(r, &(struct err){.code = ERR_NOMEM, .msg = "no memory for the end of a run"});
        return false;
    }
    return req_fields_ok(r, &wrong);
}

/* --- ending ---------------------------------------------------------------------------------------------------------
 */

static bool has_object(const struct finish *f)
{
    return f->outcome == OUTCOME_COMPLETED || f->outcome == OUTCOME_WARNING;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What was told before. A failed run is a failed run, whatever else is said about it. */
static int check_repeat(const struct finish *f, const struct upload *u, struct err *err)
{
    bool same = strcmp(u->status, outcome_names[f->outcome]) == 0;
    if (same && has_object(f))
        same = u->files == f->files && same_text(u->sha256, f->sha256) && u->size == f->size;
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
    return f->outcome == OUTCOME_FAILED ? alert_raise(db, &alert, err) : 0;
}

static int write_finish(struct db *db, void *ctx, struct err *err)
{
    const struct finish *f = ctx;
    int64_t changed = 0;
    int rc = db_exec(db, DB_BACKUP_RUN_FINISH,
                     DB_ARGS(DB_TEXT("id", f->run_id), DB_TEXT("status", outcome_names[f->outcome]),
                             DB_INT("files", f->files), DB_INT("bytes_read", f->bytes_read),
                             DB_INT("bytes_transferred", f->bytes_transferred), DB_INT("duration_ms", f->duration_ms),
                             f->size >= 0 ? DB_INT("size_bytes", f->size) : DB_NULL("size_bytes"),
                             DB_TEXT("sha256", f->sha256), DB_TEXT("errors", f->errors),
                             DB_INT("error_count", f->error_count), DB_INT("now", f->now_ms)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_CONFLICT, "The run has ended meanwhile.");
    return rc == 0 ? raise_failure(db, f, err) : rc;
}

/* The object first, then the word that it is there. */
static int end_run(struct req *r, struct finish *f, const struct upload *u, struct err *err)
{
    struct store_part *parts = NULL;
    struct store_made made;
    size_t count = 0;
    int rc = 0;
    if (has_object(f)) {
        rc = upload_parts(r->db, u, r->arena, &parts, &count, err);
        if (rc == 0)
            rc = store_upload_complete(r->app->store, u->path, u->upload_id, parts, count, &made, err);
        f->bytes_transferred = f->size;
    }
    return rc == 0 ? db_write(r->app->writer, write_finish, f, err) : rc;
}

/* A run that has ended without an object keeps no bytes. */
static void drop_bytes(struct req *r, const struct upload *u)
{
    struct err err = {0};
    bool without = strcmp(u->status, "failed") == 0 || strcmp(u->status, "cancelled") == 0;
    if (without && store_upload_abort(r->app->store, u->path, u->upload_id, &err) != 0)
        log_warning("the upload of run %s is left to the sweep: %s", u->run_id, err.msg);
}

static int finish_run(struct req *r, struct finish *f, struct err *err)
{
    struct upload u;
    int rc = upload_by_run(r->db, f->run_id, f->agent_id, r->arena, &u, err);
    u.untracked = !store_tracks_parts(r->app->store);
    if (rc == 0 && has_object(f))
        rc = upload_check(r->db, &u, f->parts, f->part_count, &f->size, err);
    if (rc != 0)
        return rc;
    if (!upload_running(&u))
        return check_repeat(f, &u, err);
    int ended = end_run(r, f, &u, err);
    rc = upload_by_run(r->db, f->run_id, f->agent_id, r->arena, &u, ended != 0 ? NULL : err);
    if (rc != 0)
        return ended != 0 ? ended : rc;
    drop_bytes(r, &u);
    return ended == ERR_CONFLICT && !upload_running(&u) ? check_repeat(f, &u, err) : ended;
}

void backup_complete(struct req *r)
{
    struct finish finish = {
        .agent_id = r->principal.id, .owner_id = r->principal.owner_id, .size = -1, .now_ms = r->now_ms};
    struct err err = {0};
    if (!read_finish(r, &finish))
        return;
    if (finish_run(r, &finish, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
