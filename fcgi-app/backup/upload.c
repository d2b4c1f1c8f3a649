#include "backup/upload.h"

#include <stdio.h>
#include <string.h>

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a run");
}

/* --- rows -----------------------------------------------------------------------------------------------------------
 */

enum { OBJECT_COLUMN = 10 };

bool upload_object_row(const struct db_rows *rows, int column, struct arena *arena, struct upload_object *ret)
{
    *ret = (struct upload_object){
        .number = db_rows_int(rows, column, 0),
        .path = arena_strdup(arena, db_rows_text(rows, column + 1)),
        .upload_id = arena_strdup(arena, db_rows_text(rows, column + 2)),
        .size = db_rows_int(rows, column + 3, -1),
    };
    return ret->path != NULL && ret->upload_id != NULL;
}

/* ret_object: NULL for a statement that selects none. */
static int read_upload(struct db *db, enum db_statement statement, struct db_args args, struct arena *arena,
                       struct upload *ret, struct upload_object *ret_object, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, statement, args, &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "there is no such run");
    if (rc != DB_ROW)
        return rc;
    struct upload u = {
        .run_id = arena_strdup(arena, db_rows_text(&rows, 0)),
        .agent_id = arena_strdup(arena, db_rows_text(&rows, 1)),
        .status = arena_strdup(arena, db_rows_text(&rows, 2)),
        .path = arena_strdup(arena, db_rows_text(&rows, 3)),
        .part_size = db_rows_int(&rows, 4, 0),
        .announced = db_rows_int(&rows, 5, 0),
        .size = db_rows_int(&rows, 6, -1),
        .files = db_rows_int(&rows, 7, 0),
        .bytes_transferred = db_rows_int(&rows, 8, 0),
        .sha256 = arena_strdup(arena, db_rows_text(&rows, 9)),
    };
    bool fits = u.run_id != NULL && u.status != NULL && (u.path != NULL || db_rows_null(&rows, 3));
    fits = fits && (ret_object == NULL || upload_object_row(&rows, OBJECT_COLUMN, arena, ret_object));
    db_rows_done(&rows);
    if (!fits)
        return nomem(err);
    *ret = u;
    return 0;
}

int upload_by_run(struct db *db, const char *run_id, const char *agent_id, struct arena *arena, struct upload *ret,
                  struct err *err)
{
    return read_upload(db, DB_BACKUP_UPLOAD_BY_RUN, DB_ARGS(DB_TEXT("id", run_id), DB_TEXT("agent_id", agent_id)),
                       arena, ret, NULL, err);
}

int upload_by_path(struct db *db, const char *path, struct arena *arena, struct upload *ret,
                   struct upload_object *ret_object, struct err *err)
{
    return read_upload(db, DB_BACKUP_UPLOAD_BY_PATH, DB_ARGS(DB_TEXT("s3_path", path)), arena, ret, ret_object, err);
}

int upload_by_upload(struct db *db, const char *upload_id, struct arena *arena, struct upload *ret,
                     struct upload_object *ret_object, struct err *err)
{
    return read_upload(db, DB_BACKUP_UPLOAD_BY_UPLOAD, DB_ARGS(DB_TEXT("upload_id", upload_id)), arena, ret, ret_object,
                       err);
}

int upload_object_find(struct db *db, const char *run_id, int64_t number, struct arena *arena,
                       struct upload_object *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_OBJECT_GET, DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("number", number)), &rows,
                          err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "the run has no object %lld", (long long)number);
    if (rc != DB_ROW)
        return rc;
    bool fits = upload_object_row(&rows, 0, arena, ret);
    db_rows_done(&rows);
    return fits ? 0 : nomem(err);
}

bool upload_running(const struct upload *u)
{
    return strcmp(u->status, "running") == 0;
}

bool upload_multipart(const struct upload *u)
{
    return u->part_size > 0;
}

bool upload_ended_badly(const struct upload *u)
{
    return strcmp(u->status, "failed") == 0 || strcmp(u->status, "cancelled") == 0 || strcmp(u->status, "lost") == 0;
}

/* --- places ---------------------------------------------------------------------------------------------------------
 */

struct upload_place upload_place_of(int64_t number)
{
    return (struct upload_place){.object = (number - 1) / UPLOAD_PARTS_PER_OBJECT + 1,
                                 .number = (number - 1) % UPLOAD_PARTS_PER_OBJECT + 1};
}

const char *upload_object_path(struct arena *arena, const char *path, int64_t object)
{
    if (object == UPLOAD_INDEX)
        return arena_printf(arena, "%s.index", path);
    return object == 1 ? path : arena_printf(arena, "%s.%05lld", path, (long long)object);
}

int upload_part_find(struct db *db, const char *run_id, int64_t object, int64_t number, struct upload_part *ret,
                     struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_PART_GET,
                          DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("object", object), DB_INT("number", number)), &rows,
                          err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "part %lld has not been announced", (long long)number);
    if (rc != DB_ROW)
        return rc;
    ret->number = number;
    ret->size = db_rows_int(&rows, 0, 0);
    (void)snprintf(ret->digest, sizeof ret->digest, "%s", db_rows_text(&rows, 1));
    ret->stored = !db_rows_null(&rows, 2);
    db_rows_done(&rows);
    return 0;
}

