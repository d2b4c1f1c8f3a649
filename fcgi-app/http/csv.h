/* csv.h: rows for spreadsheets (RFC 4180), of text that others wrote.
 *
 * A spreadsheet runs what begins like a formula, and hosts choose their own names: a text that begins with = + - @ or
 * a control character is made plain by an apostrophe before it (OWASP, "CSV injection"). Control characters become
 * blanks, so that a row is a line, whatever reads it. Numbers stay numbers. */
#ifndef MUSTER_HTTP_CSV_H
#define MUSTER_HTTP_CSV_H

#include <jansson.h>
#include <stdbool.h>

#include "common/buf.h"

/* One cell as text: made plain, and quoted where it has to be. first: without a comma before it. */
void csv_text(struct buf *out, bool first, const char *text);

enum csv_kind {
    CSV_PLAIN, /* texts, numbers, booleans; objects and lists as JSON */
    CSV_TIME,  /* milliseconds since 1970, as RFC 3339 in UTC */
};

struct csv_column {
    const char *head; /* NULL ends the list */
    const char *path; /* where the value is in the row: "lastBackup.status" */
    enum csv_kind kind;
};

void csv_head(struct buf *out, const struct csv_column columns[]);

/* What is missing or null is an empty cell. */
void csv_row(struct buf *out, const struct csv_column columns[], const json_t *row);

#endif
