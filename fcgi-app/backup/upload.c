#include "backup/upload.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "backup/store.h"

static int read_upload(struct db *db, enum db_statement statement, struct db_args args, struct arena *arena,
                       struct upload *ret, struct err *err)
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
        .upload_id = arena_strdup(arena, db_rows_text(&rows, 4)),
        .part_size = db_rows_int(&rows, 5, 0),
        .declared_size = db_rows_int(&rows, 6, -1),
        .size = db_rows_int(&rows, 7, -1),
        .files = db_rows_int(&rows, 8, 0),
        .bytes_transferred = db_rows_int(&rows, 9, 0),
        .sha256 = arena_strdup(arena, db_rows_text(&rows, 10)),
    };
    db_rows_done(&rows);
    if (u.run_id == NULL || u.status == NULL || u.path == NULL || u.upload_id == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a run");
    *ret = u;
    return 0;
}

int upload_by_run(struct db *db, const char *run_id, const char *agent_id, struct arena *arena, struct upload *ret,
                  struct err *err)
{
    return read_upload(db, DB_BACKUP_UPLOAD_BY_RUN, DB_ARGS(DB_TEXT("id", run_id), DB_TEXT("agent_id", agent_id)),
                       arena, ret, err);
}

int upload_by_path(struct db *db, const char *path, struct arena *arena, struct upload *ret, struct err *err)
{
    return read_upload(db, DB_BACKUP_UPLOAD_BY_PATH, DB_ARGS(DB_TEXT("s3_path", path)), arena, ret, err);
}

int upload_by_id(struct db *db, const char *run_id, struct arena *arena, struct upload *ret, struct err *err)
{
    return read_upload(db, DB_BACKUP_UPLOAD_BY_ID, DB_ARGS(DB_TEXT("id", run_id)), arena, ret, err);
}

bool upload_running(const struct upload *u)
{
    return strcmp(u->status, "running") == 0;
}

bool upload_multipart(const struct upload *u)
{
    return u->part_size > 0;
}

static void read_part(const struct db_rows *rows, int column, struct upload_part *part)
{
    part->size = db_rows_int(rows, column, 0);
    (void)snprintf(part->md5, sizeof part->md5, "%s", db_rows_text(rows, column + 1));
    part->stored = !db_rows_null(rows, column + 2);
}

