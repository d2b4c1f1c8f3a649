/* A run, as its agent calls it: start, a URL for each part, signs of life. Its end is in complete.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/store.h"
#include "backup/upload.h"
#include "common/clock.h"
#include "common/encode.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "http/problem.h"
#include "http/request.h"

enum { PUT_EXPIRES_S = 3600, PART_EXPIRES_S = 15 * 60, MD5_BYTES = 16 };

static const int64_t single_put_max = INT64_C(5) << 30;

/* An id the client names: anything that is no UUID names nothing. */
static const char *read_uuid(struct jsonread *r, const char *key)
{
    const char *id = jsonread_str(r, key, 1, UUID_SIZE);
    if (id != NULL && !uuid_valid(id))
        jsonread_fail(r, key, "must be a UUID in lower case");
    return id;
}

/* ERR_TOO_BIG of upload_room is not about the body. */
static void reply_upload_error(struct req *r, const struct err *err)
{
    if (err->code == ERR_TOO_BIG)
        reply_problem(r, PROBLEM_INSUFFICIENT_STORAGE, err->msg);
    else
        reply_error(r, err);
}

/* --- start ----------------------------------------------------------------------------------------------------------
 */

struct start {
    struct req *req;
    const char *config_id;
    const char *filename;
    bool multipart;
    int64_t size; /* of a single PUT; -1 with parts */
    char run_id[UUID_SIZE];
    char upload_id[STORE_UPLOAD_ID_SIZE];
    char taken_name[STORE_FILENAME_MAX + 1]; /* what it is called in the end */
    const char *path;
    char user_id[UUID_SIZE];
    const char *config_name;
    char running[UUID_SIZE]; /* the run that stands in the way */
};

static bool read_start(struct req *r, struct start *s)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    s->config_id = read_uuid(&body, "configId");
    s->filename = jsonread_str(&body, "filename", 1, STORE_FILENAME_MAX);
    s->size = jsonread_int_or(&body, "filesize", 1, single_put_max, -1);
    s->multipart = jsonread_bool_or(&body, "multipart", false);
    if (s->filename != NULL && !store_filename_valid(s->filename))
        jsonread_fail(&body, "filename",
                      "may have letters, digits, dot, dash and underscore, and not begin with a dot");
    if (!s->multipart && s->size < 0)
        jsonread_fail(&body, "filesize", "is needed unless multipart is true");
    if (s->multipart)
        s->size = -1;
    return req_fields_ok(r, &wrong);
}

