#include "http/list.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/blocking.h"
#include "http/exchange.h"
#include "http/problem.h"

void list_pattern(const char *text, char ret[LIST_PATTERN_SIZE])
{
    size_t len = 0;
    ret[0] = '\0';
    if (text == NULL || text[0] == '\0')
        return;
    ret[len++] = '%';
    for (size_t i = 0; i < LIST_Q_MAX && text[i] != '\0'; i++) {
        char c = text[i];
        if (strchr("%_\\", c) != NULL)
            ret[len++] = '\\';
        ret[len++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    ret[len++] = '%';
    ret[len] = '\0';
}

bool list_found(const struct list_ask *ask, const char *text)
{
    size_t len = strnlen(ask->q, LIST_Q_MAX);
    for (; len > 0 && *text != '\0'; text++)
        if (strncasecmp(text, ask->q, len) == 0)
            return true;
    return len == 0;
}

const char *list_filter(struct req *r, const char *name, const char *fallback)
{
    const char *value = req_query(r, name);
    return value != NULL && value[0] != '\0' ? value : fallback;
}

/* "status must be one of online, offline" */
static void refuse(struct req *r, const char *name, const char *const names[])
{
    struct buf text;
    buf_init(&text, 1024);
    buf_addf(&text, "%s must be one of", name);
    for (size_t i = 0; names[i] != NULL; i++)
        buf_addf(&text, "%s %s", i > 0 ? "," : "", names[i]);
    const char *reason = arena_strdup(r->arena, buf_str(&text));
    buf_done(&text);
    reply_invalid_field(r, "", name, reason != NULL ? reason : "not one of what there is");
}

bool list_choice(struct req *r, const char *name, const char *const names[], const char *fallback, const char **ret)
{
    const char *value = list_filter(r, name, NULL);
    *ret = fallback;
    if (value == NULL)
        return true;
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(value, names[i]) == 0) {
            *ret = names[i];
            return true;
        }
    refuse(r, name, names);
    return false;
}

bool list_ask_read(struct req *r, const struct list_rules *rules, struct list_ask *ret)
{
    static const char *const orders[] = {"asc", "desc", NULL}, *const formats[] = {"json", "csv", NULL};
    const char *order, *format;
    *ret = (struct list_ask){.name = rules->name, .q = list_filter(r, "q", "")};
    list_pattern(ret->q, ret->pattern);
    if (!list_choice(r, "sort", rules->sorts, rules->sorts[0], &ret->sort) ||
        !list_choice(r, "order", orders, NULL, &order) || !list_choice(r, "format", formats, "json", &format) ||
        !req_query_int(r, "limit", 1, LIST_MAX, LIST_USUAL, &ret->limit) ||
        !req_query_int(r, "offset", 0, INT64_C(1) << 40, 0, &ret->offset))
        return false;
    bool usual = strcmp(ret->sort, rules->sorts[0]) == 0;
    ret->descending = order != NULL ? strcmp(order, "desc") == 0 : usual && rules->descending;
    ret->csv = strcmp(format, "csv") == 0;
    if (ret->csv) {
        ret->limit = LIST_CSV_ROWS;
        ret->offset = 0;
    }
    return true;
}

void list_begin(struct list_out *out, const struct list_ask *ask, const struct csv_column columns[])
{
    *out = (struct list_out){.ask = ask, .columns = columns, .items = json_array()};
    buf_init(&out->csv, LIST_CSV_BYTES);
    if (!ask->csv)
        return;
    blocking_begin(); /* many rows are many milliseconds */
    csv_head(&out->csv, columns);
}

int list_add(struct list_out *out, json_t *item, struct err *err)
{
    if (!out->ask->csv)
        return json_array_append_new(out->items, item) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (item == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    csv_row(&out->csv, out->columns, item);
    json_decref(item);
    return buf_ok(&out->csv) ? 0 : err_set(err, ERR_TOO_BIG, "The file would be too large; narrow the list first.");
}

static void reply_file(struct req *r, struct list_out *out)
{
    size_t len = out->csv.len;
    char *text = buf_take(&out->csv);
    if (text == NULL || arena_cleanup(r->arena, free, text) != 0) {
        free(text);
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    reply_header(r, "Content-Disposition", arena_printf(r->arena, "attachment; filename=\"%s.csv\"", out->ask->name));
    reply_borrowed(r, 200, "text/csv; charset=utf-8", text, len);
}

/* The page, with what else belongs to it. NULL: out of memory. */
static json_t *page_json(struct list_out *out, int64_t total, json_t *more)
{
    json_t *page = json_pack("{s:o,s:I}", "items", out->items, "total", (json_int_t)total);
    if (more != NULL && json_object_update(page, more) != 0) {
        json_decref(page);
        page = NULL;
    }
    return page;
}

void list_reply(struct req *r, struct list_out *out, int rc, int64_t total, const struct err *err)
{
    list_reply_more(r, out, rc, total, NULL, err);
}

void list_reply_more(struct req *r, struct list_out *out, int rc, int64_t total, json_t *more, const struct err *err)
{
    if (out->ask->csv)
        blocking_end();
    if (rc != 0) {
        json_decref(out->items);
        reply_error(r, err);
    } else if (out->ask->csv && total > LIST_CSV_ROWS) {
        json_decref(out->items);
        reply_problem(r, PROBLEM_PAYLOAD_TOO_LARGE, "A file has at most 50,000 rows; narrow the list first.");
    } else if (out->ask->csv) {
        json_decref(out->items);
        reply_file(r, out);
    } else {
        reply_json(r, 200, page_json(out, total, more));
    }
    json_decref(more);
    buf_done(&out->csv);
}
