/* filter.h: which rows of the trail a request asks for. Private to audit/.
 *
 * actor, target, address: the whole of it, or what it begins with when that ends in ':', '.' or '/' ("user:", "10.0.").
 * An actor with an '@' is the person of that e-mail address. action: what it begins with. q: anywhere in the row. */
#ifndef MUSTER_AUDIT_FILTER_H
#define MUSTER_AUDIT_FILTER_H

#include "db/db.h"
#include "http/list.h"

struct trail_match {
    const char *whole, *prefix; /* one of them is "" */
};

struct trail_filter {
    struct trail_match actor, target, address;
    const char *action, *result;
    char q[LIST_PATTERN_SIZE];
    int64_t from_ms, to_ms; /* from, and before */
    int64_t above, below;   /* rows between these two numbers, which no other row can be of */
    bool descending;        /* newest first */
};

/* False after a reply was set. */
bool trail_filter_read(struct req *r, struct trail_filter *ret);

/* What was asked for, as JSON for the trail, after trail_filter_read: which filters, and the values of those that are
 * no text. What somebody looks for may be an address, and the trail holds none. */
const char *trail_filter_text(struct req *r);

/* The trail is read in stretches of so many rows, so that no statement takes long, whatever is looked for:
 *
 *     while (trail_left(&f)) {
 *         struct trail_filter stretch = trail_stretch(&f, rows);
 *         …trail_query(db, &stretch, …)
 *         trail_go_on(&f, the row to go on behind, or trail_end(&stretch));
 *     } */
bool trail_left(const struct trail_filter *f);
struct trail_filter trail_stretch(const struct trail_filter *f, int64_t rows);
int64_t trail_end(const struct trail_filter *stretch);
void trail_go_on(struct trail_filter *f, int64_t behind_seq);

/* The rows between above and below that pass, in its order. */
int trail_query(struct db *db, const struct trail_filter *f, int64_t limit, struct db_rows *ret,
                struct err *err) MUSTER_NODISCARD;

/* A row of it. */
json_t *trail_row_json(const struct db_rows *rows);

/* Takes one of the few places for requests that read the whole trail; NULL after a reply (503) was set. Whoever has it
 * gives it back before the last of the reply goes out, lest a client who asks at once again finds it still taken; else
 * it is given back when the request ends. */
struct trail_place *trail_reader_begin(struct req *r);
void trail_reader_end(struct trail_place *place); /* a second time does nothing */

#endif
