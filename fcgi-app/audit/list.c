/* GET /api/audit: a page of the trail, newest first.
 *
 * Any mixture of filters is allowed and no index serves them all. So a page is looked for in stretches of rows, until
 * it is full or its time is over; then "next" says where to go on, and the page may be short. */
#include <inttypes.h>

#include "app.h"
#include "audit/filter.h"
#include "audit/trail.h"
#include "common/blocking.h"
#include "http/problem.h"

enum { STRETCH = 20 * 1000, SEARCH_MS = 1500, LIMIT_MAX = 200, LIMIT_USUAL = 50 };

/* *ret_last: the oldest row of the page. */
static int read_stretch(struct db *db, const struct trail_filter *f, int64_t limit, json_t *items, int64_t *ret_last,
                        struct err *err)
{
    struct db_rows rows;
    int rc = trail_filter_query(db, DB_TRAIL_PAGE, f, limit, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        *ret_last = db_rows_int(&rows, 0, 0);
        rc = json_array_append_new(items, trail_row_json(&rows)) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

/* *ret_next: what the next page has to be below; 0: there is none. */
static int read_page(struct req *r, const struct trail_filter *f, int64_t limit, json_t *items, int64_t *ret_next,
                     struct err *err)
{
    int64_t until_ms = clock_monotonic_ms(r->app->clock) + SEARCH_MS;
    struct trail_filter stretch = *f;
    int rc = 0;
    *ret_next = 0;
    while (rc == 0 && stretch.below > f->above + 1) {
        int64_t last = 0;
        stretch.above = stretch.below - 1 - STRETCH > f->above ? stretch.below - 1 - STRETCH : f->above;
        rc = read_stretch(r->db, &stretch, limit - (int64_t)json_array_size(items), items, &last, err);
        bool full = (int64_t)json_array_size(items) >= limit;
        stretch.below = full ? last : stretch.above + 1;
        if (full || clock_monotonic_ms(r->app->clock) >= until_ms)
            break;
    }
    if (stretch.below > f->above + 1)
        *ret_next = stretch.below;
    return rc;
}

void trail_list(struct req *r)
{
    struct trail_filter f;
    struct err err = {0};
    int64_t limit = 0, before = 0, next = 0;
    if (!req_query_int(r, "limit", 1, LIMIT_MAX, LIMIT_USUAL, &limit) ||
        !req_query_int(r, "before", 1, INT64_MAX, INT64_MAX, &before))
        return;
    blocking_begin();
    bool read = trail_filter_read(r, &f);
    json_t *items = read ? json_array() : NULL;
    int rc = 0;
    if (read) {
        f.below = before < f.below ? before : f.below;
        rc = read_page(r, &f, limit, items, &next, &err);
    }
    blocking_end();
    if (!read)
        return;
    if (rc == 0) {
        reply_json(r, 200, json_pack("{s:o,s:o}", "items", items, "next", next > 0 ? json_integer(next) : json_null()));
        return;
    }
    json_decref(items);
    reply_error(r, &err);
}
