/* GET /api/audit: a page of the trail, newest first or oldest first.
 *
 * Any mixture of filters is allowed and no index serves them all. So a page is looked for in stretches of rows, until
 * it is full or its time is over; then "next" says where to go on, and the page may be short. */
#include <string.h>

#include "app.h"
#include "audit/filter.h"
#include "audit/trail.h"
#include "common/blocking.h"

enum { STRETCH_MAX = 20 * 1000, STRETCH_GROWS = 4, SEARCH_MS = 1500 };

/* Adds to the page what passes, to the end of the stretch or until the page is full; left begins behind that then. */
static int read_stretch(struct db *db, const struct trail_filter *stretch, size_t limit, json_t *items,
                        struct trail_filter *left, struct err *err)
{
    struct db_rows rows;
    int64_t last = 0;
    int rc = trail_query(db, stretch, (int64_t)(limit - json_array_size(items)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        last = db_rows_int(&rows, 0, 0);
        rc = json_array_append_new(items, trail_row_json(&rows)) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    trail_go_on(left, json_array_size(items) >= limit ? last : trail_end(stretch));
    return rc;
}

/* left: what the next page has to look through. Without filters the first stretch fills the page; with them it is as
 * many rows as it takes. */
static int read_page(struct req *r, struct trail_filter *left, size_t limit, json_t *items, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms(r->app->clock) + SEARCH_MS, width = (int64_t)limit;
    int rc = 0;
    while (rc == 0 && trail_left(left) && json_array_size(items) < limit) {
        const struct trail_filter stretch = trail_stretch(left, width);
        rc = read_stretch(r->db, &stretch, limit, items, left, err);
        width = width * STRETCH_GROWS < STRETCH_MAX ? width * STRETCH_GROWS : STRETCH_MAX;
        if (clock_monotonic_ms(r->app->clock) >= until_ms)
            break;
    }
    return rc;
}

struct page_ask {
    int64_t limit, before, after;
    bool descending;
};

static bool read_ask(struct req *r, struct page_ask *ret)
{
    static const char *const orders[] = {"asc", "desc", NULL};
    const char *order;
    if (!req_query_int(r, "limit", 1, LIST_MAX, LIST_USUAL, &ret->limit) ||
        !req_query_int(r, "before", 1, INT64_MAX, INT64_MAX, &ret->before) ||
        !req_query_int(r, "after", 0, INT64_MAX, 0, &ret->after) || !list_choice(r, "order", orders, "desc", &order))
        return false;
    ret->descending = strcmp(order, "desc") == 0;
    return true;
}

void trail_list(struct req *r)
{
    struct trail_filter left;
    struct page_ask ask;
    struct err err = {0};
    if (!read_ask(r, &ask))
        return;
    blocking_begin();
    bool read = trail_filter_read(r, &left);
    json_t *items = read ? json_array() : NULL;
    int rc = 0;
    if (read) {
        left.descending = ask.descending;
        left.below = ask.before < left.below ? ask.before : left.below;
        left.above = ask.after > left.above ? ask.after : left.above;
        rc = read_page(r, &left, (size_t)ask.limit, items, &err);
    }
    blocking_end();
    if (!read)
        return;
    if (rc == 0) {
        json_t *next = trail_left(&left) ? json_integer(left.descending ? left.below : left.above) : json_null();
        reply_json(r, 200, json_pack("{s:o,s:o}", "items", items, "next", next));
        return;
    }
    json_decref(items);
    reply_error(r, &err);
}
