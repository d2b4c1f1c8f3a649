/* A run under way, as its agent calls it: a URL for each part, signs of life. Its beginning is in start.c, its end in
 * complete.c. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/upload.h"
#include "backup/volume.h"
#include "common/clock.h"
#include "common/encode.h"
#include "common/uuid.h"
#include "db/writer.h"
#include "http/request.h"
#include "store/store.h"

enum { PART_EXPIRES_S = 15 * 60, MD5_BYTES = 16, XXH64_HEX = 16 };

/* How many parts of one run may be announced and not stored: every announcement of every agent counts them. An agent
 * has a few under way. A store elsewhere does not tell of each; there, those of volumes that are not made yet count. */
enum { PENDING_MAX = 1000, PENDING_MAX_ELSEWHERE = 8 * UPLOAD_PARTS_PER_OBJECT };

/* --- signs of life --------------------------------------------------------------------------------------------------
 */

struct touch {
    const char *run_id;
    int64_t files; /* -1: not said; so the others */
    int64_t bytes_read;
    int64_t bytes_transferred;
    int64_t total_files;
    int64_t total_bytes;
    int64_t now_ms;
};

static void read_touch(struct jsonread *body, struct req *r, struct touch *t)
{
    t->run_id = jsonread_str(body, "logId", 1, UUID_SIZE);
    if (t->run_id != NULL && !uuid_valid(t->run_id))
        jsonread_fail(body, "logId", "must be a UUID in lower case");
    t->files = jsonread_int_or(body, "filesProcessed", 0, INT64_MAX, -1);
    t->bytes_read = jsonread_int_or(body, "bytesRead", 0, INT64_MAX, -1);
    t->bytes_transferred = jsonread_int_or(body, "bytesTransferred", 0, INT64_MAX, -1);
    t->total_files = jsonread_int_or(body, "totalFiles", 0, INT64_MAX, -1);
    t->total_bytes = jsonread_int_or(body, "totalBytes", 0, INT64_MAX, -1);
    t->now_ms = r->now_ms;
    if (store_tracks_parts(r->app->store))
        t->bytes_transferred = -1; /* counted as they come, not by the agent's word */
}

static struct db_arg int_or_null(const char *name, int64_t value)
{
    return value < 0 ? DB_NULL(name) : DB_INT(name, value);
}

/* ERR_CONFLICT when the run is over. */
static int write_touch(struct db *db, void *ctx, struct err *err)
{
    const struct touch *t = ctx;
    int64_t changed = 0;
    int rc =
        db_exec(db, DB_BACKUP_RUN_TOUCH,
                DB_ARGS(DB_TEXT("id", t->run_id), DB_INT("files", t->files), DB_INT("bytes_read", t->bytes_read),
                        DB_INT("bytes_transferred", t->bytes_transferred), int_or_null("total_files", t->total_files),
                        int_or_null("total_bytes", t->total_bytes), DB_INT("now", t->now_ms)),
                &changed, err);
    return rc == 0 && changed == 0 ? err_set(err, ERR_CONFLICT, "The run is over.") : rc;
}

/* --- parts ----------------------------------------------------------------------------------------------------------
 */

struct declare {
    struct touch touch;
    struct arena *arena;
    struct upload_place place;
    struct upload_part part;
    struct upload_object object;
    int64_t pending_max;
    bool begun;
};

static int write_announced(struct db *db, const struct declare *d, struct err *err)
{
    int64_t pending = 0;
    int rc =
        db_query_number(db, DB_BACKUP_PART_PENDING,
                        DB_ARGS(DB_TEXT("run_id", d->touch.run_id), DB_INT("max", d->pending_max + 1)), &pending, err);
    if (rc != 0)
        return rc;
    if (pending > d->pending_max)
        return err_set(err, ERR_UNAVAILABLE, "run %s: %lld parts are announced that have not come", d->touch.run_id,
                       (long long)d->pending_max);
    return db_exec(db, DB_BACKUP_RUN_ANNOUNCE, DB_ARGS(DB_TEXT("id", d->touch.run_id), DB_INT("bytes", d->part.size)),
                   NULL, err);
}

/* A part may be announced again, as after a lost reply, but not as another one. */
static int write_part(struct db *db, void *ctx, struct err *err)
{
    struct declare *d = ctx;
    struct upload_part there;
    int64_t added = 0;
    int rc = write_touch(db, &d->touch, err);
    if (rc == 0 && d->begun)
        rc = volume_note(db, d->touch.run_id, &d->object, d->arena, err);
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_PART_DECLARE,
                     DB_ARGS(DB_TEXT("run_id", d->touch.run_id), DB_INT("object", d->place.object),
                             DB_INT("number", d->place.number), DB_INT("size_bytes", d->part.size),
                             DB_TEXT("digest", d->part.digest)),
                     &added, err);
    if (rc == 0 && added > 0)
        return write_announced(db, d, err);
    if (rc == 0)
        rc = upload_part_find(db, d->touch.run_id, d->place.object, d->place.number, &there, err);
    if (rc == 0 && (there.size != d->part.size || strcmp(there.digest, d->part.digest) != 0))
        rc = err_set(err, ERR_CONFLICT, "Part %lld was announced with another length or digest.",
                     (long long)d->part.number);
    return rc;
}

