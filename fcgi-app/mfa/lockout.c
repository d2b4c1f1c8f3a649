#include "mfa/lockout.h"

static int seconds_up(int64_t ms)
{
    return (int)((ms + 999) / 1000);
}

/* A clock that was set back must lock nobody out: no lock lies further ahead than it lasts. */
static int64_t lock_left_ms(const struct lockout *l, int64_t now_ms)
{
    int64_t left_ms = l->locked_until_ms - now_ms;
    return left_ms > 0 && left_ms <= LOCKOUT_MS ? left_ms : 0;
}

static bool in_window(const struct lockout *l, int64_t now_ms)
{
    return now_ms >= l->window_ms && now_ms - l->window_ms < LOCKOUT_WINDOW_MS;
}

enum lockout_gate lockout_ask(const struct lockout *l, enum lockout_kind kind, int64_t now_ms, int *ret_wait_s)
{
    int64_t lock_ms = lock_left_ms(l, now_ms);
    *ret_wait_s = 0;
    if (kind == LOCKOUT_TOTP && l->failures_in_row >= LOCKOUT_IN_ROW)
        return LOCKOUT_FOR_GOOD;
    if (kind != LOCKOUT_BACKUP_CODE && lock_ms > 0) {
        *ret_wait_s = seconds_up(lock_ms);
        return LOCKOUT_CLOSED;
    }
    if (in_window(l, now_ms) && l->window_tries >= LOCKOUT_TRIES) {
        *ret_wait_s = seconds_up(l->window_ms + LOCKOUT_WINDOW_MS - now_ms);
        return LOCKOUT_TOO_FAST;
    }
    return LOCKOUT_OPEN;
}

void lockout_repeated(struct lockout *l, int64_t now_ms)
{
    if (!in_window(l, now_ms)) {
        l->window_ms = now_ms;
        l->window_tries = 0;
    }
    l->window_tries++;
}

bool lockout_failed(struct lockout *l, enum lockout_kind kind, int64_t now_ms)
{
    lockout_repeated(l, now_ms);
    if (kind != LOCKOUT_SETUP)
        l->failures_in_row++;
    if (lock_left_ms(l, now_ms) > 0)
        return false; /* a backup code with a slip in it: the lock does not grow */
    if (++l->failures < LOCKOUT_FAILURES)
        return false;
    l->failures = 0;
    l->window_tries = 0; /* the lock is longer; a backup code must not wait for the minute as well */
    l->locked_until_ms = now_ms + LOCKOUT_MS;
    return true;
}

void lockout_passed(struct lockout *l, enum lockout_kind kind)
{
    *l = (struct lockout){.failures_in_row = kind == LOCKOUT_SETUP ? l->failures_in_row : 0};
}

int lockout_load(struct db *db, const char *user_id, struct lockout *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_MFA_LOCKOUT_GET, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    if (rc < 0)
        return rc;
    *ret = (struct lockout){0};
    if (rc == DB_DONE)
        return 0;
    ret->failures = db_rows_int(&rows, 0, 0);
    ret->failures_in_row = db_rows_int(&rows, 1, 0);
    ret->window_ms = db_rows_int(&rows, 2, 0);
    ret->window_tries = db_rows_int(&rows, 3, 0);
    ret->locked_until_ms = db_rows_int(&rows, 4, 0);
    db_rows_done(&rows);
    return 0;
}

int lockout_store(struct db *db, const char *user_id, const struct lockout *l, struct err *err)
{
    return db_exec(db, DB_MFA_LOCKOUT_SET,
                   DB_ARGS(DB_TEXT("user", user_id), DB_INT("failures", l->failures),
                           DB_INT("in_row", l->failures_in_row), DB_INT("window", l->window_ms),
                           DB_INT("tries", l->window_tries), DB_INT("locked_until", l->locked_until_ms)),
                   NULL, err);
}
