/* fixture_audit.h: a database with an audit trail in it, and what is done to that behind the server's back. */
#ifndef MUSTER_TESTS_FIXTURE_AUDIT_H
#define MUSTER_TESTS_FIXTURE_AUDIT_H

#include "fixture_db.h"

#include "auth/audit.h"

static const struct audit_key key = {.bytes = {1, 2, 3}};
static const struct audit_key other_key = {.bytes = {9}};

static inline int append(struct db *db, void *ctx, struct err *err)
{
    const int64_t *time_ms = ctx;
    struct audit_entry entry = {.time_ms = *time_ms, .actor = "cli:0", .action = "test.act", .target = "agent:x"};
    return audit_append(db, &key, &entry, err);
}

static inline void append_row(struct fixture *f, int64_t time_ms)
{
    struct err err = {0};
    expect_ok(db_write(f->writer, append, &time_ms, &err), &err);
}

/* Row n of these is of the time 1000 n. */
static inline void append_rows(struct fixture *f, int count)
{
    for (int64_t i = 1; i <= count; i++)
        append_row(f, 1000 * i);
}

/* words: part of what is said of it; NULL: whatever. */
static inline void expect_verify(struct fixture *f, int code, const char *words)
{
    struct err err = {0};
    int64_t rows = -1;
    assert_int_equal(audit_verify(f->db, &key, &rows, &err), code);
    if (words != NULL && strstr(err.msg, words) == NULL)
        fail_msg("not in \"%s\": %s", err.msg, words);
}

#endif
