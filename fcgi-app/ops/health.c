/* Is it well: live, when it answers at all; ready, when it can read, write and store. */
#include "common/log.h"
#include "db/writer.h"
#include "ops/ops.h"
#include "store/store.h"

struct health {
    const char *database, *writer, *store; /* "ok" or "failed" */
    bool ready;
};

/* Writes nothing; that it is run at all shows that the writer lives and gets the write lock. */
static int write_nothing(struct db *db, void *ctx, struct err *err)
{
    (void)db;
    (void)ctx;
    (void)err;
    return 0;
}

static const char *verdict(struct health *h, const char *what, int rc, const struct err *err)
{
    if (rc >= 0)
        return "ok";
    log_error("health: %s: %s", what, err->msg);
    h->ready = false;
    return "failed";
}

static struct health check(struct req *r)
{
    struct health h = {.ready = true};
    struct err err = {0};
    struct db_rows rows;
    int rc = db_query_one(r->db, DB_DATABASE_PING, DB_NO_ARGS, &rows, &err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    h.database = verdict(&h, "database", rc, &err);
    h.writer = verdict(&h, "writer", db_write(r->app->writer, write_nothing, NULL, &err), &err);
    h.store = verdict(&h, "store", store_check(r->app->store, &err), &err);
    return h;
}

static void reply_not_ready(struct req *r, const struct health *h)
{
    reply_problem(r, PROBLEM_UNAVAILABLE,
                  arena_printf(r->arena, "Not ready. database: %s, writer: %s, store: %s; the log says more.",
                               h->database, h->writer, h->store));
}

void ops_health(struct req *r)
{
    struct health h = check(r);
    if (!h.ready) {
        reply_not_ready(r, &h);
        return;
    }
    reply_json(r, 200,
               json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "status", "ready", "version", MUSTER_VERSION, "checks",
                         "database", h.database, "writer", h.writer, "store", h.store));
}

void ops_health_live(struct req *r)
{
    reply_json(r, 200, json_pack("{s:s}", "status", "live"));
}

void ops_health_ready(struct req *r)
{
    struct health h = check(r);
    if (h.ready)
        reply_json(r, 200, json_pack("{s:s}", "status", "ready"));
    else
        reply_not_ready(r, &h);
}