int upload_part_find(struct db *db, const char *run_id, int64_t number, struct upload_part *ret, struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(db, DB_BACKUP_PART_GET, DB_ARGS(DB_TEXT("run_id", run_id), DB_INT("number", number)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "part %lld has not been announced", (long long)number);
    if (rc != DB_ROW)
        return rc;
    ret->number = number;
    read_part(&rows, 0, ret);
    db_rows_done(&rows);
    return 0;
}

/* One part after the other, in order. */
struct check {
    const struct upload *upload;
    const struct upload_part *claims;
    size_t claimed;
    size_t seen;
    int64_t size;
    bool short_seen; /* a part that is not full came: it must be the last */
};

static int check_part(struct check *c, const struct upload_part *part, struct err *err)
{
    int64_t number = (int64_t)++c->seen;
    bool multipart = upload_multipart(c->upload);
    if (part->number != number || (multipart && c->short_seen))
        return err_set(err, ERR_CONFLICT, "part %lld is missing or too short", (long long)number);
    if (!part->stored && !c->upload->untracked)
        return err_set(err, ERR_CONFLICT, "part %lld has not been stored", (long long)number);
    if (c->claimed > 0) {
        const struct upload_part *claim = c->seen <= c->claimed ? &c->claims[c->seen - 1] : NULL;
        if (claim == NULL || claim->number != number || claim->size != part->size || strcmp(claim->md5, part->md5) != 0)
            return err_set(err, ERR_CONFLICT, "part %lld is not the one that was stored", (long long)number);
    }
    c->short_seen = part->size != c->upload->part_size;
    c->size += part->size;
    return 0;
}

int upload_check(struct db *db, const struct upload *u, const struct upload_part *parts, size_t claimed,
                 int64_t *ret_size, struct err *err)
{
    struct check check = {.upload = u, .claims = parts, .claimed = claimed};
    struct db_rows rows;
    int rc = db_query(db, DB_BACKUP_PART_LIST, DB_ARGS(DB_TEXT("run_id", u->run_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct upload_part part = {.number = db_rows_int(&rows, 0, 0)};
        read_part(&rows, 1, &part);
        rc = check_part(&check, &part, err);
    }
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    if (!upload_multipart(u) && u->untracked) { /* its body was never announced as a part */
        *ret_size = u->declared_size;
        return 0;
    }
    if (check.seen == 0)
        return err_set(err, ERR_CONFLICT, "nothing has been stored");
    if (claimed > check.seen)
        return err_set(err, ERR_CONFLICT, "part %zu was not stored", check.seen + 1);
    if (!upload_multipart(u) && check.size != u->declared_size)
        return err_set(err, ERR_CONFLICT, "%lld bytes are stored instead of %lld", (long long)check.size,
                       (long long)u->declared_size);
    *ret_size = check.size;
    return 0;
}

int upload_parts(struct db *db, const struct upload *u, struct arena *arena, struct store_part **ret, size_t *ret_count,
                 struct err *err)
{
    struct store_part *parts = arena_array(arena, STORE_PARTS_MAX, sizeof *parts);
    struct db_rows rows;
    size_t count = 0;
    if (parts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the parts of a run");
    if (!upload_multipart(u)) {
        parts[count++] = (struct store_part){.number = 1, .size = u->declared_size};
        *ret = parts;
        *ret_count = count;
        return 0;
    }
    int rc = db_query(db, DB_BACKUP_PART_LIST, DB_ARGS(DB_TEXT("run_id", u->run_id)), &rows, err);
    while (rc == 0 && count < STORE_PARTS_MAX && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct store_part *part = &parts[count++];
        *part = (struct store_part){.number = db_rows_int(&rows, 0, 0),
                                    .size = db_rows_int(&rows, 1, 0),
                                    .md5 = arena_strdup(arena, db_rows_text(&rows, 2))};
        rc = part->md5 == NULL ? err_set(err, ERR_NOMEM, "no memory for the parts of a run") : 0;
    }
    db_rows_done(&rows);
    *ret = parts;
    *ret_count = count;
    return rc;
}

static int check_quota(struct app *app, struct db *db, const char *agent_id, int64_t more, struct err *err)
{
    int64_t quota = app->settings->store_quota_bytes;
    struct db_rows rows;
    if (quota == 0)
        return 0;
    int rc = db_query_one(db, DB_BACKUP_USAGE, DB_ARGS(DB_TEXT("agent_id", agent_id)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_INTERNAL, "the usage query gave nothing") : rc;
    int64_t used = db_rows_int(&rows, 0, 0);
    db_rows_done(&rows);
    if (more > quota || used > quota - more)
        return err_set(err, ERR_TOO_BIG, "the agent's quota of %lld bytes is used up", (long long)quota);
    return 0;
}

/* What is announced may be on its way, and all of it at once. */
static int check_disk(struct app *app, struct db *db, int64_t more, int64_t size, struct err *err)
{
    int64_t room = 0;
    struct db_rows rows;
    int rc = db_query_one(db, DB_BACKUP_ANNOUNCED, DB_NO_ARGS, &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_INTERNAL, "the query for what is announced gave nothing") : rc;
    int64_t announced = db_rows_int(&rows, 0, 0);
    db_rows_done(&rows);
    rc = store_room(app->store, &room, err);
    if (rc != 0)
        return rc;
    bool fits = room >= size && room >= more && room - more >= announced;
    if (!fits && size == 0)
        return err_set(err, ERR_TOO_BIG, "the store's disk has no room left");
    if (!fits)
        return err_set(err, ERR_TOO_BIG, "the store's disk has no room for %lld more bytes", (long long)size);
    return 0;
}

int upload_room(struct app *app, struct db *db, const char *agent_id, int64_t more, int64_t size, struct err *err)
{
    int rc = check_quota(app, db, agent_id, more, err);
    return rc == 0 ? check_disk(app, db, more, size, err) : rc;
}

int upload_room_again(struct app *app, struct db *db, int64_t size, struct err *err)
{
    return check_disk(app, db, size, size, err);
}
