#include "db/writer.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/blocking.h"
#include "common/log.h"
#include "db/driver.h"

/* A batch is one transaction; the bound keeps the savepoints' journal and the wait of the first caller small. */
enum { BATCH_MAX = 256 };

/* One waiting caller; on its stack. */
struct op {
    struct op *next;
    db_write_fn *fn;
    void *ctx;
    struct err *err; /* the caller's; NULL allowed */
    int rc;
    bool done;
};

struct db_writer {
    struct db *db;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;
    pthread_cond_t done;
    struct op *first;
    struct op **last;
    bool stopping;
    struct db_writer_stats stats;
};

/* Takes up to BATCH_MAX waiting ops off the queue, sleeping while there are none. NULL when stopping and empty. */
static struct op *take_batch(struct db_writer *w, size_t *ret_count)
{
    (void)pthread_mutex_lock(&w->mutex);
    while (w->first == NULL && !w->stopping)
        (void)pthread_cond_wait(&w->work, &w->mutex);
    struct op *batch = w->first;
    struct op **end = &w->first;
    size_t count = 0;
    while (*end != NULL && count < BATCH_MAX) {
        end = &(*end)->next;
        count++;
    }
    w->first = *end;
    if (w->first == NULL)
        w->last = &w->first;
    if (count > 0)
        *end = NULL;
    (void)pthread_mutex_unlock(&w->mutex);
    *ret_count = count;
    return batch;
}

/* Runs one closure in its savepoint. Negative when the whole transaction is lost. */
static int run_op(struct db *db, struct op *op, struct err *batch_err)
{
    int rc = db_savepoint(db, batch_err);
    if (rc != 0)
        return rc;
    struct err err = {0};
    op->rc = op->fn(db, op->ctx, &err);
    if (db_rows_abandon(db) && op->rc == 0)
        op->rc = err_set(&err, ERR_INTERNAL, "a write left a query open");
    if (op->rc > 0)
        op->rc = err_set(&err, ERR_INTERNAL, "a write returned %d", op->rc);
    if (op->rc != 0 && op->err != NULL)
        *op->err = err;
    if (!db_in_transaction(db)) {
        *batch_err = err;
        return err_set(batch_err, ERR_UNAVAILABLE, "the transaction was rolled back: %.200s", err.msg);
    }
    return op->rc == 0 ? db_savepoint_keep(db, batch_err) : db_savepoint_undo(db, batch_err);
}

/* All or nothing: when this fails, nothing of the batch is stored. */
static int run_batch(struct db *db, struct op *batch, struct err *err)
{
    int rc = db_begin(db, err);
    for (struct op *op = batch; rc == 0 && op != NULL; op = op->next)
        rc = run_op(db, op, err);
    if (rc == 0)
        rc = db_commit(db, err);
    if (rc != 0)
        db_rollback(db);
    return rc;
}

/* A commit that failed is everyone's failure, except of those that had failed before and know why. */
static void fail_batch(struct op *batch, const struct err *why)
{
    for (struct op *op = batch; op != NULL; op = op->next) {
        if (op->rc == 0)
            op->rc = err_set(op->err, ERR_UNAVAILABLE, "nothing was stored: %.250s", why->msg);
    }
}

static void finish_batch(struct db_writer *w, struct op *batch, size_t count, int rc)
{
    (void)pthread_mutex_lock(&w->mutex);
    w->stats.writes += count;
    w->stats.commits += rc == 0;
    w->stats.failures += rc != 0;
    for (struct op *op = batch; op != NULL;) {
        struct op *next = op->next; /* op is gone once its owner sees done */
        op->done = true;
        op = next;
    }
    (void)pthread_cond_broadcast(&w->done);
    (void)pthread_mutex_unlock(&w->mutex);
}

static void *writer_main(void *arg)
{
    struct db_writer *w = arg;
    struct op *batch;
    size_t count;
    while ((batch = take_batch(w, &count)) != NULL) {
        struct err err = {0};
        int rc = run_batch(w->db, batch, &err);
        if (rc != 0) {
            fail_batch(batch, &err);
            log_error("database: nothing of %zu writes was stored: %s", count, err.msg);
        }
        finish_batch(w, batch, count, rc);
    }
    return NULL;
}

int db_writer_start(const char *path, struct db_writer **ret, struct err *err)
{
    struct db_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->last = &w->first;
    int rc = db_open(&(struct db_options){.path = path}, &w->db, err);
    if (rc != 0) {
        free(w);
        return rc;
    }
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->work, NULL);
    (void)pthread_cond_init(&w->done, NULL);
    if (pthread_create(&w->thread, NULL, writer_main, w) != 0) {
        db_close(w->db);
        free(w);
        return err_set(err, ERR_NOMEM, "cannot start the writer's thread");
    }
    *ret = w;
    return 0;
}

void db_writer_stop(struct db_writer *w)
{
    if (w == NULL)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    (void)pthread_cond_signal(&w->work);
    (void)pthread_mutex_unlock(&w->mutex);
    (void)pthread_join(w->thread, NULL);
    struct err err;
    if (db_checkpoint(w->db, &err) != 0)
        log_warning("database: %s; the next start does it", err.msg);
    db_close(w->db);
    (void)pthread_cond_destroy(&w->done);
    (void)pthread_cond_destroy(&w->work);
    (void)pthread_mutex_destroy(&w->mutex);
    free(w);
}

int db_write(struct db_writer *w, db_write_fn *fn, void *ctx, struct err *err)
{
    struct op op = {.fn = fn, .ctx = ctx, .err = err};
    (void)pthread_mutex_lock(&w->mutex);
    if (w->stopping) {
        (void)pthread_mutex_unlock(&w->mutex);
        return err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    }
    *w->last = &op;     /* off the queue again before this returns */
    w->last = &op.next; // cppcheck-suppress autoVariables
    (void)pthread_cond_signal(&w->work);
    blocking_begin();
    while (!op.done)
        (void)pthread_cond_wait(&w->done, &w->mutex);
    (void)pthread_mutex_unlock(&w->mutex);
    blocking_end();
    return op.rc;
}

void db_writer_stats(struct db_writer *w, struct db_writer_stats *ret)
{
    (void)pthread_mutex_lock(&w->mutex);
    *ret = w->stats;
    (void)pthread_mutex_unlock(&w->mutex);
}
