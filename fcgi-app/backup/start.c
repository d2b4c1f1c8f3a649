/* The beginning of a run: POST /api/agent/backup/start.
 *
 * A run that waits is taken over: its id, origin and command stay. A start that is told again, after a lost reply or
 * since the agent cannot go on from the base it was given, gets its own run again as long as nothing of it is stored.
 * Otherwise a run that is under way stands in the way of another. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/chain.h"
#include "backup/runs.h"
#include "backup/upload.h"
#include "backup/volume.h"
#include "common/log.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "http/problem.h"
#include "http/request.h"
#include "store/store.h"

enum { PUT_EXPIRES_S = 3600, TRIES = 3, FILENAME_SENT_MAX = 128 };

/* Every run leaves a row for months. What schedules and people ask for is not counted. */
enum { OWN_RUNS_A_DAY = 1000, TOO_MANY_RETRY_S = 3600 };

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const int64_t single_put_max = INT64_C(5) << 30;

/* The run that holds the lease of the config. */
enum holder { HOLDER_NONE, HOLDER_QUEUED, HOLDER_SAME };

struct start {
    struct req *req;
    const char *config_id;
    const char *filename;
    const char *command_id;
    bool multipart;
    int64_t size; /* of a single PUT; -1 with parts */
    int64_t total_files;
    int64_t total_bytes;
    struct chain_ask ask;
    struct chain_choice choice;
    char user_id[UUID_SIZE];
    enum holder holder;
    char run_id[UUID_SIZE];
    char taken_name[STORE_FILENAME_MAX + 1]; /* what it is called in the end */
    const char *path;
    const char *upload_id;
    bool moved; /* the lease changed hands while the upload was begun: look again */
    bool too_many;
};

/* --- reading --------------------------------------------------------------------------------------------------------
 */

static const char *read_uuid_or_none(struct jsonread *body, const char *key)
{
    const char *id = jsonread_str_or(body, key, 1, UUID_SIZE, NULL);
    if (id != NULL && !uuid_valid(id))
        jsonread_fail(body, key, "must be a UUID in lower case");
    return id;
}

static bool read_start(struct req *r, struct start *s)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    s->config_id = jsonread_str(&body, "configId", 1, UUID_SIZE);
    if (s->config_id != NULL && !uuid_valid(s->config_id))
        jsonread_fail(&body, "configId", "must be a UUID in lower case");
    s->filename = jsonread_str(&body, "filename", 1, FILENAME_SENT_MAX);
    s->size = jsonread_int_or(&body, "filesize", 1, single_put_max, -1);
    s->multipart = jsonread_bool_or(&body, "multipart", false);
    s->command_id = read_uuid_or_none(&body, "commandId");
    s->ask.base = read_uuid_or_none(&body, "base");
    s->ask.encrypted = jsonread_bool_or(&body, "encrypted", false);
    s->ask.multipart = s->multipart;
    s->total_files = jsonread_int_or(&body, "totalFiles", 0, INT64_MAX, -1);
    s->total_bytes = jsonread_int_or(&body, "totalBytes", 0, INT64_MAX, -1);
    if (s->filename != NULL && !store_filename_valid(s->filename))
        jsonread_fail(&body, "filename",
                      "may have letters, digits, dot, dash and underscore, and not begin with a dot");
    if (!s->multipart && s->size < 0)
        jsonread_fail(&body, "filesize", "is needed unless multipart is true");
    if (s->multipart)
        s->size = -1;
    return req_fields_ok(r, &wrong);
}

/* --- looking --------------------------------------------------------------------------------------------------------
 */

