#include "token/keys.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/encode.h"
#include "common/token.h"
#include "common/wipe.h"
#include "db/writer.h"

enum { AAD_SIZE = 16 + ACCESS_KID_SIZE, SEALED_MAX = 256 };

#define KEYS_ROTATE_MS (KEYS_ROTATE_DAYS * INT64_C(24) * 3600 * 1000)

static void aad_of(const char *kid, char ret[AAD_SIZE])
{
    (void)snprintf(ret, AAD_SIZE, "jwt_keys:secret:%s", kid);
}

static int unseal(struct app *app, const char *kid, const char *sealed, struct access_key *ret, struct err *err)
{
    char aad[AAD_SIZE];
    struct buf plain;
    if (kid == NULL || strlen(kid) != ACCESS_KID_SIZE - 1 || sealed == NULL)
        return err_set(err, ERR_CORRUPT, "a signing key that is none");
    aad_of(kid, aad);
    buf_init(&plain, SEALED_MAX);
    int rc = secrets_open(app->secrets, aad, sealed, &plain, err);
    if (rc == 0 && plain.len != ACCESS_KEY_SIZE)
        rc = err_set(err, ERR_CORRUPT, "a signing key of another length");
    if (rc == 0) {
        memcpy(ret->kid, kid, ACCESS_KID_SIZE);
        memcpy(ret->bytes, plain.data, ACCESS_KEY_SIZE);
    }
    buf_done_secret(&plain);
    return rc;
}

int keys_find(struct app *app, struct db *db, const char *kid, struct access_key *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_JWT_KEY_GET, DB_ARGS(DB_TEXT("kid", kid)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such signing key");
    if (rc < 0)
        return rc;
    rc = unseal(app, kid, db_rows_text(&rows, 0), ret, err);
    db_rows_done(&rows);
    return rc;
}

static int read_newest(struct app *app, struct db *db, struct access_key *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_JWT_KEY_NEWEST, DB_NO_ARGS, &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no signing key");
    if (rc < 0)
        return rc;
    rc = unseal(app, db_rows_text(&rows, 0), db_rows_text(&rows, 1), ret, err);
    db_rows_done(&rows);
    return rc;
}

/* --- rotation --- */

struct rotation {
    const struct audit_key *audit_key;
    const char *actor;
    bool at_once;
    int64_t if_older_ms; /* only when the newest was made before that, or there is none */
    int64_t now_ms;
    char kid[ACCESS_KID_SIZE];
    struct buf sealed;
};

/* When the newest was made; -1: there is none. */
static int newest_created(struct db *db, int64_t *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_JWT_KEY_NEWEST, DB_NO_ARGS, &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? db_rows_int(&rows, 2, 0) : -1;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

static int write_rotation(struct db *db, void *ctx, struct err *err)
{
    struct rotation *w = ctx;
    int64_t newest_ms = -1;
    char target[8 + ACCESS_KID_SIZE];
    int rc = newest_created(db, &newest_ms, err);
    if (rc != 0 || newest_ms >= w->if_older_ms)
        return rc;
    /* After the one before it, also when the clock was set back: the newest is the one to sign with. */
    int64_t created_ms = newest_ms >= w->now_ms ? newest_ms + 1 : w->now_ms;
    rc = db_exec(db, DB_JWT_KEY_INSERT,
                 DB_ARGS(DB_TEXT("kid", w->kid), DB_TEXT("secret", buf_str(&w->sealed)), DB_INT("created", created_ms)),
                 NULL, err);
    if (rc == 0 && w->at_once)
        rc = db_exec(db, DB_JWT_KEY_DELETE_OTHERS, DB_ARGS(DB_TEXT("kid", w->kid)), NULL, err);
    (void)snprintf(target, sizeof target, "jwt:%s", w->kid);
    struct audit_entry entry = {
        .time_ms = w->now_ms,
        .actor = w->actor,
        .action = "token.rotate_keys",
        .target = target,
        .detail = w->at_once ? "{\"atOnce\":true}" : NULL,
    };
    return rc != 0 ? rc : audit_append(db, w->audit_key, &entry, err);
}

/* Makes w's key and writes it. The key itself is in memory only as long as it takes to seal it. */
static int rotate(struct app *app, struct rotation *w, struct err *err)
{
    unsigned char name[(ACCESS_KID_SIZE - 1) / 2], bytes[ACCESS_KEY_SIZE];
    char aad[AAD_SIZE];
    if (!token_random(name, sizeof name) || !token_random(bytes, sizeof bytes))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    hex_encode(name, sizeof name, w->kid);
    aad_of(w->kid, aad);
    buf_init(&w->sealed, SEALED_MAX);
    int rc = secrets_seal(app->secrets, aad, bytes, sizeof bytes, &w->sealed, err);
    wipe(bytes, sizeof bytes);
    w->audit_key = secrets_audit_key(app->secrets);
    if (rc == 0)
        rc = db_write(app->writer, write_rotation, w, err);
    buf_done(&w->sealed);
    return rc;
}

int keys_rotate(struct app *app, const struct keys_rotation *rotation, char ret_kid[ACCESS_KID_SIZE], struct err *err)
{
    struct rotation w = {.actor = rotation->actor,
                         .at_once = rotation->at_once,
                         .if_older_ms = INT64_MAX,
                         .now_ms = clock_now_ms(app->clock)};
    int rc = rotate(app, &w, err);
    if (rc == 0)
        memcpy(ret_kid, w.kid, sizeof w.kid);
    return rc;
}

int keys_newest(struct app *app, struct db *db, struct access_key *ret, struct err *err)
{
    int rc = read_newest(app, db, ret, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    struct rotation w = {.actor = "system", .if_older_ms = 0, .now_ms = clock_now_ms(app->clock)};
    rc = rotate(app, &w, err); /* whoever is second finds one and makes none */
    return rc == 0 ? read_newest(app, db, ret, err) : rc;
}

static int write_over(struct db *db, void *ctx, struct err *err)
{
    const int64_t *before_ms = ctx;
    return db_exec(db, DB_JWT_KEY_DELETE_SUPERSEDED, DB_ARGS(DB_INT("before", *before_ms)), NULL, err);
}

int keys_tick(struct app *app, int64_t now_ms, struct err *err)
{
    int64_t before_ms = now_ms - KEYS_LINGER_S * INT64_C(1000);
    struct rotation w = {.actor = "system", .if_older_ms = now_ms - KEYS_ROTATE_MS, .now_ms = now_ms};
    int rc = rotate(app, &w, err);
    return rc == 0 ? db_write(app->writer, write_over, &before_ms, err) : rc;
}
