#include "backup/size_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"
#include "ops/alert.h"

enum { HISTORY = 10 };

struct measured {
    char config_id[UUID_SIZE];
    char agent_id[UUID_SIZE]; /* "": deleted */
    char user_id[UUID_SIZE];
    char what[300]; /* for the alert */
    int64_t bytes;
    bool listed; /* bytes of the tree, not of the archive */
    bool comparable;
};

static void copy_id(char ret[UUID_SIZE], const char *id)
{
    (void)snprintf(ret, UUID_SIZE, "%s", id != NULL ? id : "");
}

static int measure(struct db *db, const char *run_id, struct measured *m, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_SIZE_OF_RUN, DB_ARGS(DB_TEXT("id", run_id)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_NOT_FOUND, "there is no run %s", run_id) : rc;
    m->listed = !db_rows_null(&rows, 7);
    m->bytes = db_rows_int(&rows, m->listed ? 7 : 6, 0);
    m->comparable = !db_rows_null(&rows, 0) && (m->listed || strcmp(db_rows_text(&rows, 5), "full") == 0);
    copy_id(m->config_id, db_rows_text(&rows, 0));
    copy_id(m->agent_id, db_rows_text(&rows, 2));
    copy_id(m->user_id, db_rows_text(&rows, 4));
    (void)snprintf(m->what, sizeof m->what, "The backup \"%.120s\" of %.120s", db_rows_text(&rows, 1),
                   db_rows_text(&rows, 3));
    db_rows_done(&rows);
    return 0;
}

/* Newest first. */
static int read_history(struct db *db, const char *run_id, const struct measured *m, int64_t ret[HISTORY],
                        size_t *ret_count, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(
        db, DB_SIZE_HISTORY,
        DB_ARGS(DB_TEXT("config_id", m->config_id), DB_TEXT("id", run_id), DB_INT("listed", m->listed ? 1 : 0)), &rows,
        err);
    while (rc == 0 && count < HISTORY && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        ret[count++] = db_rows_int(&rows, 0, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    *ret_count = count;
    return rc;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* The lower one of two in the middle: rather no alert than a wrong one. */
static int64_t median(const int64_t *values, size_t count)
{
    int64_t sorted[HISTORY];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, ascending);
    return sorted[(count - 1) / 2];
}

static bool shrunk(int64_t bytes, int64_t usual)
{
    return bytes < usual - bytes;
}

int size_check(struct db *db, const char *run_id, int64_t now_ms, struct err *err)
{
    struct measured m = {0};
    int64_t history[HISTORY];
    size_t count = 0;
    char message[500];
    int rc = measure(db, run_id, &m, err);
    if (rc == 0 && m.comparable)
        rc = read_history(db, run_id, &m, history, &count, err);
    if (rc != 0 || count == 0)
        return rc;
    int64_t usual = median(history, count);
    if (!shrunk(m.bytes, usual) || shrunk(history[0], usual))
        return 0;
    (void)snprintf(message, sizeof message, "%s is much smaller than usual: %s %lld bytes, where %lld are usual.",
                   m.what, m.listed ? "it found" : "it takes", (long long)m.bytes, (long long)usual);
    const struct alert alert = {.kind = "backup.shrunk",
                                .message = message,
                                .user_id = m.user_id,
                                .agent_id = m.agent_id[0] != '\0' ? m.agent_id : NULL,
                                .time_ms = now_ms,
                                .repeat = true}; /* an agent has several configs */
    return alert_raise(db, &alert, err);
}
