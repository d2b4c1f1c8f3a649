/* filter.h: which rows of the trail a request asks for. Private to audit/.
 *
 * actor, target, address: the whole of it, or what it begins with when that ends in ':', '.' or '/' ("user:", "10.0.").
 * An actor with an '@' is the person of that e-mail address. action: what it begins with. q: anywhere in the row. */
#ifndef MUSTER_AUDIT_FILTER_H
#define MUSTER_AUDIT_FILTER_H

#include "db/db.h"
#include "http/request.h"

struct trail_match {
    const char *whole, *prefix; /* one of them is "" */
};

struct trail_filter {
    struct trail_match actor, target, address;
    const char *action, *result, *q; /* q: a pattern of LIKE */
    int64_t from_ms, to_ms;          /* from, and before */
    int64_t above, below;            /* rows between these two numbers, which no other row can be of */
};

/* False after a reply was set. */
bool trail_filter_read(struct req *r, struct trail_filter *ret);

/* What was asked for, as JSON for the trail, after trail_filter_read: which filters, and the values of those that are
 * no text. What somebody looks for may be an address, and the trail holds none. */
const char *trail_filter_text(struct req *r);

/* One statement of audit.sql over the rows between above and below. */
int trail_filter_query(struct db *db, enum db_statement statement, const struct trail_filter *f, int64_t limit,
                       struct db_rows *ret, struct err *err) MUSTER_NODISCARD;

/* A row of it. */
json_t *trail_row_json(const struct db_rows *rows);

/* Takes one of the few places for requests that read the whole trail, until the request has ended. False after a reply
 * (503) was set. */
bool trail_reader_begin(struct req *r);

#endif
