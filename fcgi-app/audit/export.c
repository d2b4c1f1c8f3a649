/* GET /api/audit/export: the trail as JSON lines, or as CSV, oldest first, made while it is sent. Lines are plain text:
 * whatever anybody has called anything, it neither ends a line nor turns it around in a viewer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "audit/filter.h"
#include "audit/trail.h"
#include "auth/secrets.h"
#include "common/text.h"
#include "db/writer.h"
#include "http/csv.h"
#include "http/problem.h"

enum { CHUNK_ROWS = 500, CHUNK_BYTES = 256 * 1024 };

struct sending {
    struct trail_filter left;
    struct trail_place *place;
    bool csv;
    bool begun;
};

static const struct csv_column columns[] = {
    {"seq", "seq", CSV_PLAIN},
    {"time", "time", CSV_PLAIN},
    {"actor", "actor", CSV_PLAIN},
    {"actorName", "actorName", CSV_PLAIN},
    {"action", "action", CSV_PLAIN},
    {"target", "target", CSV_PLAIN},
    {"targetName", "targetName", CSV_PLAIN},
    {"result", "result", CSV_PLAIN},
    {"address", "address", CSV_PLAIN},
    {"requestId", "requestId", CSV_PLAIN},
    {"detail", "detail", CSV_PLAIN},
    {"mac", "mac", CSV_PLAIN},
    {.head = NULL},
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

static int add_json(struct buf *out, const json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text == NULL)
        return ERR_NOMEM;
    add_without_del(out, text);
    buf_addc(out, '\n');
    free(text);
    return 0;
}

/* A text whose control characters are written out: \u202e. */
static json_t *written_out(const char *text)
{
    struct buf b;
    buf_init(&b, 6 * strlen(text) + 1);
    for (size_t len; *text != '\0'; text += len) {
        uint32_t code;
        len = text_next(text, &code);
        if (text_is_control(code))
            buf_addf(&b, "\\u%04x", code != TEXT_INVALID ? (unsigned)code : 0xfffdU);
        else
            buf_add(&b, text, len);
    }
    json_t *json = json_string(buf_str(&b));
    buf_done(&b);
    return json;
}

static int add_csv(struct buf *out, json_t *row)
{
    const char *name;
    json_t *value;
    char *detail = json_dumps(json_object_get(row, "detail"), JSON_COMPACT | JSON_ENSURE_ASCII);
    int rc = detail != NULL && json_object_set_new(row, "detail", json_string(detail)) == 0 ? 0 : ERR_NOMEM;
    free(detail);
    json_object_foreach(row, name, value)
    {
        bool is_text = json_is_string(value);
        if (rc == 0 && is_text && json_object_set_new(row, name, written_out(json_string_value(value))) != 0)
            rc = ERR_NOMEM;
    }
    if (rc == 0)
        csv_row(out, columns, row);
    return rc;
}

static int add_line(struct buf *out, bool csv, const struct db_rows *rows, struct err *err)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(db_rows_int(rows, 1, 0), time);
    json_t *row = trail_row_json(rows);
    int rc = row != NULL && json_object_set_new(row, "time", json_string(time)) == 0 ? 0 : ERR_NOMEM;
    if (rc == 0)
        rc = csv ? add_csv(out, row) : add_json(out, row);
    json_decref(row);
    return rc == 0 ? 0 : err_set(err, rc, "audit row %" PRId64 " cannot be written", db_rows_int(rows, 0, 0));
}

/* The next stretch, or as much of it as a chunk holds. */
static int next_chunk(struct req *r, void *ctx, struct buf *out, struct err *err)
{
    struct sending *e = ctx;
    const struct trail_filter stretch = trail_stretch(&e->left, CHUNK_ROWS);
    struct db_rows rows;
    int64_t last = 0;
    if (e->csv && !e->begun)
        csv_head(out, columns);
    e->begun = true;
    int rc = trail_query(r->db, &stretch, CHUNK_ROWS, &rows, err);
    while (rc == 0 && out->len < CHUNK_BYTES && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = add_line(out, e->csv, &rows, err);
        last = db_rows_int(&rows, 0, 0);
    }
    db_rows_done(&rows);
    if (rc != 0)
        return rc;
    trail_go_on(&e->left, out->len >= CHUNK_BYTES ? last : trail_end(&stretch));
    if (trail_left(&e->left))
        return 1;
    trail_reader_end(e->place);
    return 0;
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

static const char *disposition(struct req *r, bool csv)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(r->now_ms, time);
    return arena_printf(r->arena, "attachment; filename=\"muster-audit-%.10s.%s\"", time, csv ? "csv" : "jsonl");
}

void trail_export(struct req *r)
{
    static const char *const formats[] = {"jsonl", "csv", NULL};
    struct sending *e = arena_alloc(r->arena, sizeof *e);
    struct err err = {0};
    int64_t after = 0;
    const char *format;
    if (e == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    if (!list_choice(r, "format", formats, "jsonl", &format))
        return;
    *e = (struct sending){.csv = strcmp(format, "csv") == 0};
    if (!req_query_int(r, "after", 0, INT64_MAX, 0, &after) || !trail_filter_read(r, &e->left) ||
        (e->place = trail_reader_begin(r)) == NULL)
        return;
    int rc = record(r, &err);
    if (rc != 0)
        reply_error(r, &err);
    if (rc != 0 || !trail_filter_read(r, &e->left)) { /* once more: it ends with the row that says so */
        trail_reader_end(e->place);
        return;
    }
    if (r->method == HTTP_HEAD) /* no row is asked for */
        trail_reader_end(e->place);
    if (after > e->left.above)
        e->left.above = after;
    reply_header(r, "Content-Disposition", disposition(r, e->csv));
    reply_chunks(r, 200, e->csv ? "text/csv; charset=utf-8" : "application/x-ndjson", next_chunk, e);
}