/* Whether the agent may run the config, and what the config asks for. */
static int look_at_config(struct db *db, struct start *s, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_CONFIG_OF_AGENT,
                          DB_ARGS(DB_TEXT("id", s->config_id), DB_TEXT("agent_id", s->req->principal.id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "This agent has no such backup config.");
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(s->user_id, sizeof s->user_id, "%s", db_rows_text(&rows, 0));
    chain_read_options(db_rows_text(&rows, 2), &s->ask);
    db_rows_done(&rows);
    return 0;
}

/* A command is for one run. When that has ended, however it did, another one is not what was asked for; unless it
 * failed: then this is the agent's next try. */
static int look_at_command(struct db *db, const struct start *s, struct err *err)
{
    struct db_rows rows;
    if (s->command_id == NULL)
        return 0;
    int rc = db_query_one(db, DB_BACKUP_RUN_OF_COMMAND, DB_ARGS(DB_TEXT("command_id", s->command_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    const char *status = db_rows_text(&rows, 0);
    bool open = strcmp(status, "queued") == 0 || strcmp(status, "running") == 0 || strcmp(status, "failed") == 0;
    rc = open ? 0 : err_set(err, ERR_CONFLICT, "The run that was asked for is %s.", status);
    db_rows_done(&rows);
    return rc;
}

/* The name with a piece of the run's id before the first dot. False: too long. */
static bool decorate(const struct start *s, const char *run_id, char ret[STORE_FILENAME_MAX + 1])
{
    int stem = (int)strcspn(s->filename, ".");
    const char *tail = run_id + UUID_SIZE - 1 - 12;
    int len = snprintf(ret, STORE_FILENAME_MAX + 1, "%.*s-%s%s", stem, s->filename, tail, s->filename + stem);
    return len <= STORE_FILENAME_MAX;
}

/* Whether the running run of this row is what this very start has begun before. */
static bool is_same(const struct start *s, const struct db_rows *rows)
{
    char decorated[STORE_FILENAME_MAX + 1];
    const char *agent_id = db_rows_text(rows, 2);
    const char *name = db_rows_text(rows, 3);
    bool multipart = db_rows_int(rows, 5, 0) > 0;
    int64_t announced = db_rows_int(rows, 6, 0);
    bool named = strcmp(name, s->filename) == 0 ||
                 (decorate(s, db_rows_text(rows, 0), decorated) && strcmp(name, decorated) == 0);
    return agent_id != NULL && strcmp(agent_id, s->req->principal.id) == 0 && named && multipart == s->multipart &&
           announced == (s->multipart ? 0 : s->size) && !db_rows_null(rows, 7);
}

/* Who holds the lease: sets holder, and of a run that is there its id; ERR_CONFLICT when it stands in the way. */
static int look_at_lease(struct db *db, struct start *s, enum holder *ret, char ret_id[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    *ret = HOLDER_NONE;
    ret_id[0] = '\0';
    int rc = db_query_one(db, DB_BACKUP_RUN_LEASE, DB_ARGS(DB_TEXT("config_id", s->config_id)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    rc = 0;
    (void)snprintf(ret_id, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    if (strcmp(db_rows_text(&rows, 1), "queued") == 0) {
        *ret = HOLDER_QUEUED;
    } else if (is_same(s, &rows)) {
        *ret = HOLDER_SAME;
        (void)snprintf(s->taken_name, sizeof s->taken_name, "%s", db_rows_text(&rows, 3));
        s->path = arena_strdup(s->req->arena, db_rows_text(&rows, 4));
        s->upload_id = arena_strdup(s->req->arena, db_rows_text(&rows, 7));
        if (s->path == NULL || s->upload_id == NULL)
            rc = err_set(err, ERR_NOMEM, "no memory for a run");
    } else {
        rc = err_set(err, ERR_CONFLICT, "A run of this config is under way: %s.", ret_id);
    }
    db_rows_done(&rows);
    return rc;
}

static int look_at_pace(struct db *db, struct start *s, struct err *err)
{
    int64_t count = 0;
    int rc = db_query_number(db, DB_BACKUP_RUN_OWN_SINCE,
                             DB_ARGS(DB_TEXT("config_id", s->config_id), DB_INT("since", s->req->now_ms - DAY_MS),
                                     DB_INT("max", (int64_t)OWN_RUNS_A_DAY)),
                             &count, err);
    if (rc != 0)
        return rc;
    s->too_many = count >= OWN_RUNS_A_DAY;
    return s->too_many ? err_set(err, ERR_UNAVAILABLE, "too many runs") : 0;
}

/* --- beginning ------------------------------------------------------------------------------------------------------
 */

/* The file name, made unlike all that the config has had. */
static int choose_path(struct db *db, struct start *s, struct err *err)
{
    struct arena *arena = s->req->arena;
    const char *prefix =
        arena_printf(arena, "users/%s/agents/%s/configs/%s/", s->user_id, s->req->principal.id, s->config_id);
    s->path = prefix == NULL ? NULL : arena_printf(arena, "%s%s", prefix, s->filename);
    if (s->path == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a run");
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_RUN_PATH_TAKEN, DB_ARGS(DB_TEXT("s3_path", s->path)), &rows, err);
    (void)snprintf(s->taken_name, sizeof s->taken_name, "%s", s->filename);
    if (rc != DB_ROW)
        return rc;
    db_rows_done(&rows);
    if (!decorate(s, s->run_id, s->taken_name))
        return err_set(err, ERR_CONFLICT, "The file name is taken; choose another.");
    s->path = arena_printf(arena, "%s%s", prefix, s->taken_name);
    return s->path == NULL ? err_set(err, ERR_NOMEM, "no memory for a run") : 0;
}

static struct db_arg int_or_null(const char *name, int64_t value)
{
    return value < 0 ? DB_NULL(name) : DB_INT(name, value);
}

static struct db_arg text_or_null(const char *name, const char *value)
{
    return value[0] == '\0' ? DB_NULL(name) : DB_TEXT(name, value);
}

static int write_row(struct db *db, struct start *s, struct err *err)
{
    const struct req *r = s->req;
    const struct chain_choice *c = &s->choice;
    struct db_rows facts;
    int64_t changed = 0;
    int rc = db_query_one(db, DB_BACKUP_AGENT_FACTS, DB_ARGS(DB_TEXT("id", r->principal.id)), &facts, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "There is no such agent.") : rc;
    rc = db_exec(db, DB_BACKUP_RUN_BEGIN,
                 DB_ARGS(DB_TEXT("id", s->run_id), DB_TEXT("agent_id", r->principal.id),
                         DB_TEXT("agent_name", db_rows_text(&facts, 1)), DB_TEXT("command_id", s->command_id),
                         DB_TEXT("type", c->incremental ? "incremental" : "full"), DB_TEXT("full_reason", c->reason),
                         DB_TEXT("chain_id", c->incremental ? c->chain_id : s->run_id), DB_INT("chain_seq", c->seq),
                         text_or_null("base_id", c->base_id), DB_INT("encrypted", s->ask.encrypted),
                         DB_TEXT("filename", s->taken_name), DB_TEXT("s3_path", s->path),
                         DB_INT("part_size", s->multipart ? STORE_PART_SIZE : 0),
                         DB_INT("announced", s->multipart ? 0 : s->size), int_or_null("total_files", s->total_files),
                         int_or_null("total_bytes", s->total_bytes), DB_INT("now", r->now_ms)),
                 &changed, err);
    db_rows_done(&facts);
    return rc == 0 && changed == 0 ? err_set(err, ERR_CONFLICT, "The run has moved on meanwhile.") : rc;
}

/* A body that does not come through here is declared as the one part it is: nobody says later that it is stored. */
static int declare_whole(struct db *db, const struct start *s, struct err *err)
{
    return db_exec(db, DB_BACKUP_PART_DECLARE,
                   DB_ARGS(DB_TEXT("run_id", s->run_id), DB_INT("object", 1), DB_INT("number", 1),
                           DB_INT("size_bytes", s->size), DB_TEXT("digest", "")),
                   NULL, err);
}

/* Everything is looked at again, since the upload was begun outside. */
static int write_start(struct db *db, void *ctx, struct err *err)
{
    struct start *s = ctx;
    struct chain_newest newest;
    enum holder holder;
    char id[UUID_SIZE];
    int rc = look_at_config(db, s, err);
    if (rc == 0)
        rc = look_at_lease(db, s, &holder, id, err);
    if (rc != 0)
        return rc;
    s->moved = holder != s->holder || (holder != HOLDER_NONE && strcmp(id, s->run_id) != 0);
    if (s->moved)
        return err_set(err, ERR_CONFLICT, "A run of this config was queued or ended at this moment; try again.");
    const struct run_queue queue = {.config_id = s->config_id,
                                    .agent_id = s->req->principal.id,
                                    .origin = "agent",
                                    .run_id = s->run_id,
                                    .now_ms = s->req->now_ms};
    if (holder == HOLDER_NONE)
        rc = run_queue(db, &queue, id, err);
    if (rc == 0)
        rc = chain_newest_find(db, s->config_id, s->req->principal.id, &newest, err);
    if (rc != 0)
        return rc;
    chain_decide(&s->ask, &newest, &s->choice);
    rc = write_row(db, s, err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_OBJECT_ADD,
                     DB_ARGS(DB_TEXT("run_id", s->run_id), DB_INT("number", 1), DB_TEXT("s3_path", s->path),
                             DB_TEXT("upload_id", s->upload_id)),
                     NULL, err);
    if (rc == 0 && !s->multipart && !store_tracks_parts(s->req->app->store))
        rc = declare_whole(db, s, err);
    return rc == 0 ? db_changed(db, "runs", err) : rc;
}

static int begin_upload(struct start *s, struct err *err)
{
    struct app *app = s->req->app;
    char upload_id[STORE_UPLOAD_ID_SIZE];
    const char *hint = arena_printf(s->req->arena, "%s-1", s->run_id);
    if (hint == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a run");
    int rc = store_upload_begin(app->store, s->path, hint, upload_id, err);
    if (rc != 0)
        return rc;
    s->upload_id = arena_strdup(s->req->arena, upload_id);
    return s->upload_id == NULL ? err_set(err, ERR_NOMEM, "no memory for a run") : 0;
}

/* Looks first, so that a refused start touches no disk; then begins the upload, then writes the row that names it. */
static int try_start(struct start *s, struct err *err)
{
    struct req *r = s->req;
    int rc = look_at_config(r->db, s, err);
    if (rc == 0)
        rc = look_at_command(r->db, s, err);
    if (rc == 0)
        rc = look_at_lease(r->db, s, &s->holder, s->run_id, err);
    if (rc == 0 && s->holder == HOLDER_SAME)
        return db_write(r->app->writer, write_start, s, err);
    if (rc == 0 && s->holder == HOLDER_NONE)
        rc = look_at_pace(r->db, s, err);
    if (rc == 0)
        rc = upload_room(r->app, r->db, r->principal.id, s->multipart ? 0 : s->size, s->multipart ? 0 : s->size, err);
    if (rc == 0 && s->holder == HOLDER_NONE && !uuid_v7(r->now_ms, token_random, s->run_id))
        rc = err_set(err, ERR_INTERNAL, "the system's generator failed");
    if (rc == 0)
        rc = choose_path(r->db, s, err);
    if (rc == 0)
        rc = begin_upload(s, err);
    if (rc != 0)
        return rc;
    const struct upload_object begun = {.number = 1, .path = s->path, .upload_id = s->upload_id};
    rc = db_write(r->app->writer, write_start, s, err);
    if (rc != 0)
        volume_unbegin(r->app, r->db, s->run_id, &begun, r->arena);
    return rc;
}

static int start_run(struct start *s, struct err *err)
{
    int rc = 0;
    for (int i = 0; i < TRIES; i++) {
        s->moved = false;
        rc = try_start(s, err);
        if (!s->moved)
            break;
    }
    return rc;
}

/* --- replying -------------------------------------------------------------------------------------------------------
 */

/* The "upload" of the reply; NULL after err was set. */
static json_t *describe_upload(struct start *s, struct err *err)
{
    struct req *r = s->req;
    if (s->multipart)
        return json_pack("{s:s, s:s, s:s, s:i, s:s}", "method", "PUT", "s3Path", s->path, "uploadId", s->upload_id,
                         "partSize", STORE_PART_SIZE, "digest",
                         store_digest(r->app->store) == PART_XXH64 ? "xxh64" : "md5");
    const struct store_url want = {.agent_id = r->principal.id,
                                   .method = "PUT",
                                   .path = s->path,
                                   .upload_id = s->upload_id,
                                   .number = 1,
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
    struct start s = {.req = r};
    struct err err = {0};
    if (!read_start(r, &s))
        return;
    int rc = start_run(&s, &err);
    if (rc != 0) {
        if (s.too_many)
            reply_retry_after(r, PROBLEM_RATE_LIMITED, TOO_MANY_RETRY_S,
                              "The agent has begun as many runs of this config as a day may have.");
        else
            upload_reply_error(r, &err);
        return;
    }
    json_t *upload = describe_upload(&s, &err);
    if (err.code != 0) {
        reply_error(r, &err);
        return;
    }
    const struct chain_choice *c = &s.choice;
    reply_json(r, 200,
               json_pack("{s:b, s:s, s:s, s:o, s:{s:s, s:s?, s:I, s:s}, s:i}", "success", 1, "logId", s.run_id,
                         "filename", s.taken_name, "upload", upload, "run", "type",
                         c->incremental ? "incremental" : "full", "base", c->incremental ? c->base_id : NULL,
                         "chainSeq", (json_int_t)c->seq, "reason", c->reason, "partsPerObject",
                         UPLOAD_PARTS_PER_OBJECT));
}
