#include "update/release_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "update/release_targets.h"
#include "update/tuf_document.h"

#define FACT_SYNCED "update.targets"

/* --- reading --- */

static json_t *int_or_null(const struct db_rows *rows, int column)
{
    return db_rows_null(rows, column) ? json_null() : json_integer((json_int_t)db_rows_int(rows, column, 0));
}

static json_t *row_json(const struct db_rows *rows)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:b, s:I, s:o, s:o, s:s?, s:I}", "version",
                     db_rows_text(rows, 0), "channel", db_rows_text(rows, 1), "status", db_rows_text(rows, 2),
                     "min_version", db_rows_text(rows, 3), "changelog", db_rows_text(rows, 4), "container_image",
                     db_rows_text(rows, 5), "eventlog_min", (json_int_t)db_rows_int(rows, 6, 0), "size",
                     (json_int_t)db_rows_int(rows, 7, 0), "downgrade", db_rows_int(rows, 8, 0) != 0, "created_ms",
                     (json_int_t)db_rows_int(rows, 9, 0), "published_ms", int_or_null(rows, 10), "withdrawn_ms",
                     int_or_null(rows, 11), "withdrawn_reason", db_rows_text(rows, 12), "agents",
                     (json_int_t)db_rows_int(rows, 13, 0));
}

