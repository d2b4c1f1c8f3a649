#include "ops/alert.h"

#include <string.h>

#include "common/uuid.h"

int alert_raise(struct db *db, const struct alert *alert, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(
        db, DB_ALERT_OPEN_COUNT_SAME,
        DB_ARGS(DB_TEXT("kind", alert->kind), DB_TEXT("agent_id", alert->agent_id), DB_TEXT("user_id", alert->user_id)),
        &rows, err);
    if (rc < 0)
        return rc;
    bool open = rc == DB_ROW && db_rows_int(&rows, 0, 0) > 0;
    db_rows_done(&rows);
    if (open && !alert->repeat)
        return 0;
    char id[UUID_SIZE];
    if (!uuid_v7(alert->time_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "no random numbers");
    rc = db_exec(db, DB_ALERT_INSERT,
                 DB_ARGS(DB_TEXT("id", id), DB_TEXT("kind", alert->kind), DB_TEXT("message", alert->message),
                         DB_TEXT("user_id", alert->user_id), DB_TEXT("agent_id", alert->agent_id),
                         DB_INT("now", alert->time_ms)),
                 NULL, err);
    return rc == 0 ? db_changed(db, "alerts", err) : rc;
}

bool alert_about_account(const char *kind)
{
    static const char *const begins[] = {"account.", "mfa.", "passkey.", "token."};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (strncmp(kind, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}
