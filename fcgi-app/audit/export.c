/* GET /api/audit/export: the trail as JSON lines, oldest first, made while it is sent. Lines are plain ASCII: whatever
 * anybody has called anything, it neither ends a line nor turns it around in a viewer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "audit/filter.h"
#include "audit/trail.h"
#include "auth/secrets.h"
#include "db/writer.h"

enum { STRETCH = 20 * 1000, CHUNK_ROWS = 500, CHUNK_BYTES = 256 * 1024 };

struct export
{
    struct trail_filter filter; /* above moves on */
};

/* JSON may hold a DEL as it is, which only strings have. */
static void add_without_del(struct buf *out, const char *text)
{
    for (size_t len; *text != '\0'; text += len) {
        len = strcspn(text, "\x7f");
        buf_add(out, text, len);
        if (text[len] == '\0')
            return;
        buf_adds(out, "\\u007f");
        len++;
    }
}

static int add_line(struct buf *out, const struct db_rows *rows, struct err *err)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(db_rows_int(rows, 1, 0), time);
    json_t *row = trail_row_json(rows);
    char *text = NULL;
    if (row != NULL && json_object_set_new(row, "time", json_string(time)) == 0)
        text = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(row);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "audit row %" PRId64 " cannot be written as JSON", db_rows_int(rows, 0, 0));
    add_without_del(out, text);
    buf_addc(out, '\n');
    free(text);
    return 0;
}

/* Some rows of the next stretch, at most. */
static int next_chunk(struct req *r, void *ctx, struct buf *out, struct err *err)
{
    struct export *e = ctx;
    struct trail_filter stretch = e->filter;
    struct db_rows rows;
    int64_t count = 0, last = 0;
    if (stretch.below - stretch.above > STRETCH)
        stretch.below = stretch.above + STRETCH;
    int rc = trail_filter_query(r->db, DB_TRAIL_EXPORT, &stretch, CHUNK_ROWS, &rows, err);
    while (rc == 0 && out->len < CHUNK_BYTES && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = add_line(out, &rows, err);
        last = db_rows_int(&rows, 0, 0);
        count++;
    }
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    bool more_here = count == CHUNK_ROWS || out->len >= CHUNK_BYTES;
    e->filter.above = more_here ? last : stretch.below - 1;
    return e->filter.above + 1 < e->filter.below;
}

static int write_entry(struct db *db, void *ctx, struct err *err)
{
    const struct req *r = ((struct req *const *)ctx)[0];
    const struct audit_entry *entry = ((struct audit_entry *const *)ctx)[1];
    return audit_append(db, secrets_audit_key(r->app->secrets), entry, err);
}

/* Who took a copy of the trail is part of it. */
static int record(struct req *r, struct err *err)
{
    struct audit_entry entry = audit_of_request(r, "audit.export", "");
    entry.detail = trail_filter_text(r);
    if (entry.detail == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    void *ctx[] = {r, &entry};
    return db_write(r->app->writer, write_entry, ctx, err);
}

static const char *disposition(struct req *r)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(r->now_ms, time);
    return arena_printf(r->arena, "attachment; filename=\"muster-audit-%.10s.jsonl\"", time);
}

void trail_export(struct req *r)
{
    struct export *e = arena_alloc(r->arena, sizeof *e);
    struct err err = {0};
    int64_t after = 0;
    if (e == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    if (!req_query_int(r, "after", 0, INT64_MAX, 0, &after) || !trail_reader_begin(r) ||
        !trail_filter_read(r, &e->filter))
        return;
    if (record(r, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    if (!trail_filter_read(r, &e->filter)) /* once more: it ends with the row that says so */
        return;
    if (after > e->filter.above)
        e->filter.above = after;
    reply_header(r, "Content-Disposition", disposition(r));
    reply_chunks(r, 200, "application/x-ndjson", next_chunk, e);
}