static int collect(struct db *db, const char *version, const char *viewer, json_t *list, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(db, DB_RELEASE_LIST,
                      DB_ARGS(DB_TEXT("viewer", viewer), DB_TEXT("version", version), DB_INT("limit", RELEASES_MAX)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = json_array_append_new(list, row_json(&rows)) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    db_rows_done(&rows);
    return rc;
}

int release_list(struct db *db, const char *viewer, json_t **ret, struct err *err)
{
    json_t *list = json_array();
    int rc = collect(db, NULL, viewer, list, err);
    if (rc != 0)
        json_decref(list);
    else
        *ret = list;
    return rc;
}

int release_page(struct db *db, const struct release_filter *f, struct list_out *out, int64_t *ret_total,
                 struct err *err)
{
    struct db_rows rows;
    int rc = db_query_number(
        db, DB_RELEASE_PAGE_COUNT,
        DB_ARGS(DB_TEXT("status", f->status), DB_TEXT("channel", f->channel), DB_TEXT("q", f->ask.pattern)), ret_total,
        err);
    if (rc != 0)
        return rc;
    rc = db_query(db, DB_RELEASE_PAGE,
                  DB_ARGS(DB_TEXT("viewer", f->viewer), DB_TEXT("status", f->status), DB_TEXT("channel", f->channel),
                          DB_TEXT("q", f->ask.pattern), DB_TEXT("sort", f->ask.sort),
                          DB_INT("descending", f->ask.descending), DB_INT("limit", f->ask.limit),
                          DB_INT("offset", f->ask.offset)),
                  &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = list_add(out, row_json(&rows), err);
    db_rows_done(&rows);
    return rc;
}

static int add_files(struct db *db, const char *version, json_t *release, struct err *err)
{
    struct db_rows rows;
    json_t *files = json_array();
    int rc = db_query(db, DB_RELEASE_FILE_LIST, DB_ARGS(DB_TEXT("version", version)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *file = json_pack("{s:s, s:s, s:I}", "arch", db_rows_text(&rows, 0), "sha256", db_rows_text(&rows, 1),
                                 "size", (json_int_t)db_rows_int(&rows, 2, 0));
        rc = json_array_append_new(files, file) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return json_object_set_new(release, "files", files) == 0 ? rc : err_set(err, ERR_NOMEM, "out of memory");
}

static int add_patches(struct db *db, const char *version, json_t *release, struct err *err)
{
    struct db_rows rows;
    json_t *patches = json_array();
    int rc = db_query(db, DB_RELEASE_PATCH_LIST, DB_ARGS(DB_TEXT("version", version)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *patch =
            json_pack("{s:s, s:s, s:s, s:I}", "arch", db_rows_text(&rows, 0), "base_version", db_rows_text(&rows, 1),
                      "sha256", db_rows_text(&rows, 2), "size", (json_int_t)db_rows_int(&rows, 3, 0));
        rc = json_array_append_new(patches, patch) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return json_object_set_new(release, "patches", patches) == 0 ? rc : err_set(err, ERR_NOMEM, "out of memory");
}

int release_get(struct db *db, const char *version, const char *viewer, json_t **ret, struct err *err)
{
    json_t *list = json_array();
    int rc = collect(db, version, viewer, list, err);
    json_t *release = json_incref(json_array_get(list, 0));
    json_decref(list);
    if (rc == 0 && release == NULL)
        rc = err_set(err, ERR_NOT_FOUND, "there is no release %.64s", version);
    if (rc == 0)
        rc = add_files(db, version, release, err);
    if (rc == 0)
        rc = add_patches(db, version, release, err);
    if (rc != 0)
        json_decref(release);
    else
        *ret = release;
    return rc;
}

/* --- writing --- */

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static int set_file(struct db *db, const char *version, const char *arch, const char *sha256, int64_t size,
                    struct err *err)
{
    return db_exec(
        db, DB_RELEASE_FILE_SET,
        DB_ARGS(DB_TEXT("version", version), DB_TEXT("arch", arch), DB_TEXT("sha256", sha256), DB_INT("size", size)),
        NULL, err);
}

int release_stage(struct db *db, const json_t *release, int64_t now_ms, struct err *err)
{
    const char *version = text(release, "version");
    int64_t changes = 0;
    size_t i;
    const json_t *file;
    int rc = db_exec(db, DB_RELEASE_STAGE,
                     DB_ARGS(DB_TEXT("version", version), DB_TEXT("channel", text(release, "channel")),
                             DB_TEXT("min_version", text(release, "min_version")),
                             DB_TEXT("changelog", text(release, "changelog")),
                             DB_TEXT("container_image", text(release, "container_image")),
                             DB_INT("eventlog_min", number(release, "eventlog_min")),
                             DB_INT("size", number(release, "size")), DB_INT("now", now_ms)),
                     &changes, err);
    if (rc == 0 && changes == 0)
        rc = err_set(err, ERR_CONFLICT, "release %s was published before: every release needs a version of its own",
                     version);
    if (rc == 0)
        rc = db_exec(db, DB_RELEASE_FILE_CLEAR, DB_ARGS(DB_TEXT("version", version)), NULL, err);
    json_array_foreach(json_object_get(release, "files"), i, file)
    {
        if (rc == 0)
            rc = set_file(db, version, text(file, "arch"), text(file, "sha256"), number(file, "size"), err);
    }
    return rc == 0 ? db_changed(db, "releases", err) : rc;
}

int release_discard(struct db *db, const char *version, struct err *err)
{
    int64_t changes = 0;
    int rc = db_exec(db, DB_RELEASE_DISCARD, DB_ARGS(DB_TEXT("version", version)), &changes, err);
    if (rc == 0 && changes == 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no staged release %.64s", version);
    return rc == 0 ? db_changed(db, "releases", err) : rc;
}

/* --- following the metadata --- */

static int sync_agent(struct db *db, const json_t *info, const json_t *custom, int64_t now_ms, struct err *err)
{
    int64_t released_ms = now_ms;
    const char *released = text(custom, "released_at");
    if (released != NULL)
        (void)clock_parse_rfc3339(released, &released_ms);
    int rc = db_exec(
        db, DB_RELEASE_PUBLISH,
        DB_ARGS(DB_TEXT("version", text(custom, "version")), DB_TEXT("channel", text(custom, "channel")),
                DB_TEXT("min_version", text(custom, "min_version")), DB_TEXT("changelog", text(custom, "changelog")),
                DB_TEXT("container_image", text(custom, "container_image")),
                DB_INT("eventlog_min", number(custom, "eventlog_min")), DB_INT("size", number(info, "length")),
                DB_INT("downgrade", json_is_true(json_object_get(custom, "downgrade"))),
                DB_INT("released", released_ms)),
        NULL, err);
    return rc == 0 ? set_file(db, text(custom, "version"), text(custom, "arch"),
                              text(json_object_get(info, "hashes"), "sha256"), number(info, "length"), err)
                   : rc;
}

static int sync_patch(struct db *db, const json_t *info, const json_t *custom, struct err *err)
{
    return db_exec(db, DB_RELEASE_PATCH_SET,
                   DB_ARGS(DB_TEXT("version", text(custom, "version")), DB_TEXT("arch", text(custom, "arch")),
                           DB_TEXT("base_version", text(custom, "base_version")),
                           DB_TEXT("sha256", text(json_object_get(info, "hashes"), "sha256")),
                           DB_INT("size", number(info, "length"))),
                   NULL, err);
}

/* Releases before patches, which refer to them. */
static int sync_targets(struct db *db, const json_t *signed_part, bool patches, int64_t now_ms, struct err *err)
{
    const char *path;
    json_t *info;
    int rc = 0;
    json_object_foreach(json_object_get(signed_part, "targets"), path, info)
    {
        const json_t *custom = json_object_get(info, "custom");
        if (rc == 0 && !patches && release_targets_is(custom, RELEASE_PRODUCT))
            rc = sync_agent(db, info, custom, now_ms, err);
        if (rc == 0 && patches && release_targets_is(custom, RELEASE_PRODUCT_PATCH))
            rc = sync_patch(db, info, custom, err);
    }
    return rc;
}

static int sync_withdrawn(struct db *db, const json_t *signed_part, int64_t now_ms, struct err *err)
{
    size_t i;
    const json_t *one;
    int rc = 0;
    json_array_foreach(release_targets_withdrawn(signed_part), i, one)
    {
        if (rc == 0)
            rc = db_exec(db, DB_RELEASE_WITHDRAW,
                         DB_ARGS(DB_TEXT("version", text(one, "version")), DB_TEXT("reason", text(one, "reason")),
                                 DB_INT("now", now_ms)),
                         NULL, err);
    }
    return rc;
}

int release_sync(struct db *db, const json_t *targets, int64_t now_ms, struct err *err)
{
    const json_t *signed_part = tuf_document_signed(targets);
    char version[24];
    (void)snprintf(version, sizeof version, "%lld", (long long)tuf_document_version(targets));
    int rc = sync_targets(db, signed_part, false, now_ms, err);
    if (rc == 0)
        rc = sync_targets(db, signed_part, true, now_ms, err);
    if (rc == 0)
        rc = sync_withdrawn(db, signed_part, now_ms, err);
    if (rc == 0)
        rc = db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", FACT_SYNCED), DB_TEXT("value", version)), NULL, err);
    return rc == 0 ? db_changed(db, "releases", err) : rc;
}

int release_synced(struct db *db, int64_t *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", FACT_SYNCED)), &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? strtoll(db_rows_text(&rows, 0), NULL, 10) : 0;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}
