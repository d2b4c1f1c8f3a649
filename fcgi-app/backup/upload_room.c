/* Whether more bytes fit: an agent's quota, and the store's disk. */
#include "app.h"
#include "backup/upload.h"
#include "http/problem.h"
#include "http/request.h"
#include "store/store.h"

static int check_quota(struct app *app, struct db *db, const char *agent_id, int64_t more, struct err *err)
{
    int64_t quota = app->settings->store_quota_bytes;
    int64_t used = 0;
    if (quota == 0)
        return 0;
    int rc = db_query_number(db, DB_BACKUP_USAGE, DB_ARGS(DB_TEXT("agent_id", agent_id)), &used, err);
    if (rc != 0)
        return rc;
    if (more > quota || used > quota - more)
        return err_set(err, ERR_TOO_BIG, "the agent's quota of %lld bytes is used up", (long long)quota);
    return 0;
}

/* What is announced may be on its way, and all of it at once. */
static int check_disk(struct app *app, struct db *db, int64_t more, int64_t size, struct err *err)
{
    int64_t room = 0, announced = 0;
    int rc = store_room(app->store, &room, err);
    if (rc != 0 || room == INT64_MAX)
        return rc;
    rc = db_query_number(db, DB_BACKUP_ANNOUNCED, DB_NO_ARGS, &announced, err);
    if (rc != 0)
        return rc;
    bool fits = room >= size && room >= more && room - more >= announced;
    if (!fits && size == 0)
        return err_set(err, ERR_TOO_BIG, "the store's disk has no room left");
    if (!fits)
        return err_set(err, ERR_TOO_BIG, "the store's disk has no room for %lld more bytes", (long long)size);
    return 0;
}

int upload_room(struct app *app, struct db *db, const char *agent_id, int64_t more, int64_t size, struct err *err)
{
    int rc = check_quota(app, db, agent_id, more, err);
    return rc == 0 ? check_disk(app, db, more, size, err) : rc;
}

int upload_room_again(struct app *app, struct db *db, int64_t size, struct err *err)
{
    return check_disk(app, db, size, size, err);
}

void upload_reply_error(struct req *r, const struct err *err)
{
    if (err->code == ERR_TOO_BIG)
        reply_problem(r, PROBLEM_INSUFFICIENT_STORAGE, err->msg);
    else
        reply_error(r, err);
}