/* Whether the agent may run the config, and nothing else of it runs. Asked again inside the write. */
static int check_config(struct db *db, struct start *s, struct err *err)
{
    struct db_rows rows;
    const char *agent_id = s->req->principal.id;
    int rc = db_query_one(db, DB_BACKUP_CONFIG_OF_AGENT,
                          DB_ARGS(DB_TEXT("id", s->config_id), DB_TEXT("agent_id", agent_id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "This agent has no such backup config.");
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(s->user_id, sizeof s->user_id, "%s", db_rows_text(&rows, 0));
    s->config_name = arena_strdup(s->req->arena, db_rows_text(&rows, 1));
    db_rows_done(&rows);
    rc = db_query_one(db, DB_BACKUP_RUN_RUNNING, DB_ARGS(DB_TEXT("config_id", s->config_id)), &rows, err);
    if (rc == DB_ROW) {
        rc = err_set(err, ERR_CONFLICT, "A run of this config is under way: %s.", db_rows_text(&rows, 0));
        db_rows_done(&rows);
    }
    return rc;
}

/* The file name, made unlike all that the config has had: with a piece of the run's id before the first dot. */
static int choose_path(struct db *db, struct start *s, struct err *err)
{
    struct arena *arena = s->req->arena;
    const char *prefix =
        arena_printf(arena, "users/%s/agents/%s/configs/%s/", s->user_id, s->req->principal.id, s->config_id);
    s->path = prefix == NULL ? NULL : arena_printf(arena, "%s%s", prefix, s->filename);
    if (s->path == NULL || s->config_name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a run");
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_RUN_PATH_TAKEN, DB_ARGS(DB_TEXT("s3_path", s->path)), &rows, err);
    (void)snprintf(s->taken_name, sizeof s->taken_name, "%s", s->filename);
    if (rc != DB_ROW)
        return rc;
    db_rows_done(&rows);
    int stem = (int)strcspn(s->filename, ".");
    const char *tail = s->run_id + UUID_SIZE - 1 - 12;
    int len = snprintf(s->taken_name, sizeof s->taken_name, "%.*s-%s%s", stem, s->filename, tail, s->filename + stem);
    if (len >= (int)sizeof s->taken_name)
        return err_set(err, ERR_CONFLICT, "The file name is taken; choose another.");
    s->path = arena_printf(arena, "%s%s", prefix, s->taken_name);
    return s->path == NULL ? err_set(err, ERR_NOMEM, "no memory for a run") : 0;
}

static const char *agent_name(struct db *db, const char *agent_id, struct arena *arena, struct err *err)
{
    struct db_rows rows;
    if (db_query_one(db, DB_BACKUP_AGENT_FACTS, DB_ARGS(DB_TEXT("id", agent_id)), &rows, err) != DB_ROW)
        return NULL;
    const char *name = arena_strdup(arena, db_rows_text(&rows, 1));
    db_rows_done(&rows);
    return name;
}

static int write_start(struct db *db, void *ctx, struct err *err)
{
    struct start *s = ctx;
    struct req *r = s->req;
    int rc = check_config(db, s, err);
    if (rc != 0)
        return rc;
    const char *name = agent_name(db, r->principal.id, r->arena, err);
    if (name == NULL)
        return err->code != 0 ? err->code : err_set(err, ERR_NOT_FOUND, "There is no such agent.");
    return db_exec(
        db, DB_BACKUP_RUN_INSERT,
        DB_ARGS(DB_TEXT("id", s->run_id), DB_TEXT("config_id", s->config_id), DB_TEXT("agent_id", r->principal.id),
                DB_TEXT("user_id", s->user_id), DB_TEXT("config_name", s->config_name), DB_TEXT("agent_name", name),
                DB_TEXT("filename", s->taken_name), DB_TEXT("s3_path", s->path), DB_TEXT("upload_id", s->upload_id),
                DB_INT("part_size", s->multipart ? STORE_PART_SIZE : 0),
                s->multipart ? DB_NULL("declared_size") : DB_INT("declared_size", s->size), DB_INT("now", r->now_ms)),
        NULL, err);
}

/* Looks first, so that a refused start touches no disk; then makes the upload, then the row that names it. */
static int start_run(struct start *s, struct err *err)
{
    struct req *r = s->req;
    struct app *app = r->app;
    int rc = check_config(r->db, s, err);
    if (rc == 0)
        rc = upload_room(app, r->db, r->principal.id, s->multipart ? 0 : s->size, s->multipart ? 0 : s->size, err);
    if (rc == 0 && !uuid_v7(r->now_ms, token_random, s->run_id))
        rc = err_set(err, ERR_INTERNAL, "the system's generator failed");
    if (rc == 0)
        rc = choose_path(r->db, s, err);
    if (rc == 0)
        rc = s->multipart ? store_upload_begin(app->store, s->path, s->run_id, s->upload_id, err)
                          : store_upload_begin_whole(app->store, s->path, s->run_id, s->upload_id, err);
    if (rc != 0)
        return rc;
    rc = db_write(app->writer, write_start, s, err);
    struct err ignored;
    if (rc != 0 && store_upload_forget(app->store, s->path, s->upload_id, &ignored) != 0)
        log_warning("an upload without a run is left to the sweep: %s", ignored.msg);
    return rc;
}

/* The "upload" of the reply; NULL after err was set. */
static json_t *describe_upload(struct start *s, struct err *err)
{
    struct req *r = s->req;
    if (s->multipart)
        return json_pack("{s:s, s:s, s:s, s:i}", "method", "PUT", "s3Path", s->path, "uploadId", s->upload_id,
                         "partSize", STORE_PART_SIZE);
    const struct store_url want = {.agent_id = r->principal.id,
                                   .method = "PUT",
                                   .path = s->path,
                                   .size = s->size,
                                   .now_ms = r->now_ms,
                                   .expires_s = PUT_EXPIRES_S};
    const char *url = NULL;
    int64_t expires_ms = 0;
    char expires[CLOCK_RFC3339_SIZE];
    if (store_presign(r->app->store, &want, r->arena, &url, &expires_ms, err) != 0)
        return NULL;
    clock_format_rfc3339(expires_ms, expires);
    return json_pack("{s:s, s:s, s:s, s:s}", "url", url, "method", "PUT", "expiresAt", expires, "s3Path", s->path);
}

void backup_start(struct req *r)
{
    struct start start = {.req = r};
    struct err err = {0};
    if (!read_start(r, &start))
        return;
    if (start_run(&start, &err) != 0) {
        reply_upload_error(r, &err);
        return;
    }
    json_t *upload = describe_upload(&start, &err);
    if (err.code != 0) {
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200,
               json_pack("{s:b, s:s, s:s, s:o}", "success", 1, "logId", start.run_id, "filename", start.taken_name,
                         "upload", upload));
}

/* --- parts ----------------------------------------------------------------------------------------------------------
 */

struct touch {
    const char *run_id;
    int64_t files; /* -1: not said */
    int64_t bytes_read;
    int64_t now_ms;
};

/* A sign of life. ERR_CONFLICT when the run is over. */
static int write_touch(struct db *db, void *ctx, struct err *err)
{
    const struct touch *t = ctx;
    int64_t changed = 0;
    int rc = db_exec(db, DB_BACKUP_RUN_TOUCH,
                     DB_ARGS(DB_TEXT("id", t->run_id), DB_INT("files", t->files), DB_INT("bytes_read", t->bytes_read),
                             DB_INT("now", t->now_ms)),
                     &changed, err);
    return rc == 0 && changed == 0 ? err_set(err, ERR_CONFLICT, "The run is over.") : rc;
}

struct declare {
    struct touch touch;
    struct upload_part part;
};

/* A part may be announced again, as after a lost reply, but not as another one. */
static int write_part(struct db *db, void *ctx, struct err *err)
{
    struct declare *d = ctx;
    struct upload_part there;
    int rc = write_touch(db, &d->touch, err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_PART_DECLARE,
                     DB_ARGS(DB_TEXT("run_id", d->touch.run_id), DB_INT("number", d->part.number),
                             DB_INT("size_bytes", d->part.size), DB_TEXT("md5", d->part.md5)),
                     NULL, err);
    if (rc == 0)
        rc = upload_part_find(db, d->touch.run_id, d->part.number, &there, err);
    if (rc == 0 && (there.size != d->part.size || strcmp(there.md5, d->part.md5) != 0))
        rc = err_set(err, ERR_CONFLICT, "Part %lld was announced with another length or digest.",
                     (long long)d->part.number);
    return rc;
}

/* MD5 as 32 hex digits, or in base64 as in Content-MD5. */
static void read_md5(struct jsonread *body, char ret[STORE_MD5_SIZE])
{
    unsigned char bytes[MD5_BYTES];
    size_t len = 0;
    const char *text = jsonread_str(body, "md5", 24, 32);
    if (text == NULL)
        return;
    bool ok = hex_decode(text, bytes, sizeof bytes) ||
              (base64_decode(text, bytes, sizeof bytes, &len) && len == sizeof bytes);
    if (ok)
        hex_encode(bytes, sizeof bytes, ret);
    else
        jsonread_fail(body, "md5", "must be an MD5 in hex or base64");
}

static bool read_part(struct req *r, struct declare *d)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    d->touch.run_id = read_uuid(&body, "logId");
    d->part.number = jsonread_int(&body, "number", 1, STORE_PARTS_MAX);
    d->part.size = jsonread_int(&body, "size", 1, STORE_PART_SIZE);
    read_md5(&body, d->part.md5);
    d->touch.files = jsonread_int_or(&body, "filesProcessed", 0, INT64_MAX, -1);
    d->touch.bytes_read = jsonread_int_or(&body, "bytesRead", 0, INT64_MAX, -1);
    d->touch.now_ms = r->now_ms;
    return req_fields_ok(r, &wrong);
}

static int declare_part(struct req *r, struct declare *d, struct upload *upload, struct err *err)
{
    int rc = upload_by_run(r->db, d->touch.run_id, r->principal.id, r->arena, upload, err);
    if (rc == 0 && !upload_running(upload))
        return err_set(err, ERR_CONFLICT, "The run is over.");
    if (rc == 0 && !upload_multipart(upload))
        return err_set(err, ERR_CONFLICT, "The run was started for one body, not for parts.");
    if (rc == 0)
        rc = upload_room(r->app, r->db, r->principal.id, d->part.size, d->part.size, err);
    return rc == 0 ? db_write(r->app->writer, write_part, d, err) : rc;
}

void backup_part(struct req *r)
{
    struct declare declare = {0};
    struct upload upload;
    struct err err = {0};
    if (!read_part(r, &declare))
        return;
    if (declare_part(r, &declare, &upload, &err) != 0) {
        reply_upload_error(r, &err);
        return;
    }
    const struct store_url want = {.agent_id = r->principal.id,
                                   .method = "PUT",
                                   .path = upload.path,
                                   .upload_id = upload.upload_id,
                                   .number = declare.part.number,
                                   .size = declare.part.size,
                                   .md5 = declare.part.md5,
                                   .now_ms = r->now_ms,
                                   .expires_s = PART_EXPIRES_S};
    const char *url = NULL;
    int64_t expires_ms = 0;
    char expires[CLOCK_RFC3339_SIZE];
    if (store_presign(r->app->store, &want, r->arena, &url, &expires_ms, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    clock_format_rfc3339(expires_ms, expires);
    reply_json(r, 200, json_pack("{s:b, s:s, s:s}", "success", 1, "url", url, "expiresAt", expires));
}

/* --- progress -------------------------------------------------------------------------------------------------------
 */

/* What was transferred is counted by the store, not by the agent's word. A run that is over tells the agent to stop. */
void backup_progress(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct touch touch = {.now_ms = r->now_ms};
    struct upload upload;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    touch.run_id = read_uuid(&body, "logId");
    touch.files = jsonread_int_or(&body, "filesProcessed", 0, INT64_MAX, -1);
    touch.bytes_read = jsonread_int_or(&body, "bytesRead", 0, INT64_MAX, -1);
    (void)jsonread_int_or(&body, "bytesTransferred", 0, INT64_MAX, -1);
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = upload_by_run(r->db, touch.run_id, r->principal.id, r->arena, &upload, &err);
    if (rc == 0)
        rc = upload_running(&upload) ? db_write(r->app->writer, write_touch, &touch, &err) : ERR_CONFLICT;
    if (rc != 0 && rc != ERR_CONFLICT) {
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200, json_pack("{s:b, s:b}", "success", 1, "cancel", rc == ERR_CONFLICT));
}
