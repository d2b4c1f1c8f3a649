/* list.h: what all lists have in common: q, sort, order, limit, offset, and format=csv.
 *
 *     struct list_ask ask;
 *     struct list_out out;
 *     if (!list_ask_read(r, &(struct list_rules){…}, &ask)) return;
 *     list_begin(&out, &ask, columns);
 *     …for each row: rc = list_add(&out, json, &err);
 *     list_reply(r, &out, rc, total, &err);
 *
 * As JSON a reply is one page and the number of all. As CSV it is every row that the filters let through, at most
 * LIST_CSV_ROWS, as a file to download; a row costs its text and no more. */
#ifndef MUSTER_HTTP_LIST_H
#define MUSTER_HTTP_LIST_H

#include "common/buf.h"
#include "http/csv.h"
#include "http/request.h"

enum { LIST_MAX = 200, LIST_USUAL = 50, LIST_Q_MAX = 120, LIST_PATTERN_SIZE = 2 * LIST_Q_MAX + 3 };
enum { LIST_CSV_ROWS = 50000, LIST_CSV_BYTES = 32 * 1024 * 1024 };

struct list_rules {
    const char *const *sorts; /* what it can be sorted by, the usual one first; ended by NULL */
    bool descending;          /* usually */
    const char *name;         /* of the file: "agents" */
};

struct list_ask {
    char pattern[LIST_PATTERN_SIZE]; /* LIKE, lower case, ESCAPE '\'; "" without q */
    const char *q;                   /* as it was asked; "" without */
    const char *sort;                /* one of the rules' own texts */
    bool descending;
    int64_t limit, offset;
    bool csv;
    const char *name;
};

/* False after a 422. */
bool list_ask_read(struct req *r, const struct list_rules *rules, struct list_ask *ret);

/* "%text%" in ASCII lower case, with LIKE's own characters taken literally; "" for NULL and "". */
void list_pattern(const char *text, char ret[LIST_PATTERN_SIZE]);

/* A query parameter; fallback when it is absent or empty. */
const char *list_filter(struct req *r, const char *name, const char *fallback);

/* The same, one of names (ended by NULL). False after a 422. */
bool list_choice(struct req *r, const char *name, const char *const names[], const char *fallback, const char **ret);

struct list_out {
    const struct list_ask *ask;
    const struct csv_column *columns;
    json_t *items;
    struct buf csv;
};

void list_begin(struct list_out *out, const struct list_ask *ask, const struct csv_column columns[]);

/* Takes item; NULL is memory that was out. */
int list_add(struct list_out *out, json_t *item, struct err *err) MUSTER_NODISCARD;

/* The page, the file, or with rc the problem that err fits; ends out. */
void list_reply(struct req *r, struct list_out *out, int rc, int64_t total, const struct err *err);

/* The same; a page has the members of more as well. more is taken, be it NULL. */
void list_reply_more(struct req *r, struct list_out *out, int rc, int64_t total, json_t *more, const struct err *err);

/* Whether text has what was searched for in it, as a statement's LIKE does: for lists that are no table. */
bool list_found(const struct list_ask *ask, const char *text);

#endif
