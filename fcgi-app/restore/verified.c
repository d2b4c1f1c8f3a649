#include "restore/verified.h"

#include <stdio.h>

#include "ops/alert.h"
#include "restore/pathtext.h"

static int alert_of_failure(struct db *db, const struct verified *v, struct err *err)
{
    char message[400];
    (void)snprintf(message, sizeof message, "The backup \"%.120s\" could not be read back: %.*s", v->config_name,
                   (int)pathtext_fit(v->detail, 200), v->detail);
    const struct alert alert = {
        .kind = "backup.verify",
        .message = message,
        .user_id = v->owner_id,
        .agent_id = v->agent_id,
        .time_ms = v->now_ms,
    };
    return v->verdict == VERDICT_FAILED ? alert_raise(db, &alert, err) : 0;
}

/* What was decrypted and read to its end is also what was stored. */
int verified_write(struct db *db, void *ctx, struct err *err)
{
    const struct verified *v = ctx;
    int64_t changed = 0;
    bool intact = v->verdict != VERDICT_FAILED;
    const char *why = v->detail[0] != '\0' ? v->detail : "it could not be read";
    int rc = db_exec(db, DB_RESTORE_VERIFIED,
                     DB_ARGS(DB_TEXT("id", v->run_id), DB_INT("now", v->now_ms), DB_TEXT("error", intact ? "" : why),
                             intact ? DB_INT("intact", v->now_ms) : DB_NULL("intact"),
                             v->verdict == VERDICT_PROVEN ? DB_INT("proven", v->now_ms) : DB_NULL("proven")),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup that this agent may read.");
    return rc == 0 ? alert_of_failure(db, v, err) : rc;
}