/* MD5 as 32 hex digits, or in base64 as in Content-MD5. */
static void read_md5(struct jsonread *body, char ret[PART_DIGEST_SIZE])
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

/* Which of the two: what the start of the run asked for, or MD5, which older agents send. */
static void read_digest(struct jsonread *body, const struct store *store, char ret[PART_DIGEST_SIZE])
{
    unsigned char bytes[XXH64_HEX / 2];
    if (!jsonread_has(body, "xxh64")) {
        read_md5(body, ret);
        return;
    }
    const char *hex = jsonread_str(body, "xxh64", XXH64_HEX, XXH64_HEX);
    if (jsonread_has(body, "md5"))
        jsonread_fail(body, "md5", "must not be there beside xxh64");
    else if (store_digest(store) != PART_XXH64)
        jsonread_fail(body, "xxh64", "is not what this store compares; send md5");
    else if (hex != NULL && !hex_decode(hex, bytes, sizeof bytes))
        jsonread_fail(body, "xxh64", "must be 16 hex digits in lower case");
    else if (hex != NULL)
        hex_encode(bytes, sizeof bytes, ret);
}

static bool read_part(struct req *r, struct declare *d)
{
    static const char *const streams[] = {"archive", "index", NULL};
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    read_touch(&body, r, &d->touch);
    d->pending_max = store_tracks_parts(r->app->store) ? PENDING_MAX : PENDING_MAX_ELSEWHERE;
    bool index = jsonread_enum_or(&body, "object", streams, 0) == 1;
    d->part.number = jsonread_int(&body, "number", 1, index ? UPLOAD_PARTS_PER_OBJECT : UPLOAD_PARTS_MAX);
    d->part.size = jsonread_int(&body, "size", 1, STORE_PART_SIZE);
    read_digest(&body, r->app->store, d->part.digest);
    d->place = index ? (struct upload_place){.object = UPLOAD_INDEX, .number = d->part.number}
                     : upload_place_of(d->part.number);
    return req_fields_ok(r, &wrong);
}

/* Two requests may begin one object at once: the first that is noted counts, the other's upload is given up. */
static int declare_part(struct req *r, struct declare *d, struct err *err)
{
    struct upload u;
    int rc = upload_by_run(r->db, d->touch.run_id, r->principal.id, r->arena, &u, err);
    if (rc == 0 && !upload_running(&u))
        return err_set(err, ERR_CONFLICT, "The run is over.");
    if (rc == 0 && !upload_multipart(&u))
        return err_set(err, ERR_CONFLICT, "The run was started for one body, not for parts.");
    if (rc == 0)
        rc = upload_room(r->app, r->db, r->principal.id, d->part.size, d->part.size, err);
    if (rc == 0)
        rc = volume_open(r->app, r->db, &u, d->place.object, r->arena, &d->object, &d->begun, err);
    if (rc != 0)
        return rc;
    const struct upload_object begun = d->object;
    rc = db_write(r->app->writer, write_part, d, err);
    if (d->begun && (rc != 0 || strcmp(begun.upload_id, d->object.upload_id) != 0))
        volume_unbegin(r->app, r->db, d->touch.run_id, &begun, r->arena);
    return rc;
}

void backup_part(struct req *r)
{
    struct declare declare = {.arena = r->arena};
    struct err err = {0};
    if (!read_part(r, &declare))
        return;
    if (declare_part(r, &declare, &err) != 0) {
        upload_reply_error(r, &err);
        return;
    }
    const struct store_url want = {.agent_id = r->principal.id,
                                   .method = "PUT",
                                   .path = declare.object.path,
                                   .upload_id = declare.object.upload_id,
                                   .number = declare.place.number,
                                   .size = declare.part.size,
                                   .digest = declare.part.digest,
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

/* A run that is over tells the agent to stop. */
void backup_progress(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct touch touch = {0};
    struct upload u;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    read_touch(&body, r, &touch);
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = upload_by_run(r->db, touch.run_id, r->principal.id, r->arena, &u, &err);
    if (rc == 0 && upload_running(&u)) {
        rc = db_write(r->app->writer, write_touch, &touch, &err);
        if (rc == ERR_CONFLICT)
            rc = upload_by_run(r->db, touch.run_id, r->principal.id, r->arena, &u, &err);
    }
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    bool over = !upload_running(&u);
    const char *reason = over ? arena_printf(r->arena, "The run is over: it is %s.", u.status) : NULL;
    reply_json(r, 200, json_pack("{s:b, s:b, s:s*}", "success", 1, "cancel", over, "reason", reason));
}
