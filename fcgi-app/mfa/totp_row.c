#include "mfa/totp_row.h"

#include <stdio.h>
#include <string.h>

static void copy_text(char *ret, size_t size, const char *text)
{
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

int totp_row_load(struct db *db, const char *user_id, int64_t now_ms, struct totp_row *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_MFA_TOTP_GET, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    if (rc < 0)
        return rc;
    *ret = (struct totp_row){0};
    if (rc == DB_DONE)
        return 0;
    copy_text(ret->secret, sizeof ret->secret, db_rows_text(&rows, 0));
    ret->last_step = db_rows_int(&rows, 1, 0);
    ret->enabled_ms = db_rows_int(&rows, 2, 0);
    ret->enabled = !db_rows_null(&rows, 0) && !db_rows_null(&rows, 2);
    copy_text(ret->pending_secret, sizeof ret->pending_secret, db_rows_text(&rows, 3));
    ret->pending = !db_rows_null(&rows, 3) && now_ms - db_rows_int(&rows, 4, 0) < TOTP_PENDING_MS;
    ret->pending_step = db_rows_int(&rows, 5, 0);
    ret->pending_verified = ret->pending && !db_rows_null(&rows, 6);
    copy_text(ret->pending_session, sizeof ret->pending_session, db_rows_text(&rows, 7));
    db_rows_done(&rows);
    return 0;
}

static void aad(const char *user_id, enum totp_place place, char ret[160])
{
    (void)snprintf(ret, 160, "user_totp:%s:%.120s", place == TOTP_PENDING ? "pending" : "secret", user_id);
}

int totp_seal(const struct secrets *secrets, const char *user_id, enum totp_place place,
              const unsigned char secret[TOTP_SECRET_SIZE], char ret[TOTP_SEALED_SIZE], struct err *err)
{
    struct buf sealed;
    char where[160];
    aad(user_id, place, where);
    buf_init(&sealed, TOTP_SEALED_SIZE - 1);
    int rc = secrets_seal(secrets, where, secret, TOTP_SECRET_SIZE, &sealed, err);
    if (rc == 0)
        copy_text(ret, TOTP_SEALED_SIZE, buf_str(&sealed));
    buf_done(&sealed);
    return rc;
}

int totp_open(const struct secrets *secrets, const char *user_id, enum totp_place place, const char *sealed,
              unsigned char ret[TOTP_SECRET_SIZE], struct err *err)
{
    struct buf secret;
    char where[160];
    aad(user_id, place, where);
    buf_init(&secret, TOTP_SECRET_SIZE);
    int rc = secrets_open(secrets, where, sealed, &secret, err);
    if (rc == 0 && secret.len != TOTP_SECRET_SIZE)
        rc = err_set(err, ERR_CORRUPT, "a sealed secret is too short");
    if (rc == 0)
        memcpy(ret, secret.data, TOTP_SECRET_SIZE);
    buf_done_secret(&secret);
    return rc;
}