/* --- checking -------------------------------------------------------------------------------------------------------
 */

/* One stream, the archive or the index: part after part, in order. */
struct stream {
    const char *what;
    int64_t seen; /* parts */
    int64_t size;
    bool short_seen; /* a part that is not full came: it must be the last */
};

struct check {
    const struct upload *upload;
    const struct upload_claim *claim;
    bool tracked;
    struct stream archive;
    struct stream index;
};

static int missing(const struct stream *s, int64_t number, const char *how, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "part %lld of the %s %s", (long long)number, s->what, how);
}

/* An object that is made already has no parts to look at any more; all but the last of a stream are full. */
static int check_made(struct check *c, struct stream *s, int64_t size, struct err *err)
{
    int64_t part_size = c->upload->part_size;
    int64_t parts = part_size == 0 ? 1 : (size + part_size - 1) / part_size;
    if (s->short_seen)
        return missing(s, s->seen + 1, "is missing or too short", err);
    s->short_seen = size != UPLOAD_PARTS_PER_OBJECT * part_size;
    s->seen += parts;
    s->size += size;
    return 0;
}

static int check_claimed(const struct check *c, int64_t number, const struct upload_part *part, struct err *err)
{
    if (c->claim->part_count == 0)
        return 0;
    const struct upload_part *claim = (uint64_t)number <= c->claim->part_count ? &c->claim->parts[number - 1] : NULL;
    bool same =
        claim != NULL && claim->number == number && claim->size == part->size &&
        (part->digest[0] == '\0' || strcmp(claim->digest, part->digest) == 0); /* of one PUT none is known before */
    return same ? 0 : missing(&c->archive, number, "is not the one that was stored", err);
}

static int check_part(struct check *c, struct stream *s, int64_t number, const struct upload_part *part,
                      struct err *err)
{
    if (number != ++s->seen || (upload_multipart(c->upload) && s->short_seen))
        return missing(s, s->seen, "is missing or too short", err);
    if (c->tracked && !part->stored)
        return missing(s, number, "has not been stored", err);
    s->short_seen = part->size != c->upload->part_size;
    s->size += part->size;
    return s == &c->archive ? check_claimed(c, number, part, err) : 0;
}

static int check_row(struct check *c, const struct db_rows *rows, struct err *err)
{
    int64_t object = db_rows_int(rows, 0, 0);
    struct stream *s = object == UPLOAD_INDEX ? &c->index : &c->archive;
    if (!db_rows_null(rows, 1))
        return check_made(c, s, db_rows_int(rows, 1, 0), err);
    if (db_rows_null(rows, 2))
        return 0; /* begun, and nothing came: found by the next one, or by the totals */
    struct upload_part part = {.size = db_rows_int(rows, 3, 0), .stored = !db_rows_null(rows, 5)};
    (void)snprintf(part.digest, sizeof part.digest, "%s", db_rows_text(rows, 4));
    int64_t before = object == UPLOAD_INDEX ? 0 : (object - 1) * UPLOAD_PARTS_PER_OBJECT;
    return check_part(c, s, before + db_rows_int(rows, 2, 0), &part, err);
}

/* What was said of a stream in numbers. */
static int check_numbers(const struct stream *s, int64_t count, int64_t size, struct err *err)
{
    if (count >= 0 && count != s->seen)
        return err_set(err, ERR_CONFLICT, "the %s has %lld parts instead of %lld", s->what, (long long)s->seen,
                       (long long)count);
    if (size >= 0 && size != s->size)
        return err_set(err, ERR_CONFLICT, "%lld bytes of the %s are stored instead of %lld", (long long)s->size,
                       s->what, (long long)size);
    return 0;
}

static int check_totals(const struct check *c, struct err *err)
{
    const struct upload *u = c->upload;
    if (c->archive.seen == 0)
        return err_set(err, ERR_CONFLICT, "nothing has been stored");
    if (c->claim->part_count > (size_t)c->archive.seen)
        return missing(&c->archive, c->archive.seen + 1, "was not stored", err);
    int rc = upload_multipart(u) ? 0 : check_numbers(&c->archive, -1, u->announced, err);
    if (rc == 0)
        rc = check_numbers(&c->archive, c->claim->count, c->claim->size, err);
    return rc == 0 ? check_numbers(&c->index, c->claim->index_count, c->claim->index_size, err) : rc;
}

int upload_check(struct db *db, const struct upload *u, bool tracked, const struct upload_claim *claim,
                 struct upload_total *ret, struct err *err)
{
    struct check check = {
        .upload = u, .claim = claim, .tracked = tracked, .archive.what = "archive", .index.what = "index"};
    struct db_rows rows;
    int rc = db_query(db, DB_BACKUP_PART_CHECK, DB_ARGS(DB_TEXT("run_id", u->run_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = check_row(&check, &rows, err);
    db_rows_done(&rows);
    if (rc == 0)
        rc = check_totals(&check, err);
    if (rc == 0)
        *ret = (struct upload_total){.size = check.archive.size, .index_size = check.index.size};
    return rc;
}
